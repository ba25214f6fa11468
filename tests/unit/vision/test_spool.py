"""The spool keeps what was not acknowledged, in order, within its bound."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from edge_agent.vision.spool import Spool
from hazard.types import CameraState, Observation


def seen(camera: str, sequence: int = 0) -> Observation:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    return Observation(
        camera_id=camera,
        area="yard",
        sequence=sequence,
        captured_at=now,
        captured_monotonic_s=0,
        detected_at=now,
        detected_monotonic_s=0,
        width_px=1,
        height_px=1,
        camera_state=CameraState.OK,
    )


def test_the_oldest_of_the_camera_that_is_full_is_dropped_and_counted() -> None:
    spool = Spool(lambda: None, size=3)
    spool.add(seen("quiet"))
    for index in range(5):
        spool.add(seen("busy", index))
    kept = [(i.observation.camera_id, i.observation.sequence) for i in spool.after(0)]
    assert kept == [("quiet", 0), ("busy", 2), ("busy", 3), ("busy", 4)]
    assert spool.dropped == {"busy": 2}


def test_a_fast_camera_is_held_when_half_the_spool_waits() -> None:
    spool = Spool(lambda: None, size=4)
    spool.add(seen("cam"))
    assert spool.accepts("cam")
    spool.add(seen("cam"))
    assert not spool.accepts("cam")
    spool.acknowledge(1)
    assert spool.accepts("cam")


@given(st.lists(st.one_of(st.none(), st.integers(0, 40)), max_size=60))
def test_nothing_is_sent_twice_or_left_out_whatever_is_acknowledged(
    steps: list[int | None],
) -> None:
    spool = Spool(lambda: None, size=1000)
    added = acknowledged = 0
    for step in steps:
        if step is None:
            spool.add(seen("cam"))
            added += 1
        else:
            spool.acknowledge(min(step, added))
            acknowledged = max(acknowledged, min(step, added))
        numbers = [item.number for item in spool.after(acknowledged, limit=1000)]
        assert numbers == list(range(acknowledged + 1, added + 1))
        assert len(spool) == added - acknowledged
