"""The project's own bank keeps what it promises."""

from __future__ import annotations

from collections import Counter

import pytest

from hazard.catalogue import catalogue, found_by_rules
from hazard.triage.authority import MIN_INCIDENTS_PER_KIND
from hazard.triage.render import MAX_BYTES, render
from hazard.types import Severity
from models.exam.bank import Case, packaged
from models.exam.fit import MIN_FAMILIES
from models.exam.papers import Papers, of_bank


@pytest.fixture(scope="module")
def papers() -> Papers:
    return of_bank(packaged())


@pytest.fixture(scope="module")
def cases(papers: Papers) -> list[Case]:
    return [item for item in papers.items if isinstance(item, Case)]


def test_at_least_two_hundred_incidents_over_all_kinds(cases: list[Case]) -> None:
    assert len(cases) >= 200
    by_kind = Counter(case.hazard for case in cases)
    assert set(by_kind) == set(found_by_rules())
    assert min(by_kind.values()) >= MIN_INCIDENTS_PER_KIND


def test_the_whole_bank_gives_a_certificate_and_a_part_of_it_does_not(papers: Papers) -> None:
    assert papers.certifies
    assert not of_bank([case for case in packaged() if case.hazard != "fire"]).certifies


def test_every_label_is_judged_by_the_rubric_and_says_why(cases: list[Case]) -> None:
    assert [case.id for case in cases if case.judged is None] == []
    assert len({case.why for case in cases}) == len(cases)


def test_the_label_differs_from_the_policy_often_and_in_both_directions(papers: Papers) -> None:
    verdicts = papers.verdicts()
    above = sum(item.label > verdicts[item.id].default for item in papers.items)
    below = sum(item.label < verdicts[item.id].default for item in papers.items)
    assert (above + below) / len(papers.items) >= 0.30
    assert min(above, below) / len(papers.items) >= 0.05


def test_no_label_is_under_the_floor(papers: Papers) -> None:
    verdicts = papers.verdicts()
    assert [item.id for item in papers.items if item.label < verdicts[item.id].floor] == []


def test_every_severity_occurs_and_enough_are_high(cases: list[Case]) -> None:
    by_label = Counter(case.label for case in cases)
    assert set(by_label) >= set(Severity) - {Severity.INFO}
    # 35 of 35 is the least of which the Wilson bound reaches 0.90
    assert by_label[Severity.HIGH] + by_label[Severity.CRITICAL] >= 50


def test_no_family_is_split_over_kinds_and_there_are_enough_of_them(cases: list[Case]) -> None:
    kinds: dict[str, set[str]] = {}
    for case in cases:
        kinds.setdefault(case.family, set()).add(case.hazard)
    assert [family for family, own in kinds.items() if len(own) > 1] == []
    assert len(kinds) >= max(MIN_FAMILIES, 3 * len(found_by_rules()))


def test_the_evidence_is_rendered_whole_and_differs(cases: list[Case]) -> None:
    texts = {case.id: render(case.incident(), catalogue()) for case in cases}
    assert [name for name, text in texts.items() if len(text.encode()) > MAX_BYTES] == []
    assert [name for name, text in texts.items() if "more findings" in text] == []
    assert len(set(texts.values())) == len(texts)


def test_threshold_levels_are_those_that_the_catalogue_rates(cases: list[Case]) -> None:
    rated = {name: {*kind.levels, "idlh"} for name, kind in found_by_rules().items() if kind.levels}
    unknown = [
        (case.id, finding.level)
        for case in cases
        for finding in case.findings
        if finding.level and finding.level not in rated.get(finding.hazard, {finding.level})
    ]
    assert unknown == []
