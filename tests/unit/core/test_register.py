"""The register of suppression orders: by the clock, by machines, and over restarts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import pytest

from edge_agent.core.cases import Case
from edge_agent.core.suppression import Register
from edge_agent.core.zones import zones_of_event
from hazard.alarms import raise_alarm
from hazard.catalogue import catalogue
from hazard.site.models import Site
from hazard.store.operations import Operation, SaveOrder, WriteAudit
from hazard.triage.ladder import at_once
from hazard.triage.policy import assess
from hazard.types import (
    Authority,
    Incident,
    Quality,
    Reading,
    Role,
    SuppressionCause,
    SuppressionOrder,
    Times,
)
from tests.incidents import START, an_event, an_incident

KIND = "person_in_restricted_zone"
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def after(hours: float) -> datetime:
    return START + timedelta(hours=hours)


def a_site(**alarms: Any) -> Site:
    return Site.model_validate(
        {
            "site": {"id": "plant", "name": "Plant"},
            "areas": {"tank-farm": {"name": "Tank farm"}},
            "cameras": {
                "gate-1": {
                    "area": "tank-farm",
                    "source": {"kind": "folder", "path": "."},
                    "zones": {"pit": {"polygon": [[0, 0], [1, 0], [1, 1]]}},
                }
            },
            "sensors": {
                "press": {
                    "area": "tank-farm",
                    "quantity": "stopped",
                    "unit": "bool",
                    "source": {"kind": "mqtt", "broker": "plant", "topic": "press"},
                }
            },
            "rules": {
                "rule-1": {"kind": "restricted_zone", "camera": "gate-1", "zone": "pit"},
                "crowd": {"kind": "crowding", "camera": "gate-1", "people": 3},
            },
            "mqtt": {"embedded": True},
            "alarms": alarms,
        }
    )


def machine(**changes: Any) -> dict[str, Any]:
    state = {
        "hazards": [KIND],
        "area": "tank-farm",
        "sensor": "press",
        "reason": "the press stands",
        "longest_h": 8,
        "stale_after_s": 30,
    }
    return {"machine_states": {"press-off": {**state, **changes}}}


def says(value: float, at: datetime, quality: Quality = Quality.GOOD) -> Reading:
    return Reading(
        sensor_id="press",
        area="tank-farm",
        quantity="stopped",
        value=value,
        unit="bool",
        quality=quality,
        measured_at=at,
        received_at=at,
        received_monotonic_s=0.0,
    )


class Desk:
    """A register, and what it has written."""

    def __init__(self, site: Site, stored: tuple[SuppressionOrder, ...] = ()) -> None:
        numbers = count(1)
        self.written: list[Operation] = []
        self.site = site
        self.register = Register(
            site,
            catalogue(),
            commit=self.written.extend,
            new_id=lambda: f"order-{next(numbers)}",
        )
        self.stored = stored

    def restarted(self, at: datetime) -> Desk:
        """Another register after a restart, with what was stored."""
        stored = {order.order_id: order for order in self.stored}
        stored |= {o.order.order_id: o.order for o in self.written if isinstance(o, SaveOrder)}
        again = Desk(self.site, tuple(o for o in stored.values() if o.ended_at is None))
        again.register.restore(again.stored, at)
        return again

    def quiet(self, at: datetime, incident: Incident | None = None) -> set[SuppressionCause]:
        """By what an incident is suppressed at that time."""
        self.register.tick(at)
        return {note.cause for note in self.register.notes_for(a_case(incident), at)}

    def record(self, verb: str) -> list[WriteAudit]:
        return [o for o in self.written if isinstance(o, WriteAudit) and o.verb == verb]


def a_case(incident: Incident | None = None) -> Case:
    incident = incident or an_incident()
    verdict = assess(incident, a_site().policy, catalogue())
    return Case(
        incident=incident,
        verdict=verdict,
        assessment=at_once("i", verdict, Authority.ADVISE, START, incident=incident),
        alarm=raise_alarm("a", verdict.default, (KIND,), START),
        times=Times(captured=START, detected=START, raised=START),
    )


def an_order(**changes: Any) -> SuppressionOrder:
    values: dict[str, Any] = {
        "order_id": "o1",
        "cause": SuppressionCause.HOT_WORK,
        "hazard": KIND,
        "area": "tank-farm",
        "starts_at": START,
        "ends_at": after(2),
        "granted_by": "ada",
        "role": Role.SAFETY_OFFICER,
        "reason": "welding",
    }
    return SuppressionOrder(**(values | changes))


def test_a_maintenance_window_begins_and_ends_by_the_plants_clock_and_is_recorded() -> None:
    hour = f"{START.hour:02d}"
    window = {
        "hazards": [KIND],
        "area": "tank-farm",
        "reason": "cleaning",
        "times": [{"start": f"{hour}:00", "end": f"{START.hour + 1:02d}:00"}],
    }
    desk = Desk(a_site(maintenance={"cleaning": window}))
    assert desk.quiet(START) == {SuppressionCause.MAINTENANCE}
    assert desk.quiet(after(0.1)) == {SuppressionCause.MAINTENANCE}
    assert len(desk.record("suppression.begun")) == 1
    assert desk.quiet(after(1)) == set()
    assert len(desk.record("suppression.ended")) == 1
    assert desk.quiet(after(24)) == {SuppressionCause.MAINTENANCE}


def test_a_changed_site_file_ends_the_windows_that_it_no_longer_has() -> None:
    desk = Desk(a_site(**machine()))
    desk.register.read(says(1, START))
    assert desk.quiet(START)
    desk.register.reconfigure(a_site(), after(0.001))
    assert desk.quiet(after(0.001)) == set()
    (ended,) = desk.record("suppression.ended")
    assert ended.actor == "site file"


@pytest.mark.parametrize(
    "word",
    [
        lambda at: says(0, at),
        lambda at: says(1, at, Quality.UNCERTAIN),
        lambda at: says(1, at, Quality.BAD),
        lambda at: says(7, at),
        lambda at: says(1, at - timedelta(seconds=31)),
    ],
)
def test_only_a_good_and_fresh_word_of_the_machine_suppresses(
    word: Callable[[datetime], Reading],
) -> None:
    desk = Desk(a_site(**machine()))
    desk.register.read(says(1, START))
    assert desk.quiet(START) == {SuppressionCause.MACHINE_STATE}
    desk.register.read(word(START + timedelta(seconds=1)))
    assert desk.quiet(START + timedelta(seconds=1)) == set()


def test_a_machine_that_has_said_nothing_since_a_restart_suppresses_nothing() -> None:
    desk = Desk(a_site(**machine()))
    desk.register.read(says(1, START))
    assert desk.quiet(START)
    again = desk.restarted(START + timedelta(seconds=5))
    assert again.quiet(START + timedelta(seconds=5)) == set()
    again.register.read(says(1, START + timedelta(seconds=6)))
    assert again.quiet(START + timedelta(seconds=6)) == {SuppressionCause.MACHINE_STATE}


def test_the_longest_time_of_a_machines_state_is_not_begun_anew_by_a_restart() -> None:
    desk = Desk(a_site(**machine()))
    desk.register.read(says(1, START))
    assert desk.quiet(START)
    for hours in (4.0, 7.9, 8.1, 12.0):
        desk = desk.restarted(after(hours))
        desk.register.read(says(1, after(hours)))
        assert bool(desk.quiet(after(hours))) == (hours < 8), hours
    desk.register.read(says(0, after(12.1)))
    assert desk.quiet(after(12.1)) == set()
    desk.register.read(says(1, after(12.2)))
    assert desk.quiet(after(12.2)) == {SuppressionCause.MACHINE_STATE}, "the state changed"


@pytest.mark.parametrize("value", [1, None])
def test_words_that_cannot_be_relied_on_begin_no_new_time(value: float | None) -> None:
    desk = Desk(a_site(**machine()))
    for hours in (0.0, 3.0, 6.0, 9.0):
        bad = says(0, after(hours), Quality.BAD).model_copy(update={"value": value})
        desk.register.read(bad)
        assert desk.quiet(after(hours)) == set()
        desk.register.read(says(1, after(hours)))
        assert bool(desk.quiet(after(hours))) == (hours < 8), hours


def test_the_end_of_a_machines_time_is_recorded_once() -> None:
    desk = Desk(a_site(**machine()))
    desk.register.read(says(1, START))
    assert desk.quiet(START)
    for hours in (8.1, 8.2, 9.0):
        desk.register.read(says(1, after(hours)))
        assert desk.quiet(after(hours)) == set()
    (ended,) = desk.record("suppression.ended")
    assert ended.actor == "its time"


def test_permits_outlive_a_restart_and_those_that_ran_out_meanwhile_are_ended_on_record() -> None:
    desk = Desk(a_site())
    stored = (an_order(), an_order(order_id="o2", ends_at=after(1)))
    desk.register.restore(stored, after(1.5))
    assert desk.quiet(after(1.5)) == {SuppressionCause.HOT_WORK}
    (ended,) = [o.order for o in desk.written if isinstance(o, SaveOrder)]
    assert (ended.order_id, ended.ended_at, ended.ended_by) == ("o2", after(1), "its time")
    assert desk.quiet(after(2)) == set()


def test_an_order_for_a_zone_covers_only_what_its_rule_has_found_there() -> None:
    desk = Desk(a_site())
    desk.register.restore((an_order(zone="pit"), an_order(order_id="c", hazard="crowding")), START)
    assert desk.quiet(START) == {SuppressionCause.HOT_WORK}
    elsewhere = an_incident(an_event(rule_id="crowd"))
    assert desk.quiet(START, elsewhere) == set()
    both = an_incident(an_event(), an_event("crowding", rule_id="crowd"))
    assert desk.quiet(START, both) == {SuppressionCause.HOT_WORK}
    assert zones_of_event(desk.site, an_event(rule_id="gone")) == frozenset()
