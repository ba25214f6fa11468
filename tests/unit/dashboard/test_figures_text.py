"""Numbers as the pages write them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from dashboard.stages import figure
from dashboard.views import age_text, local_time

START = datetime(2026, 3, 1, 6, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (59.9, "59 s"),
        (200, "3 min 20 s"),
        (7500, "2 h 5 min"),
        (3600, "1 h"),
        (-4, "0 s"),
    ],
)
def test_ages_have_at_most_two_units(seconds: float, text: str) -> None:
    assert age_text(seconds) == text


def test_times_are_local_and_dated_when_not_today() -> None:
    assert local_time(START, "Europe/Berlin", START) == "07:30:00"
    assert local_time(START, "Europe/Berlin", START + timedelta(days=2)) == "2026-03-01 07:30:00"


@pytest.mark.parametrize(
    ("value", "text"), [(0.123456, "0.1235"), (123456.7, "123457"), (True, "yes"), (None, "none")]
)
def test_figures_are_short(value: object, text: str) -> None:
    assert figure(value) == text
    assert len(figure("x" * 1000)) == 200
