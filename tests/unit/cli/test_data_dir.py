"""Where a plant's data goes, as image and systemd unit say it: by a variable."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from edge_agent import bootstrap
from edge_agent.cli import app
from hazard.errors import HazardError
from hazard.site.template import write_template


@pytest.fixture
def chosen(monkeypatch: pytest.MonkeyPatch) -> list[Path | None]:
    """The data folders that a command asked for; the command ends there."""
    seen: list[Path | None] = []

    def ends(_site_file: Path, data_dir: Path | None = None) -> None:
        seen.append(data_dir)
        raise HazardError("far enough")

    monkeypatch.setattr(bootstrap, "paths_for", ends)
    return seen


@pytest.mark.parametrize("command", ["run", "status", "login-code"])
def test_the_data_folder_is_the_options_then_the_variables_then_beside_the_site_file(
    command: str, chosen: list[Path | None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    site, _ = write_template(tmp_path / "site.yaml")
    words = [command, "--site", str(site)]
    monkeypatch.delenv("HAZARD_DATA_DIR", raising=False)
    CliRunner().invoke(app, words)
    monkeypatch.setenv("HAZARD_DATA_DIR", "/var/lib/hazard")
    CliRunner().invoke(app, words)
    CliRunner().invoke(app, [*words, "--data-dir", "/other"])
    assert chosen == [None, Path("/var/lib/hazard"), Path("/other")]
