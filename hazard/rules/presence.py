"""People followed one by one while they are where they should not be.

Shared by the zone and the proximity rule. Each person has a finding of their own:

- raised when they have stayed for `dwell_s`; missing for up to `LOST_AFTER_FRAMES` frames or
  `LOST_AFTER_S` is forgiven, since detectors blink;
- held when they have been missing for `HELD_AFTER_S`, or when the camera is blind or silent: until
  then the finding stays active, so that a blinking detector makes no revisions;
- cleared when the same track was seen elsewhere for `clear_after_s`, or when a healthy camera saw
  nobody there for `clear_after_s`.

A tracker that changes a person's number must not make a new event: `following` says who it is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from hazard.rules.finding import (
    CLOCK_RESTART_S,
    Content,
    Events,
    Stamp,
    Subject,
    open_event,
    renew,
)
from hazard.rules.following import foot_px, height_px, match
from hazard.types import CameraState, Condition, HazardEvent, Measured, Observation, Track

LOST_AFTER_S = 0.5
LOST_AFTER_FRAMES = 3
HELD_AFTER_S = 2.0
"""Somebody who stands in alarm is walked past, bends down or is hidden for a second or two; a third
of all revisions told of nothing else before this was waited for."""
MAX_PEOPLE = 64
"""People followed per rule; while all of them stand in alarm, further ones add nothing new."""

BLIND = frozenset({CameraState.FROZEN, CameraState.OFFLINE, CameraState.ENDED})
"""States in which the picture says nothing about now. A dark one may raise, never clear."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A person seen where they should not be; a weak one (low confidence) only blocks clearing."""

    track: Track
    content: Content
    strong: bool = True


@dataclass(frozen=True, slots=True)
class Person:
    """One person followed. Times are monotonic seconds of capture; pixels of the picture."""

    track_id: int | None
    name: str
    entered: Stamp
    seen_s: float
    foot_px: tuple[float, float]
    height_px: float
    missed: int = 0
    away_since_s: float | None = None
    event: HazardEvent | None = None

    @property
    def resumed(self) -> bool:
        """Whether they come from before a restart and have not been seen since."""
        return self.seen_s == -math.inf

    def lost(self, now: float) -> bool:
        """Whether they have been missing for longer than a detector blinks, or is forgiven."""
        patience_s = LOST_AFTER_S if self.event is None else HELD_AFTER_S
        return self.missed > LOST_AFTER_FRAMES and now - self.seen_s > patience_s


@dataclass(frozen=True, slots=True)
class Crowd:
    """All people followed by one rule, and how long the place has been seen empty."""

    last_s: float = -math.inf
    empty_since_s: float | None = None
    serial: int = 0
    people: tuple[Person, ...] = ()


@dataclass(frozen=True, slots=True)
class Watch:
    """The settings of one rule: who is followed, and when findings are raised and cleared."""

    rule_id: str
    hazard: str
    area: str
    camera: str
    place: str
    dwell_s: float
    clear_after_s: float
    silent_after_s: float


def hold_all(crowd: Crowd, stamp: Stamp) -> tuple[Crowd, Events]:
    """The camera sees nothing any more: hold every finding, forget the run of empty pictures."""
    people, events = [], []
    for person in crowd.people:
        event = person.event
        if event is not None and event.condition is Condition.ACTIVE:
            event = renew(event, stamp, Condition.HELD)
            events.append(event)
        people.append(replace(person, event=event, away_since_s=None))
    return replace(crowd, people=tuple(people), empty_since_s=None), tuple(events)


def silent(crowd: Crowd, now: float, watch: Watch) -> bool:
    """Whether the camera has said nothing for too long, with people being followed."""
    return bool(crowd.people) and now - crowd.last_s > watch.silent_after_s


def observe(
    crowd: Crowd,
    seen: Observation,
    hits: Sequence[Hit],
    away_ids: frozenset[int],
    watch: Watch,
) -> tuple[Crowd, Events]:
    """The next crowd after one picture.

    Args:
        crowd: the state before.
        seen: the picture.
        hits: the people seen where they should not be.
        away_ids: tracks that were positively seen elsewhere.
        watch: the rule's settings.
    """
    stamp = Stamp.of(seen)
    now = stamp.monotonic_s
    if not stamp.usable or crowd.last_s - CLOCK_RESTART_S < now <= crowd.last_s:
        return crowd, ()
    if now <= crowd.last_s:
        crowd = _restart_clock(crowd, now)
    if now - crowd.last_s > watch.silent_after_s:
        crowd = replace(crowd, empty_since_s=None)
    crowd = replace(crowd, last_s=now)
    if seen.camera_state in BLIND:
        return hold_all(crowd, stamp)
    trusted = seen.camera_state is CameraState.OK
    sightings = [hit.track for hit in hits]
    matches = match(crowd.people, sightings, away_ids, now, watch.clear_after_s)
    people: list[Person] = []
    events: list[HazardEvent] = []
    for index, person in enumerate(crowd.people):
        number = matches.get(index)
        if number is None:
            kept, found = _unseen(person, stamp, away_ids, trusted=trusted, watch=watch)
        else:
            kept, found = _seen(person, hits[number], stamp, watch)
        people += [kept] if kept else []
        events += found
    crowd = replace(crowd, people=tuple(people))
    taken = set(matches.values())
    for number, hit in enumerate(hits):
        if hit.strong and number not in taken:
            crowd, found = _enter(crowd, hit, stamp, watch)
            events += found
    crowd, cleared = _empty(crowd, stamp, watch, is_empty=trusted and not hits)
    return crowd, (*events, *cleared)


def adopt(events: Events) -> Crowd:
    """A crowd that goes on with stored findings, whose people were lost at a restart.

    Where they stood is not known, so that whoever is seen there next is taken to be one of them.
    """
    people = tuple(
        Person(
            track_id=None,
            name=event.subject,
            entered=Stamp(event.started_at, event.started_at, event.started_at, 0.0, 0.0),
            seen_s=-math.inf,
            foot_px=(math.nan, math.nan),
            height_px=math.nan,
            missed=LOST_AFTER_FRAMES + 1,
            event=event,
        )
        for event in events[-MAX_PEOPLE:]
    )
    return Crowd(people=people)


def _restart_clock(crowd: Crowd, now: float) -> Crowd:
    people = tuple(
        replace(
            person,
            seen_s=person.seen_s if person.resumed else now,
            away_since_s=None,
            entered=replace(person.entered, monotonic_s=now),
        )
        for person in crowd.people
    )
    return replace(crowd, people=people, last_s=now, empty_since_s=None)


def _raise(
    person: Person, hit: Hit, stamp: Stamp, watch: Watch
) -> tuple[Person, list[HazardEvent]]:
    if person.event is not None:
        if person.event.condition is Condition.ACTIVE:
            return person, []
        event = renew(person.event, stamp, Condition.ACTIVE, hit.content)
        return replace(person, event=event), [event]
    stayed_s = stamp.monotonic_s - person.entered.monotonic_s
    if not hit.strong or stayed_s < watch.dwell_s:
        return person, []
    dwell = Measured(
        name="dwell", value=stayed_s, unit="s", threshold=watch.dwell_s, source=watch.camera
    )
    content = replace(hit.content, measured=(*hit.content.measured, dwell))
    subject = Subject(watch.rule_id, watch.hazard, watch.area, person.name)
    event = open_event(subject, person.entered, stamp, content)
    return replace(person, event=event), [event]


def _seen(
    person: Person, hit: Hit, stamp: Stamp, watch: Watch
) -> tuple[Person | None, list[HazardEvent]]:
    number = hit.track.track_id
    person = replace(
        person,
        track_id=person.track_id if number is None else number,
        seen_s=stamp.monotonic_s,
        foot_px=foot_px(hit.track),
        height_px=height_px(hit.track),
        missed=0,
        away_since_s=None,
    )
    return _raise(person, hit, stamp, watch)


def _unseen(
    person: Person, stamp: Stamp, away_ids: frozenset[int], *, trusted: bool, watch: Watch
) -> tuple[Person | None, list[HazardEvent]]:
    now = stamp.monotonic_s
    away = person.track_id is not None and person.track_id in away_ids
    since = person.away_since_s if person.away_since_s is not None else now
    person = replace(
        person, missed=person.missed + 1, away_since_s=since if away and trusted else None
    )
    if person.event is None:
        return (None if person.lost(now) else person), []
    if away and trusted:
        if now - since >= watch.clear_after_s:
            return None, [renew(person.event, stamp, Condition.CLEARED)]
        return person, []
    if person.lost(now) and person.event.condition is Condition.ACTIVE:
        event = renew(person.event, stamp, Condition.HELD)
        return replace(person, event=event), [event]
    return person, []


def _enter(crowd: Crowd, hit: Hit, stamp: Stamp, watch: Watch) -> tuple[Crowd, list[HazardEvent]]:
    people = list(crowd.people)
    if len(people) >= MAX_PEOPLE:
        spare = [p for p in people if p.event is None]
        if not spare:
            return crowd, []
        people.remove(min(spare, key=lambda p: p.seen_s))
    number = hit.track.track_id
    label = f"track-{number}" if number is not None else f"untracked-{crowd.serial}"
    person = Person(
        track_id=number,
        name=f"{watch.place}/{label}",
        entered=stamp,
        seen_s=stamp.monotonic_s,
        foot_px=foot_px(hit.track),
        height_px=height_px(hit.track),
    )
    person, events = _raise(person, hit, stamp, watch)
    return replace(crowd, people=(*people, person), serial=crowd.serial + 1), events


def _empty(crowd: Crowd, stamp: Stamp, watch: Watch, *, is_empty: bool) -> tuple[Crowd, Events]:
    if not is_empty:
        return replace(crowd, empty_since_s=None), ()
    now = stamp.monotonic_s
    since = now if crowd.empty_since_s is None else crowd.empty_since_s
    if now - since < watch.clear_after_s:
        return replace(crowd, empty_since_s=since), ()
    events = tuple(renew(p.event, stamp, Condition.CLEARED) for p in crowd.people if p.event)
    return replace(crowd, people=(), empty_since_s=since), events
