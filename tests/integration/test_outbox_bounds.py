"""The outbox within its bounds: what goes is told, in order, and stays in the store."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from edge_agent.publish import outbox_messages
from edge_agent.publish.gaps import gap_renderer
from edge_agent.publish.messages import GapRecord
from hazard.alarms import on_note
from hazard.site.keeping import Retention
from hazard.site.mqtt import OutboxLimits
from hazard.store import Store
from hazard.store.outbox import Mark, OutboxItem
from hazard.types import Cause, Health
from tests.alert_builders import later, wait_until, write_alert
from tests.brokers import RunningBroker, subscribed
from tests.integration.test_publisher import ALL, Running, a_site, revise, write
from tests.mosquitto import Mosquitto

GAP = "hazard/v1/plant-a/node/edge-1/gap"
RENDER = gap_renderer("plant-a", "edge-1")
DAY = timedelta(hours=24)


def limits(*, max_bytes: int = 1_000_000_000, max_age_h: float = 168.0) -> OutboxLimits:
    """Smaller ones than a site file may have."""
    return OutboxLimits.model_construct(max_bytes=max_bytes, max_age_h=max_age_h)


def numbers(store: Store, after: int = 0) -> list[int | str]:
    """The queue: sequence numbers of messages, `from-to` of gaps; retained states left out."""
    rows = [row for row in store.outbox.read(after, 1000) if not row.message.retain]
    return [_number(row) for row in rows]


def _number(row: OutboxItem) -> int | str:
    if row.gap_from is None:
        return row.sequence or 0
    record = GapRecord.model_validate_json(row.message.body)
    assert (record.from_sequence, record.to_sequence) == (row.gap_from, row.sequence)
    assert row.message.topic == GAP
    return f"{record.from_sequence}-{record.to_sequence}"


def hand_over(store: Store, broker: str, count: int) -> None:
    """The broker takes over so many more rows."""
    position = store.outbox.position(broker)
    rows = store.outbox.read(position, count)
    now = rows[-1].created_at
    marks = [Mark(row.outbox_id or 0, now, now) for row in rows]
    store.outbox.mark(broker, marks, rows[-1].outbox_id or 0, now)


def size_of(rows: Sequence[OutboxItem]) -> int:
    return sum(len(row.message.body.encode()) for row in rows)


@pytest.fixture
def queue(store_address: str) -> Iterator[Store]:
    """Ten alerts in the outbox, a message and a retained state each, on either database."""
    with Store.open(store_address, render=outbox_messages) as store:
        for number in range(1, 11):
            write_alert(store, number)
        yield store


def now_of(store: Store) -> datetime:
    return store.outbox.read(0, 1)[0].created_at


def test_within_the_limits_nothing_goes(queue: Store) -> None:
    assert queue.bounds.keep(now_of(queue), limits(), ["plant"], RENDER) == 0
    assert numbers(queue) == list(range(1, 11))


def test_the_oldest_go_until_the_rest_has_room_and_a_record_stands_for_them(queue: Store) -> None:
    rows = queue.outbox.read(0, 100)
    assert (
        queue.bounds.keep(now_of(queue), limits(max_bytes=size_of(rows[8:])), ["plant"], RENDER)
        == 4
    )
    assert numbers(queue) == ["1-4", 5, 6, 7, 8, 9, 10]
    assert queue.queries.count_alerts() == 10
    for number in range(1, 11):
        detail = queue.queries.get_alert(f"a{number}")
        assert detail is not None
        assert len(detail.revisions) == 1


def test_gaps_that_follow_each_other_become_one(queue: Store) -> None:
    rows = queue.outbox.read(0, 100)
    for kept, missed in ((8, 4), (14, 3), (14, 0)):
        done = queue.bounds.keep(
            now_of(queue), limits(max_bytes=size_of(rows[kept:])), ["plant"], RENDER
        )
        assert done == missed
    assert numbers(queue) == ["1-7", 8, 9, 10]


def test_rows_beyond_one_transaction_become_one_gap(
    queue: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hazard.store.bounds.BATCH", 3)
    later_on = now_of(queue) + timedelta(hours=200)
    assert queue.bounds.keep(later_on, limits(), ["plant"], RENDER) == 10
    assert numbers(queue) == ["1-10"]
    assert queue.bounds.keep(later_on, limits(), ["plant"], RENDER) == 0


def test_what_waits_too_long_goes_and_what_is_new_stays(queue: Store) -> None:
    created = queue.outbox.read(0, 100)[9].created_at  # of the fifth alert
    later_on = created + timedelta(hours=100)
    assert queue.bounds.keep(later_on, limits(max_age_h=100), ["plant"], RENDER) == 4
    assert numbers(queue) == ["1-4", 5, 6, 7, 8, 9, 10]
    (record,) = [json.loads(row.message.body) for row in queue.outbox.read(0, 3) if row.gap_from]
    assert record["reason"] == "waited for more than 100 h"


def test_who_took_everything_over_gets_no_gap(queue: Store) -> None:
    hand_over(queue, "plant", 20)
    hand_over(queue, "group", 4)
    rows = queue.outbox.read(0, 100)
    missed = queue.bounds.keep(
        now_of(queue), limits(max_bytes=size_of(rows[12:])), ["plant", "group"], RENDER
    )
    assert missed == 4
    assert numbers(queue, queue.outbox.position("group")) == ["3-6", 7, 8, 9, 10]
    assert numbers(queue, queue.outbox.position("plant")) == []
    assert queue.outbox.gaps("plant", queue.outbox.position("plant")) == []
    (gap,) = queue.outbox.gaps("group", queue.outbox.position("group"))
    assert (gap.from_sequence, gap.to_sequence) == (3, 6)


def test_what_every_broker_took_over_stays_for_a_day_whatever_its_size(queue: Store) -> None:
    hand_over(queue, "plant", 20)
    assert queue.bounds.keep(now_of(queue), limits(max_bytes=1), ["plant"], RENDER) == 0
    assert numbers(queue) == list(range(1, 11))


def test_the_gap_stays_for_a_day_and_until_it_was_taken_over(queue: Store) -> None:
    later_on = now_of(queue) + timedelta(hours=200)
    queue.bounds.keep(later_on, limits(), ["plant"], RENDER)

    def prune(at: datetime) -> None:
        queue.bulk.prune(at, Retention(), evidence_dir=Path("/nonexistent"), brokers=["plant"])

    prune(later_on + 3 * DAY)
    assert numbers(queue) == ["1-10"]
    hand_over(queue, "plant", 1)
    prune(later_on + DAY / 2)
    assert queue.outbox.gaps("plant", queue.outbox.position("plant")) != []
    prune(later_on + 3 * DAY)
    assert queue.outbox.gaps("plant", queue.outbox.position("plant")) == []


def test_a_restarted_node_counts_what_waits(store_address: str) -> None:
    with Store.open(store_address, render=outbox_messages) as store:
        for number in range(1, 11):
            write_alert(store, number)
        rows = store.outbox.read(0, 100)
    with Store.open(store_address, render=outbox_messages) as store:
        store.bounds.keep(now_of(store), limits(max_bytes=size_of(rows[8:])), ["plant"], RENDER)
        assert numbers(store) == ["1-4", 5, 6, 7, 8, 9, 10]


def test_a_broker_that_is_added_later_is_owed_what_is_there(queue: Store) -> None:
    hand_over(queue, "plant", 20)
    queue.bounds.keep(now_of(queue), limits(), ["plant"], RENDER)
    rows = queue.outbox.read(0, 100)
    missed = queue.bounds.keep(
        now_of(queue), limits(max_bytes=size_of(rows[18:])), ["plant", "new"], RENDER
    )
    assert missed == 9
    assert numbers(queue) == ["1-9", 10]


# ---------------------------------------------------------------- to a real broker


@pytest.mark.mosquitto
def test_a_subscriber_sees_the_gap_and_then_the_rest_in_order(tmp_path: Path) -> None:
    broker = RunningBroker("mosquitto", tmp_path)
    with (
        Store.open(tmp_path / "hazard.db", render=outbox_messages) as store,
        Running(store, a_site(broker.port)) as run,
    ):
        wait_until(lambda: run.health().health is Health.OFFLINE, what="nobody listens")
        alarm = revise(store, 1, 8)
        revise(store, 2, 4)
        rows = store.outbox.read(0, 100)
        assert (
            store.bounds.keep(
                now_of(store), limits(max_bytes=size_of(rows[10:])), ["plant"], RENDER
            )
            == 5
        )
        assert "messages 1 to 5 waited longer" in run.health().reason
        write(store, on_note(alarm, Cause.WORDS, later(2)).alarm, Cause.WORDS, 1)
        broker.start()
        try:
            with subscribed(broker.port, ALL) as seen:
                run.publisher.wake()
                wait_until(lambda: seen.revisions("a2") == [1, 2, 3, 4], seconds=30)
                wait_until(lambda: 9 in seen.revisions("a1"), what="the newest")
                wait_until(lambda: seen.last("hazard/v1/plant-a/active/a1") is not None)
                order = [
                    json.loads(payload).get("sequence") or "gap"
                    for topic, payload, _, _ in list(seen.messages)
                    if topic == GAP or "/alert/" in topic
                ]
                assert list(dict.fromkeys(order)) == ["gap", 6, 7, 8, 9, 10, 11, 12, 13]
                record = GapRecord.model_validate_json(seen.last(GAP) or b"")
                assert (record.from_sequence, record.to_sequence) == (1, 5)
            wait_until(lambda: run.health().health is Health.DEGRADED, what="it is still said")
            assert "messages 1 to 5" in run.health().reason
            detail = store.queries.get_alert("a1")
            assert detail is not None
            assert [each.revision for each in detail.revisions] == list(range(1, 10))
        finally:
            broker.kill()


@pytest.mark.mosquitto
def test_a_broker_that_hangs_meanwhile_gets_the_gap_and_every_active_state(tmp_path: Path) -> None:
    """What went had been read already in part, and its retained states are not lost with it."""
    broker = Mosquitto(tmp_path).start()
    alerts = 150
    with (
        subscribed(broker.port, ALL) as seen,
        Store.open(tmp_path / "hazard.db", render=outbox_messages) as store,
        Running(store, a_site(broker.port, keepalive_s=60)) as run,
    ):
        try:
            run.await_ready()
            broker.freeze()
            for number in range(1, alerts + 1):
                write_alert(store, number)
            run.publisher.wake()
            rows = store.outbox.read(0, 1000)
            missed = store.bounds.keep(
                now_of(store), limits(max_bytes=size_of(rows[-20:])), ["plant"], RENDER
            )
            assert missed == alerts - 10
            broker.thaw()
            wait_until(lambda: seen.last(GAP) is not None, what="the gap record")
            for number in range(1, alerts + 1):
                topic = f"hazard/v1/plant-a/active/a{number}"
                wait_until(lambda topic=topic: seen.last(topic) is not None, what=topic)
            for number in range(alerts - 9, alerts + 1):
                wait_until(lambda number=number: seen.revisions(f"a{number}") == [1])
        finally:
            broker.kill()
