"""Numbers for the drawings."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from dashboard.drawing import Chart, chart, scale
from dashboard.stages import figure
from dashboard.views import age_text, local_time
from hazard.store.queries import ReadingPoint
from hazard.types import Quality

START = datetime(2026, 3, 1, 6, 30, tzinfo=UTC)


def point(second: float, value: float | None, quality: Quality = Quality.GOOD) -> ReadingPoint:
    return ReadingPoint(
        sensor_id="h2s-1",
        area="yard",
        quantity="h2s",
        value=value,
        unit="ppm",
        quality=quality,
        measured_at=START + timedelta(seconds=second),
    )


def draw(*points: ReadingPoint, levels: tuple[tuple[str, float], ...] = ()) -> Chart | None:
    return chart(
        "h2s-1",
        points,
        levels,
        since=START,
        until=START + timedelta(seconds=100),
        raised_at=START + timedelta(seconds=50),
        zone="UTC",
    )


def test_a_line_goes_up_when_the_value_does() -> None:
    drawn = draw(point(0, 0), point(5, 10))
    assert drawn is not None
    (line,) = drawn.lines
    (_, low), (_, high) = (map(float, pair.split(",")) for pair in line.split())
    assert high < low
    assert drawn.summary == "2 readings, highest 10 ppm, last 10 ppm"


def test_a_gap_in_the_readings_is_a_gap_in_the_line() -> None:
    drawn = draw(point(0, 1), point(1, 1), point(20, 1))
    assert drawn is not None
    assert len(drawn.lines) == 2


def test_levels_are_within_the_chart_even_far_above_the_values() -> None:
    drawn = draw(point(0, 1), levels=(("idlh", 100),))
    assert drawn is not None
    assert drawn.top <= drawn.levels[0].y <= drawn.bottom
    assert drawn.levels[0].text == "idlh 100"


@pytest.mark.parametrize(
    "points",
    [(), (point(0, None, Quality.BAD),), (point(0, float("nan")),), (point(0, float("inf")),)],
)
def test_without_a_good_number_there_is_no_chart(points: tuple[ReadingPoint, ...]) -> None:
    assert draw(*points) is None


def test_bad_readings_are_counted() -> None:
    drawn = draw(point(0, 1), point(1, None, Quality.BAD))
    assert drawn is not None
    assert drawn.bad == 1


@pytest.mark.parametrize(
    ("low", "high"), [(0, 1), (3, 3), (-5, 5), (0.001, 0.002), (99, 101), (0, 1e9), (-1e-9, 0)]
)
def test_the_scale_holds_all_values_in_few_round_steps(low: float, high: float) -> None:
    bottom, top, step = scale(low, high)
    assert bottom <= low <= high <= top
    assert 1 <= round((top - bottom) / step) <= 7


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
