"""How far observations are durable: in the database, in the journal, and over a core's death."""

from __future__ import annotations

import sqlite3
import time
from datetime import UTC, datetime
from pathlib import Path

from edge_agent.ipc import Observed
from hazard.store import Store
from hazard.store.operations import SaveTaken
from hazard.types import CameraState, Observation, Track
from tests.integration.core.node import Client, Node, a_site, run, until


def test_the_newest_vision_group_replaces_the_one_before(store: Store) -> None:
    assert store.taken() == ("", 0)
    for instance, number in (("ab", 3), ("ab", 7), ("cd", 2)):
        with store.unit() as unit:
            unit.add(SaveTaken(instance=instance, number=number))
            unit.commit()
    assert store.taken() == ("cd", 2)


def test_what_waits_in_the_journal_counts_and_is_loaded(tmp_path: Path) -> None:
    file = tmp_path / "hazard.db"
    with Store.open(file, journal=tmp_path / "journal", commit_timeout_ms=50) as store:
        with sqlite3.connect(file, isolation_level=None) as other:
            other.execute("BEGIN IMMEDIATE")
            with store.unit() as unit:
                unit.add(SaveTaken(instance="ab", number=9))
                assert unit.commit().durability == "journal"
            assert store.taken() == ("ab", 9)
            other.execute("ROLLBACK")
        other.close()
        assert store.load_journal()
    with Store.open(file) as store:
        assert store.taken() == ("ab", 9)


def test_a_finding_that_is_over_and_comes_again_raises_no_second_alarm(tmp_path: Path) -> None:
    """The core dies after the commit and before its word: it is sent the same pictures again."""
    site = a_site(policy={"incident_window_s": 0.2})
    site["rules"]["pit"]["clear_after_s"] = 0.1
    node = Node(tmp_path, site)

    async def test() -> None:
        pictures = [_picture(number, person=number == 1) for number in range(1, 6)]
        async with node.running(), Client.connected(node, "vision", instance="abc") as vision:
            for picture in pictures:
                vision.send(picture)
            await until(lambda: vision.acked == len(pictures), "the pictures' acknowledgement")
            await until(lambda: _closed(node.paths.database) == 1, "the incident's end")
        async with node.running(), Client.connected(node, "vision", instance="abc") as vision:
            for picture in pictures:
                vision.send(picture)
            await until(lambda: vision.acked == len(pictures), "the pictures' acknowledgement")
            assert _incidents(node.paths.database) == 1
        async with node.running(), Client.connected(node, "vision", instance="def") as vision:
            vision.send(_picture(1, person=True))
            await until(lambda: vision.acked == 1, "the picture's acknowledgement")
            assert _incidents(node.paths.database) == 2

    try:
        run(test())
    finally:
        node.remove()


def _picture(number: int, *, person: bool) -> Observed:
    now, now_s = datetime.now(UTC), time.monotonic() + number * 0.2
    track = Track(
        track_id=1,
        label="person",
        confidence=0.9,
        xyxy=(10.0, 10.0, 30.0, 60.0),
        foot=(0.6, 0.3),
        zones=("pit",),
    )
    return Observed(
        number=number,
        observation=Observation(
            camera_id="gate",
            area="yard",
            sequence=number,
            captured_at=now,
            captured_monotonic_s=now_s,
            detected_at=now,
            detected_monotonic_s=now_s,
            width_px=100,
            height_px=100,
            camera_state=CameraState.OK,
            tracks=(track,) if person else (),
        ),
    )


def _incidents(database: Path) -> int:
    return _count(database, "SELECT count(*) FROM incident")


def _closed(database: Path) -> int:
    return _count(database, "SELECT count(*) FROM incident WHERE closed_at IS NOT NULL")


def _count(database: Path, query: str) -> int:
    connection = sqlite3.connect(database)
    try:
        return int(connection.execute(query).fetchone()[0])
    finally:
        connection.close()
