"""What the agent writes is said in the reader's language; what it may write has a form."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from dashboard.i18n import LANGUAGES
from dashboard.spoken import known, told

ROOT = Path(__file__).parents[3]
REFUSALS = {
    "IllegalTransition",
    "Conflict",
    "Forbidden",
    "HTTPException",
    "ViewRefused",
    "TooMany",
    "HazardError",
}
"""Calls whose text a person reads who asked for something."""
REFUSING = (
    "hazard/alarms",
    "hazard/dry_run",
    "hazard/triage/ladder.py",
    "edge_agent/jobs",
    "edge_agent/reporting.py",
    "edge_agent/replaying.py",
    "hazard/store/plans.py",
    "hazard/store/saved_views.py",
    "edge_agent/core",
    "edge_agent/publish/publisher.py",
    "dashboard",
)
STATES = ("edge_agent/core", "edge_agent/vision/camera.py", "edge_agent/vision/engine.py")
"""Where a stage's health is paired with its reason."""
PROBLEMS = ("hazard/site/checks.py", "hazard/site/explain.py", "hazard/site/alarm_references.py")
"""Where a site file's faults are yielded as path, what is wrong, and the mend."""
TEXTS = {"Failure": 1, "with_comment": 1, "_refused": 0, "tell": 1, "_never_spoke": 2}
"""Calls of the core whose argument at that place is a text for people."""


def sources(*places: str) -> Iterator[tuple[str, ast.AST]]:
    """Every expression of the sources, with where it stands."""
    for place in places:
        path = ROOT / place
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                yield f"{file.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}", node


def samples(node: ast.AST) -> list[str]:
    """The texts that an expression can give; what is filled in is a 7. None where it is no text."""
    match node:
        case ast.Constant(value=str(text)):
            return [text.replace("{}", "7")]
        case ast.JoinedStr(values=parts):
            made = [""]
            for part in parts:
                inner = part.value if isinstance(part, ast.FormattedValue) else part
                chosen = samples(inner) if isinstance(inner, ast.Constant | ast.IfExp) else []
                quoted = isinstance(part, ast.FormattedValue) and part.conversion == ord("r")
                made = [text + one for text in made for one in chosen or ["'7'" if quoted else "7"]]
            return made
        case ast.IfExp(body=one, orelse=other):
            return [*(samples(one) or ["7"]), *(samples(other) or ["7"])]
    return []


def name_of(node: ast.Call) -> str:
    return getattr(node.func, "attr", getattr(node.func, "id", ""))


def refused() -> Iterator[tuple[str, str]]:
    for where, node in sources(*REFUSING):
        if not isinstance(node, ast.Call):
            continue
        name = name_of(node)
        at = 1 if name == "HTTPException" else 0
        if name in REFUSALS and len(node.args) > at:
            yield from ((where, text) for text in samples(node.args[at]))
        elif name in TEXTS and len(node.args) > TEXTS[name] and not where.startswith("dashboard"):
            yield from ((where, text) for text in samples(node.args[TEXTS[name]]))


def reasons() -> Iterator[tuple[str, str]]:
    for where, node in sources(*STATES):
        match node:
            case ast.Assign(targets=[ast.Name(id="reason" | "why" | "told" | "text")]):
                yield from ((where, one) for one in samples(node.value))
            case ast.Tuple(elts=[ast.Attribute(value=ast.Name(id="Health" | "CameraState")), text]):
                yield from ((where, one) for one in samples(text))


def problems() -> Iterator[tuple[str, str]]:
    for where, node in sources(*PROBLEMS):
        match node:
            case ast.Assign(targets=[ast.Name(id="what" | "mend")]):
                yield from ((where, one) for one in samples(node.value))
            case ast.Yield(value=ast.Tuple(elts=[_, what, mend])):
                yield from ((where, one) for each in (what, mend) for one in samples(each))
            case ast.Yield(value=ast.Tuple(elts=[_, text])):
                for one in samples(text):
                    yield from ((where, part) for part in one.split(": ", 1))
            case ast.Return(value=ast.Tuple(elts=[what, mend])):
                yield from ((where, one) for each in (what, mend) for one in samples(each))


def has_form(text: str) -> bool:
    """Whether it is known, leaving aside what is all filled in."""
    parts = [part for part in text.split("; ") if any(map(str.isalpha, part))]
    return known(text) or all(map(known, parts))


@pytest.mark.parametrize("found", [refused, reasons, problems])
def test_every_text_that_the_core_writes_for_people_has_a_form(found: object) -> None:
    texts = {text: where for where, text in found() if any(map(str.isalpha, text))}  # type: ignore[operator]
    assert len(texts) > 10, "the sources are looked through"
    lacking = [f"{where}: {text!r}" for text, where in texts.items() if not has_form(text)]
    assert not lacking, "add a form to dashboard/spoken, and its translations:\n" + "\n".join(
        lacking
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_values_are_said_in_the_language_too(language: str) -> None:
    text = told("no reading for 12.5 s", language)
    assert ("12.5" in text) is (language == "en")
    assert str(told("sensor gate: quality bad", "de")) == "sensor gate: quality bad"
    joined = told("gas-1: no reading for 7 s; something new", "de")
    assert joined == "gas-1: kein Messwert seit 7 s; something new"
    assert joined.__html__().endswith('<span lang="en">something new</span>')


def test_text_from_outside_stays_text() -> None:
    hostile = told("acknowledged by <b>%(x)s {who}</b>: <script>", "fr")
    assert "<b>" in hostile
    assert "<" not in hostile.__html__()


def test_a_text_that_nests_without_end_is_shown_all_the_same() -> None:
    for hostile in ("rule a: " * 400, "late: " * 600, "a: " * 900, "x; " * 900):
        assert told(hostile, "it")
