"""The bench's arithmetic: ratios are paired by round, agreement is counted both ways."""

from __future__ import annotations

from typing import Any

from edge_agent.bench.agreement import agreement, iou
from edge_agent.bench.pipeline import ENTRANTS, RATIOS, summarise


def a_run(fps: float, cpu_ms: float) -> dict[str, Any]:
    return {"frames": 10, "wall_s": 1.0, "fps": fps, "cpu_ms_per_frame": cpu_ms, "boxes": []}


def test_ratios_are_medians_of_the_ratios_of_each_round() -> None:
    runs = {entrant.name: [a_run(10, 10), a_run(10, 10), a_run(10, 10)] for entrant in ENTRANTS}
    runs["ours"] = [a_run(20, 10), a_run(40, 10), a_run(30, 10)]
    runs["ultralytics_track"] = [a_run(10, 10), a_run(40, 10), a_run(10, 10)]
    report = summarise(runs)
    assert report["ratios"]["fps_vs_ultralytics_track"] == 2.0
    assert set(report["ratios"]) == set(RATIOS)
    assert all(isinstance(value, float) for value in report["ratios"].values())


def test_the_report_names_machine_versions_and_every_run() -> None:
    report = summarise({entrant.name: [a_run(10, 10)] for entrant in ENTRANTS})
    assert report["machine"]["cores"]
    assert report["versions"]["python"]
    assert set(report["runs"]) == {entrant.name for entrant in ENTRANTS}
    assert "boxes" not in report["runs"]["ours"][0]


def test_a_person_that_only_one_saw_lowers_the_agreement() -> None:
    box = [0, 0.9, 0.0, 0.0, 10.0, 20.0]
    other = [0, 0.9, 50.0, 0.0, 60.0, 20.0]
    assert agreement([[0, [box]]], [[0, [box]]], 0.4)["share"] == 1.0
    assert agreement([[0, [box]]], [[0, [box, other]]], 0.4)["share"] == 0.6667
    assert agreement([[0, [box]]], [[0, []]], 0.4)["share"] == 0.0


def test_boxes_near_the_threshold_may_fall_on_either_side() -> None:
    faint = [0, 0.42, 0.0, 0.0, 10.0, 20.0]
    assert agreement([[0, [faint]]], [[0, []]], 0.4)["boxes"] == 0


def test_overlap_of_boxes() -> None:
    assert iou((0, 0, 10, 10), (0, 0, 10, 10)) == 1.0
    assert iou((0, 0, 10, 10), (20, 20, 30, 30)) == 0.0
