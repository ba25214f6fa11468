"""The demo's report: what counts as lost, and what the simulation publishes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from edge_agent.demo.report import build_report, is_whole, percentiles
from edge_agent.demo.simulation import FAN_FAILS_AT_S, LEAK_FROM_S, LEAK_UNTIL_S, Plant
from hazard.store.ledger import LedgerLine
from hazard.types import Health, StageHealth
from tests.alert_builders import a_message, an_alarm
from tests.incidents import START, an_incident


def a_line(revision: int, sequence: int) -> LedgerLine:
    message = a_message(an_alarm()).model_copy(update={"revision": revision, "sequence": sequence})
    return LedgerLine(message, START, START + timedelta(milliseconds=5))


def a_report(lines: list[LedgerLine], received: set[tuple[str, int]]) -> dict[str, Any]:
    camera = StageHealth(
        stage="camera/gate-1",
        health=Health.READY,
        at=START,
        figures={"frames_read": 10, "frames_processed": 8, "frames_dropped": 2, "fps_mean": 5.0},
    )
    return build_report(
        lines=lines,
        incidents=[an_incident()],
        stages=[camera],
        received=received,
        weights=[],
        footage="clip.avi",
    )


def keys(lines: list[LedgerLine]) -> set[tuple[str, int]]:
    return {(line.message.alert_id, line.message.revision) for line in lines}


def test_nothing_is_lost_when_database_and_subscriber_agree() -> None:
    lines = [a_line(1, 1), a_line(2, 2)]
    report = a_report(lines, keys(lines))
    assert report["lost"] == 0
    assert is_whole(report) == ""
    assert report["frames"]["by_camera"]["gate-1"] == {"read": 10, "processed": 8, "dropped": 2}


def test_a_revision_that_the_subscriber_did_not_get_is_lost() -> None:
    lines = [a_line(1, 1), a_line(2, 2)]
    report = a_report(lines, keys(lines[:1]))
    assert report["mqtt"]["missing"] == 1
    assert "lost" in is_whole(report)


def test_a_hole_in_the_database_is_lost_even_if_nobody_received_it() -> None:
    lines = [a_line(1, 1), a_line(3, 3)]
    report = a_report(lines, keys(lines))
    assert report["database"]["missing"] == 1
    assert report["lost"] == 1


def test_a_run_that_did_nothing_is_not_good() -> None:
    assert is_whole(a_report([], set())) == "no alert was raised"


def test_percentiles_of_few_values() -> None:
    assert percentiles([7.0]) == {"p50": 7.0, "p95": 7.0, "p99": 7.0, "n": 1}
    assert percentiles([1.0, 3.0])["p50"] == 2.0


def test_the_leak_crosses_the_alarm_level_and_is_ventilated_away() -> None:
    plant = Plant()
    plant.advance(LEAK_FROM_S)
    assert plant.h2s_ppm < 1
    plant.advance(LEAK_UNTIL_S - LEAK_FROM_S)
    assert 15 < plant.h2s_ppm < 100
    plant.advance(30)
    assert plant.h2s_ppm < 9


def test_the_motor_overheats_when_its_fan_fails() -> None:
    plant = Plant()
    plant.advance(FAN_FAILS_AT_S)
    assert 74 < plant.motor_c < 76
    plant.advance(40)
    assert plant.motor_c > 125
