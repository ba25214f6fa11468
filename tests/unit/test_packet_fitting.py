"""Messages are made to fit a broker's largest packet, and what does not fit is known."""

from __future__ import annotations

import json

import pytest

from edge_agent.publish.aside import MOST, Aside
from edge_agent.publish.fitting import (
    FORGET_AFTER_S,
    LOSSES,
    SMALL_BYTES,
    UNLIMITED_PACKET,
    PacketLimit,
    fitted,
)
from edge_agent.publish.topics import Publication
from hazard.store import OutboxMessage
from hazard.store.outbox import OutboxItem
from hazard.types import AlertMessage, Words
from tests.alert_builders import T0, a_message, an_alarm, an_event


class Clock:
    """Seconds that a test moves on."""

    def __init__(self) -> None:
        self.now_s = 10_000.0

    def __call__(self) -> float:
        return self.now_s


def a_large_message() -> AlertMessage:
    events = tuple(an_event("i1", event_id=f"e{n}") for n in range(40))
    words = Words(summary={"en": "x" * 5000}, actions={}, source="model")
    members = tuple(f"alert-{n}" for n in range(200))
    return a_message(an_alarm(), events=events, words=words, members=members, comment="y" * 1500)


def a_publication(message: AlertMessage) -> Publication:
    return Publication(topic="hazard/v1/s/alert/a/x", body=message.model_dump_json())


@pytest.mark.parametrize("limit", [30_000, 15_000, 8_000, 4_000, 2_500, 2_200])
def test_what_is_reduced_fits_is_valid_and_keeps_what_matters(limit: int) -> None:
    full = a_large_message()
    made = fitted(a_publication(full), limit)
    assert made is not None
    assert len(made.topic) + len(made.body.encode()) <= limit
    message = AlertMessage.model_validate_json(made.body)
    for name in ("alert_id", "revision", "sequence", "severity", "state", "area", "times", "site"):
        assert getattr(message, name) == getattr(full, name)
    assert message.reduced == (made.properties.get("reduced") == "1")
    assert message.reduced == (limit < 30_000)


def test_what_fits_is_not_touched_and_what_cannot_fit_is_none() -> None:
    publication = a_publication(a_large_message())
    assert fitted(publication, UNLIMITED_PACKET) is publication
    assert fitted(publication, 500) is None
    assert fitted(Publication(topic="t", body="no JSON" * 100), 200) is None


def test_a_limit_that_was_told_stands_and_one_that_was_seen_is_forgotten() -> None:
    clock = Clock()
    limit = PacketLimit(clock)
    limit.told = 100_000
    assert (limit.limit_bytes, limit.guessed) == (100_000, False)
    for _ in range(LOSSES - 1):
        limit.hung_up(20_000)
    assert not limit.guessed
    limit.hung_up(20_000)
    assert (limit.limit_bytes, limit.guessed) == (10_000, True)
    clock.now_s += FORGET_AFTER_S + 1
    assert (limit.limit_bytes, limit.guessed) == (100_000, False)


@pytest.mark.parametrize("sizes", [[SMALL_BYTES] * 9, [9000, 8000, 7000, 9000, 8000]])
def test_a_broker_that_is_only_unsteady_is_not_suspected(sizes: list[int]) -> None:
    limit = PacketLimit(Clock())
    for size in sizes:
        limit.hung_up(size)
    assert not limit.guessed


def an_item(number: int) -> OutboxItem:
    message = OutboxMessage(topic=f"t/{number}", body=json.dumps({}))
    return OutboxItem(number, number, f"a{number}", 1, T0, message)


def test_what_is_set_aside_comes_back_in_order_after_a_minute() -> None:
    clock = Clock()
    aside = Aside(clock)
    for number in (3, 1, 2):
        aside.put(an_item(number), 135)
    assert "3 messages are not taken" in aside.reason()
    assert aside.due() == []
    clock.now_s += 61
    assert [item.outbox_id for item in aside.due()] == [1, 2, 3]
    assert (len(aside), aside.reason()) == (0, "")


def test_a_broker_that_takes_nothing_is_given_up() -> None:
    aside = Aside()
    for number in range(MOST):
        aside.put(an_item(number), 135)
    assert not aside.full
    aside.put(an_item(MOST), 135)
    assert aside.full
