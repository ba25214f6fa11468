"""Stored revisions that somebody has asked for again, after everything new."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog
from sqlalchemy.exc import SQLAlchemyError

from edge_agent.publish.client import Acked, Link
from edge_agent.publish.fitting import fitted
from edge_agent.publish.topics import Publication, outbox_messages
from edge_agent.publish.voice import Counters
from hazard.store import Store
from hazard.types import AlertMessage

AT_ONCE = 5
"""Replayed messages without PUBACK: a quarter of what new ones may have."""
BATCH = 20
"""Revisions that are read at once, so that a new alert never waits long for the reading."""
MOST_JOBS = 8
LONGEST = 1000
"""Revisions of one replay at most."""

log = structlog.get_logger()


@dataclass(slots=True)
class _Job:
    """One replay: revisions from `first` to `last`, of which those below `first` are done."""

    request_id: str
    first: int
    last: int
    read_to: int
    sent: set[int] = field(default_factory=set)
    queue: deque[AlertMessage] = field(default_factory=deque)
    under_way: dict[int, int] = field(default_factory=dict)


class Replays:
    """The replays of one broker. `ask` from any thread, the rest by the relay's thread.

    Args:
        finished: called with the request's id and the number of revisions that were sent.
    """

    def __init__(
        self,
        node: str,
        store: Store,
        counters: Counters,
        finished: Callable[[str, int], None],
    ) -> None:
        self._node, self._store, self._counters = node, store, counters
        self._finished = finished
        self._lock = threading.Lock()
        self._jobs: deque[_Job] = deque()

    def ask(self, request_id: str, first: int, last: int) -> bool:
        """Take a replay on; False if too many wait already."""
        with self._lock:
            if len(self._jobs) >= MOST_JOBS:
                return False
            self._jobs.append(_Job(request_id, first, last, first - 1))
            return True

    def begin(self) -> None:
        """A new session: what was under way goes out again."""
        for job in tuple(self._jobs):
            job.read_to = job.first - 1
            job.queue.clear()
            job.under_way.clear()

    def send(self, link: Link, limit_bytes: int) -> None:
        """Send as much as is allowed beside the new, in packets of at most so many bytes.

        Raises:
            BrokerError: if the connection is gone.
        """
        while self._jobs:
            job = self._jobs[0]
            while len(job.under_way) < AT_ONCE and self._refill(job):
                self._send(link, job, job.queue.popleft(), limit_bytes)
            if job.queue or job.under_way or job.read_to < job.last:
                return
            with self._lock:
                self._jobs.popleft()
            self._finished(job.request_id, len(job.sent))

    def _refill(self, job: _Job) -> bool:
        if job.queue or job.read_to >= job.last:
            return bool(job.queue)
        try:
            found = self._store.outbox.revisions(self._node, job.read_to + 1, job.last, BATCH)
        except SQLAlchemyError:
            return False  # the store's health says why; the next round asks again
        except ValueError:
            log.exception("replay.given_up", first=job.read_to + 1, last=job.last)
            job.read_to = job.last
            return False
        job.queue.extend(found)
        job.read_to = found[-1].sequence if len(found) == BATCH else job.last
        return bool(found)

    def _send(self, link: Link, job: _Job, message: AlertMessage, limit_bytes: int) -> None:
        revision = outbox_messages(message, message.model_dump_json())[0]
        publication = fitted(
            Publication(
                topic=revision.topic,
                body=revision.body,
                properties=revision.properties | {"replayed": "1"},
                correlation=message.alert_id.encode(),
            ),
            limit_bytes,
        )
        if publication is None:
            return  # the answer counts what was sent
        job.under_way[link.publish(publication)] = message.sequence
        self._counters.replayed += 1

    def acked(self, acked: Acked) -> bool:
        """Take a PUBACK; False if it is of no replay."""
        for job in self._jobs:
            sequence = job.under_way.pop(acked.mid, None)
            if sequence is not None:
                if acked.error is None:
                    job.sent.add(sequence)
                job.first = min([sequence + 1, *job.under_way.values()])
                return True
        return False
