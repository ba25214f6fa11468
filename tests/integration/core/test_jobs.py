"""Long work: asked for through the core, done by its own process, and over whatever happens."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import pytest

from edge_agent.core.job_desk import MAX_WAITING
from edge_agent.reasoner.backends import TEST_FLAG
from hazard.catalogue import catalogue
from hazard.jobs import Job, JobKind, JobState
from hazard.site.models import Policy
from hazard.site.reasoning import Reasoning
from hazard.triage.ladder import Failure, decide
from hazard.triage.policy import assess
from hazard.types import Authority, Opinion, Role, Verb
from tests.alert_builders import wait_until
from tests.incidents import an_incident, gas
from tests.integration.core.node import Node, a_site, run, until
from tests.reasoners import Scripted

SOON_S = 60.0
REPOSITORY = Path(__file__).parents[3]


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    site = a_site(
        areas={"tank-farm": {"name": "Tank farm"}},
        reasoning={"enabled": False, "backend": "tests.reasoners:Scripted", "model": "high"},
    )
    made = Node(tmp_path, site)
    yield made
    made.remove()


@contextlib.contextmanager
def working(node: Node) -> Iterator[subprocess.Popen[bytes]]:
    """The process of the jobs, as the supervisor starts it."""
    with (node.paths.data_dir / "jobs.log").open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "edge_agent.launch", "jobs", "edge_agent.jobs"],
            env={**os.environ, **node.paths.environment(), TEST_FLAG: "1"},
            cwd=REPOSITORY,
            stdout=output,
            stderr=output,
        )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(SOON_S)


def assessed(node: Node, name: str, *, model: bool = False, device: str = "cpu") -> str:
    """An assessment in the store, by the policy or by the scripted model."""
    incident = an_incident(gas()).model_copy(update={"incident_id": f"incident-{name}"})
    verdict = assess(incident, Policy(), catalogue())
    said: Opinion | Failure = Failure("absent", "it was not asked")
    if model:
        opinion = Scripted(Reasoning(model="high"), node.paths.models_dir).decide(
            incident, verdict, 0.0
        )
        said = opinion.model_copy(update={"provenance": {**opinion.provenance, "device": device}})
    stored = decide(
        incident.incident_id, verdict, said, Authority.DECIDE, datetime.now(UTC), incident=incident
    ).model_copy(update={"assessment_id": f"assessment-{name}"})
    with node.store() as store, store.unit() as unit:
        unit.save_incident(incident)
        unit.save_assessment(stored)
        unit.commit()
    return stored.assessment_id


def waiting(node: Node, name: str, assessment_id: str, actor: str = "ada") -> str:
    """A job that waits."""
    job = Job(
        job_id=name,
        kind=JobKind.REPLAY_DECISION,
        subject=assessment_id,
        actor=actor,
        arguments={"assessment_id": assessment_id},
        created_at=datetime.now(UTC),
    )
    with node.store() as store:
        store.jobs.add(job)
    return name


def job(node: Node, job_id: str) -> Job:
    with node.store() as store:
        found: Job | None = store.jobs.get(job_id)
    assert found is not None
    return found


def commands() -> Iterator[list[str]]:
    """The command lines of the jobs' children on this machine."""
    for process in psutil.process_iter(["cmdline"]):
        line = process.info["cmdline"] or []
        if "edge_agent.jobs.child" in line:
            yield line


def becomes_running(node: Node, job_id: str) -> None:
    wait_until(
        lambda: job(node, job_id).state is JobState.RUNNING,
        seconds=SOON_S,
        what=f"the start of {job_id}",
    )


def over(node: Node, job_id: str) -> Job:
    wait_until(lambda: job(node, job_id).over, seconds=SOON_S, what=f"the end of {job_id}")
    return job(node, job_id)


def test_a_decision_is_replayed_on_request_and_its_outcome_told(node: Node) -> None:
    async def test() -> None:
        async with node.running():
            same = assessed(node, "same", model=True)
            with working(node):
                request = node.ask(
                    Verb.START_JOB,
                    "",
                    0,
                    arguments={"kind": "replay_decision", "assessment_id": same},
                )
                await until(lambda: node.outcome(request)[0] == "done", "the job")
                with node.store() as store:
                    status = store.queries.request_state(request)
                job_id = status.values["job_id"]
                found = await until(
                    lambda: (one := job(node, job_id)).over and one, "its end", SOON_S
                )
                assert (found.state, found.progress) == (JobState.DONE, 1.0)
                assert found.result["same"] is True
                assert found.result["model_asked"] is True
                assert (found.subject, found.actor) == (same, "ada")
                ready = await until(
                    lambda: (
                        (stage := node.stages().get("jobs"))
                        and stage.health == "ready"
                        and stage.figures["done"] == 1
                    ),
                    "the stage of the jobs",
                )
                assert ready

    run(test())


def test_what_cannot_be_started_is_refused_with_the_mend(node: Node) -> None:
    async def test() -> None:
        async with node.running():
            here = assessed(node, "here")
            replay = {"kind": "replay_decision", "assessment_id": "assessment-nowhere"}
            asked = node.ask(Verb.START_JOB, "", 0, arguments=replay)
            elsewhere = node.ask(
                Verb.START_JOB,
                "",
                0,
                areas=("hall",),
                arguments={**replay, "assessment_id": here},
            )
            viewer = node.ask(Verb.START_JOB, "", 0, role=Role.VIEWER, arguments=replay)
            for request, words in (
                (asked, "there is no assessment 'assessment-nowhere'"),
                (elsewhere, "this concerns tank-farm"),
                (viewer, "not for ada as viewer"),
            ):
                state, text = await until(
                    lambda request=request: (
                        (found := node.outcome(request))[0] != "pending" and found
                    )
                )
                assert state == "refused"
                assert words in text
            for number in range(MAX_WAITING):
                waiting(node, f"job-{number}", here)
            full = node.ask(Verb.START_JOB, "", 0, arguments={**replay, "assessment_id": here})
            await until(lambda: node.outcome(full)[0] == "refused", "the refusal")
            assert "jobs wait already" in node.outcome(full)[1]

    run(test())


def test_whatever_is_killed_the_job_has_failed_and_the_next_one_is_done(node: Node) -> None:
    asks_model, policy_only = assessed(node, "model", model=True), assessed(node, "policy")
    reasoning = {"enabled": False, "backend": "tests.reasoners:Hanging", "model": "high"}
    node.write_site(a_site(areas={"tank-farm": {"name": "Tank farm"}}, reasoning=reasoning))
    first = waiting(node, "first", asks_model)
    with working(node) as process:
        becomes_running(node, first)
        process.kill()
        process.wait(SOON_S)
    second, third = waiting(node, "second", asks_model), waiting(node, "third", policy_only)
    with working(node) as process:
        failed = over(node, first)
        assert failed.state is JobState.FAILED
        assert "ask for it again" in failed.message
        wait_until(lambda: not any("first" in each for each in commands()), seconds=SOON_S)
        becomes_running(node, second)
        worker = psutil.Process(process.pid)
        wait_until(lambda: bool(worker.children()), seconds=SOON_S, what="the job's child")
        (child,) = worker.children()
        child.send_signal(signal.SIGKILL)
        failed = over(node, second)
        assert failed.state is JobState.FAILED
        assert "killed by SIGKILL" in failed.message
        done = over(node, third)
        assert done.state is JobState.DONE
        assert done.result["same"] is True


def test_who_asked_for_a_job_or_an_administrator_has_it_end(node: Node) -> None:
    asks_model = assessed(node, "model", model=True)
    reasoning = {"enabled": False, "backend": "tests.reasoners:Hanging", "model": "high"}
    node.write_site(a_site(areas={"tank-farm": {"name": "Tank farm"}}, reasoning=reasoning))
    own = waiting(node, "to-be-cancelled", asks_model)
    theirs = waiting(node, "theirs", asks_model, "bob")

    async def cancel(job_id: str, **who: Any) -> tuple[str, str]:
        request = node.ask(Verb.CANCEL_JOB, "", 0, arguments={"job_id": job_id}, **who)
        answered = await until(
            lambda: (found := node.outcome(request))[0] != "pending" and found, "the answer"
        )
        return str(answered[0]), str(answered[1])

    async def test() -> None:
        async with node.running():
            with working(node):
                await until(lambda: job(node, own).state is JobState.RUNNING, "its begin", SOON_S)
                state, text = await cancel(theirs)
                assert (state, "asked for by bob" in text) == ("refused", True)
                bound = await cancel(theirs, role=Role.ADMINISTRATOR, areas=("hall",))
                assert bound[0] == "refused"
                assert (await cancel(theirs, role=Role.ADMINISTRATOR))[0] == "done"
                assert (await cancel(own))[0] == "done"
                for job_id in (own, theirs):
                    ended = job(node, job_id)
                    assert (ended.state, ended.message) == (JobState.CANCELLED, "cancelled by ada")
                    assert ended.finished_at is not None
                await until(lambda: not any(own in each for each in commands()), "its end", SOON_S)
                assert job(node, own).state is JobState.CANCELLED, "whatever became of its process"
                over_already = waiting(node, "next", assessed(node, "next"))
                await until(lambda: job(node, over_already).over, "the next job", SOON_S)
                assert (await cancel(over_already))[0] == "refused"

    run(test())


def test_a_model_on_an_accelerator_is_not_loaded_a_second_time(node: Node) -> None:
    name = waiting(node, "gpu", assessed(node, "gpu", model=True, device="cuda:0"))
    with working(node):
        failed = over(node, name)
    assert failed.state is JobState.FAILED
    assert "answered on cuda:0" in failed.message
    assert "hazard replay assessment-gpu" in failed.message


def test_jobs_are_kept_in_bounds(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hazard.store.jobs.KEPT", 3)
    names = [waiting(node, f"job-{number}", "x") for number in range(6)]
    with node.store() as store:
        for name in names[:5]:
            store.jobs.begin_next(datetime.now(UTC))
            store.jobs.end(name, JobState.DONE, {}, "done", datetime.now(UTC))
        store.jobs.end(names[5], JobState.DONE, {}, "never begun", datetime.now(UTC))
        assert job(node, names[5]).state is JobState.WAITING
        assert store.jobs.prune() == 2
        assert {each.job_id for each in store.jobs.recent()} == set(names[2:])
