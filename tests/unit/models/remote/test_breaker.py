"""A server that fails again and again is left alone, for longer each time, and gets its chance."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.reasoning.remote.breaker import Breaker, State

CLOSED, OPEN, HALF_OPEN = State.CLOSED, State.OPEN, State.HALF_OPEN


def after(breaker: Breaker, events: str, now_s: float = 0.0) -> tuple[Breaker, float]:
    """`a` asked, `f` failed, `s` succeeded, `r` released, a digit: so many seconds go by."""
    for event in events:
        if event == "a":
            breaker = breaker.asked(now_s)
        elif event == "f":
            breaker = breaker.failed(now_s)
        elif event == "s":
            breaker = breaker.succeeded()
        elif event == "r":
            breaker = breaker.released()
        else:
            now_s += int(event)
    return breaker, now_s


@pytest.mark.parametrize(
    ("events", "state", "may_ask"),
    [
        ("", CLOSED, True),
        ("afaf", CLOSED, True),
        ("afafas", CLOSED, True),
        ("afafasafaf", CLOSED, True),
        ("afafaf", OPEN, False),
        ("afafaf1", OPEN, False),
        ("afafaf2", HALF_OPEN, True),
        ("afafaf2a", HALF_OPEN, False),
        ("afafaf2ar", HALF_OPEN, True),
        ("afafaf2as", CLOSED, True),
        ("afafaf2af", OPEN, False),
        ("afafaf2af3", OPEN, False),
        ("afafaf2af4", HALF_OPEN, True),
        ("afafaf2af4af8", HALF_OPEN, True),
        ("afafaf2asaf", CLOSED, True),
    ],
)
def test_the_table(events: str, state: State, *, may_ask: bool) -> None:
    breaker, now_s = after(Breaker(), events)
    assert (breaker.state(now_s), breaker.may_ask(now_s)) == (state, may_ask)


EVENTS = st.text("afsr0123456789", max_size=80)


@given(EVENTS)
def test_it_always_lets_somebody_ask_again_within_its_longest_back_off(events: str) -> None:
    breaker, now_s = after(Breaker(), events)
    later_s = now_s + breaker.longest_back_off_s
    assert breaker.state(later_s) is not OPEN
    assert breaker.released().may_ask(later_s)


@given(EVENTS)
def test_it_is_closed_while_there_were_fewer_failures_in_a_row_than_its_limit(events: str) -> None:
    breaker, now_s = after(Breaker(), events)
    marks = "".join(event for event in events if event in "fs")
    in_a_row = len(marks) - len(marks.rstrip("f"))
    assert breaker.failures == in_a_row
    assert (breaker.state(now_s) is CLOSED) == (in_a_row < breaker.limit)


@given(EVENTS)
def test_an_answer_closes_it_whatever_was_before(events: str) -> None:
    breaker, now_s = after(Breaker(), events + "as")
    assert breaker == Breaker()
    assert breaker.may_ask(now_s)


@given(st.integers(3, 2000))
def test_the_back_off_never_shrinks_and_has_a_bound(failures: int) -> None:
    breaker, _ = after(Breaker(), "f" * failures)
    next_one = breaker.failed(0.0)
    assert breaker.open_until_s is not None
    assert next_one.open_until_s is not None
    assert 2.0 <= breaker.open_until_s <= next_one.open_until_s <= 60.0
