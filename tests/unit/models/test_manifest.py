"""The manifest: what is listed is complete, and a wrong one is refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from hazard.errors import ConfigError
from models.manifest import Kind, Manifest


def test_the_shipped_manifest_lists_what_the_product_needs_by_default() -> None:
    default = {entry.name for entry in Manifest.load().select()}
    assert default == {"nanodet", "smollm2", "vtest"}


def test_every_entry_states_a_licence_and_a_sha256_for_each_file() -> None:
    for entry in Manifest.load().entries.values():
        assert entry.licence
        assert all(len(file.sha256) == 64 for file in entry.files)


def test_only_the_debian_package_goes_without_a_pinned_version() -> None:
    loose = [e.name for e in Manifest.load().entries.values() if e.source.version is None]
    assert loose == ["vtest"]


def test_every_detector_says_how_its_output_is_read() -> None:
    detectors = [e for e in Manifest.load().entries.values() if e.kind is Kind.DETECTOR]
    assert detectors
    assert all(entry.detector is not None for entry in detectors)


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"no model called .yolo99.*nanodet"):
        Manifest.load()["yolo99"]


_ENTRY = """
[entries.tiny]
kind = "footage"
title = "t"
licence = "MIT"
source = { registry = "pypi", package = "tiny", version = "1.0", sha256 = "SHA", size_bytes = 1 }
[[entries.tiny.files]]
name = "a.bin"
member = "MEMBER"
sha256 = "SHA"
size_bytes = 1
"""


def _write(path: Path, *, sha: str = "0" * 64, member: str = "a.bin", more: str = "") -> Path:
    path.write_text(_ENTRY.replace("SHA", sha).replace("MEMBER", member) + more)
    return path


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ({"sha": "abc"}, "sha256"),
        ({"member": "../../etc/passwd"}, "member"),
        ({"member": "/etc/passwd"}, "member"),
        ({"member": "bundle.zip!../x"}, "member"),
        ({"more": "[entries.tiny.extra_table]\nx = 1\n"}, "extra_table"),
        ({"more": "not toml"}, "manifest"),
    ],
)
def test_a_wrong_entry_is_refused_and_the_fault_is_named(
    tmp_path: Path, text: dict[str, str], fault: str
) -> None:
    path = _write(tmp_path / "manifest.toml", **text)
    with pytest.raises(ConfigError, match=fault):
        Manifest.load(path)


def test_a_right_entry_of_ones_own_is_read(tmp_path: Path) -> None:
    manifest = Manifest.load(_write(tmp_path / "manifest.toml"))
    assert str(manifest["tiny"].source) == "pypi: tiny 1.0"


def test_a_missing_manifest_is_a_configuration_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"absent\.toml"):
        Manifest.load(tmp_path / "absent.toml")
