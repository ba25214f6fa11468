"""Each process of the demo is killed in the middle of it, and nothing is lost."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.plant import RunningDemo, is_alert
from tests.programs import require_weights

FIVE_KINDS = 5
CAMERAS = {"yard-1", "gate-2"}
SENSORS = {"h2s-1", "motor-1"}


@pytest.mark.weights
@pytest.mark.timeout(600)
def test_killing_core_vision_reasoner_and_broker_loses_no_alert(tmp_path: Path) -> None:
    for entry in ("nanodet", "smollm2", "vtest"):
        require_weights(entry)
    report_file = tmp_path / "report.json"
    with RunningDemo(tmp_path / "demo", "--once", "--json", str(report_file)) as demo:
        for name in ("broker", "vision", "core", "reasoner", "broker", "core"):
            demo.wait_line(is_alert)
            demo.wait_restarted(name, demo.kill(name))
        restarts = {name: each["restarts"] for name, each in demo.processes().items()}
        code = demo.finish()
        said = demo.text()
    report: dict[str, Any] = json.loads(report_file.read_text())
    assert report["lost"] == 0, said
    assert code == 0, said
    assert restarts["broker"] >= 2
    assert restarts["core"] >= 2
    assert len(report["events"]) >= FIVE_KINDS, report["events"]
    assert report["mqtt"]["received_by_probe"] == report["database"]["revisions"]
    assert any(alert["severity"] == "critical" for alert in report["alerts"])
    joined = [set(alert["sources"]) for alert in report["alerts"]]
    assert any(each & CAMERAS and each & SENSORS for each in joined), joined
