"""An observation that comes again is not worked on again."""

from __future__ import annotations

from typing import Any, cast

import pytest

from edge_agent.core.store_thread import StoreThread
from edge_agent.core.taken import Taken
from hazard.store.operations import Operation, SaveTaken
from hazard.store.store import Store


class Thread:
    """Takes commits as the store's thread does."""

    def __init__(self) -> None:
        self.asked = 0
        self.written: list[Operation] = []

    def commit(self, operations: tuple[Operation, ...]) -> None:
        self.asked += 1
        self.written += operations


class Stored:
    def __init__(self, *taken: Any) -> None:
        self._taken = taken

    def taken(self) -> Any:
        return self._taken


def a_taken(instance: str = "", number: int = 0) -> tuple[Taken, Thread]:
    thread = Thread()
    store = cast("Store", Stored(instance, number))
    return Taken(store, cast("StoreThread", thread)), thread


def changing(thread: Thread) -> Any:
    return lambda: thread.commit(())


def test_what_an_observation_caused_is_followed_by_its_number() -> None:
    taken, thread = a_taken()
    taken.once("ab", 1, changing(thread))
    assert thread.written == [SaveTaken(instance="ab", number=1)]


def test_an_observation_that_caused_nothing_writes_nothing() -> None:
    taken, thread = a_taken()
    taken.once("ab", 1, lambda: None)
    assert thread.written == []


@pytest.mark.parametrize(("number", "worked_on"), [(4, False), (5, False), (6, True)])
def test_after_a_restart_only_what_is_not_durable_is_worked_on(
    number: int, *, worked_on: bool
) -> None:
    taken, _ = a_taken("ab", 5)
    done: list[int] = []
    taken.once("ab", number, lambda: done.append(number))
    assert bool(done) is worked_on
    assert taken.repeated == (not worked_on)


def test_the_numbers_of_another_vision_group_begin_anew() -> None:
    taken, _ = a_taken("ab", 5)
    done: list[int] = []
    taken.once("cd", 1, lambda: done.append(1))
    taken.once("ab", 5, lambda: done.append(5))
    assert done == [1, 5]


def test_a_vision_group_without_an_instance_is_always_listened_to() -> None:
    taken, thread = a_taken()
    done: list[int] = []
    for _ in range(2):
        taken.once("", 1, lambda: done.append(1))
    assert done == [1, 1]
    assert thread.written == []
