"""A stage that says nothing is never shown as healthy."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from edge_agent.core import health
from edge_agent.core.health import HealthBoard, supervisor_stages
from edge_agent.observe import Metrics
from hazard.site.models import Site
from hazard.types import CameraReport, CameraState, Health, StageHealth

SITE = Site.model_validate(
    {
        "site": {"id": "plant", "name": "Plant"},
        "areas": {"yard": {"name": "Yard"}},
        "cameras": {"gate": {"area": "yard", "source": {"kind": "usb", "device": 0}}},
        "sensors": {
            "h2s": {
                "area": "yard",
                "quantity": "h2s",
                "unit": "ppm",
                "source": {"kind": "mqtt", "topic": "x"},
            }
        },
        "mqtt": {"embedded": True},
    }
)


def written(path: Path, *, age_s: float = 0.0, **process: Any) -> list[StageHealth]:
    """What the board makes of a supervisor's file of that age with one process."""
    state = {"alive": True, "pid": 1, "restarts": 0, "last_exit": "", **process}
    at = datetime.now(UTC) - timedelta(seconds=age_s)
    path.write_text(json.dumps({"at": at.isoformat(), "processes": {"dashboard": state}}))
    return supervisor_stages(path)


def test_what_never_spoke_is_starting_at_first_and_offline_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    board = HealthBoard()
    names = {"vision", "jobs", "camera/gate", "sensor/h2s"}
    assert {s.stage: s.health for s in board.stages(SITE)} == dict.fromkeys(names, Health.STARTING)
    monkeypatch.setattr(health, "STARTING_S", 0.0)
    assert {s.stage: s.health for s in board.stages(SITE)} == dict.fromkeys(names, Health.OFFLINE)
    assert set(board.unwatched(SITE)) == {"yard"}


@pytest.mark.parametrize(
    ("said", "words", "area_words"),
    [
        ({"state": CameraState.ENDED}, "no more pictures come", "ended"),
        ({"state": CameraState.OK, "watched": False}, "none is processed", "degraded"),
    ],
)
def test_a_camera_of_which_no_frame_is_looked_at_is_not_ready(
    said: dict[str, Any], words: str, area_words: str
) -> None:
    board = HealthBoard()
    values = {"camera_id": "gate", "area": "yard", "at": datetime.now(UTC), "at_monotonic_s": 1.0}
    board.camera(CameraReport(**values | {"state": CameraState.OK, "fps": 9.8}))
    stages = {stage.stage: stage for stage in board.stages(SITE)}
    assert stages["camera/gate"].health is Health.READY
    board.camera(CameraReport(**values | said))
    stages = {stage.stage: stage for stage in board.stages(SITE)}
    assert stages["camera/gate"].health is Health.DEGRADED
    assert words in stages["camera/gate"].reason
    assert f"camera gate is {area_words}" in board.unwatched(SITE)["yard"]


def test_processes_of_a_silent_supervisor_are_unknown(tmp_path: Path) -> None:
    (fresh,) = written(tmp_path / "state.json")
    assert fresh.health is Health.READY
    (old,) = written(tmp_path / "state.json", age_s=60)
    assert old.health is Health.UNKNOWN
    assert "supervisor" in old.reason


def test_a_process_between_two_failures_is_not_called_ready(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    exited = {"last_exit": "exit 3: port 8080 is taken", "restarts": 4, "failures_in_row": 4}
    (young,) = written(tmp_path / "s.json", started_at=now.isoformat(), **exited)
    assert young.health is Health.STARTING
    assert "port 8080 is taken" in young.reason
    (once,) = written(
        tmp_path / "s.json", started_at=now.isoformat(), **exited | {"failures_in_row": 1}
    )
    assert once.health is Health.READY
    settled = (now - timedelta(seconds=60)).isoformat()
    (grown,) = written(tmp_path / "s.json", started_at=settled, **exited)
    assert grown.health is Health.READY


def test_a_dead_process_is_offline_with_its_last_words(tmp_path: Path) -> None:
    (dead,) = written(tmp_path / "s.json", alive=False, last_exit="exit 3: port 1883 is taken")
    assert dead.health is Health.OFFLINE
    assert "port 1883 is taken" in dead.reason


@pytest.mark.parametrize("text", ["", "{", "[]", '{"processes": 3, "at": "x"}'])
def test_a_damaged_file_of_the_supervisor_gives_no_stages(tmp_path: Path, text: str) -> None:
    path = tmp_path / "state.json"
    path.write_text(text)
    assert supervisor_stages(path) == []


def test_a_stage_that_is_gone_is_no_longer_a_metric() -> None:
    metrics = Metrics()
    at = datetime.now(UTC)
    stages = [StageHealth(stage=name, health=Health.READY, at=at) for name in ("a", "b")]
    metrics.health(stages)
    metrics.health(stages[:1])
    value = metrics.registry.get_sample_value
    assert value("hazard_stage_ready", {"stage": "a"}) == 1.0
    assert value("hazard_stage_ready", {"stage": "b"}) is None


def reasoner(health: Health, reason: str = "", **figures: int) -> StageHealth:
    at = datetime.now(UTC)
    return StageHealth(stage="reasoner", health=health, reason=reason, at=at, figures={**figures})


@pytest.mark.parametrize(
    ("health", "reason", "shown"),
    [
        (Health.READY, "", None),
        (Health.STARTING, "loading smollm2", "loading smollm2"),
        (Health.DEGRADED, "weights missing", "weights missing"),
        (Health.OFFLINE, "not connected", "not connected"),
        (Health.UNKNOWN, "no report for 7 s", "no report of the reasoning process; defaults stand"),
    ],
)
def test_the_reasoners_state_is_one_of_five_and_says_why(
    health: Health, reason: str, shown: str | None
) -> None:
    metrics = Metrics()
    metrics.health([reasoner(Health.DEGRADED, "what was before")])
    metrics.health([reasoner(health, reason)])
    value = metrics.registry.get_sample_value
    states = {each: value("hazard_reasoner_state", {"state": each.value}) for each in Health}
    assert states == {each: float(each is health) for each in Health}
    told = [
        sample.labels["reason"]
        for metric in metrics.registry.collect()
        for sample in metric.samples
        if sample.name == "hazard_reasoner_reason"
    ]
    assert told == ([shown] if shown else [])


def test_a_reasoner_that_is_switched_off_has_no_state() -> None:
    metrics = Metrics()
    metrics.health([reasoner(Health.READY)])
    metrics.health([])
    assert metrics.registry.get_sample_value("hazard_reasoner_state", {"state": "ready"}) is None


def test_what_the_reasoner_has_done_is_counted_up_and_never_twice() -> None:
    metrics = Metrics()
    for decisions, coalesced in ((2, 0), (2, 0), (7, 5)):
        metrics.health([reasoner(Health.READY, decisions=decisions, late=1, coalesced=coalesced)])
    value = metrics.registry.get_sample_value
    assert value("hazard_reasoner_decisions_total") == 7.0
    assert value("hazard_reasoner_coalesced_total") == 5.0
    assert value("hazard_reasoner_late_total") == 1.0
    assert value("hazard_reasoner_failed_total") == 0.0
