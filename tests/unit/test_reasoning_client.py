"""The core's client of the reasoning process: what it believes, when it gives up."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest
from pydantic import JsonValue

from edge_agent.core.reasoning import GRACE_S, LOADING_GRACE_S, SILENT_AFTER_S, ReasoningClient
from edge_agent.ipc import DecideRequest, WorkerReport, decode
from hazard.catalogue import catalogue
from hazard.site.models import Policy
from hazard.triage.ladder import Failure
from hazard.triage.policy import assess
from hazard.types import Authority, Health, Opinion
from tests.incidents import START, an_event, an_incident

CROWD = an_incident(an_event("crowding"))
VERDICT = assess(CROWD, Policy(), catalogue())


class Clock:
    """Stands still until it is advanced."""

    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


class Wire:
    """What the client has written; `unsent` is how much the worker has not read."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.unsent = 0
        self.transport = SimpleNamespace(get_write_buffer_size=lambda: self.unsent)

    def write(self, line: bytes) -> None:
        self.lines.append(line)


def a_client(**kw: Any) -> tuple[ReasoningClient, Clock, Wire]:
    clock, wire = Clock(), Wire()
    client = ReasoningClient(clock, **kw)
    client.attach(cast("asyncio.StreamWriter", wire), 4711)
    return client, clock, wire


def report(health: Health = Health.READY, **figures: JsonValue) -> WorkerReport:
    return WorkerReport(role="reasoner", health=health, reason="why", at=START, figures=figures)


def asked_in_vain(client: ReasoningClient, seconds: float = 0.02) -> Opinion | Failure:
    return asyncio.run(client.decide(CROWD, VERDICT, 1000.0 + seconds))


def test_without_a_worker_there_is_an_answer_at_once() -> None:
    answer = asyncio.run(ReasoningClient().decide(CROWD, VERDICT, 1e12))
    assert isinstance(answer, Failure)
    assert answer.kind == "absent"


def test_an_unanswered_question_makes_the_worker_hung_after_the_grace() -> None:
    client, clock, wire = a_client()
    client.on_message(report())
    answer = asked_in_vain(client)
    assert isinstance(answer, Failure)
    assert answer.kind == "late"
    assert isinstance(decode(wire.lines[0]), DecideRequest)
    assert client.hung(clock.now_s + GRACE_S) is None
    assert client.hung(clock.now_s + GRACE_S + 0.1) == 4711


def test_a_worker_that_loads_is_given_more_time_and_is_absent_not_late() -> None:
    client, clock, _ = a_client()
    client.on_message(report(Health.STARTING))
    answer = asked_in_vain(client)
    assert isinstance(answer, Failure)
    assert answer.kind == "absent"
    assert client.hung(clock.now_s + GRACE_S + 1) is None
    assert client.hung(clock.now_s + LOADING_GRACE_S + 1) == 4711


def test_a_worker_that_does_not_read_is_not_sent_more() -> None:
    client, _, wire = a_client()
    wire.unsent = 5_000_000
    answer = asked_in_vain(client)
    assert isinstance(answer, Failure)
    assert answer.kind == "broken"
    assert wire.lines == []


def test_a_worker_without_reports_is_unknown_and_never_healthy() -> None:
    client, clock, _ = a_client()
    client.on_message(report())
    assert client.health(START).health is Health.READY
    clock.now_s += SILENT_AFTER_S + 0.1
    assert client.health(START).health is Health.UNKNOWN


@pytest.mark.parametrize("claimed", [None, "everything", {"crowding": "rule the world"}, {}])
def test_what_the_worker_claims_is_advice_unless_it_is_an_authority(claimed: JsonValue) -> None:
    client, _, _ = a_client()
    client.on_message(report(authority=claimed))
    assert client.authority("crowding") is Authority.ADVISE


def test_the_sites_wish_bounds_what_the_worker_claims() -> None:
    client, _, _ = a_client(wishes={"crowding": Authority.RAISE})
    client.on_message(report(authority={"crowding": "decide", "fire": "decide"}))
    assert client.authority("crowding") is Authority.RAISE
    assert client.authority("fire") is Authority.DECIDE


def test_a_worker_that_is_not_ready_has_no_authority() -> None:
    client, _, _ = a_client()
    client.on_message(report(Health.DEGRADED, authority={"crowding": "decide"}))
    assert client.authority("crowding") is Authority.ADVISE
