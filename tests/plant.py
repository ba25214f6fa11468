"""A small plant for tests of the dashboard: its site file, its store, its stages.

`Plant` writes what the agent core writes, through the same store and the same alarm machines, so
that pages are tested on rows as they are in production. It detects nothing.
"""

from __future__ import annotations

import hashlib
import math
import threading
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal, Self

from edge_agent.core.dispatch import CASE_VERBS
from hazard.alarms import (
    Alarm,
    Attention,
    on_action,
    on_case,
    on_condition,
    on_note,
    raise_alarm,
)
from hazard.catalogue import catalogue
from hazard.errors import Conflict, IllegalTransition
from hazard.store import Store
from hazard.store.writer import StoreUnavailable
from hazard.types import (
    ActionRequest,
    AlertMessage,
    Authority,
    Box,
    Cause,
    Condition,
    DecidedBy,
    Evidence,
    HazardEvent,
    Health,
    Incident,
    IsaState,
    Measured,
    Opinion,
    ProcessCondition,
    Quality,
    Reading,
    RequestState,
    Severity,
    StageHealth,
    Times,
    Track,
    Verb,
    Words,
)

SITE_YAML = """\
version: 1
site: {id: demo, name: Demo plant, node: edge-1, timezone: Europe/Berlin, languages: [en, de]}
areas:
  yard: {name: Loading yard}
  compressor: {name: Compressor house}
  tank-farm: {name: Tank farm}
cameras:
  yard-1:
    area: yard
    source: {kind: folder, path: .}
    zones:
      taped-off: {polygon: [[0.02, 0.62], [0.24, 0.50], [0.36, 0.72], [0.06, 0.97]]}
    lines:
      gangway: {points: [[0.5, 0.9], [0.5, 0.4]]}
  yard-2: {area: yard, source: {kind: folder, path: .}}
sensors:
  h2s-1:
    area: compressor
    quantity: h2s
    unit: ppm
    source: {kind: mqtt, topic: plant/h2s}
rules:
  h2s-high:
    kind: threshold
    hazard: toxic_gas
    sensor: h2s-1
    levels: [{name: alarm, at: 10}, {name: high, at: 50}, {name: idlh, at: 100}]
  gangway: {kind: line, camera: yard-1, line: gangway, direction: right}
mqtt: {embedded: true}
dashboard: {port: 0}
"""
READY = ("core", "vision", "reasoner", "store", "mqtt/plant")


class Plant:
    """Writes alarms, health and readings as the agent core does."""

    def __init__(self, folder: Path) -> None:
        self.data_dir, self.run_dir = folder / "data", folder / "run"
        self.evidence_dir, self.previews = self.data_dir / "evidence", self.run_dir / "previews"
        for path in (self.evidence_dir, self.previews):
            path.mkdir(parents=True)
        self.site_file = folder / "site.yaml"
        self.site_file.write_text(SITE_YAML, encoding="utf-8")
        self.store = Store.open(self.data_dir / "hazard.db", commit_timeout_ms=5000)
        self._alarms: dict[str, tuple[Alarm, AlertMessage]] = {}
        self._number = 0
        self._guard = threading.RLock()

    def close(self) -> None:
        self.store.close()

    # ------------------------------------------------------------ alarms

    def raise_alert(
        self,
        *,
        hazard: str = "toxic_gas",
        area: str = "compressor",
        severity: Severity = Severity.HIGH,
        age_s: float = 0.0,
        measured: Sequence[Measured] = (),
        boxes: Sequence[Track] = (),
        sources: Sequence[str] = ("h2s-1",),
        level: str = "high",
        rule_id: str = "rule-1",
        **changes: Any,
    ) -> str:
        """Store revision 1 of a new alert; gives its id."""
        self._number += 1
        at = datetime.now(UTC) - timedelta(seconds=age_s)
        event = HazardEvent(
            event_id=f"event-{self._number}",
            rule_id=rule_id,
            hazard=hazard,
            area=area,
            subject="subject",
            condition=Condition.ACTIVE,
            started_at=at,
            updated_at=at,
            updated_monotonic_s=1.0,
            confidence=0.9,
            measured=tuple(measured),
            level=level,
            sources=tuple(sources),
            captured_at=at,
            detected_at=at,
            detected_monotonic_s=1.0,
            boxes=tuple(boxes),
        )
        incident = Incident(
            incident_id=f"incident-{self._number}",
            area=area,
            opened_at=at,
            updated_at=at,
            hazard=hazard,
            events=(event,),
        )
        kind = catalogue()[hazard]
        alarm = raise_alarm(f"alert-{self._number}", severity, (hazard,), at)
        values: dict[str, Any] = {
            "incident_id": incident.incident_id,
            "sequence": 1,
            "cause": Cause.RAISED,
            "site": "demo",
            "node": "edge-1",
            "area": area,
            "hazard": hazard,
            "hazard_name": dict(kind.name),
            "floor": min(kind.floor, severity, key=lambda item: item.rank),
            "default": severity,
            "decided_by": DecidedBy.POLICY,
            "authority": Authority.ADVISE,
            "reason": "the policy's default stands until the model answers",
            "policy_why": f"catalogue: {hazard} at level {level}",
            "events": (event,),
            "times": Times(captured=at, detected=at, raised=at),
        }
        message = AlertMessage(**(values | alarm.message_fields() | changes))
        with self._guard, self.store.unit() as unit:
            unit.save_incident(incident)
            unit.write_revision(message, alarm, text="raised")
            self._alarms[alarm.alert_id] = (alarm, message)
            unit.commit()
        return alarm.alert_id

    def revise(self, alert_id: str, cause: Cause, text: str = "", **changes: Any) -> None:
        """Store the next revision with some fields of the message changed."""
        with self._guard:
            alarm, _ = self._alarms[alert_id]
            noted = on_note(alarm, cause, datetime.now(UTC), text)
            self._write(noted.alarm, cause, text, **changes)

    def return_to_normal(self, alert_id: str) -> None:
        """The hazard is gone, by good evidence."""
        alarm, _ = self._alarms[alert_id]
        result = on_condition(alarm, ProcessCondition.NORMAL, datetime.now(UTC))
        self._write(result.alarm, result.cause, result.text)

    @property
    def alarms(self) -> tuple[str, ...]:
        """The alerts that are not back to normal."""
        with self._guard:
            return tuple(
                alert_id
                for alert_id, (_, message) in self._alarms.items()
                if message.state is not IsaState.NORMAL
            )

    def end(self, alert_id: str) -> None:
        """Whatever it was: gone, acknowledged, and back to normal."""
        with self._guard:
            alarm, _ = self._alarms[alert_id]
            now = datetime.now(UTC)
            if alarm.condition is not ProcessCondition.NORMAL:
                alarm = on_condition(alarm, ProcessCondition.NORMAL, now).alarm
            values = {name: getattr(alarm, name) for name in Alarm.model_fields}
            number = self._alarms[alert_id][0].revision + 1
            values |= {"attention": Attention.ACKNOWLEDGED, "revision": number}
            self._write(Alarm(**values), Cause.CONDITION, "over")

    def acknowledge(self, alert_id: str, actor: str = "Ada") -> None:
        """A person acknowledges it, at the revision that stands."""
        with self._guard:
            alarm, _ = self._alarms[alert_id]
            request = ActionRequest(
                request_id=f"ack-{alert_id}-{alarm.revision}",
                alert_id=alert_id,
                verb=Verb.ACKNOWLEDGE,
                actor=actor,
                expected_revision=alarm.revision,
                requested_at=datetime.now(UTC),
            )
            done = on_action(alarm, request, request.requested_at)
            self._write(done.alarm, done.cause, done.text, actor=actor)

    def lift(self, alert_id: str, severity: Severity) -> None:
        """A higher severity: the acknowledgement has to be given again."""
        with self._guard:
            alarm, _ = self._alarms[alert_id]
            values = {name: getattr(alarm, name) for name in Alarm.model_fields}
            number = alarm.revision + 1
            values |= {"severity": severity, "highest_severity": severity, "revision": number}
            values |= {"changed_revision": number}
            self._write(Alarm(**values), Cause.DECIDED, f"severity {severity.value}")

    def _write(self, alarm: Alarm, cause: Cause, text: str, **changes: Any) -> None:
        actor = changes.pop("actor", "agent")
        finish = changes.pop("finish", None)
        _, before = self._alarms[alarm.alert_id]
        values = {name: getattr(before, name) for name in AlertMessage.model_fields}
        message = AlertMessage(**(values | alarm.message_fields() | {"cause": cause} | changes))
        with self.store.unit() as unit:
            unit.write_revision(message, alarm, actor=actor, text=text)
            if finish is not None:
                values = {"alert_id": alarm.alert_id, "revision": alarm.revision}
                unit.finish_request(finish, RequestState.DONE, text, datetime.now(UTC), values)
            unit.commit()
        self._alarms[alarm.alert_id] = (alarm, message)

    def add_words(self, alert_id: str) -> None:
        """Summary and actions from the catalogue's texts."""
        _, message = self._alarms[alert_id]
        kind = catalogue()[message.hazard]
        languages = ("en", "fr", "de", "es", "it")
        words = Words(
            summary={code: kind.description[code] for code in languages},
            actions={code: tuple(a.text[code] for a in kind.actions) for code in languages},
            source="template",
            note="the model's text named a value that is not in the evidence",
        )
        self.revise(alert_id, Cause.WORDS, words=words)

    def add_opinion(self, alert_id: str, severity: Severity = Severity.HIGH) -> None:
        """The model's answer, which may only advise."""
        shares = dict.fromkeys(Severity, 0.07) | {severity: 0.72}
        opinion = Opinion(
            backend="smollm2",
            severity=severity,
            probabilities=shares,
            conformal_set=(Severity.MEDIUM, severity),
            entropy_bits=1.42,
            answered_in_ms=412.0,
        )
        self.revise(
            alert_id,
            Cause.DECIDED,
            opinion=opinion,
            decided_by=DecidedBy.FALLBACK,
            reason="the model may only advise: the policy's default stands",
        )

    def add_snapshot(
        self,
        alert_id: str,
        jpeg: bytes,
        boxes: Sequence[Track] = (),
        people: Sequence[Box] | None = None,
    ) -> str:
        """A picture on disk and in the store; gives its id."""
        return self._add_evidence(alert_id, jpeg, "snapshot", boxes, people)

    def add_clip(self, alert_id: str, mp4: bytes) -> str:
        """A clip on disk and in the store; gives its id."""
        return self._add_evidence(alert_id, mp4, "clip", (), None)

    def _add_evidence(
        self,
        alert_id: str,
        data: bytes,
        kind: Literal["snapshot", "clip"],
        boxes: Sequence[Track],
        people: Sequence[Box] | None,
    ) -> str:
        sha256 = hashlib.sha256(data).hexdigest()
        folder = self.evidence_dir / sha256[:2]
        folder.mkdir(exist_ok=True)
        ending, media_type = {"snapshot": ("jpg", "image/jpeg"), "clip": ("mp4", "video/mp4")}[kind]
        (folder / f"{sha256}.{ending}").write_bytes(data)
        _, message = self._alarms[alert_id]
        evidence = Evidence(
            evidence_id=sha256,
            kind=kind,
            media_type=media_type,
            size_bytes=len(data),
            source="yard-1",
            captured_at=datetime.now(UTC),
            width_px=768,
            height_px=576,
            boxes=tuple(boxes),
            people=None if people is None else tuple(people),
        )
        with self.store.unit() as unit:
            unit.save_evidence(message.incident_id, evidence)
            unit.commit()
        self.revise(alert_id, Cause.EVIDENCE, evidence=(*message.evidence, evidence))
        return sha256

    def carry_out(self) -> int:
        """Do what the core does with requests that wait; gives their number."""
        with self._guard:
            return self._carry_out()

    def _alarm_of(self, request: ActionRequest) -> Alarm:
        if request.alert_id not in self._alarms:
            raise IllegalTransition(f"{request.verb} is not done by these hands")
        return self._alarms[request.alert_id][0]

    def _carry_out(self) -> int:
        requests = self.store.pending_requests()
        for request in requests:
            now = datetime.now(UTC)
            try:
                ask = on_case if request.verb in CASE_VERBS else on_action
                done = ask(self._alarm_of(request), request, now)
            except (Conflict, IllegalTransition) as error:
                conflict = isinstance(error, Conflict)
                state = RequestState.CONFLICT if conflict else RequestState.REFUSED
                with self.store.unit() as unit:
                    unit.finish_request(request.request_id, state, str(error), now)
                    unit.commit()
                continue
            changes: dict[str, Any] = {"actor": request.actor, "finish": request.request_id}
            self._write(done.alarm, done.cause, done.text, **changes)
        return len(requests)

    # ------------------------------------------------------------ health and readings

    def report_health(self, age_s: float = 0.0, **health: tuple[Health, str]) -> None:
        """Every stage speaks; ready unless named, with `_` for `/`, e.g. `camera_yard-2`."""
        at = datetime.now(UTC) - timedelta(seconds=age_s)
        names = [*READY, "camera/yard-1", "camera/yard-2", "sensor/h2s-1"]
        stages = []
        for name in names:
            state, reason = health.get(name.replace("/", "_"), (Health.READY, ""))
            figures: dict[str, Any] = {}
            if name.startswith("camera/"):
                word = "ok" if state is Health.READY else reason.split()[0]
                figures = {"fps": 9.8, "state": word, "restarts": 0}
            if name.startswith("sensor/"):
                figures = {"value": 131.04, "unit": "ppm", "quality": "good", "age_s": 0.2}
            stages.append(
                StageHealth(stage=name, health=state, reason=reason, at=at, figures=figures)
            )
        self.store.bulk.record_health("edge-1", stages)

    def leak(self, seconds: int = 120, peak_ppm: float = 116.0) -> None:
        """Readings of a gas leak over the last `seconds`, one a second."""
        now = datetime.now(UTC)
        readings = []
        for second in range(seconds):
            share = second / seconds
            value = 1.2 + peak_ppm / (1 + math.exp(-14 * (share - 0.55)))
            at = now - timedelta(seconds=seconds - second)
            readings.append(
                Reading(
                    sensor_id="h2s-1",
                    area="compressor",
                    quantity="h2s",
                    value=round(value + 0.6 * math.sin(second), 2),
                    unit="ppm",
                    quality=Quality.GOOD,
                    measured_at=at,
                    received_at=at,
                    received_monotonic_s=float(second),
                )
            )
        self.store.bulk.record_readings(readings)


class Heartbeat:
    """A stand-in for the agent core: reports health and carries out requests until stopped."""

    def __init__(self, plant: Plant, *, answers: bool = True) -> None:
        self.plant = plant
        self.answers = answers
        self.health: dict[str, tuple[Health, str]] = {}
        self.failed: Exception | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self.plant.report_health()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """The core falls silent."""
        self._stop.set()
        self._thread.join(5)

    def _run(self) -> None:
        beats = 0
        try:
            while not self._stop.wait(0.1):
                beats += 1
                with suppress(StoreUnavailable):  # a busy database: like the core, ask again
                    if beats % 10 == 0:
                        self.plant.report_health(**self.health)
                    if self.answers:
                        self.plant.carry_out()
        except Exception as error:  # noqa: BLE001 - the test that uses it looks at it
            self.failed = error
