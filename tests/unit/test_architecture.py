"""The house stands as drawn: who imports whom, what starts light, what the locks hold."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from scripts import check_locks

HEAVY = ("torch", "transformers", "ultralytics", "cv2", "onnxruntime", "openvino", "xllamacpp")
LIGHT_PACKAGES = ("hazard", "edge_agent.cli", "edge_agent.core", "edge_agent.supervisor")

IMPORT_ALL = """
import importlib, pkgutil, sys
package = importlib.import_module(sys.argv[1])
for found in pkgutil.walk_packages(getattr(package, "__path__", ()), f"{sys.argv[1]}."):
    if ".migrations." not in found.name and not found.name.endswith("__main__"):
        importlib.import_module(found.name)
print(*[name for name in sys.argv[2:] if name in sys.modules])
"""


def test_no_package_imports_what_the_contracts_forbid(repo_root: Path) -> None:
    program = Path(sys.executable).with_name("lint-imports")
    result = subprocess.run(
        [str(program), "--no-cache"], cwd=repo_root, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert "0 broken" in result.stdout


@pytest.mark.parametrize("package", LIGHT_PACKAGES)
def test_a_light_package_starts_without_anything_heavy(package: str, repo_root: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-c", IMPORT_ALL, package, *HEAVY],
        cwd=repo_root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.split() == []


def test_every_file_that_the_readme_names_is_there(repo_root: Path) -> None:
    text = (repo_root / "README.md").read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)#\s]+)", text) + re.findall(r"\bdocs/[\w./-]+\w", text)
    missing = [
        link
        for link in links
        if not link.startswith(("http:", "https:")) and not (repo_root / link).exists()
    ]
    assert missing == []


def test_every_target_that_the_readme_names_is_in_the_makefile(repo_root: Path) -> None:
    text = (repo_root / "README.md").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", (repo_root / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"\bmake ([a-z-]+)(?=\W|$)", text)) <= targets


def test_the_locks_are_what_pyproject_asks_for() -> None:
    assert list(check_locks.faults_of_locks()) == []


def test_the_light_lock_holds_nothing_heavy(repo_root: Path) -> None:
    light = check_locks.pins(repo_root / "requirements" / "light.lock")
    assert not {"torch", "transformers", "ultralytics", "bitsandbytes", "pytest"} & set(light)


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("--index-url https://example.org/simple", "holds an address"),
        ("--find-links /wheels", "holds an address"),
        ("numpy==2.4.6", "has no sha256"),
    ],
)
def test_an_address_or_a_missing_hash_in_a_lock_is_named(
    line: str, fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = tmp_path / "some.lock"
    lock.write_text(f"{line}\nrich==15.0.0 \\\n    --hash=sha256:00\n", encoding="utf-8")
    monkeypatch.setattr(check_locks, "ROOT", tmp_path)
    assert [fault in found for found in check_locks.faults_of_lock(lock)] == [True]


def test_a_dependency_that_no_lock_holds_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = tmp_path / "some.lock"
    lock.write_text("rich==15.0.0 \\\n    --hash=sha256:00\n", encoding="utf-8")
    monkeypatch.setattr(check_locks, "ROOT", tmp_path)
    assert list(check_locks.unmet(["rich>=15", "rich>=16", "numpy"], lock)) == [
        "some.lock: has 15.0.0 for rich>=16; run 'make lock'",
        "some.lock: lacks numpy; run 'make lock'",
    ]


def test_a_pin_for_another_system_is_not_asked_of_this_one(tmp_path: Path) -> None:
    lock = tmp_path / "some.lock"
    lock.write_text(
        "colorama==0.4.6 ; sys_platform == 'win32' \\\n    --hash=sha256:00\n"
        "no-such-thing==1.0 ; python_full_version >= '3.11' \\\n    --hash=sha256:00\n",
        encoding="utf-8",
    )
    assert list(check_locks.faults_of_environment(lock)) == [
        "no-such-thing: 1.0 in some.lock, nothing installed"
    ]


def test_every_marker_of_a_test_is_explained(repo_root: Path) -> None:
    settings = tomllib.loads((repo_root / "pyproject.toml").read_text(encoding="utf-8"))
    markers = settings["tool"]["pytest"]["ini_options"]["markers"]
    assert all(re.match(r"\w+: \w+", marker) for marker in markers)
