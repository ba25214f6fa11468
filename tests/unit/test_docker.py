"""The files for one box: linted, valid, and as careful as they say."""

from __future__ import annotations

import configparser
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

DOCKER = Path("docker")
BIN = Path(sys.executable).parent


def run(*command: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(part) for part in command], cwd=cwd, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def compose(repo_root: Path) -> dict[str, dict[str, dict[str, object]]]:
    with (repo_root / DOCKER / "compose.yaml").open(encoding="utf-8") as file:
        loaded: dict[str, dict[str, dict[str, object]]] = yaml.safe_load(file)
    return loaded


def test_the_dockerfile_has_no_lint(repo_root: Path) -> None:
    result = run(BIN / "hadolint", DOCKER / "Dockerfile", cwd=repo_root)
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_linter_would_have_found_something(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM debian:latest\nRUN cd /tmp\n", encoding="utf-8")
    assert "DL3007" in run(BIN / "hadolint", "Dockerfile", cwd=tmp_path).stdout


def test_the_compose_file_is_valid(repo_root: Path) -> None:
    check = (BIN / "check-jsonschema", "--builtin-schema", "vendor.compose-spec")
    result = run(*check, DOCKER / "compose.yaml", cwd=repo_root)
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_image_is_set_up_by_the_same_script_as_a_checkout(repo_root: Path) -> None:
    script = "scripts/install.sh light"
    assert script in (repo_root / DOCKER / "Dockerfile").read_text(encoding="utf-8")
    assert script in (repo_root / "Makefile").read_text(encoding="utf-8")


def test_whatever_the_image_copies_is_in_its_build_context(repo_root: Path) -> None:
    dockerfile = (repo_root / DOCKER / "Dockerfile").read_text(encoding="utf-8")
    ignore = (repo_root / ".dockerignore").read_text(encoding="utf-8").splitlines()
    sources = [
        source
        for line in dockerfile.splitlines()
        if line.startswith("COPY ") and "--from" not in line
        for source in line.split()[1:-1]
    ]
    assert sources
    assert all((repo_root / source).exists() and f"!{source}" in ignore for source in sources)


def test_services_cannot_write_or_gain_rights(
    compose: dict[str, dict[str, dict[str, object]]],
) -> None:
    for name, service in compose["services"].items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["restart"] == "unless-stopped", name
        assert "privileged" not in service, name
        assert "ports" not in service, f"{name} listens on the loopback of the host only"


def test_no_secret_stands_in_the_files(repo_root: Path) -> None:
    for path in (repo_root / DOCKER).iterdir():
        for line in path.read_text(encoding="utf-8").splitlines():
            if not line.lstrip().startswith("#"):
                assert not re.search(r"(password|token|key): *\S", line), f"{path.name}: {line}"


def test_the_service_restarts_what_dies_and_is_watched(repo_root: Path) -> None:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(repo_root / DOCKER / "hazard-edge.service", encoding="utf-8")
    service = unit["Service"]
    assert (service["Type"], service["Restart"]) == ("notify", "always")
    assert int(service["WatchdogSec"]) > 0
    assert service["NoNewPrivileges"] == "yes"
    assert unit["Install"]["WantedBy"] == "multi-user.target"
