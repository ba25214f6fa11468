"""When two commands are the same request, and how far a token or a user reaches."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from edge_agent.publish.commands.clerk import Clerk
from edge_agent.publish.commands.judge import SAME_WITHIN, judge
from edge_agent.publish.commands.limits import WINDOW_S, Allowance
from edge_agent.publish.commands.replies import Received
from edge_agent.publish.commands.waiting import MOST, MOST_OF_ONE, Waiting
from edge_agent.publish.node_voice import NodeVoice
from hazard.store import Store
from tests.alert_builders import T0, plain_render, write_alert
from tests.commanding import a_site

SITE = a_site(1883)
COMMENT = {"alert_id": "a1", "comment": "on my way"}


def received(verb: str = "comment", *, user: str = "ada", **more: Any) -> Received:
    payload = json.dumps(more.pop("payload", COMMENT)).encode()
    return Received(
        broker="plant",
        topic=f"hazard/v1/plant-a/command/{user}/{verb}",
        payload=payload,
        size_bytes=len(payload),
        retain=False,
        **more,
    )


def test_the_same_command_without_an_id_is_the_same_request_for_a_minute_or_two() -> None:
    first = judge(received(), SITE, T0)
    soon = judge(received(), SITE, T0 + SAME_WITHIN)
    late = judge(received(), SITE, T0 + 2 * SAME_WITHIN)
    assert soon.earlier_id == first.request.request_id
    assert first.request.request_id not in (late.request.request_id, late.earlier_id)


@pytest.mark.parametrize(
    "other",
    [
        received(user="eve"),
        received(correlation=b"2"),
        received(payload=COMMENT | {"comment": "there"}),
    ],
)
def test_what_differs_is_another_request(other: Received) -> None:
    one, two = judge(received(correlation=b"1"), SITE, T0), judge(other, SITE, T0)
    assert one.request.request_id != two.request.request_id


def test_what_does_no_harm_twice_is_done_each_time() -> None:
    asked = received("snapshot", payload={"request_id": "mine"})
    one, two = judge(asked, SITE, T0), judge(asked, SITE, T0)
    assert one.request.request_id != two.request.request_id
    assert one.route.request_id == two.route.request_id == "mine"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "hazard.db", render=plain_render) as opened:
        yield opened


def test_a_command_that_comes_again_over_the_minute_goes_under_its_first_id(store: Store) -> None:
    write_alert(store)
    clerk = Clerk(
        store,
        SITE,
        NodeVoice(store, SITE),
        send=lambda _broker, _answer: None,
        largest=lambda _broker: 0,
    )
    at = T0 + SAME_WITHIN - timedelta(seconds=1)
    clerk._submit(judge(received(), SITE, at))
    clerk._submit(judge(received(), SITE, at + timedelta(seconds=2)))
    assert len(store.pending_requests()) == 1


def test_an_allowance_is_for_a_minute_and_what_was_over_it_is_told_once() -> None:
    now_s = [100.0]
    allowance = Allowance(2, clock=lambda: now_s[0])
    assert [allowance.take("ada") for _ in range(4)] == [True, True, False, False]
    assert allowance.take("bob")
    assert allowance.settle("ada") == 0
    now_s[0] += WINDOW_S
    assert (allowance.settle("ada"), allowance.settle("ada")) == (2, 0)
    assert allowance.take("ada")


def test_who_floods_the_commands_takes_no_place_of_others() -> None:
    waiting, users = Waiting(), {"ada", "bob"}
    for number in range(MOST + 100):
        waiting.put(received(user="ada"), users)
        waiting.put(received(user=f"nobody-{number}"), users)
    assert len(waiting) == 2 * MOST_OF_ONE
    assert waiting.put(received(user="bob"), users)
    taken = []
    while (each := waiting.next()) is not None:
        taken.append(each.user)
    assert taken[-1] == "bob"
    assert taken[:2] == ["ada", "nobody-0"]
    assert waiting.put(received(user="ada"), users), "places come free again"
