"""The report of one demo run: what went in, what came out, what was lost."""

from __future__ import annotations

import platform
import statistics
from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from hazard.store.ledger import LedgerLine, gaps
from hazard.types import Cause, DecidedBy, Incident, StageHealth

BROKER = "plant"
PACKAGES = (
    "hazard-edge",
    "onnxruntime",
    "openvino",
    "opencv-python",
    "opencv-python-headless",
    "paho-mqtt",
    "iotcore",
    "xllamacpp",
    "pydantic",
    "sqlalchemy",
    "trackers",
    "fastapi",
)


def build_report(
    *,
    lines: list[LedgerLine],
    incidents: list[Incident],
    stages: list[StageHealth],
    received: set[tuple[str, int]],
    weights: list[dict[str, str]],
    footage: str,
) -> dict[str, Any]:
    """The report as plain data, as README describes it."""
    stored = {(line.message.alert_id, line.message.revision) for line in lines}
    mqtt_missing = len(stored - received)
    database_missing = len(received - stored) + gaps(lines)
    figures = {stage.stage: stage.figures for stage in stages}
    core = figures.get("core", {})
    return {
        "footage": footage,
        "frames": _frames(figures),
        "fps": {
            stage.split("/", 1)[1]: value.get("fps_mean", 0.0)
            for stage, value in figures.items()
            if stage.startswith("camera/")
        },
        "detections": figures.get("vision", {}).get("detections", {}),
        "readings": core.get("readings", {"received": 0, "good": 0, "bad": 0}),
        "events": _events(incidents),
        "alerts": _alerts(lines),
        "latency_ms": _latencies(lines),
        "mqtt": {
            "published": sum(1 for line in lines if line.published_at),
            "acked": sum(1 for line in lines if line.acked_at),
            "received_by_probe": len(received),
            "missing": mqtt_missing,
        },
        "database": {
            "alerts": len({line.message.alert_id for line in lines}),
            "revisions": len(lines),
            "missing": database_missing,
        },
        "reasoner": _reasoner(figures.get("reasoner", {})),
        "lost": mqtt_missing + database_missing,
        "versions": _versions(),
        "weights": weights,
    }


def _frames(figures: dict[str, dict[str, Any]]) -> dict[str, Any]:
    cameras = {
        stage.split("/", 1)[1]: {
            key: int(value.get(f"frames_{key}", 0)) for key in ("read", "processed", "dropped")
        }
        for stage, value in figures.items()
        if stage.startswith("camera/")
    }
    total = {
        key: sum(camera[key] for camera in cameras.values())
        for key in ("read", "processed", "dropped")
    }
    return {**total, "by_camera": cameras}


def _events(incidents: Iterable[Incident]) -> dict[str, int]:
    kinds = {event.event_id: event.hazard for incident in incidents for event in incident.events}
    return dict(sorted(Counter(kinds.values()).items()))


def _iso(value: datetime | None) -> str | None:
    return value.isoformat() if value else None


def _alerts(lines: list[LedgerLine]) -> list[dict[str, Any]]:
    by_alert: dict[str, list[LedgerLine]] = {}
    for line in lines:
        by_alert.setdefault(line.message.alert_id, []).append(line)
    alerts = []
    for alert_id, revisions in by_alert.items():
        first, last = revisions[0], revisions[-1].message
        times = first.message.times
        alerts.append(
            {
                "id": alert_id,
                "hazard": last.hazard,
                "hazards": sorted({event.hazard for event in last.events}),
                "sources": sorted({source for event in last.events for source in event.sources}),
                "area": last.area,
                "severity": last.severity.value,
                "decided_by": last.decided_by.value,
                "reason": last.reason,
                "revision": last.revision,
                "state": last.state.value,
                "times": {
                    "captured": _iso(times.captured),
                    "detected": _iso(times.detected),
                    "raised": _iso(times.raised),
                    "decided": _iso(last.times.decided),
                    "stored": _iso(times.stored),
                    "published": _iso(first.published_at),
                    "acked": _iso(first.acked_at),
                },
                "evidence": [item.evidence_id for item in last.evidence],
            }
        )
    return alerts


def _latencies(lines: list[LedgerLine]) -> dict[str, dict[str, float]]:
    stages: dict[str, list[float]] = {}

    def add(stage: str, start: datetime | None, end: datetime | None) -> None:
        if start and end:
            stages.setdefault(stage, []).append((end - start).total_seconds() * 1000)

    climbed: set[str] = set()
    for line in lines:
        times = line.message.times
        if line.message.revision == 1:
            add("captured_to_detected", times.captured, times.detected)
            add("detected_to_raised", times.detected, times.raised)
            add("raised_to_stored", times.raised, times.stored)
            add("captured_to_acked", times.captured, line.acked_at)
            add("detected_to_acked", times.detected, line.acked_at)
        if line.message.cause in (Cause.DECIDED, Cause.EVENT):
            first = line.message.alert_id not in climbed
            climbed.add(line.message.alert_id)
            if first and line.message.cause is Cause.DECIDED:
                add("raised_to_decided", times.raised, times.decided)
        add("stored_to_published", times.stored, line.published_at)
        add("published_to_acked", line.published_at, line.acked_at)
    return {stage: percentiles(values) for stage, values in stages.items()}


def percentiles(values: list[float]) -> dict[str, float]:
    """p50, p95, p99 and the number of values; a single value is all three."""
    padded = values * 2 if len(values) == 1 else values
    cuts = statistics.quantiles(padded, n=100, method="inclusive")
    return {
        "p50": round(cuts[49], 2),
        "p95": round(cuts[94], 2),
        "p99": round(cuts[98], 2),
        "n": len(values),
    }


def _reasoner(figures: dict[str, Any]) -> dict[str, Any]:
    return {
        "backend": figures.get("backend", ""),
        "authority": figures.get("authority", ""),
        "ready": bool(figures.get("ready", False)),
        "decisions": figures.get("decisions", 0),
        "late": figures.get("late", 0),
        "failed": figures.get("failed", 0),
        "agreement_with_policy": figures.get("agreement_with_policy"),
    }


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version(), "machine": platform.machine()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def alert_line(body: dict[str, Any]) -> str:
    """One line of the console for one revision that arrived."""
    times = body["times"]
    severity = body["severity"]
    who = {
        DecidedBy.POLICY.value: "policy",
        DecidedBy.MODEL.value: "model",
        DecidedBy.FALLBACK.value: "fallback",
    }[body["decided_by"]]
    at = datetime.fromisoformat(times["stored"] or times["raised"])
    name = body["hazard_name"].get("en", body["hazard"])
    kinds = {event["hazard"] for event in body["events"]}
    more = f" (+{len(kinds) - 1} kind)" if len(kinds) > 1 else ""
    return (
        f"{at:%H:%M:%S}Z  {severity.upper():8s}  {name}{more} · {body['area']} · "
        f"{body['state']} · revision {body['revision']} ({body['cause']}) by {who}"
    )


def is_whole(report: dict[str, Any]) -> str:
    """Why the run is not good, or an empty text: something lost, or nothing done."""
    if report["lost"]:
        return f"{report['lost']} revisions were lost"
    if not report["frames"]["processed"]:
        return "no frame was processed"
    if not report["alerts"]:
        return "no alert was raised"
    return ""
