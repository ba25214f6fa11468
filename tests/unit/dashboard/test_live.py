"""News for browsers: told once, told quickly, and never at the cost of others."""

from __future__ import annotations

import asyncio
import queue
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from dashboard.backend import Backend
from dashboard.live import QUEUE, Event, Hub, TooManyStreams, Watcher, beat
from dashboard.settings import SiteFile
from dashboard.stages import HealthView, judge
from hazard.jobs import Job, JobKind, JobState
from hazard.types import ActionRequest, Verb
from tests.plant import Plant

WITHIN_S = 5.0


@pytest.fixture
def news(plant: Plant, backend: Backend) -> Iterator[queue.Queue[Event]]:
    """What a watcher tells, while it runs."""
    told: queue.Queue[Event] = queue.Queue()
    site = SiteFile(plant.site_file).current()

    def health() -> HealthView:
        return judge(backend.queries.stage_health(), site, datetime.now(UTC), 5.0)

    watcher = Watcher(backend, health, told.put, 0.02)
    watcher.start()
    assert told.get(timeout=WITHIN_S).kind == "health"
    yield told
    watcher.stop()


def test_a_new_revision_is_told_with_the_ids_only(plant: Plant, news: queue.Queue[Event]) -> None:
    alert = plant.raise_alert()
    event = news.get(timeout=WITHIN_S)
    assert event == Event("alarm", {"ids": [alert], "sequence": 1})
    plant.add_words(alert)
    assert news.get(timeout=WITHIN_S).data == {"ids": [alert], "sequence": 2}


def test_a_settled_request_is_told(
    plant: Plant, backend: Backend, news: queue.Queue[Event]
) -> None:
    alert = plant.raise_alert()
    assert news.get(timeout=WITHIN_S).kind == "alarm"
    request = ActionRequest(
        request_id=str(uuid.uuid4()),
        alert_id=alert,
        verb=Verb.ACKNOWLEDGE,
        actor="Ada",
        expected_revision=1,
        requested_at=datetime.now(UTC),
    )
    backend.submit(request)
    plant.carry_out()
    events = [news.get(timeout=WITHIN_S) for _ in range(2)]
    assert {event.kind for event in events} == {"alarm", "request"}
    told = next(event.data for event in events if event.kind == "request")
    assert told == {"id": request.request_id, "ids": [alert], "state": "done"}


def test_a_change_of_health_is_told(plant: Plant, news: queue.Queue[Event]) -> None:
    plant.report_health()
    assert news.get(timeout=WITHIN_S) == Event("health", {"worst": "ready", "silent": False})


async def read(hub: Hub, number: int, opened: asyncio.Queue[Event | None]) -> list[bytes]:
    parts = []
    async for part in hub.listen(opened, lambda: True):
        parts.append(part)
        if len(parts) == number:
            break
    return parts


def test_every_browser_hears_the_same() -> None:
    async def scene() -> None:
        hub = Hub()
        queues = [hub.open() for _ in range(3)]
        hub.publish(Event("alarm", {"ids": ["a"]}))
        for opened in queues:
            first, second = await read(hub, 2, opened)
            assert b"event: beat" in first
            assert second == b'event: alarm\ndata: {"ids": ["a"]}\n\n'

    asyncio.run(scene())


def test_a_slow_browser_is_dropped_and_the_others_hear_on() -> None:
    async def scene() -> None:
        hub = Hub()
        slow, quick = hub.open(), hub.open()
        for number in range(QUEUE + 1):
            hub.publish(Event("alarm", {"n": number}))
            assert quick.get_nowait() is not None
        assert hub.listeners == 1
        assert len([part async for part in hub.listen(slow, lambda: True)]) == 1

    asyncio.run(scene())


def test_streams_are_bounded_and_end_with_the_application() -> None:
    async def scene() -> None:
        hub = Hub(streams=2)
        first = hub.open()
        hub.open()
        with pytest.raises(TooManyStreams):
            hub.open()
        hub.close()
        assert len([part async for part in hub.listen(first, lambda: True)]) == 1
        with pytest.raises(TooManyStreams):
            hub.open()

    asyncio.run(scene())


def test_a_stream_ends_when_its_session_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dashboard.live.BEAT_S", 0.01)

    async def scene() -> None:
        hub = Hub()
        answers = iter([True, True, False])
        parts = [part async for part in hub.listen(hub.open(), lambda: next(answers))]
        assert len(parts) == 3
        assert hub.listeners == 0

    asyncio.run(scene())


def test_an_event_carries_no_line_break_from_its_data() -> None:
    assert Event("alarm", {"ids": ["a\n\ndata: evil"]}).encode().count(b"\n") == 3
    assert beat().encode().startswith(b"event: beat\ndata: ")


def test_a_job_is_told_when_it_is_made_and_when_it_goes_on(
    plant: Plant, news: queue.Queue[Event]
) -> None:
    now = datetime.now(UTC)
    plant.store.jobs.add(Job(job_id="j1", kind=JobKind.DRY_RUN, actor="Ada", created_at=now))
    assert news.get(timeout=WITHIN_S) == Event("job", {"id": "j1", "state": "waiting"})
    plant.store.jobs.begin_next(now)
    assert news.get(timeout=WITHIN_S) == Event("job", {"id": "j1", "state": "running"})
    plant.store.jobs.tell("j1", 0.5, "half of it")
    assert news.get(timeout=WITHIN_S) == Event("job", {"id": "j1", "state": "running"})
    plant.store.jobs.end("j1", JobState.DONE, {}, "done", now)
    assert news.get(timeout=WITHIN_S) == Event("job", {"id": "j1", "state": "done"})
