"""The reasoning worker's order of work."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from itertools import count

from hypothesis import given
from hypothesis import strategies as st

from edge_agent.ipc import DecideRequest, WriteRequest
from edge_agent.reasoner.queue import MAX_TOGETHER, MAX_WAITING, Request, WorkQueue
from hazard.catalogue import catalogue
from hazard.site.models import Policy
from hazard.triage.policy import assess
from hazard.types import Severity
from tests.incidents import an_incident

INCIDENT = an_incident()
VERDICT = assess(INCIDENT, Policy(), catalogue())


def a_decision(name: str, deadline_s: float, area: str | None = None) -> DecideRequest:
    """A decision about an area of its own, unless one is named."""
    incident = INCIDENT.model_copy(update={"area": area or f"area-{name}"})
    return DecideRequest(
        request_id=name, incident=incident, verdict=VERDICT, deadline_monotonic_s=deadline_s
    )


def some_words(name: str, deadline_s: float) -> WriteRequest:
    return WriteRequest(
        request_id=name,
        incident=INCIDENT,
        severity=Severity.HIGH,
        languages=("en",),
        deadline_monotonic_s=deadline_s,
    )


def batches(queue: WorkQueue) -> list[tuple[str, ...]]:
    """What leaves the queue, together and in order, until it is empty."""
    names = []
    while batch := queue.pop():
        names.append(tuple(request.request_id for request in batch))
    return names


def drained(queue: WorkQueue) -> list[str]:
    return [name for batch in batches(queue) for name in batch]


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


def test_decisions_of_one_area_that_wait_leave_together_and_the_earliest_leads() -> None:
    queue = WorkQueue()
    for request in (
        a_decision("hall-late", 9.0, "hall"),
        a_decision("yard", 4.0, "yard"),
        some_words("words", 0.5),
        a_decision("hall-soon", 3.0, "hall"),
        a_decision("hall-next", 5.0, "hall"),
    ):
        queue.put(request)
    assert batches(queue) == [("hall-soon", "hall-next", "hall-late"), ("yard",), ("words",)]


def test_words_of_one_area_are_never_put_together() -> None:
    queue = WorkQueue()
    for name in "ab":
        queue.put(some_words(name, 1.0))
    assert batches(queue) == [("a",), ("b",)]


def test_a_flood_in_one_area_leaves_in_several_questions() -> None:
    queue = WorkQueue()
    for number in range(MAX_TOGETHER + 1):
        queue.put(a_decision(str(number), float(number), "hall"))
    assert [len(batch) for batch in batches(queue)] == [MAX_TOGETHER, 1]


class Watched:
    """A queue with a list of what waits beside it: each step checks that they agree."""

    def __init__(self) -> None:
        self.queue = WorkQueue()
        self.waiting: dict[str, Request] = {}
        self.names = count()
        self.left: list[str] = []

    def put(self, words: bool, deadline_s: float, area: str) -> None:  # noqa: FBT001 - drawn
        name = str(next(self.names))
        request = some_words(name, deadline_s) if words else a_decision(name, deadline_s, area)
        assert self.queue.put(request)
        self.waiting[name] = request

    def leaves(self, requests: Iterable[Request]) -> None:
        for request in requests:
            del self.waiting[request.request_id]  # a KeyError: it was never put, or left twice
            self.left.append(request.request_id)

    def pop(self) -> None:
        decisions = [each for each in self.waiting.values() if isinstance(each, DecideRequest)]
        rivals = decisions or list(self.waiting.values())
        batch = self.queue.pop()
        assert bool(batch) == bool(rivals)
        deadlines = [each.deadline_monotonic_s for each in batch]
        assert deadlines == sorted(deadlines)
        assert deadlines[:1] == sorted(each.deadline_monotonic_s for each in rivals)[:1]
        same = [each for each in decisions if each.incident.area == batch[0].incident.area]
        together = same or list(batch[:1])
        assert {each.request_id for each in batch} == {each.request_id for each in together}
        self.leaves(batch)

    def prune(self, now_s: float) -> None:
        late = self.queue.prune(now_s)
        assert all(each.deadline_monotonic_s <= now_s for each in late)
        self.leaves(late)
        assert all(each.deadline_monotonic_s > now_s for each in self.waiting.values())

    def cancel(self, name: str) -> None:
        gone = self.queue.cancel(name)
        assert gone is self.waiting.get(name)
        self.leaves([gone] if gone else [])


steps = st.one_of(
    st.builds(
        partial,
        st.just(Watched.put),
        words=st.booleans(),
        deadline_s=st.integers(0, 30).map(float),
        area=st.sampled_from(["yard", "hall", "pit"]),
    ),
    st.builds(partial, st.just(Watched.pop)),
    st.builds(partial, st.just(Watched.prune), now_s=st.integers(0, 30).map(float)),
    st.builds(partial, st.just(Watched.cancel), name=st.integers(0, 20).map(str)),
)


@given(st.lists(steps, max_size=60))
def test_every_request_leaves_exactly_once_in_order_and_with_its_area(
    work: list[Callable[[Watched], None]],
) -> None:
    """Whatever comes between: decisions before words, by deadline, an area's decisions at once."""
    watched = Watched()
    for step in work:
        step(watched)
        assert len(watched.queue) == len(watched.waiting)
    while watched.waiting:
        watched.pop()
    assert sorted(watched.left, key=int) == [str(n) for n in range(next(watched.names))]
    assert watched.queue.pop() == ()
