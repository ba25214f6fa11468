"""What the audit of a running core holds: starts, decisions, changes of the site file, its end."""

from __future__ import annotations

import hashlib
from typing import Any

from typer.testing import CliRunner

from edge_agent.cli import app
from hazard.store.anchors import read_anchors
from hazard.store.queries import AuditLine
from hazard.types import Verb
from tests.integration.core.node import Client, Node, a_site, run, until


def lines(node: Node) -> list[AuditLine]:
    with node.store() as store:
        return list(reversed(store.queries.audit_page(limit=500).lines))


def of(found: list[AuditLine], verb: str) -> list[AuditLine]:
    return [line for line in found if line.verb == verb]


def test_start_decisions_actions_site_changes_and_the_end_are_audited(node: Node) -> None:
    site = a_site(reasoning={"enabled": True, "deadline_s": 0.2})
    node.write_site(site)

    async def test() -> None:
        async with node.running(), Client.connected(node, "vision") as vision:
            vision.observe(person=True)
            await until(lambda: of(lines(node), "alert.decided"), "the fallback's decision")
            (alert,) = node.alerts()
            node.ask(Verb.ACKNOWLEDGE, alert.alert_id, alert.revision)
            await until(lambda: of(lines(node), "alert.action"), "the acknowledgement")
            changed: dict[str, Any] = site | {"retention": {"readings_days": 3}}
            node.write_site(changed)
            await until(lambda: of(lines(node), "site.changed"), "the new site file")

    run(test())
    found = lines(node)
    (started,), (stopped,) = of(found, "agent.started"), of(found, "agent.stopped")
    (changed,) = of(found, "site.changed")
    now_sha256 = hashlib.sha256(node.paths.site_file.read_bytes()).hexdigest()
    assert changed.details["site_sha256"] == now_sha256 != started.details["site_sha256"]
    assert "readings_days" in str(changed.details["what"])
    assert of(found, "alert.raised")[0].details["decided_by"] == "policy"
    assert of(found, "alert.decided")[0].details["decided_by"] == "fallback"
    assert of(found, "alert.action")[0].actor == "ada"
    assert found[0].verb == "agent.started"
    assert found[-1] == stopped


def test_a_clean_stop_notes_how_far_the_audit_is_and_a_cut_is_found(node: Node) -> None:
    async def test() -> None:
        async with node.running(), Client.connected(node, "vision") as vision:
            vision.observe(person=True)
            await until(node.alerts, "the alert")

    run(test())
    found = lines(node)
    newest = read_anchors(node.paths.audit_heads)[0][-1]
    assert (newest.chain, newest.count, newest.hash) == ("agent", len(found), found[-1].hash)
    verify = ["audit", "verify", "--data-dir", str(node.paths.data_dir)]
    verify += ["--site", str(node.paths.site_file)]
    assert CliRunner().invoke(app, verify).exit_code == 0
    with node.store() as store, store._durable.execution_options(writer=True).begin() as rows:
        rows.exec_driver_sql("DELETE FROM audit WHERE verb = 'agent.stopped'")
    done = CliRunner().invoke(app, verify)
    assert done.exit_code == 1
    assert f"the lines {len(found)} to {len(found)} were there at" in done.stdout
