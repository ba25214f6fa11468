"""What must not stop the core: bad clients, faults of its own, a database that refuses."""
# ruff: noqa: E731 - conditions to wait for are named by a lambda

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sqlite3
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from edge_agent.cli.status import newest
from hazard.errors import StoreError
from hazard.store.operations import FinishRequest, SaveEvidence
from hazard.types import Health, Severity, Verb
from tests.integration.core.node import Client, Node, a_site, run, until
from tests.integration.core.test_alerts import a_picture

SILENT_REASONER = Path(__file__).with_name("silent_reasoner.py")


def test_lines_that_are_no_messages_are_left_out_and_counted(node: Node) -> None:
    async def test() -> None:
        async with node.running(), Client.connected(node, "vision") as vision:
            vision.write(b"{}\n[1, 2]\nnot json\n" + b'{"type": "observed", "number": "x"}\n')
            number = vision.observe(person=True)
            await until(lambda: vision.acked >= number, "the observation after them")
            assert len(node.alerts()) == 1
            counted = lambda: node.stages()["core"].figures["bad_messages"] == 4
            await until(lambda: "core" in node.stages() and counted(), "the count")

    run(test())


@pytest.mark.parametrize(
    "line", [b"x" * (5 * 1024 * 1024) + b"\n", b"nonsense\n" * 30, b"\xff\n" * 30]
)
def test_a_client_that_talks_rubbish_is_cut_off_and_the_core_goes_on(
    node: Node, line: bytes
) -> None:
    async def test() -> None:
        async with node.running():
            with contextlib.suppress(OSError):
                async with Client.connected(node, "vision") as vision:
                    vision.write(line)
                    await until(vision.gone.is_set, "the end of the connection")
            async with Client.connected(node, "vision") as vision:
                number = vision.observe(person=True)
                await until(lambda: vision.acked >= number, "the acknowledgement")

    run(test())


def test_the_newest_client_of_a_role_replaces_the_older_one(node: Node) -> None:
    async def test() -> None:
        async with (
            node.running(),
            Client.connected(node, "vision") as old,
            Client.connected(node, "vision") as new,
        ):
            await until(old.gone.is_set, "the end of the older connection")
            number = new.observe(person=True)
            await until(lambda: new.acked >= number, "the acknowledgement")
            await until(lambda: new.of("snapshot_request"), "the question to the new one")

    run(test())


def test_a_fault_of_the_program_costs_one_finding_and_is_shown(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test() -> None:
        async with node.running() as core, Client.connected(node, "vision") as vision:
            with monkeypatch.context() as patch:
                patch.setattr(core._alerts, "found", lambda _event: 1 / 0)
                number = vision.observe(person=True)
                await until(lambda: vision.acked >= number, "the acknowledgement")
            shown = lambda: (s := node.stages().get("core")) and "ZeroDivision" in s.reason
            await until(shown, "the fault in health")
            assert node.stages()["core"].health is Health.DEGRADED
            assert not vision.gone.is_set()

    run(test())


def test_what_the_database_refuses_takes_no_alert_with_it_and_is_shown(node: Node) -> None:
    async def test() -> None:
        async with node.running() as core, Client.connected(node, "vision") as vision:
            orphan = SaveEvidence(incident_id="nobody", evidence=a_picture("b"))
            original = core._thread.commit
            core._thread.commit = lambda operations: original((orphan, *operations))  # type: ignore[method-assign]
            number = vision.observe(person=True)
            await until(lambda: vision.acked >= number, "the acknowledgement")
            assert len(node.alerts()) == 1
            shown = lambda: (s := node.stages().get("store")) and "refused" in s.reason
            await until(shown, "the refusal in health")

    run(test())


def test_a_request_whose_outcome_was_lost_is_not_carried_out_again(node: Node) -> None:
    async def test() -> None:
        async with node.running() as core, Client.connected(node, "vision") as vision:
            vision.observe(person=True)
            (alert,) = await until(node.alerts, "the alert")
            original = core._thread.commit
            core._thread.commit = lambda operations: original(  # type: ignore[method-assign]
                tuple(each for each in operations if not isinstance(each, FinishRequest))
            )
            asked = node.ask(Verb.COMMENT, alert.alert_id, 1, comment="once")
            await until(lambda: node.alerts()[0].comment == "once", "the comment")
            core._thread.commit = original  # type: ignore[method-assign]
            for text in ("two", "three"):
                node.ask(Verb.COMMENT, alert.alert_id, 1, comment=text)
                await until(lambda t=text: node.alerts()[0].comment == t, text)
            with node.store() as store:
                detail = store.queries.get_alert(alert.alert_id)
            said = [r.comment for r in detail.revisions if r.cause == "action"]
            assert sorted(said) == ["once", "three", "two"]
            assert node.outcome(asked)[0] == "pending"

    run(test())


def test_a_database_that_cannot_be_read_is_asked_again_and_no_request_is_forgotten(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test() -> None:
        async with node.running() as core, Client.connected(node, "vision") as vision:
            vision.observe(person=True)
            (alert,) = await until(node.alerts, "the alert")

            def broken() -> Any:
                raise StoreError("disk I/O error")

            with monkeypatch.context() as patch:
                patch.setattr(core._store, "pending_requests", broken)
                asked = node.ask(Verb.ACKNOWLEDGE, alert.alert_id, alert.revision)
                told = lambda: "disk I/O error" in node.stages()["core"].reason
                await until(told, "the fault in health")
                assert node.outcome(asked)[0] == "pending"
            await until(lambda: node.outcome(asked)[0] == "done", "the request")

    run(test())


@pytest.mark.timeout(60)
def test_a_reasoner_that_answers_nothing_is_killed_and_defaults_stand(node: Node) -> None:
    node.write_site(a_site(reasoning={"enabled": True, "deadline_s": 0.3, "words_deadline_s": 0.3}))

    async def test() -> None:
        async with node.running(), Client.connected(node, "vision") as vision:
            command = [sys.executable, str(SILENT_REASONER), str(node.paths.socket)]
            worker = subprocess.Popen(command)  # noqa: ASYNC220 - starts at once
            try:
                ready = lambda: (s := node.stages().get("reasoner")) and s.health is Health.READY
                await until(ready, "the reasoner")
                vision.observe(person=True)
                fallback = lambda: [a for a in node.alerts() if a.decided_by == "fallback"]
                (alert,) = await until(fallback, "the fallback")
                assert alert.severity is alert.default
                await until(lambda: worker.poll() is not None, "the end of the worker", 15)
                assert worker.returncode == -9
                gone = lambda: node.stages()["reasoner"].health is Health.OFFLINE
                await until(gone, "the stage offline")
            finally:
                worker.kill()
                worker.wait()

    run(test())


def test_health_is_written_every_second(node: Node) -> None:
    async def test() -> None:
        async with node.running():
            first = (await until(lambda: node.stages().get("core"), "a first report")).at
            later = await until(
                lambda: (s := node.stages()["core"]).at > first and s, "the next one", 5
            )
            assert (later.at - first).total_seconds() < 3
            stages = node.stages()
            assert stages["camera/gate"].health is Health.STARTING
            assert stages["vision"].health is Health.STARTING
            assert stages["mqtt/plant"].health is not Health.READY

    run(test())


def metrics(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        text: str = answer.read().decode()
        return text


def test_the_metrics_page_names_latencies_counts_and_stages(node: Node, free_port: int) -> None:
    node.write_site(a_site(observe={"metrics_port": free_port}))

    async def test() -> None:
        async with node.running(), Client.connected(node, "vision") as vision:
            vision.observe(person=True)
            await until(node.alerts, "the alert")
            await until(lambda: node.stages().get("metrics"), "a report")
            text = await asyncio.to_thread(metrics, free_port)
            for line in (
                'hazard_stage_latency_seconds_count{stage="raised_to_stored"} 1.0',
                'hazard_stage_latency_seconds_count{stage="detected_to_raised"} 1.0',
                'hazard_observations_total{camera="gate"} 1.0',
                'hazard_events_total{condition="active",hazard="person_in_restricted_zone"} 1.0',
                'hazard_stage_ready{stage="store"} 1.0',
                'hazard_stage_ready{stage="mqtt/plant"} 0.0',
            ):
                assert line in text, line

    run(test())


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        yield int(holder.getsockname()[1])


def test_a_taken_metrics_port_is_told_with_the_mend_and_moves_at_a_reload(
    node: Node, taken_port: int, free_port: int
) -> None:
    node.write_site(a_site(observe={"metrics_port": taken_port}))

    async def test() -> None:
        async with node.running(), Client.connected(node, "vision") as vision:
            stage = await until(lambda: node.stages().get("metrics"), "the stage")
            assert stage.health is Health.DEGRADED
            assert str(taken_port) in stage.reason
            assert "observe.metrics_port" in stage.reason
            number = vision.observe(person=True)
            await until(lambda: vision.acked >= number, "the acknowledgement")
            node.write_site(a_site(observe={"metrics_port": free_port}))
            ready = lambda: node.stages()["metrics"].health is Health.READY
            await until(ready, "metrics on the new port")
            assert "hazard_observations_total" in await asyncio.to_thread(metrics, free_port)
            node.write_site(a_site(observe={"metrics_port": 0}))
            await until(lambda: "metrics" not in node.stages(), "the end of the stage")
            with pytest.raises((urllib.error.URLError, OSError)):
                await asyncio.to_thread(metrics, free_port)

    run(test())


def test_a_stricter_policy_raises_what_is_open_at_once(node: Node) -> None:
    async def test() -> None:
        async with node.running(), Client.connected(node, "vision") as vision:
            vision.observe(person=True)
            (before,) = await until(node.alerts, "the alert")
            kinds = {"person_in_restricted_zone": {"floor": "critical", "default": "critical"}}
            node.write_site(a_site(policy={"kinds": kinds}))
            critical = lambda: node.alerts()[0].severity is Severity.CRITICAL
            await until(critical, "the new severity")
            (after,) = node.alerts()
            assert after.alert_id == before.alert_id

    run(test())


def test_what_waits_for_a_restart_changes_nothing_until_then_and_is_said(node: Node) -> None:
    async def test() -> None:
        async with node.running(), Client.connected(node, "vision") as vision:
            node.write_site(a_site(site={"node": "edge-2", "languages": ["de"]}))
            waits = lambda: "site.node" in node.stages()["site"].reason
            await until(lambda: "site" in node.stages() and waits(), "the note in health")
            for person in (True, False, True):
                vision.observe(person=person)
            (alert,) = await until(node.alerts, "the alert")
            assert alert.node == "edge-1"
            assert list(alert.hazard_name) == ["de"]
            assert node.stages()["store"].health is Health.READY

    run(test())


def test_a_camera_taken_out_of_the_file_is_no_longer_a_stage_and_its_alarm_stays(
    node: Node,
) -> None:
    async def test() -> None:
        async with node.running(), Client.connected(node, "vision") as vision:
            vision.report()
            vision.observe(person=True)
            (alert,) = await until(node.alerts, "the alert")
            site = a_site()
            site["cameras"], site["rules"] = {}, {}
            node.write_site(site)
            await until(lambda: "camera/gate" not in node.stages(), "the end of the stage")
            (after,) = node.alerts()
            assert (after.alert_id, after.condition.value) == (alert.alert_id, "held")
            assert (datetime.now(UTC) - after.times.raised).total_seconds() < 60

    run(test())


def test_an_alarm_that_was_declared_clear_before_a_restart_comes_back_as_a_new_one(
    node: Node,
) -> None:
    async def test() -> None:
        async with node.running(), Client.connected(node, "vision") as vision:
            vision.observe(person=True)
            (before,) = await until(node.alerts, "the alert")
            site = a_site()
            site["rules"] = {}
            node.write_site(site)
            held = lambda: node.alerts()[0].condition.value == "held"
            await until(held, "the held alarm")
            for verb in (Verb.ACKNOWLEDGE, Verb.RESET):
                (now,) = node.alerts()
                asked = node.ask(verb, before.alert_id, now.revision, comment="looked")
                await until(lambda a=asked: node.outcome(a)[0] == "done", str(verb))
            assert node.alerts() == []
        node.write_site(a_site())
        async with node.running(), Client.connected(node, "vision") as vision:
            vision.observe(person=True)
            (after,) = await until(node.alerts, "the new alert")
            assert after.alert_id != before.alert_id
            assert node.stages()["store"].health is Health.READY

    run(test())


def test_the_process_of_a_client_is_known_by_the_kernel_not_by_its_word(node: Node) -> None:
    async def test() -> None:
        async with node.running() as core, Client.connected(node, "reasoner") as worker:
            worker.say_ready()
            connection = await until(lambda: core._server.get("reasoner"), "the connection")
            assert connection.pid == os.getpid()

    run(test())


def test_a_database_that_takes_no_rows_is_shown_where_status_looks(node: Node) -> None:
    async def test() -> None:
        async with node.running():
            await until(lambda: node.stages().get("core"), "a first report")
            other = sqlite3.connect(node.paths.database, isolation_level=None)
            other.execute("BEGIN IMMEDIATE")
            told = lambda: {stage.stage: stage for stage in newest(node.paths)}["store"]
            await until(lambda: "another program holds" in told().reason, "the reason")
            assert told().health is Health.DEGRADED
            other.execute("ROLLBACK")
            other.close()
            await until(lambda: told().health is Health.READY, "health again")

    run(test())
