"""Answers on their way to one broker, beside everything else."""

from __future__ import annotations

from collections import deque

from edge_agent.publish.client import Acked, Link
from edge_agent.publish.commands.replies import Answer
from edge_agent.publish.fitting import fitted
from edge_agent.publish.voice import Counters

AT_ONCE = 5
MOST_WAITING = 2000


class Answers:
    """The answers of one broker. `put` from any thread, the rest by the relay's thread."""

    def __init__(self, counters: Counters) -> None:
        self._counters = counters
        self._waiting: deque[Answer] = deque(maxlen=MOST_WAITING)
        self._under_way: dict[int, Answer] = {}

    def put(self, answer: Answer) -> None:
        """Have an answer sent; beyond `MOST_WAITING` the oldest is given up."""
        self._waiting.append(answer)

    def begin(self) -> None:
        """A new session: what was under way goes out again."""
        self._waiting.extendleft(reversed(self._under_way.values()))
        self._under_way.clear()

    def send(self, link: Link, limit_bytes: int) -> None:
        """Send some; one that does not fit the broker's largest packet is given up.

        Raises:
            BrokerError: if the connection is gone.
        """
        while self._waiting and len(self._under_way) < AT_ONCE:
            answer = self._waiting.popleft()
            publication = fitted(answer.publication(), limit_bytes)
            if publication is None:
                self._counters.unanswered += 1
                continue
            self._under_way[link.publish(publication)] = answer

    def acked(self, acked: Acked) -> bool:
        """Take a PUBACK; False if it is of no answer."""
        if self._under_way.pop(acked.mid, None) is None:
            return False
        if acked.error is None:
            self._counters.answered += 1
        else:
            self._counters.unanswered += 1
        return True
