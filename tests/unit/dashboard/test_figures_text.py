"""Numbers as the pages write them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from dashboard.formats import Speech
from dashboard.spoken.figures import figures_of
from dashboard.stages import StageView, figure
from dashboard.views import age_text, local_time
from hazard.types import Health

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


def test_what_the_vision_group_and_the_jobs_report_is_read_in_the_readers_language() -> None:
    camera = {"read": 9, "processed": 5, "dropped": 4, "overwritten": 1, "decoder_rss_bytes": 96e6}
    reported = {
        "detectors": {"nanodet": {"backend": "openvino", "model": "nanodet", "sha256": "77cb"}},
        "inference_ms_p50": 250.5,
        "batches": {"1": 12},
        "rss_bytes": 436633600,
        "cameras": {"yard-1": camera},
        "line": "",
        "cancelled": 0,
        "running": "weekly_report",
        "busy_with": "write_request",
        "deadline": 28100.5,
        "calibration_note": "there is none: run the exam",
    }
    stage = StageView("vision", Health.READY, "", 0.0, Health.READY, (), numbers=reported)
    german = dict(figures_of(stage, Speech("de")))
    assert german["Arbeitsspeicher"] == "436,6 MB"
    assert german["Kameras"].startswith("yard-1 gelesen 9, angesehen 5, verworfen 4, von neueren")
    assert german["Störung der Verbindung zum Kern"] == "keine"
    assert german["läuft"] == "ein Wochenbericht"
    assert german["beschäftigt mit"] == "Texte"
    assert german["Kalibrierung"].startswith("es gibt keine")
    assert "28100" not in "".join(german.values()), "nobody can read the machine's own clock"
    english = dict(figures_of(stage, Speech("en")))
    assert german.keys().isdisjoint(english.keys())
