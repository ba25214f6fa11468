"""What happens to a test whose program is absent."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from hazard.errors import ConfigError
from tests import programs

pytest_plugins = ["pytester"]

Run = Callable[..., pytest.RunResult]

CONFTEST = """
from tests.programs import pytest_runtest_setup, pytest_terminal_summary
"""

TESTS = """
import pytest
from tests.programs import require, require_extra, require_weights

def test_program():
    require("no-such-program")

def test_extra():
    require_extra("no_such_module")

def test_weights():
    require_weights("nanodet")

@pytest.mark.mosquitto
def test_marker():
    raise AssertionError("must not be reached")

def test_other():
    assert require("python3").exists()
"""

INI = "[pytest]\nmarkers = mosquitto: needs the broker\n"


@pytest.fixture
def run(pytester: pytest.Pytester, repo_root: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("PYTHONPATH", str(repo_root))
    monkeypatch.setenv("HAZARD_TEST_MOSQUITTO", "/no/such/file")
    monkeypatch.setenv("HAZARD_MODELS_DIR", str(pytester.path / "empty"))
    pytester.makeini(INI)
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(TESTS)
    return pytester.runpytest_subprocess


def test_on_a_users_machine_the_closing_lines_say_what_did_not_run(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CI", raising=False)
    result = run()
    result.assert_outcomes(passed=1, skipped=4)
    assert result.ret == 0
    result.stdout.fnmatch_lines(
        [
            "*tests that did not run*",
            "NOT RUN: mosquitto (*apt-get install mosquitto) [[]1 test[]]",
            "NOT RUN: nanodet (*/empty/nanodet/* is missing; hazard models fetch nanodet) *",
            "NOT RUN: no-such-program (this program is not on the machine; *) [[]1 test[]]",
            "NOT RUN: no_such_module (*make setup-all) [[]1 test[]]",
        ]
    )


def test_in_ci_a_missing_program_is_a_failure(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    result = run()
    result.assert_outcomes(passed=1, failed=3, errors=1)
    assert result.ret == 1
    result.stdout.fnmatch_lines(["NOT RUN: mosquitto (*apt-get install mosquitto) [[]1 test[]]"])


def test_a_module_that_needs_an_absent_program_is_named_too(
    run: Run, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CI", raising=False)
    pytester.makepyfile(
        test_module="from tests.programs import require\nrequire('nothing-like-it')\n"
        "def test_it():\n    pass\n"
    )
    result = run("test_module.py")
    result.stdout.fnmatch_lines(["NOT RUN: nothing-like-it (*"])
    assert result.ret == pytest.ExitCode.NO_TESTS_COLLECTED


def test_an_installed_module_is_handed_over() -> None:
    assert programs.require_extra("json") is sys.modules["json"]


def test_a_program_is_found_under_any_of_its_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "chromium-browser"
    program.write_text("#!/bin/sh\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(programs, "SYSTEM_FOLDERS", ())
    assert programs.require("chromium") == program


@pytest.mark.weights
def test_fetched_weights_are_handed_over_checked() -> None:
    assert programs.require_weights("nanodet").suffix == ".onnx"


def test_weights_that_no_manifest_lists_are_an_error_of_the_test() -> None:
    with pytest.raises(ConfigError, match="no-such-model"):
        programs.require_weights("no-such-model")


@pytest.mark.parametrize(("value", "in_ci"), [("true", "yes"), ("", "no"), ("0", "no")])
def test_ci_is_told_by_its_variable(
    value: str, in_ci: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", value)
    assert programs.in_ci() is (in_ci == "yes")
