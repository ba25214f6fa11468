"""What cameras saw is kept thinned, within days and bytes, and read again in order."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hazard.site.keeping import Retention
from hazard.store import Store
from hazard.types import CameraState, Observation, Quality, Reading, Track

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
