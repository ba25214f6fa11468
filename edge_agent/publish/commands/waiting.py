"""Commands that wait for their turn: a share for each user, so that nobody takes another's."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Container

from edge_agent.publish.commands.replies import Received

MOST = 400
MOST_OF_ONE = 50
"""Places of one user of the site file. Whoever is not in it shares as many with all others."""


class Waiting:
    """Commands in the order in which they came. Not thread-safe: the clerk calls it locked."""

    def __init__(self) -> None:
        self._queue: deque[tuple[str, Received]] = deque()
        self._places: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._queue)

    def put(self, received: Received, users: Container[str]) -> bool:
        """Take a place at the end; False if there is none for its user."""
        user = received.user if received.user in users else ""
        if len(self._queue) >= MOST or self._places[user] >= MOST_OF_ONE:
            return False
        self._queue.append((user, received))
        self._places[user] += 1
        return True

    def next(self) -> Received | None:
        """The oldest, which gives up its place; None if nobody waits."""
        if not self._queue:
            return None
        user, received = self._queue.popleft()
        self._places[user] -= 1
        if not self._places[user]:
            del self._places[user]
        return received
