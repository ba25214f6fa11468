"""What a user gets who installs the wheel, without a checkout beside it."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

PACKAGES = ("hazard", "models", "edge_agent", "dashboard")


@pytest.fixture(scope="module")
def wheel(repo_root: Path, tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=repo_root,
        check=True,
        capture_output=True,
    )
    (built,) = folder.glob("hazard_edge-*.whl")
    return zipfile.ZipFile(built)


def test_the_wheel_holds_every_packaged_file(wheel: zipfile.ZipFile, repo_root: Path) -> None:
    listing = subprocess.run(
        ["git", "ls-files", "--", *PACKAGES],
        cwd=repo_root,
        check=True,
        capture_output=True,
        text=True,
    )
    tracked = {name for name in listing.stdout.splitlines() if (repo_root / name).exists()}
    assert tracked - set(wheel.namelist()) == set()
    assert "models/manifest.toml" in tracked


def test_the_wheel_holds_what_the_pages_load_and_the_reports_are_set_in(
    wheel: zipfile.ZipFile, repo_root: Path
) -> None:
    pages = repo_root / "dashboard"
    named = {
        found
        for file in pages.rglob("*")
        if file.suffix in (".html", ".js", ".css") and "vendor" not in file.parts
        for found in re.findall(r"/static/[\w/-]+(?:\.\w+)+", file.read_text(encoding="utf-8"))
    }
    assert {"/static/vendor/htmx.min.js", "/static/vendor/uPlot.esm.js"} <= named
    fonts = {f"hazard/reports/fonts/{name}.ttf" for name in ("DejaVuSans", "DejaVuSans-Bold")}
    assert {f"dashboard{name}" for name in named} | fonts <= set(wheel.namelist())


def test_the_wheel_holds_nothing_else(wheel: zipfile.ZipFile) -> None:
    tops = {name.split("/")[0] for name in wheel.namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == set(PACKAGES)


def test_the_wheel_brings_the_command_and_the_licence(wheel: zipfile.ZipFile) -> None:
    (entry_points,) = [n for n in wheel.namelist() if n.endswith("entry_points.txt")]
    assert "hazard = edge_agent.cli:main" in wheel.read(entry_points).decode()
    (licence,) = [n for n in wheel.namelist() if n.endswith("licenses/LICENSE")]
    text = wheel.read(licence).decode()
    assert "GNU AFFERO GENERAL PUBLIC LICENSE" in text
    assert text.rstrip().endswith("<https://www.gnu.org/licenses/>.")
