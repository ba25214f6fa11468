"""The reasoning process's state where people and programs look: metrics, MQTT, dashboard."""

from __future__ import annotations

import copy
import json
import socket
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from edge_agent.demo.plant import write_site
from edge_agent.reasoner.backends import TEST_FLAG
from tests.acceptance.plant import LONGEST_S, PATIENCE_S, RunningSite
from tests.acceptance.works import SITE, ControlRoom, Desk, Transmitters, works
from tests.alert_builders import wait_until
from tests.brokers import Subscriber, answers, free_pair, subscribed

STATUS = f"hazard/v1/{SITE}/node/edge-1/status"


class Watch:
    """Everywhere that the state is shown."""

    def __init__(self, metrics_port: int, subscriber: Subscriber, desk: Desk) -> None:
        self._metrics_port, self._subscriber, self._desk = metrics_port, subscriber, desk

    def metrics(self) -> str:
        url = f"http://127.0.0.1:{self._metrics_port}/metrics"
        with urllib.request.urlopen(url, timeout=10) as answer:
            text: str = answer.read().decode()
            return text

    def status(self) -> dict[str, Any]:
        """What the node's status says of its reasoner."""
        body = self._subscriber.last(STATUS)
        said: dict[str, Any] = (json.loads(body)["reasoner"] if body else None) or {}
        return said

    def page(self) -> str:
        """The reasoner's row of the health page."""
        return (
            self._desk.page("/fragments/health").partition('id="reasoner"')[2].partition("</tr>")[0]
        )

    def wait(self, health: str, reason: str) -> None:
        """Wait until all three say it."""
        wait_until(
            lambda: self.status().get("health") == health and reason in self.status()["reason"],
            seconds=PATIENCE_S,
            what=f"{health} in the node's status",
        )
        state = f'hazard_reasoner_state{{state="{health}"}} 1.0'
        wait_until(lambda: state in self.metrics(), seconds=PATIENCE_S, what=state)
        assert self.metrics().count("hazard_reasoner_state{") == 5
        assert ('hazard_reasoner_reason{reason="' in self.metrics()) == bool(reason)
        assert reason in self.metrics()
        wait_until(
            lambda: f"h-{health}" in self.page() and reason in self.page(),
            seconds=PATIENCE_S,
            what=f"{health} on the health page",
        )


@pytest.fixture
def free_port() -> int:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        return int(holder.getsockname()[1])


def test_loading_ready_and_degraded_are_told_with_their_reason(
    tmp_path: Path, free_port: int
) -> None:
    port, models = free_pair(), tmp_path / "models"
    backend = {"backend": "tests.reasoners:Loading", "model": "high"}
    site = works(
        port, {"t1": "overtemperature"}, reasoning=backend, observe={"metrics_port": free_port}
    )
    environment = {TEST_FLAG: "1", "HAZARD_MODELS_DIR": str(models)}
    with RunningSite(tmp_path / "site.yaml", site, **environment) as running:
        address, code = running.wait_code()
        wait_until(lambda: answers(port), seconds=LONGEST_S, what="the broker")
        with (
            subscribed(port, STATUS) as subscriber,
            Desk(address, code, "A. Rossi") as desk,
            ControlRoom(port) as control,
            Transmitters(port, t1=20.0) as transmitters,
        ):
            watch = Watch(free_port, subscriber, desk)
            watch.wait("starting", "loading tests.reasoners:Loading")

            models.mkdir(exist_ok=True)
            (models / "loaded").touch()
            watch.wait("ready", "")

            transmitters.show(t1=150.0)
            assert (
                control.await_revision("area-t1", cause="decided")["opinion"]["severity"] == "high"
            )
            for line in (
                "hazard_reasoner_decisions_total 1.0",
                'hazard_reasoner_answer_seconds_count{backend="loading"} 1.0',
                "hazard_reasoner_coalesced_total 0.0",
                "hazard_reasoner_failed_total 0.0",
            ):
                wait_until(
                    lambda line=line: line in watch.metrics(),  # type: ignore[misc]
                    seconds=PATIENCE_S,
                    what=line,
                )

            wanted = copy.deepcopy(site)
            wanted["reasoning"] = {"backend": "tests.reasoners:Unloadable"}
            write_site(running.paths.site_file, wanted)
            watch.wait("degraded", "sha256 is wrong; run")
