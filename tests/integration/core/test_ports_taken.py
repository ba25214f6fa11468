"""Taken ports, with the whole product: the rest goes on, status names port and mend."""
# ruff: noqa: E731 - conditions to wait for are named by a lambda

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edge_agent.bootstrap import paths_for
from tests.alert_builders import wait_until
from tests.brokers import free_pair
from tests.integration.core.node import a_site

HAZARD = [sys.executable, "-m", "edge_agent.cli"]


@pytest.fixture
def taken() -> Iterator[tuple[int, int]]:
    """A port for the broker and one for the dashboard that somebody else holds."""
    with socket.socket() as broker, socket.socket() as page:
        broker.bind(("127.0.0.1", free_pair()))
        page.bind(("127.0.0.1", 0))
        broker.listen()
        page.listen()
        yield broker.getsockname()[1], page.getsockname()[1]


def status(site: Path) -> dict[str, Any]:
    """What `hazard status --json` says."""
    command = [*HAZARD, "status", "--json", "--site", str(site)]
    shown = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert shown.returncode == 1, shown.stderr
    found: dict[str, Any] = json.loads(shown.stdout)
    return found


def ready(site: Path) -> set[str]:
    """The stages that `hazard status` calls ready."""
    return {stage["stage"] for stage in status(site)["stages"] if stage["health"] == "ready"}


def test_taken_ports_are_named_with_the_mend_and_the_core_goes_on(
    tmp_path: Path, taken: tuple[int, int]
) -> None:
    broker, page = taken
    site = a_site(dashboard={"enabled": True, "port": page})
    site["mqtt"] = {"embedded": True, "embedded_port": broker}
    site["cameras"], site["rules"] = {}, {}
    file = tmp_path / "site.yaml"
    file.write_text(json.dumps(site))
    log = (tmp_path / "run.log").open("wb")
    product = subprocess.Popen([*HAZARD, "run", "--site", str(file)], stdout=log, stderr=log)
    try:
        state = paths_for(file).supervisor_state
        words = lambda: state.read_text() if state.exists() else ""
        failed = lambda: [
            process["failures_in_row"]
            for name, process in json.loads(words() or '{"processes": {}}')["processes"].items()
            if name in ("broker", "dashboard")
        ]
        wait_until(lambda: min(failed(), default=0) >= 2, seconds=120, what="repeated failures")
        wait_until(paths_for(file).health_state.exists, seconds=30, what="the core's health")
        shown = status(file)
        assert "mqtt.embedded_port" in shown["processes"]["broker"]["last_exit"]
        assert "dashboard.port" in shown["processes"]["dashboard"]["last_exit"]
        stages = {stage["stage"]: stage for stage in shown["stages"]}
        assert stages["core"]["health"] == "ready"
        assert stages["store"]["health"] == "ready"
        wait_until(  # the core's health is written once a second, the supervisor's state at once
            lambda: not {"process/broker", "process/dashboard"} & ready(file),
            seconds=30,
            what="that neither broker nor dashboard is called ready",
        )
    finally:
        product.send_signal(signal.SIGTERM)
        product.wait(20)
        log.close()
    assert product.returncode == 0
    assert not any(_alive(process["pid"]) for process in shown["processes"].values())


def _alive(pid: int | None) -> bool:
    return pid is not None and os.path.exists(f"/proc/{pid}")  # noqa: PTH110 - a plain question
