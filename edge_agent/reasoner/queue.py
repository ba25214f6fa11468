"""The order of work: decisions before words, the earliest deadline first, each answered once.

Where decisions of one area wait, the queue is behind: they leave it together, to be answered by
one question.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from itertools import count

from edge_agent.ipc import DecideRequest, WriteRequest

Request = DecideRequest | WriteRequest

MAX_WAITING = 1000
"""More than this waits nowhere: the request is refused at once."""

MAX_TOGETHER = 32
"""Decisions of one area that leave together; more make another question."""


@dataclass(order=True, slots=True)
class _Entry:
    words: bool
    deadline_s: float
    number: int
    request: Request = field(compare=False)


class WorkQueue:
    """A priority queue of requests; those that nobody waits for any more leave it by `prune`."""

    def __init__(self) -> None:
        self._heap: list[_Entry] = []
        self._numbers = count()

    def __len__(self) -> int:
        return len(self._heap)

    def put(self, request: Request) -> bool:
        """Take a request in; False if the queue is full."""
        if len(self._heap) >= MAX_WAITING:
            return False
        words = isinstance(request, WriteRequest)
        entry = _Entry(words, request.deadline_monotonic_s, next(self._numbers), request)
        heapq.heappush(self._heap, entry)
        return True

    def pop(self) -> tuple[Request, ...]:
        """The next request; with a decision, those of the same area that wait too.

        The earliest deadline is first; empty if nothing waits.
        """
        if not self._heap:
            return ()
        entry = heapq.heappop(self._heap)
        first = entry.request
        if isinstance(first, WriteRequest):
            return (first,)
        with_it = [
            each
            for each in sorted(self._heap)
            if not each.words and each.request.incident.area == first.incident.area
        ][: MAX_TOGETHER - 1]
        if with_it:
            taken = {each.number for each in with_it}
            self._heap = [each for each in self._heap if each.number not in taken]
            heapq.heapify(self._heap)
        return (first, *(each.request for each in with_it))

    def prune(self, now_monotonic_s: float) -> list[Request]:
        """Take out, and give back, every request whose deadline has passed."""
        late = [e.request for e in self._heap if e.deadline_s <= now_monotonic_s]
        if late:
            self._heap = [e for e in self._heap if e.deadline_s > now_monotonic_s]
            heapq.heapify(self._heap)
        return late

    def cancel(self, request_id: str) -> Request | None:
        """Take one request out; None if it does not wait here."""
        for entry in self._heap:
            if entry.request.request_id == request_id:
                self._heap.remove(entry)
                heapq.heapify(self._heap)
                return entry.request
        return None

    def clear(self) -> None:
        """Forget everything: the core that asked has gone."""
        self._heap.clear()
