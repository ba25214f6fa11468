"""The weekly report: when it is due, and what its pages say in five languages."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pypdf import PdfReader

from hazard.figures import PlantFigures
from hazard.figures.shares import quantile_of, rate
from hazard.reports.sections import sections
from hazard.reports.weekly import Weekly, read_weekly, weekly_pdf
from hazard.reports.weeks import WEEK, due_since, last_whole_week, monday_of
from hazard.reports.words import LANGUAGES, say, words
from hazard.site.keeping import WeeklyReport
from hazard.site.loader import load_site
from hazard.site.models import Site
from hazard.types import Severity
from tests.plant import Plant

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 30, 5, tzinfo=UTC)


def local(text: str, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN, fold=fold).astimezone(UTC)


@pytest.mark.parametrize(
    ("day", "at", "now", "due"),
    [
        ("monday", "06:00", local("2026-11-30T05:59"), local("2026-11-23T06:00")),
        ("monday", "06:00", local("2026-11-30T06:00"), local("2026-11-30T06:00")),
        ("friday", "14:30", local("2026-11-30T09:00"), local("2026-11-27T14:30")),
        # The hour that the clock jumps over: when it jumps.
        ("sunday", "02:30", local("2026-03-29T03:00"), local("2026-03-29T03:00")),
        ("sunday", "02:30", local("2026-03-29T01:59"), local("2026-03-22T02:30")),
        # The hour that comes twice: the first time.
        ("sunday", "02:30", local("2026-10-25T02:30"), local("2026-10-25T02:30")),
        ("sunday", "02:30", local("2026-10-25T02:15", fold=1), local("2026-10-25T02:30")),
    ],
)
def test_the_report_is_due_at_its_time_of_the_week_whatever_the_clock_does(
    day: str, at: str, now: datetime, due: datetime
) -> None:
    config = WeeklyReport.model_validate({"day": day, "at": at})
    assert due_since(config, "Europe/Berlin", now) == due


@given(st.integers(0, 3 * 365 * 24 * 60))
def test_it_is_due_once_a_week_and_about_a_week_that_is_over(minute: int) -> None:
    now = datetime(2025, 1, 1, tzinfo=UTC) + timedelta(minutes=minute)
    config = WeeklyReport(day="wednesday", at="02:30")
    due = due_since(config, "Europe/Berlin", now)
    assert due <= now < due + timedelta(days=7, hours=1)
    monday = last_whole_week(due, "Europe/Berlin")
    assert monday == monday_of(monday)
    assert monday + timedelta(days=7) <= due.astimezone(BERLIN).date()


@pytest.fixture(scope="module")
def site_and_week(tmp_path_factory: pytest.TempPathFactory) -> tuple[Site, Weekly, PlantFigures]:
    plant = Plant(tmp_path_factory.mktemp("plant"))
    try:
        now = datetime.now(UTC)
        week_ago = last_whole_week(now, "Europe/Berlin")
        age = now - datetime.combine(week_ago, datetime.min.time(), tzinfo=BERLIN)
        for hours, severity in ((10, Severity.CRITICAL), (30, Severity.LOW), (31, Severity.LOW)):
            ago_s = (age - timedelta(hours=hours)).total_seconds()
            plant.raise_alert(severity=severity, age_s=ago_s, sources=("gas\x00\n<b>=1",))
        plant.raise_alert(severity=Severity.LOW, age_s=(age + timedelta(days=2)).total_seconds())
        site = load_site(plant.site_file)
        week = read_weekly(partial(plant.store.figures.of, site), site, week_ago, now)
        return site, week, plant.store.figures.of(site, now - timedelta(days=29), now + WEEK)
    finally:
        plant.close()


@pytest.fixture
def plant(tmp_path: Path) -> Iterator[Plant]:
    built = Plant(tmp_path)
    yield built
    built.close()


def text_of(content: bytes) -> str:
    pages = [page.extract_text() for page in PdfReader(io.BytesIO(content)).pages]
    return " ".join(" ".join(pages).split())


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_report_says_in_each_language_what_happened(
    site_and_week: tuple[Site, Weekly, PlantFigures], language: str
) -> None:
    site, weekly, _ = site_and_week
    content = weekly_pdf(weekly, site, language, NOW)
    said = text_of(content)
    pages = len(PdfReader(io.BytesIO(content)).pages)
    for key in ("report", "summary", "days", "near_misses", "responses", "decisions", "causes"):
        assert say(key, language) in said, key
    assert say("page", language, page=1, pages=pages) in said
    assert say("disclaimer", language) in said
    assert say("s_too_few", language) in said
    texts = words()["severity"]
    assert f"{texts['critical'][language]} 1 0 +1" in said
    assert f"{texts['low'][language]} 2 1 +1" in said
    for other in set(LANGUAGES) - {language}:
        assert say("s_not_asked", other) not in said


def test_the_week_is_named_by_a_monday_and_counts_seven_days_of_the_site(
    site_and_week: tuple[Site, Weekly, PlantFigures],
) -> None:
    site, weekly, _ = site_and_week
    assert (weekly.week.alarms, weekly.before.alarms) == (3, 1)
    assert len(weekly.week.days) == 7
    assert len(weekly.quarter.near_misses.weeks) == 12
    with pytest.raises(ValueError, match="is no Monday"):
        read_weekly(partial(Plant.raise_alert), site, date(2026, 11, 24), NOW)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="has not begun"):
        read_weekly(partial(Plant.raise_alert), site, date(2999, 12, 30), NOW)  # type: ignore[arg-type]


def test_a_week_that_is_not_over_is_counted_so_far_and_says_so(plant: Plant) -> None:
    alert = plant.raise_alert(severity=Severity.LOW)
    raised = plant.store.queries.current(alert)
    assert raised is not None
    site = load_site(plant.site_file)
    now = raised.times.raised + timedelta(seconds=1)
    monday = monday_of(now.astimezone(BERLIN).date())
    weekly = read_weekly(partial(plant.store.figures.of, site), site, monday, now)
    assert (weekly.week.alarms, weekly.week.ended_at, weekly.whole) == (1, now, False)
    assert "The week is not over: counted until" in text_of(weekly_pdf(weekly, site, "en", now))


def test_sections_name_areas_and_kinds_and_judge_the_alarm_system(
    site_and_week: tuple[Site, Weekly, PlantFigures],
) -> None:
    site, _, month = site_and_week
    parts = {part.key: part for part in sections(month, site, "de")}
    assert parts["kinds"].table.about == (("toxic_gas", ""),)
    assert parts["areas"].table.rows[0][0] == "Compressor house"
    assert "angenommen" in parts["shifts"].sentences[1]
    figures = {row[0]: row[1:4] for row in parts["performance-all"].table.rows}
    assert figures["Alarme in den schlimmsten 10 min"] == (0.0, "≤ 10", "erreicht")


@given(st.integers(0, 200), st.integers(0, 200))
def test_a_share_lies_within_its_interval(count: int, more: int) -> None:
    found = rate(count, count + more)
    if found.percent is None:
        assert count + more == 0
        return
    assert found.low_percent is not None
    assert found.high_percent is not None
    assert 0 <= found.low_percent <= found.percent <= found.high_percent <= 100
    assert found.high_percent > 0
    assert found.low_percent < 100


def test_intervals_and_quantiles_by_hand() -> None:
    half = rate(5, 10)
    assert (half.low_percent, half.high_percent) == (pytest.approx(23.7, abs=0.1), 76.341)
    assert quantile_of([(1, 3), (5, 1), (9, 1)], 0.5) == 1
    assert quantile_of([(1, 3), (5, 1), (9, 1)], 0.8) == 5
    assert quantile_of([(1, 3), (5, 1), (9, 1)], 0.95) == 9
    assert quantile_of([], 0.5) is None
    with pytest.raises(ValueError, match="is no share"):
        rate(2, 1)
