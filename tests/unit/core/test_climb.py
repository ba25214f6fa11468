"""The question to the model: its deadline counts from the revision, and what is kept of it."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import cast

import pytest

from edge_agent.core.ladder import Ladder
from edge_agent.core.reasoning import ReasoningClient
from edge_agent.ipc import Cancel, DecideReply, DecideRequest, Message, WorkerReport, decode
from hazard.catalogue import catalogue
from hazard.store.operations import SaveAssessment
from hazard.store.restore import OpenAlert
from hazard.types import Assessment, Authority, Health, Opinion, Severity
from tests.incidents import START, an_event, an_opinion
from tests.integration.reasoning_core import until
from tests.unit.core.test_alerts import SITE, Bench

DEADLINE_S = SITE.reasoning.deadline_s


class Wire:
    """The socket to the worker: what was written to it."""

    def __init__(self) -> None:
        self.said: list[Message] = []
        self.transport = SimpleNamespace(get_write_buffer_size=lambda: 0)

    def write(self, line: bytes) -> None:
        self.said.append(decode(line))

    def questions(self) -> list[DecideRequest]:
        return [each for each in self.said if isinstance(each, DecideRequest)]


class Plant(Bench):
    """Alerts with a real ladder and a real client; the worker's end is the test's."""

    def __init__(self) -> None:
        super().__init__()
        self.wire, self.client = Wire(), ReasoningClient()
        self.client.attach(cast("asyncio.StreamWriter", self.wire), 4711)
        ready = WorkerReport(role="reasoner", health=Health.READY, at=START)
        self.client.on_message(ready)
        self.may: dict[str, Authority] = {}
        self.ladder = Ladder(
            self.client,
            SITE,
            catalogue(),
            authority=lambda hazard: self.may.get(hazard, Authority.DECIDE),
        )
        self.ladder.connect(self.alerts.decided, self.alerts.worded)
        self.alerts._climb = self.ladder.climb

    def assessments(self) -> list[Assessment]:
        return [
            o.assessment for ops in self.operations for o in ops if isinstance(o, SaveAssessment)
        ]

    async def asked(self, number: int) -> DecideRequest:
        """The question of that number, waited for."""
        await until(lambda: len(self.wire.questions()) > number)
        return self.wire.questions()[number]

    async def answer(self, question: DecideRequest, opinion: Opinion) -> None:
        """Say it, and let the ladder climb on to the words."""
        before = len(self.written)
        self.client.on_message(DecideReply(request_id=question.request_id, opinion=opinion))
        await until(lambda: len(self.written) > before)


@pytest.fixture
def plant() -> Plant:
    return Plant()


def test_the_deadline_counts_from_the_revision_and_not_from_when_the_loop_came_to_ask(
    plant: Plant,
) -> None:
    async def test() -> None:
        before_s = time.monotonic()
        plant.alerts.found(an_event())
        raised_s = time.monotonic()
        while time.monotonic() < raised_s + 0.05:
            """The loop is busy with something else."""
        deadline_s = (await plant.asked(0)).deadline_monotonic_s
        assert before_s <= deadline_s - DEADLINE_S <= raised_s
        await plant.ladder.stop()

    asyncio.run(test())


def test_an_escalation_has_a_deadline_of_its_own_and_takes_the_older_question_back(
    plant: Plant,
) -> None:
    async def test() -> None:
        plant.alerts.found(an_event("crowding"))
        first = await plant.asked(0)
        before_s = time.monotonic()
        plant.alerts.found(an_event("flammable_gas", level="alarm", sources=("gate-1",)))
        second = await plant.asked(1)
        assert second.incident.incident_id == first.incident.incident_id
        assert second.deadline_monotonic_s - DEADLINE_S >= before_s
        assert Cancel(request_id=first.request_id) in plant.wire.said
        await plant.ladder.stop()

    asyncio.run(test())


def test_a_case_taken_up_after_a_restart_has_until_two_seconds_after_that(plant: Plant) -> None:
    again = Plant()

    async def test() -> None:
        plant.alerts.found(an_event())
        stored = next(iter(plant.last.values()))
        await plant.ladder.stop()
        before_s = time.monotonic()
        again.alerts.resume(
            [OpenAlert(message=stored.message, alarm=stored.alarm)], plant.incidents().values()
        )
        assert (await again.asked(0)).deadline_monotonic_s - DEADLINE_S >= before_s
        await again.ladder.stop()

    asyncio.run(test())


def test_what_was_judged_is_stored_with_the_assessment_as_it_was_then(plant: Plant) -> None:
    async def test() -> None:
        plant.alerts.found(an_event())
        question = await plant.asked(0)
        later = START + timedelta(seconds=30)
        plant.alerts.found(an_event(confidence=0.95, updated_at=later))
        await plant.answer(question, an_opinion(Severity.CRITICAL))
        at_once, decided = plant.assessments()
        assert at_once.incident is not None
        assert at_once.incident.events[0].confidence == 0.8
        assert decided.incident == question.incident
        assert decided.policy_hash == at_once.policy_hash == question.verdict.policy_hash
        assert plant.written[-1].events[0].confidence == 0.95
        await plant.ladder.stop()

    asyncio.run(test())


def test_what_only_a_replay_needs_is_stored_and_not_published(plant: Plant) -> None:
    async def test() -> None:
        plant.alerts.found(an_event())
        question = await plant.asked(0)
        made_of = {
            "prompt": 'area "tank-farm", lasting 3 s',
            "asked_about": question.incident.model_dump(mode="json"),
            "prompt_hash": "p",
        }
        opinion = an_opinion(Severity.CRITICAL, provenance=made_of)
        await plant.answer(question, opinion)
        assert plant.assessments()[-1].opinion == opinion
        published = plant.written[-1].opinion
        assert published is not None
        assert published.provenance == {"prompt_hash": "p"}
        assert plant.written[-1].times.decided is not None
        assert plant.written[-1].times.decided <= datetime.now(UTC)
        await plant.ladder.stop()

    asyncio.run(test())


def test_of_several_kinds_the_one_with_the_least_authority_counts(plant: Plant) -> None:
    plant.may = {"rapid_temperature_rise": Authority.ADVISE}

    async def test() -> None:
        plant.alerts.found(an_event("overtemperature", subject="t-1", sources=("t-1",)))
        await plant.asked(0)
        plant.alerts.found(an_event("rapid_temperature_rise", subject="t-1", sources=("t-1",)))
        question = await plant.asked(1)
        assert question.incident.hazard == "overtemperature"
        assert len(question.incident.events) == 2
        await plant.answer(question, an_opinion(Severity.LOW))
        assert plant.assessments()[-1].authority is Authority.ADVISE
        assert plant.assessments()[-1].severity is Severity.MEDIUM
        await plant.ladder.stop()

    asyncio.run(test())
