"""The health page: nodes, figures, and what is not known."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient

from dashboard.latencies import histograms
from hazard.types import Health, StageHealth
from tests.plant import Plant
from tests.unit.dashboard.test_pages import text_of

LATENCIES = {
    "raised_to_stored": {"at_most_s": [0.01, 0.1, 1.0], "counts": [3, 96, 0, 1], "sum_s": 9.5},
    "captured_to_detected": {"at_most_s": [0.01], "counts": [0, 0], "sum_s": 0.0},
}
GPU = {
    "name": "NVIDIA H200",
    "utilization_percent": 41.0,
    "memory_used_mib": 30720.0,
    "memory_total_mib": 143771.0,
    "temperature_c": 52.0,
}


def tell(plant: Plant, node: str, age_s: float = 0.0, **figures: dict[str, Any]) -> None:
    """The node's stages speak, all ready."""
    at = datetime.now(UTC) - timedelta(seconds=age_s)
    stages = [
        StageHealth(stage=name.replace("__", "/"), health=Health.READY, at=at, figures=values)
        for name, values in figures.items()
    ]
    plant.store.bulk.record_health(node, stages)


def test_latencies_are_shown_as_histograms_with_their_bounds(
    officer: TestClient, plant: Plant
) -> None:
    tell(plant, "edge-1", core={"latencies": LATENCIES})
    text = text_of(officer.get("/health").text)
    assert "Raised to stored 100 measured · half within 100 ms · 99 of 100 within 100 ms" in text
    assert "10 ms 3 100 ms 96 1 s 0 longer 1" in text
    assert "Captured to detected" not in text


@pytest.mark.parametrize(
    "told",
    [
        None,
        "fast",
        {"raised_to_stored": None},
        {"raised_to_stored": {"at_most_s": [1], "counts": [1]}},
        {"raised_to_stored": {"at_most_s": [1], "counts": [-1, 2]}},
    ],
)
def test_what_is_no_histogram_is_left_out(told: object) -> None:
    assert histograms(told) == []


@pytest.mark.parametrize(
    ("gpus", "said"),
    [
        ([], "None on this box: models run on the processor."),
        ([GPU], "Name NVIDIA H200 Busy 41 % Memory 30 of 140.4 GiB Temperature 52 °C"),
        ([{"error": "nvidia-smi: no driver"}], "It does not answer: nvidia-smi: no driver"),
        ("x", "Not known: the agent tells nothing of it."),
    ],
)
def test_the_gpu_is_told_or_said_not_to_be_there(
    officer: TestClient, plant: Plant, gpus: object, said: str
) -> None:
    tell(plant, "edge-1", core={"gpus": gpus})
    assert f"Graphics processor {said}" in text_of(officer.get("/health").text)


def test_the_models_certificate_outbox_disk_and_drops_are_shown(
    officer: TestClient, plant: Plant
) -> None:
    tell(
        plant,
        "edge-1",
        core={"dropped_readings": 7, "bad_messages": 0},
        store={"free_bytes": 12_300_000_000},
        reasoner={
            "backend": "mixtral",
            "certificate": "passed",
            "certified_at": "2026-11-02T10:00:00+00:00",
            "authority": {"fire": "decide", "crowding": "decide", "toxic_gas": "raise"},
            "decisions": 40,
            "late": 2,
            "agreement_with_policy": 0.825,
        },
        mqtt__plant={"outbox_depth": 12, "oldest_age_s": 65.0},
    )
    text = text_of(officer.get("/health").text)
    assert "Model mixtral Certificate passed, exam of 2 Nov 2026" in text
    assert "may decide: 2 kinds of hazard may raise: 1 kind of hazard" in text
    assert "Decided 40 Late 2" in text
    assert "Agrees with the policy 82.5 %" in text
    assert "plant 12 1 min 5 s" in text
    assert "12.3 GB free" in text
    assert "7: Readings that were not stored" in text


def test_figures_of_a_silent_agent_are_not_shown_as_if_they_held(
    officer: TestClient, plant: Plant
) -> None:
    tell(plant, "edge-1", 60, core={"gpus": [GPU]}, store={"free_bytes": 12_300_000_000})
    text = text_of(officer.get("/health").text)
    assert "NVIDIA" not in text
    assert "GB free" not in text
    assert "Not known: the store does not report." in text
    assert "Not known: the agent is silent." in text


def test_a_silent_node_among_others_is_unknown_and_named(officer: TestClient, plant: Plant) -> None:
    plant.report_health()
    tell(plant, "edge-2", 10_800, core={}, camera__gate={})
    text = text_of(officer.get("/").text)
    assert "AGENT SILENT" in text
    assert "edge-1 READY All 8 stages ready" in text
    assert "edge-2 UNKNOWN Silent for 3 h." in text
    assert "Compressor house No alarm Watched by 1 source, all ready" in text
    page = text_of(officer.get("/health").text)
    assert "Node edge-1" in page
    assert "camera gate UNKNOWN no report for 3 h; it last said ready" in page


def test_a_stage_that_is_not_ready_says_what_to_do_in_the_readers_language(
    officer: TestClient, plant: Plant
) -> None:
    plant.report_health(**{"camera_yard-2": (Health.DEGRADED, "dark: clean the lens")})
    page = text_of(officer.get("/health?lang=de").text)
    assert "EINGESCHRÄNKT dark: clean the lens Strom, Netz und Objektiv prüfen" in page


def test_how_long_what_is_kept_stands_there_and_in_the_api(
    officer: TestClient, plant: Plant
) -> None:
    text = plant.site_file.read_text(encoding="utf-8")
    days = "\nretention: {snapshot_days: 31, readings_days: 3}\nprivacy: {blur_people: false}\n"
    plant.site_file.write_text(text + days, encoding="utf-8")
    page = text_of(officer.get("/health", headers={"accept-language": "de"}).text)
    assert "Bilder von Vorfällen 31 Tage" in page
    assert "Messwerte 3 Tage" in page
    assert "Prüfprotokoll für immer" in page
    assert "gezeigt, wie sie sind" in page
    found = officer.get("/api/v1/health").json()
    assert {each["what"]: each["days"] for each in found["kept"]}["snapshot"] == 31
    assert found["people_covered"] is False
