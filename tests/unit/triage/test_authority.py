"""Authority: the least of the site's wish, the backend's limit and the exam."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hazard.triage.authority import Certificate, KindResult, Subject, grant, least
from hazard.types import Authority
from tests.incidents import START

SUBJECT = Subject(backend="m", files={"m.gguf": "ab"}, quantization="Q4", prompt_hash="p1")
ADVISE, RAISE, DECIDE = Authority.ADVISE, Authority.RAISE, Authority.DECIDE


def a_certificate(**changes: Any) -> Certificate:
    fields: dict[str, Any] = {
        "subject": SUBJECT,
        "data_hash": "d",
        "figures": {"kappa": 0.8, "recall_high_lower": 0.92},
        "passed": True,
        "kinds": {"fire": KindResult(incidents=12, missed_high=0)},
        "issued_at": START,
    }
    return Certificate(**(fields | changes))


def given_to(
    certificate: Certificate | None, wish: Authority = DECIDE, limit: Authority = DECIDE, **kw: Any
) -> tuple[Authority, str]:
    granted = grant(
        kw.pop("hazard", "fire"),
        backend_limit=limit,
        subject=kw.pop("subject", SUBJECT),
        certificate=certificate,
        wishes={"fire": wish, "crowding": wish},
        **kw,
    )
    return granted.authority, granted.why


def test_a_passed_exam_gives_decide_to_who_asks_for_it() -> None:
    assert given_to(a_certificate()) == (DECIDE, "")


def test_decide_without_a_certificate_falls_back_one_step_and_says_so() -> None:
    authority, why = given_to(None)
    assert authority is RAISE
    assert "no certificate" in why


def test_a_failed_exam_leaves_advice_only() -> None:
    authority, why = given_to(a_certificate(passed=False))
    assert authority is ADVISE
    assert "failed" in why


def test_a_kind_that_was_not_passed_may_be_raised_but_not_decided() -> None:
    few = a_certificate(kinds={"fire": KindResult(incidents=9, missed_high=0)})
    missed = a_certificate(kinds={"fire": KindResult(incidents=99, missed_high=1)})
    assert given_to(few)[0] is RAISE
    assert given_to(missed)[0] is RAISE
    assert given_to(a_certificate(), hazard="crowding")[0] is RAISE


@pytest.mark.parametrize(
    "change",
    [{"files": {"m.gguf": "cd"}}, {"quantization": "Q8"}, {"prompt_hash": "p2"}, {"backend": "n"}],
)
def test_a_certificate_for_anything_else_is_void(change: dict[str, Any]) -> None:
    authority, why = given_to(a_certificate(), subject=SUBJECT.model_copy(update=change))
    assert authority is RAISE
    assert "is for another" in why


@pytest.mark.parametrize(
    ("minimums", "authority"),
    [
        ({}, DECIDE),
        ({"kappa": 0.8}, DECIDE),
        ({"kappa": 0.81}, ADVISE),
        ({"recall_high_lower": 0.95}, ADVISE),
        ({"recall_critical": 0.95}, ADVISE),  # a figure that the certificate does not give
    ],
)
def test_a_site_that_asks_for_more_than_was_reached_gets_advice(
    minimums: dict[str, float], authority: Authority
) -> None:
    found, why = given_to(a_certificate(), minimums=minimums)
    assert found is authority
    assert ("this site asks for" in why) == (authority is ADVISE)


@pytest.mark.parametrize(
    "figures",
    [
        {},
        {"kappa": 0.7, "recall_high_lower": 0.95},
        {"kappa": 0.9, "recall_high_lower": 0.6},
        {"kappa": 0.9},
        {"kappa": float("nan"), "recall_high_lower": 0.95},
    ],
)
def test_a_certificate_that_says_passed_below_the_built_in_minimums_is_a_failed_one(
    figures: dict[str, float],
) -> None:
    found, why = given_to(a_certificate(figures=figures), minimums={"kappa": 0.5})
    assert found is ADVISE
    assert "built in is" in why


def test_a_test_certificate_counts_only_where_that_is_allowed() -> None:
    certificate = a_certificate(test_only=True)
    assert given_to(certificate)[0] is RAISE
    assert given_to(certificate, allow_test_certificate=True)[0] is DECIDE


def test_a_backend_at_chance_advises_whatever_the_site_and_the_exam_say() -> None:
    authority, why = given_to(a_certificate(), limit=ADVISE)
    assert authority is ADVISE
    assert "limited" in why


def test_where_the_site_says_nothing_a_backend_may_raise_and_not_decide() -> None:
    said = grant("fire", backend_limit=DECIDE, subject=SUBJECT, certificate=a_certificate())
    assert said.authority is RAISE


authorities = st.sampled_from(tuple(Authority))


@given(
    authorities,
    authorities,
    st.none() | st.booleans().map(lambda passed: a_certificate(passed=passed)),
    st.sampled_from(("fire", "crowding")),
)
def test_nobody_gets_more_than_site_and_backend_allow(
    wish: Authority, limit: Authority, certificate: Certificate | None, hazard: str
) -> None:
    authority, why = given_to(certificate, wish, limit, hazard=hazard)
    assert least(authority, wish) is authority
    assert least(authority, limit) is authority
    assert bool(why) == (authority is not wish)
    if authority is DECIDE:
        assert certificate is not None
        assert certificate.passed
        assert hazard == "fire"
