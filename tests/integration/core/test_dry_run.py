"""What cameras see live is kept, and a change of the site file is tried over it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from edge_agent.jobs.child import do
from hazard.errors import StoreError
from hazard.jobs import Job, JobKind, JobState
from hazard.store.observations import Observations
from hazard.types import Role, Verb
from tests.integration.core.node import Client, Node, a_site, run, until
from tests.integration.core.test_jobs import SOON_S, job, working


def test_a_rule_that_goes_would_no_longer_raise_what_was_raised_live(tmp_path: Path) -> None:
    node = Node(tmp_path, a_site())

    async def test() -> None:
        async with node.running(), Client.connected(node, "vision") as vision:
            await until(lambda: vision.observe(person=True) and node.alerts(), "the alarm")

            def stored() -> object:
                with node.store() as store:
                    return store.observations.oldest()

            await until(stored, "the observations")
            with working(node):
                asked = node.ask(
                    Verb.START_JOB,
                    "",
                    0,
                    role=Role.OPERATOR,
                    arguments={"kind": "dry_run", "patch": {"rules": {"pit": None}}, "hours": 1},
                )
                await until(lambda: node.outcome(asked)[0] == "done", "the job")
                ended = await until(lambda: (one := job(node, asked)).over and one, "end", SOON_S)
        assert ended.state is JobState.DONE, ended.message
        assert ended.result["summary"] == "rules.pit removed"
        assert ended.result["no_longer"]["kinds"] == {"person_in_restricted_zone": 1}
        raised = {alert.hazard: alert for alert in node.alerts()}
        alert = raised["person_in_restricted_zone"]
        example = ended.result["no_longer"]["examples"][0]
        assert (example["area"], example["zone"]) == (alert.area, "pit")
        assert example["default"] == alert.default
        assert ended.result["raised"]["total"] == 0
        assert (
            "rules.eyes: finds silence, and what was silent is not stored"
            in (ended.result["not_tried"])
        )

    try:
        run(test())
    finally:
        node.remove()


def test_a_change_that_is_not_valid_fails_with_the_mend(tmp_path: Path) -> None:
    node = Node(tmp_path, a_site())
    asked = Job(
        job_id="invalid",
        kind=JobKind.DRY_RUN,
        actor="ada",
        arguments={"patch": {"rules": {"pit": {"zone": "moat"}}}, "hours": 1.0},
        created_at=datetime.now(UTC),
    )
    try:
        with node.store() as store:
            store.jobs.add(asked)
            store.jobs.begin_next(datetime.now(UTC))
            do(asked, store, node.paths)
        ended = job(node, asked.job_id)
    finally:
        node.remove()
    assert ended.state is JobState.FAILED
    assert "rules.pit.zone" in ended.message
    assert "moat" in ended.message


def test_observations_are_given_up_first_and_alarms_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(_self: Observations, _seen: object) -> int:
        raise StoreError("the store was busy in this process for 50 ms")

    monkeypatch.setattr(Observations, "record", busy)
    node = Node(tmp_path, a_site())

    async def test() -> None:
        async with node.running(), Client.connected(node, "vision") as vision:
            await until(lambda: vision.observe(person=True) and node.alerts(), "the alarm")

            def dropped() -> int:
                core = node.stages().get("core")
                return int(str(core.figures["dropped_observations"])) if core else 0

            await until(dropped, "the count of what was given up")

    try:
        run(test())
    finally:
        node.remove()
