from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from hazard.catalogue import catalogue
from hazard.incidents import MAX_EVENTS, MAX_OPEN, ChangeKind, IncidentBook
from hazard.types import Condition, HazardEvent

START = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


def an_event(second: float = 0.0, **changes: Any) -> HazardEvent:
    at = START + timedelta(seconds=second)
    hazard = changes.pop("hazard", "toxic_gas")
    subject = changes.pop("subject", "h2s-1")
    base: dict[str, Any] = {
        "event_id": f"{hazard}-{subject}",
        "rule_id": f"rule-{hazard.replace('_', '-')}",
        "hazard": hazard,
        "area": "yard",
        "subject": subject,
        "condition": Condition.ACTIVE,
        "started_at": at,
        "updated_at": at,
        "updated_monotonic_s": second,
        "confidence": 1.0,
        "sources": (subject.split("/")[0],),
        "captured_at": at,
        "detected_at": at,
        "detected_monotonic_s": second,
    }
    return HazardEvent.model_validate({**base, **changes})


def names() -> Callable[[], str]:
    numbers = count(1)
    return lambda: f"incident-{next(numbers)}"


def a_book(*events: HazardEvent, window_s: float = 30.0) -> tuple[IncidentBook, Callable[[], str]]:
    book, new_id = IncidentBook(catalogue(), window_s), names()
    for event in events:
        book.apply(event, new_id)
    return book, new_id


def test_gas_and_people_in_the_same_area_are_one_incident() -> None:
    book, new_id = a_book(an_event())
    change = book.apply(an_event(5, hazard="toxic_gas_exposure", sources=("h2s-1", "gate")), new_id)
    assert (change.kind, change.new_kind_of_evidence) == (ChangeKind.UPDATED, True)
    assert change.asks_for_picture
    assert [e.hazard for e in change.incident.events] == ["toxic_gas", "toxic_gas_exposure"]
    assert change.incident.hazard == "toxic_gas_exposure"


def test_a_relation_counts_from_either_side() -> None:
    book, new_id = a_book(an_event(hazard="person_in_restricted_zone", subject="gate/pit/track-1"))
    assert book.apply(an_event(1), new_id).kind is ChangeKind.UPDATED


def test_other_areas_and_unrelated_kinds_are_incidents_of_their_own() -> None:
    book, new_id = a_book(an_event())
    there = an_event(1, hazard="toxic_gas_exposure", area="hall", subject="h2s-9")
    assert book.apply(there, new_id).kind is ChangeKind.OPENED
    assert book.apply(an_event(1, hazard="crowding", subject="gate"), new_id).kind == "opened"


def test_a_second_person_or_sensor_of_the_same_kind_is_an_incident_of_its_own() -> None:
    book, new_id = a_book(an_event(hazard="person_in_restricted_zone", subject="gate/pit/track-1"))
    second = an_event(1, hazard="person_in_restricted_zone", subject="gate/pit/track-2")
    assert book.apply(second, new_id).kind is ChangeKind.OPENED


def test_an_exposure_goes_to_the_incident_of_its_own_sensor() -> None:
    book, new_id = a_book(an_event(0), an_event(1, subject="h2s-2"), an_event(2))
    exposure = an_event(3, hazard="toxic_gas_exposure", subject="h2s-1", sources=("h2s-1",))
    joined = book.apply(exposure, new_id).incident
    assert joined.incident_id == book.incident_of("toxic_gas-h2s-1")
    assert len(book.incidents) == 2


def test_dark_then_frozen_then_offline_is_one_incident_of_one_camera() -> None:
    events = [
        an_event(n, hazard=f"camera_{kind}", rule_id="health", subject="gate")
        for n, kind in enumerate(("dark", "frozen", "offline"))
    ]
    book, _ = a_book(*events)
    assert len(book.incidents) == 1


def test_an_active_incident_takes_related_events_long_after_it_opened() -> None:
    book, new_id = a_book(an_event())
    late = an_event(900, hazard="toxic_gas_exposure")
    assert book.apply(late, new_id).kind is ChangeKind.UPDATED


def test_a_repeat_within_the_window_reopens_and_is_counted() -> None:
    cleared = an_event(10, condition=Condition.CLEARED)
    book, new_id = a_book(an_event(), cleared)
    change = book.apply(an_event(20, event_id="again"), new_id)
    assert (change.kind, change.reopened) == (ChangeKind.UPDATED, True)
    assert (change.incident.grouped, len(change.incident.events)) == (1, 1)
    assert book.incident_of("toxic_gas-h2s-1") == book.incident_of("again") == "incident-1"


def test_a_repeat_after_the_window_opens_a_new_incident() -> None:
    book, new_id = a_book(an_event(), an_event(10, condition=Condition.CLEARED))
    assert book.apply(an_event(50, event_id="again"), new_id).kind is ChangeKind.OPENED


def test_an_incident_closes_when_all_is_cleared_and_the_window_has_passed() -> None:
    book, _ = a_book(an_event(), an_event(10, condition=Condition.CLEARED))
    assert book.tick(START + timedelta(seconds=40)) == ()
    closed = book.tick(START + timedelta(seconds=41))
    assert [(c.kind, c.incident.incident_id) for c in closed] == [("closed", "incident-1")]
    assert closed[0].incident.closed_at == START + timedelta(seconds=41)
    assert book.incidents == ()


def test_a_held_incident_never_closes_by_itself() -> None:
    book, _ = a_book(an_event(), an_event(10, condition=Condition.HELD))
    assert book.tick(START + timedelta(days=30)) == ()


def test_after_a_restart_the_same_rule_and_subject_opens_no_twin() -> None:
    before, _ = a_book(an_event())
    after = IncidentBook(catalogue())
    after.restore(before.incidents)
    change = after.apply(an_event(3600, event_id="after-the-restart"), lambda: "twin")
    assert (change.kind, change.incident.incident_id) == (ChangeKind.UPDATED, "incident-1")
    assert [e.event_id for e in change.incident.events] == ["after-the-restart"]


def test_an_event_that_comes_cleared_and_unknown_is_recorded_and_not_active() -> None:
    book, new_id = a_book()
    change = book.apply(an_event(condition=Condition.CLEARED), new_id)
    assert (change.kind, change.incident.active) == (ChangeKind.OPENED, False)


def test_a_flood_of_subjects_is_bounded_and_still_findable() -> None:
    book, new_id = a_book()
    for n in range(MAX_OPEN + 50):
        name = f"gate/pit/track-{n}"
        book.apply(an_event(n / 100, hazard="person_in_restricted_zone", subject=name), new_id)
    assert len(book.incidents) == MAX_OPEN
    assert book.incident_of(f"person_in_restricted_zone-gate/pit/track-{MAX_OPEN + 49}")


def test_an_alarm_flood_stands_alone_also_when_no_more_incidents_can_be_opened() -> None:
    book, new_id = a_book()
    for n in range(MAX_OPEN):
        name = f"gate/pit/track-{n}"
        book.apply(an_event(n / 100, hazard="person_in_restricted_zone", subject=name), new_id)
    flood = book.apply(an_event(9, hazard="alarm_flood", subject="desk/yard"), new_id)
    assert flood.kind is ChangeKind.OPENED
    assert [event.hazard for event in flood.incident.events] == ["alarm_flood"]
    late = book.apply(an_event(10, hazard="crowding", subject="gate/pit"), new_id)
    assert late.incident.incident_id != flood.incident.incident_id
    assert len(book.incidents) == MAX_OPEN + 1


@st.composite
def histories(draw: st.DrawFn) -> list[HazardEvent]:
    """Events of a few rules over time, each id going active, held, cleared in some order."""
    events, second = [], 0.0
    serials: Counter[tuple[str, str, str]] = Counter()
    for _ in range(draw(st.integers(1, 60))):
        second += draw(st.sampled_from((0.1, 5.0, 40.0)))
        hazard = draw(st.sampled_from(("toxic_gas", "toxic_gas_exposure", "crowding", "fire")))
        subject = draw(st.sampled_from(("h2s-1", "h2s-2", "gate")))
        area = draw(st.sampled_from(("yard", "hall")))
        condition = draw(st.sampled_from(list(Condition)))
        key = (hazard, subject, area)
        events.append(
            an_event(
                second,
                hazard=hazard,
                subject=subject,
                area=area,
                condition=condition,
                event_id=f"{hazard}|{subject}|{area}|{serials[key]}",
                rule_id=f"{area}-{hazard.replace('_', '-')}",
            )
        )
        serials[key] += condition is Condition.CLEARED
    return events


@settings(max_examples=60, deadline=None)
@given(histories(), st.booleans())
def test_every_event_is_in_exactly_one_incident(history: list[HazardEvent], ticking: bool) -> None:  # noqa: FBT001
    book, new_id = a_book()
    homes: dict[str, str] = {}
    closed: set[str] = set()
    for event in history:
        if ticking:
            closed |= {c.incident.incident_id for c in book.tick(event.updated_at)}
        change = book.apply(event, new_id)
        assert event in change.incident.events
        home = homes.setdefault(event.event_id, change.incident.incident_id)
        assert home == change.incident.incident_id or home in closed
        assert len(change.incident.events) <= MAX_EVENTS
    held = [e.event_id for incident in book.incidents for e in incident.events]
    assert len(held) == len(set(held))


@settings(max_examples=60, deadline=None)
@given(histories(), st.integers(0, 60))
def test_a_restored_book_goes_on_as_the_one_before(history: list[HazardEvent], cut: int) -> None:
    whole, whole_id = a_book(*history[:cut])
    after, after_id = IncidentBook(catalogue()), whole_id
    after.restore(whole.incidents)
    assert after.incidents == whole.incidents
    for event in history[cut:]:
        if any(event.event_id == e.event_id for i in whole.incidents for e in i.events):
            one, other = whole.apply(event, after_id), after.apply(event, after_id)
            assert one == other
