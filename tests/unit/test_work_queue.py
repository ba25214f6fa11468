"""The reasoning worker's order of work."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edge_agent.ipc import DecideRequest, WriteRequest
from edge_agent.reasoner.queue import MAX_WAITING, WorkQueue
from hazard.catalogue import catalogue
from hazard.site.models import Policy
from hazard.triage.policy import assess
from hazard.types import Severity
from tests.incidents import an_incident

INCIDENT = an_incident()
VERDICT = assess(INCIDENT, Policy(), catalogue())


def a_decision(name: str, deadline_s: float) -> DecideRequest:
    return DecideRequest(
        request_id=name, incident=INCIDENT, verdict=VERDICT, deadline_monotonic_s=deadline_s
    )


def some_words(name: str, deadline_s: float) -> WriteRequest:
    return WriteRequest(
        request_id=name,
        incident=INCIDENT,
        severity=Severity.HIGH,
        languages=("en",),
        deadline_monotonic_s=deadline_s,
    )


def drained(queue: WorkQueue) -> list[str]:
    names = []
    while (request := queue.pop()) is not None:
        names.append(request.request_id)
    return names


def test_decisions_go_before_words_and_the_earliest_deadline_first() -> None:
    queue = WorkQueue()
    for request in (
        some_words("w-soon", 1.0),
        a_decision("d-late", 9.0),
        some_words("w-late", 5.0),
        a_decision("d-soon", 3.0),
    ):
        assert queue.put(request)
    assert drained(queue) == ["d-soon", "d-late", "w-soon", "w-late"]


def test_equal_deadlines_keep_the_order_of_arrival() -> None:
    queue = WorkQueue()
    for name in "abc":
        queue.put(a_decision(name, 1.0))
    assert drained(queue) == ["a", "b", "c"]


def test_what_is_too_late_and_what_is_cancelled_leaves_the_queue() -> None:
    queue = WorkQueue()
    for name, deadline_s in (("old", 1.0), ("new", 9.0), ("gone", 5.0)):
        queue.put(a_decision(name, deadline_s))
    assert [request.request_id for request in queue.prune(2.0)] == ["old"]
    assert queue.cancel("gone") is not None
    assert queue.cancel("gone") is None
    assert drained(queue) == ["new"]


def test_a_full_queue_refuses() -> None:
    queue = WorkQueue()
    assert all(queue.put(a_decision(str(i), float(i))) for i in range(MAX_WAITING))
    assert not queue.put(a_decision("one too many", 0.0))


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 50)), max_size=30), st.integers(0, 50))
def test_no_request_is_lost_or_answered_twice(work: list[tuple[bool, int]], now: int) -> None:
    queue = WorkQueue()
    for number, (words, deadline_s) in enumerate(work):
        make = some_words if words else a_decision
        queue.put(make(str(number), float(deadline_s)))
    pruned = [request.request_id for request in queue.prune(float(now))]
    assert sorted(pruned + drained(queue), key=int) == [str(n) for n in range(len(work))]
