"""The Mixtral backend: from a folder or a hub, through its cache, to an opinion and words."""

# ruff: noqa: PLC0415 - torch and what needs it are there only with the reasoning extra

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edge_agent.paths import default_models_dir
from hazard.catalogue import catalogue
from hazard.errors import ConfigError, Interrupted, ReasonerError, WeightsError
from hazard.site.models import Policy
from hazard.site.reasoning import Reasoning
from hazard.triage.policy import assess
from hazard.types import Authority, Incident, Opinion, Severity
from tests.incidents import an_event, an_incident, gas
from tests.integration.hub import REVISION, Hub
from tests.mixtrals import VOCABULARY, a_config, a_mistral_tokenizer, publish
from tests.programs import require_weights

pytestmark = pytest.mark.heavy

LATER_S = 120.0
LEAK = an_incident(gas(12.5), an_event(occupied=True))
CROWD = an_incident(an_event("crowding"))
CACHE_TOLERANCE = 0.01
"""Of a probability: behind a cache the same numbers are summed in another order, and a CPU with
AVX512-BF16 computes the 4-bit layers in bf16."""


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    config = a_config(vocab_size=VOCABULARY)
    return publish(tmp_path_factory.mktemp("published"), config, dtype="bfloat16")


@pytest.fixture(scope="module")
def reasoner() -> Iterator[Any]:
    require_weights("mixtral-tiny")
    from models.reasoning.mixtral.backend import MixtralTinyReasoner

    loaded = MixtralTinyReasoner(Reasoning(), default_models_dir())
    loaded._calibration = None  # as fetched: no exam was run beside these weights
    yield loaded
    loaded.close()


def asked(reasoner: Any, incident: Incident) -> Opinion:
    verdict = assess(incident, Policy(), catalogue())
    opinion: Opinion = reasoner.decide(incident, verdict, time.monotonic() + LATER_S)
    return opinion


def soon() -> float:
    return time.monotonic() + LATER_S


@pytest.mark.weights
def test_a_decision_is_one_prefill_behind_the_cached_prompt(reasoner: Any) -> None:
    opinion = asked(reasoner, LEAK)
    cached, new = (opinion.provenance[key] for key in ("cached_tokens", "new_tokens"))
    assert isinstance(cached, int)
    assert isinstance(new, int)
    assert cached > 400
    assert new < 150


@pytest.mark.weights
def test_the_cache_changes_nothing_and_no_incident_leaves_a_trace(reasoner: Any) -> None:
    from hazard.triage.render import render
    from models.reasoning import prompt

    engine, text = reasoner._engine, render(LEAK, catalogue())
    args = (prompt.decide_prompt(catalogue()), text, prompt.LABELS)
    first = engine.score(*args, deadline_monotonic_s=soon())
    asked(reasoner, CROWD)
    reasoner.write(CROWD, "medium", ("en",), soon())
    again = engine.score(*args, deadline_monotonic_s=soon())
    whole = engine.score(*args, deadline_monotonic_s=soon(), cached=False)
    assert again.log_probabilities == first.log_probabilities
    assert (first.cached_tokens > 400, whole.cached_tokens) == (True, 0)
    for label, value in whole.log_probabilities.items():
        behind = math.exp(first.log_probabilities[label])
        assert math.exp(value) == pytest.approx(behind, abs=CACHE_TOLERANCE)


@pytest.mark.weights
def test_it_says_what_it_is_and_without_an_exam_it_may_only_advise(reasoner: Any) -> None:
    opinion = asked(reasoner, CROWD)
    assert (reasoner.max_authority, reasoner.uncertified) == (Authority.DECIDE, Authority.ADVISE)
    assert (opinion.severity, opinion.note) == (None, "not calibrated: run the exam")
    provenance = opinion.provenance
    assert provenance["quantization"] == "nf4-double"
    assert {"sha256:model.safetensors", "sha256:config.json", "torch"} <= set(provenance)
    assert (provenance["parameters"], provenance["active_parameters"]) == ("373462848", "214210368")
    assert set(opinion.probabilities) == set(Severity)


@pytest.mark.weights
def test_words_end_at_the_quote_hold_no_control_tokens_and_give_way(reasoner: Any) -> None:
    from models.reasoning.engine import UnusableText
    from models.reasoning.words import WRITE

    engine = reasoner._engine
    text = 'area "kiln", lasting 2 s\n- Overtemperature, at "fan-4", temperature 71 °C (limit 70)'
    written = engine.write(
        WRITE, text, max_tokens=80, deadline_monotonic_s=soon(), stop=lambda: False
    )
    assert "kiln" in written
    assert not set('"<>{}[]\n') & set(written)
    with pytest.raises(UnusableText, match="3 tokens"):
        engine.write(WRITE, text, max_tokens=3, deadline_monotonic_s=soon(), stop=lambda: False)
    with pytest.raises(Interrupted):
        engine.write(WRITE, text, max_tokens=9, deadline_monotonic_s=soon(), stop=lambda: True)
    with pytest.raises(ReasonerError, match="out of time"):
        engine.write(
            WRITE,
            text,
            max_tokens=80,
            deadline_monotonic_s=time.monotonic(),
            stop=lambda: False,
        )


def test_a_published_checkpoint_starts_from_its_folder(published: Path, tmp_path: Path) -> None:
    from models.reasoning.mixtral.backend import MixtralReasoner

    reasoner = MixtralReasoner(Reasoning(model=str(published)), tmp_path)
    try:
        opinion = asked(reasoner, LEAK)
        assert reasoner.folder == published
        assert opinion.provenance["quantization"] == "nf4-double"
        assert sum(opinion.probabilities.values()) == pytest.approx(1.0)
    finally:
        reasoner.close()


def test_mistrals_own_tokenizer_and_turns_start_too(tmp_path: Path) -> None:
    """There a space and the word behind it are one token, and the user's turn opens by a space."""
    from models.reasoning.mixtral.backend import MixtralReasoner

    folder = publish(tmp_path, a_config(vocab_size=VOCABULARY))
    a_mistral_tokenizer().save(str(folder / "tokenizer.json"))
    reasoner = MixtralReasoner(Reasoning(model=str(folder)), tmp_path)
    try:
        first, again = asked(reasoner, LEAK), asked(reasoner, LEAK)
        assert first.provenance["chat"] == "inst"
        assert isinstance(first.provenance["cached_tokens"], int)
        assert first.provenance["cached_tokens"] > 100
        assert first.probabilities == again.probabilities
        assert reasoner.write(CROWD, "medium", ("en",), soon()).summary["en"]
    finally:
        reasoner.close()


def test_the_command_writes_it_in_4_bits_and_the_backend_starts_from_that(
    published: Path, tmp_path: Path
) -> None:
    from typer.testing import CliRunner

    from edge_agent.cli.models import app
    from models.reasoning.mixtral.backend import MixtralReasoner

    packed = tmp_path / "nf4"
    done = CliRunner().invoke(app, ["quantize", str(published), str(packed)])
    assert done.exit_code == 0, done.output
    size = sum(file.stat().st_size for file in packed.glob("*.safetensors"))
    assert size < 0.7 * sum(file.stat().st_size for file in published.glob("*.safetensors"))
    answers = []
    for folder in (published, packed):
        reasoner = MixtralReasoner(Reasoning(model=str(folder)), tmp_path)
        answers.append(asked(reasoner, LEAK).probabilities)
        reasoner.close()
    assert answers[0] == answers[1]
    again = CliRunner().invoke(app, ["quantize", str(published), str(packed)])
    assert again.exit_code == 1
    assert "name a folder that does not exist" in again.output


@pytest.mark.parametrize(
    ("model", "error", "told"),
    [
        (None, ConfigError, "reasoning.model"),
        ("/nowhere/mixtral", WeightsError, "is no folder"),
        ("just-a-name", WeightsError, "is no folder"),
    ],
)
def test_a_model_that_is_not_there_is_named_with_the_mend(
    tmp_path: Path, model: str | None, error: type[Exception], told: str
) -> None:
    from models.reasoning.mixtral.backend import MixtralReasoner

    with pytest.raises(error, match=told):
        MixtralReasoner(Reasoning(model=model), tmp_path)


def test_it_refuses_to_start_where_it_does_not_fit(
    published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from models.reasoning.mixtral import backend

    monkeypatch.setattr(backend, "free_bytes", lambda _: 100_000_000)
    with pytest.raises(WeightsError, match=r"are missing\. What fits: the same model as GGUF"):
        backend.MixtralReasoner(Reasoning(model=str(published)), tmp_path)


def test_a_hubs_id_is_fetched_once_and_then_needs_no_network(
    published: Path, tmp_path: Path
) -> None:
    code = (
        "from models.reasoning.mixtral.source import located; import json; "
        'folder, origin = located("plant/mixtral"); print(json.dumps([str(folder), origin]))'
    )
    environment = {**os.environ, "HF_HOME": str(tmp_path / "home")}
    environment.pop("HF_HUB_OFFLINE", None)

    def child(endpoint: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", code],
            env={**environment, "HF_ENDPOINT": endpoint},
            capture_output=True,
            text=True,
            check=False,
        )

    with Hub("plant/mixtral", published) as hub:
        done = child(hub.address)
        assert done.returncode == 0, done.stderr
        folder, origin = json.loads(done.stdout.splitlines()[-1])
        assert origin == {"source": "plant/mixtral", "revision": REVISION}
        assert (Path(folder) / "model-2.safetensors").is_file()
        assert any("model-1.safetensors" in line for line in hub.asked)
    away = child("http://127.0.0.1:9")
    assert json.loads(away.stdout.splitlines()[-1])[0] == folder
    absent = subprocess.run(
        [sys.executable, "-c", code.replace("plant/mixtral", "plant/other")],
        env={**environment, "HF_ENDPOINT": "http://127.0.0.1:9"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Copy the folder here and name its path" in absent.stderr


def test_loading_never_takes_much_more_than_the_loaded_model(tmp_path: Path) -> None:
    """Quantized tensor by tensor: a whole model in bf16 would be nearly four times the bytes."""
    config = a_config(
        hidden_size=256,
        intermediate_size=512,
        num_hidden_layers=16,
        num_local_experts=8,
    )
    publish(tmp_path, config, dtype="bfloat16")
    done = subprocess.run(
        [sys.executable, "-m", "tests.integration.loading_peak", str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
    )
    figures = json.loads(done.stdout.splitlines()[-1])
    print(figures)  # noqa: T201 - how much room there is
    assert figures["weights_bytes"] > 20_000_000
    assert figures["peak_bytes"] < 1.15 * figures["weights_bytes"]
