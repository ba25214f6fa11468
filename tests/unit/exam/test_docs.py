"""docs/exam.md says what the code does."""

from __future__ import annotations

import json
import re
from io import StringIO
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from hazard.triage.authority import MIN_INCIDENTS_PER_KIND, MIN_KAPPA, MIN_RECALL_LOWER
from hazard.types import Severity
from models.exam import report
from models.exam.bank import load, packaged
from models.exam.narratives import MAX_TEXT, MIN_WORDS_LEFT
from models.exam.papers import of_bank
from models.exam.rubric import Judgement
from tests.unit.exam.test_judging import answered, result_of


@pytest.fixture(scope="module")
def page(repo_root: Path) -> str:
    return (repo_root / "docs" / "exam.md").read_text(encoding="utf-8")


def test_the_rubric_on_the_page_is_the_one_that_judges(page: str) -> None:
    for consequence in range(5):
        given = [
            str(Judgement(consequence=consequence, likelihood=n, exposure=1).severity)
            for n in range(5)
        ]
        assert f"| {consequence} | {' | '.join(given)} |" in page


def test_the_example_of_a_case_can_be_loaded(page: str, tmp_path: Path) -> None:
    found = re.search(r"```yaml\n(.*?)```", page, re.DOTALL)
    assert found is not None
    path = tmp_path / "example.yaml"
    path.write_text(found.group(1), encoding="utf-8")
    assert [case.id for case in load(path)] == ["crowding-01"]
    assert YAML(typ="safe").load(StringIO(found.group(1)))[0]["judged"]


def test_every_key_of_the_json_is_named(page: str) -> None:
    result = result_of(lambda case: answered(case.label, case.id))
    found = json.loads(json.dumps(report.as_json(result, {}, {}, None)))
    left = {"incidents", "agreement", "high_incidents", "critical_incidents", "deadline_s"}
    left |= {"certificate", "why_no_certificate", "subject", "data_hash", "backend", "cases"}
    assert [key for key in found if key not in left and f"`{key}`" not in page] == []


def test_the_minimums_are_those_that_are_built_in(page: str) -> None:
    assert f"| kappa | {MIN_KAPPA:.2f} |" in page
    assert (
        f"| lower Wilson bound of the recall of high and critical | {MIN_RECALL_LOWER:.2f} |"
        in (page)
    )
    assert f"{MIN_INCIDENTS_PER_KIND} incidents of its own" in page
    assert f"cut to {MAX_TEXT} characters" in page
    assert f"fewer than {MIN_WORDS_LEFT} words" in page


def test_what_the_floor_takes_from_the_recall_is_told(page: str) -> None:
    floors = of_bank(packaged()).verdicts()
    high = [case for case in packaged() if case.label >= Severity.HIGH]
    held = [case for case in high if floors[case.id].floor >= Severity.HIGH]
    assert f"{len(held)} of the {len(high)} incidents labelled high or" in page
    free = {case.hazard for case in high if floors[case.id].floor < Severity.HIGH}
    *first, last = (f"`{kind}`" for kind in sorted({case.hazard for case in held} - free))
    assert f"{', '.join(first)} and {last}: these kinds" in page
