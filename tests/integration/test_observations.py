"""What cameras saw is kept thinned, within days and bytes, and read again in order."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

from hazard.catalogue import catalogue
from hazard.dry_run.result import Span
from hazard.dry_run.run import dry_run
from hazard.geometry import contains
from hazard.incidents import IncidentBook
from hazard.rules import build_rules
from hazard.rules.engine import RuleEngine
from hazard.site.keeping import Retention
from hazard.site.models import Site
from hazard.store import Store
from hazard.types import CameraState, Observation, Quality, Reading, Track
from tests.unit.dry_run.test_dry_run import START as BEGIN
from tests.unit.dry_run.test_dry_run import a_site
from tests.unit.dry_run.test_dry_run import seen as looked

START = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)
FAR = timedelta(days=10)


def seen(
    at_s: float, *, people: int = 0, camera: str = "gate", state: CameraState = CameraState.OK
) -> Observation:
    at = START + timedelta(seconds=at_s)
    track = Track(
        track_id=1, label="person", confidence=0.9, xyxy=(1.0, 1.0, 2.0, 2.0), foot=(0.5, 0.5)
    )
    return Observation(
        camera_id=camera,
        area="yard",
        sequence=int(at_s * 10),
        captured_at=at,
        captured_monotonic_s=at_s,
        detected_at=at,
        detected_monotonic_s=at_s,
        width_px=100,
        height_px=100,
        camera_state=state,
        tracks=(track,) * people,
    )


def kept(store: Store) -> list[Observation]:
    return list(store.observations.between(START - FAR, START + FAR))


def test_two_a_second_are_kept_and_fewer_where_nobody_is(store: Store) -> None:
    busy = [seen(number / 10, people=1) for number in range(50)]
    quiet = [seen(5 + number / 10) for number in range(200)]
    dark = [seen(25 + number / 10, state=CameraState.DARK) for number in range(5)]
    other = [seen(number / 10, people=1, camera="dock") for number in range(50)]
    for portion in (busy, other, quiet, dark):
        store.observations.record(portion)
    mine = [each for each in kept(store) if each.camera_id == "gate"]
    times = [(each.captured_at - START).total_seconds() for each in mine]
    assert times == [*(n / 2 for n in range(10)), 5.0, 10.0, 15.0, 20.0, 25.0]
    assert mine[-1].camera_state is CameraState.DARK
    assert len(kept(store)) == len(mine) + 10


def test_they_come_back_as_they_were_and_in_order_over_many_portions(store: Store) -> None:
    written = [seen(number, people=1) for number in range(1200)]
    store.observations.record(written)
    assert kept(store) == written
    some = store.observations.between(START + timedelta(seconds=10), START + timedelta(seconds=20))
    assert list(some) == written[10:20]


def test_several_at_one_moment_all_come_back_once(store: Store) -> None:
    together = [seen(1.0, people=1, camera=f"camera-{number}") for number in range(1200)]
    store.observations.record(together)
    assert {each.camera_id for each in kept(store)} == {each.camera_id for each in together}
    assert len(kept(store)) == 1200


def test_days_and_bytes_take_the_oldest(store: Store) -> None:
    store.observations.record([seen(number, people=1) for number in range(600)])
    now = START + timedelta(days=1, seconds=100)
    gone = store.observations.prune(now, Retention(observations_days=1))
    assert gone == 100
    assert kept(store)[0].captured_at == START + timedelta(seconds=100)
    one = len(seen(599, people=1).model_dump_json())
    small = Retention.model_construct(observations_days=1, observations_bytes=one * 50)
    assert store.observations.prune(now, small) >= 449
    assert kept(store)[-1].captured_at == START + timedelta(seconds=599)
    assert 45 <= len(kept(store)) <= 51
    store.observations.record([seen(1000 + number, people=1) for number in range(100)])
    store.observations.prune(now, small)
    assert 45 <= len(kept(store)) <= 51, "what was written since the first count is counted too"


def test_readings_come_back_for_dry_runs(store: Store) -> None:
    written = [
        Reading(
            sensor_id="h2s",
            area="yard",
            quantity="h2s",
            value=None if number == 3 else float(number),
            unit="ppm",
            quality=Quality.BAD if number == 3 else Quality.GOOD,
            measured_at=START + timedelta(seconds=number),
            received_at=START + timedelta(seconds=number),
            received_monotonic_s=0.0,
        )
        for number in range(700)
    ]
    store.bulk.record_readings(written)
    assert list(store.observations.readings_between(START - FAR, START + FAR)) == written


def test_a_dry_run_over_what_was_kept_finds_the_incidents_that_were_found_live(
    store: Store,
) -> None:
    site = a_site()
    engine = RuleEngine(build_rules(site))
    book = IncidentBook(catalogue(), window_s=site.policy.incident_window_s)
    numbers = itertools.count(1)
    stays = ((60, 70, 0.2), (200, 203, 0.2), (300, 340, 0.8), (420, 428, 0.3), (520, 560, 0.1))
    live: dict[str, datetime] = {}
    for tenth in range(6000):
        at_s = tenth / 10
        inside = [x for start, end, x in stays if start <= at_s < end]
        track = 1 + sum(start <= at_s for start, _, _ in stays)
        now = looked(at_s, inside[0] if inside else None, track=track)
        fixed = now.model_copy(
            update={"captured_monotonic_s": at_s, "detected_monotonic_s": at_s}
            | {"tracks": tuple(_placed(site, each) for each in now.tracks)}
        )
        store.observations.record([now])
        for event in engine.apply(fixed):
            change = book.apply(event, lambda: str(next(numbers)))
            live.setdefault(change.incident.incident_id, change.incident.opened_at)
        for change in book.tick(fixed.captured_at):
            assert change.incident.incident_id in live
    assert len(live) == 4, "who stands on the right is in no zone"
    span = Span(from_at=BEGIN, to_at=BEGIN + timedelta(minutes=10))
    found = dry_run(
        site,
        site.model_copy(update={"rules": {}}),
        store.observations.between(span.from_at, span.to_at),
        (),
        span=span,
        kinds=catalogue(),
        tell=lambda _share, _words: None,
    )
    tried = sorted(each.started_at for each in found.no_longer.examples)
    assert len(tried) == len(live)
    for mine, theirs in zip(tried, sorted(live.values()), strict=True):
        assert abs(mine - theirs) <= timedelta(seconds=0.5)


def _placed(site: Site, track: Track) -> Track:
    zones = site.cameras["gate"].zones
    inside = tuple(name for name, zone in zones.items() if contains(zone.polygon, track.foot))
    return track.model_copy(update={"zones": inside})
