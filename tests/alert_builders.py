"""Alerts, incidents and stores for tests of alarms, store and publisher."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from hazard.alarms import Alarm, raise_alarm
from hazard.store import OutboxMessage, Store
from hazard.types import (
    ActionRequest,
    AlertMessage,
    Authority,
    Cause,
    Condition,
    DecidedBy,
    Evidence,
    HazardEvent,
    Incident,
    Severity,
    Times,
    Verb,
)

T0 = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


def later(seconds: float) -> datetime:
    """T0 and some seconds."""
    return T0 + timedelta(seconds=seconds)


def wait_until(true: Callable[[], bool], *, seconds: float = 15.0, what: str = "") -> None:
    """Poll until it is true, or fail with what was waited for."""
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while not true():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds} s in vain for {what or true}")
        pause.wait(0.01)


def an_event(incident: str = "i1", **changes: Any) -> HazardEvent:
    values: dict[str, Any] = {
        "event_id": f"event-{incident}",
        "rule_id": "taped-off",
        "hazard": "zone-intrusion",
        "area": "yard",
        "subject": "track 7 in corner",
        "condition": Condition.ACTIVE,
        "started_at": T0,
        "updated_at": T0,
        "updated_monotonic_s": 1.0,
        "confidence": 0.9,
        "captured_at": T0,
        "detected_at": T0,
        "detected_monotonic_s": 1.0,
    }
    return HazardEvent(**(values | changes))


def an_incident(incident_id: str = "i1", **changes: Any) -> Incident:
    values: dict[str, Any] = {
        "incident_id": incident_id,
        "area": "yard",
        "opened_at": T0,
        "updated_at": T0,
        "hazard": "zone-intrusion",
        "events": (an_event(incident_id),),
    }
    return Incident(**(values | changes))


def an_alarm(
    alert_id: str = "a1",
    severity: Severity = Severity.HIGH,
    kinds: Sequence[str] = ("zone-intrusion",),
) -> Alarm:
    return raise_alarm(alert_id, severity, kinds, T0)


def a_message(alarm: Alarm, *, incident: str = "i1", **changes: Any) -> AlertMessage:
    values: dict[str, Any] = {
        "incident_id": incident,
        "sequence": 1,
        "cause": Cause.RAISED,
        "site": "plant-a",
        "node": "edge-1",
        "area": "yard",
        "hazard": "zone-intrusion",
        "hazard_name": {"en": "Person in restricted zone"},
        "floor": Severity.LOW,
        "default": alarm.severity,
        "decided_by": DecidedBy.POLICY,
        "authority": Authority.ADVISE,
        "reason": "policy default",
        "policy_why": "zone-intrusion: default",
        "events": (an_event(incident),),
        "times": Times(captured=T0, detected=T0, raised=T0),
    }
    return AlertMessage(**(values | alarm.message_fields() | changes))


def a_request(
    verb: Verb = Verb.ACKNOWLEDGE, *, revision: int = 1, request_id: str = "r1", **changes: Any
) -> ActionRequest:
    values: dict[str, Any] = {
        "request_id": request_id,
        "alert_id": "a1",
        "verb": verb,
        "actor": "ada",
        "expected_revision": revision,
        "requested_at": T0,
    }
    return ActionRequest(**(values | changes))


def an_evidence(number: int = 1, *, size_bytes: int = 1000, **changes: Any) -> Evidence:
    values: dict[str, Any] = {
        "evidence_id": f"{number:064x}",
        "kind": "snapshot",
        "media_type": "image/jpeg",
        "size_bytes": size_bytes,
        "source": "gate-1",
        "captured_at": T0,
        "width_px": 768,
        "height_px": 576,
    }
    return Evidence(**(values | changes))


def plain_render(message: AlertMessage, _body: str) -> list[OutboxMessage]:
    """One outbox message per revision, with a body as small as can be."""
    body = json.dumps({"alert_id": message.alert_id, "revision": message.revision})
    return [OutboxMessage(topic=f"t/{message.alert_id}", body=body)]


def write_alert(
    store: Store, number: int = 1, *, severity: Severity = Severity.HIGH, **changes: Any
) -> AlertMessage:
    """Raise alert `aN` for incident `iN` and store it as revision 1."""
    incident = f"i{number}"
    alarm = an_alarm(f"a{number}", severity)
    with store.unit() as unit:
        unit.save_incident(an_incident(incident))
        unit.write_revision(a_message(alarm, incident=incident, **changes), alarm)
        return unit.commit().messages[0]
