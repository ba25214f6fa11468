"""What every contender writes: the first revision of an alarm, as the agent core makes it.

One real incident (a person in a restricted zone, words in two languages) goes through the
product's rules, policy and alarms once; the bench then gives it new ids as often as needed, so
that all contenders handle the same rows with the same bytes and none pays for making them.
"""

from __future__ import annotations

from datetime import datetime
from itertools import count
from typing import NamedTuple

from edge_agent.core.alerts import Alerts
from hazard.alarms import Alarm
from hazard.catalogue import catalogue
from hazard.rules import build_rules
from hazard.rules.engine import RuleEngine
from hazard.site.models import Site
from hazard.store.operations import Operation, SaveAssessment, SaveIncident, WriteRevision
from hazard.types import (
    AlertMessage,
    Assessment,
    Authority,
    CameraState,
    Incident,
    Observation,
    Track,
)

SITE, NODE, AREA, BROKER = "bench", "edge-1", "yard", "plant"


class FirstRevision(NamedTuple):
    """What revision 1 of an alert is made of."""

    incident: Incident
    message: AlertMessage
    alarm: Alarm
    assessment: Assessment
    text: str

    def operations(self) -> tuple[Operation, ...]:
        """As the core hands it to the store, in its order."""
        return (
            SaveIncident(incident=self.incident),
            WriteRevision(message=self.message, alarm=self.alarm, actor="agent", text=self.text),
            SaveAssessment(assessment=self.assessment),
        )


def bench_site(port: int) -> Site:
    """A site with one camera, one zone and one broker on this machine."""
    return Site.model_validate(
        {
            "site": {"id": SITE, "name": "Bench", "node": NODE, "languages": ["en", "de"]},
            "areas": {AREA: {"name": "Yard"}},
            "cameras": {
                "gate": {
                    "area": AREA,
                    "source": {"kind": "folder", "path": "."},
                    "zones": {"pit": {"polygon": [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0]]}},
                }
            },
            "rules": {
                "pit": {"kind": "restricted_zone", "camera": "gate", "zone": "pit", "dwell_s": 0}
            },
            "mqtt": {"brokers": {BROKER: {"host": "127.0.0.1", "port": port}}},
            "reasoning": {"enabled": False},
        }
    )


def first_revision(site: Site, at: datetime) -> FirstRevision:
    """Revision 1 of an alarm, made by the product's own rules and alarms at `at`."""
    numbers = count(1)
    written: list[Operation] = []
    alerts = Alerts(
        site,
        catalogue(),
        new_id=lambda: f"{next(numbers):024x}",
        commit=written.extend,
        climb=lambda _case: None,
        picture=lambda _case, _event: None,
        authority=lambda _hazard: Authority.ADVISE,
    )
    for event in RuleEngine(build_rules(site)).apply(_somebody(at)):
        alerts.found(event)
    incident = next(each.incident for each in written if isinstance(each, SaveIncident))
    write = next(each for each in written if isinstance(each, WriteRevision))
    assessment = next(each.assessment for each in written if isinstance(each, SaveAssessment))
    return FirstRevision(incident, write.message, write.alarm, assessment, write.text)


def _somebody(at: datetime) -> Observation:
    track = Track(
        track_id=1,
        label="person",
        confidence=0.9,
        xyxy=(10.0, 10.0, 30.0, 60.0),
        foot=(0.6, 0.3),
        zones=("pit",),
    )
    return Observation(
        camera_id="gate",
        area=AREA,
        sequence=1,
        captured_at=at,
        captured_monotonic_s=1.0,
        detected_at=at,
        detected_monotonic_s=1.0,
        width_px=640,
        height_px=480,
        camera_state=CameraState.OK,
        tracks=(track,),
    )


def numbered(first: FirstRevision, name: str, at: datetime) -> FirstRevision:
    """The same situation as an alarm of its own, called `name`, raised at `at`."""
    alert_id, incident_id = f"{name}-a", f"{name}-i"
    times = first.message.times.model_copy(update={"captured": at, "detected": at, "raised": at})
    return FirstRevision(
        first.incident.model_copy(update={"incident_id": incident_id, "opened_at": at}),
        first.message.model_copy(
            update={"alert_id": alert_id, "incident_id": incident_id, "times": times}
        ),
        first.alarm.model_copy(update={"alert_id": alert_id}),
        first.assessment.model_copy(
            update={"assessment_id": f"{name}-s", "incident_id": incident_id}
        ),
        first.text,
    )
