"""What a container engine and the plant's monitoring read of the core."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from edge_agent.observe import Metrics
from edge_agent.observe_server import ObserveServer, Probes
from hazard.types import Health, StageHealth


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def probes(clock: Clock) -> Probes:
    return Probes(clock)


@pytest.fixture
def server(probes: Probes) -> Iterator[ObserveServer]:
    serving = ObserveServer("127.0.0.1", 0, Metrics().registry, probes)
    yield serving
    serving.stop()


def get(server: ObserveServer, path: str) -> tuple[int, Any]:
    connection = http.client.HTTPConnection(*server.address, timeout=5)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read()
    finally:
        connection.close()
    return answer.status, json.loads(body) if path != "/metrics" else body.decode()


def stages(**healths: Health) -> list[StageHealth]:
    return [
        StageHealth(stage=name, health=health, reason=f"why {name}", at=datetime.now(UTC))
        for name, health in healths.items()
    ]


def test_alive_while_the_loop_goes_round(
    server: ObserveServer, probes: Probes, clock: Clock
) -> None:
    assert get(server, "/livez")[0] == 503
    probes.beat()
    assert get(server, "/livez") == (200, {"alive": True, "silent_s": 0.0})
    clock.now_s += 6
    status, body = get(server, "/livez")
    assert (status, body["alive"]) == (503, False)


def test_ready_only_while_every_stage_is(
    server: ObserveServer, probes: Probes, clock: Clock
) -> None:
    assert get(server, "/readyz")[1]["health"] == "unknown"
    probes.said(stages(core=Health.READY, store=Health.READY))
    assert get(server, "/readyz")[0] == 200
    probes.said([*stages(core=Health.READY), *stages(**{"mqtt/plant": Health.OFFLINE})])
    status, body = get(server, "/readyz")
    assert status == 503
    assert body["stages"]["mqtt/plant"] == {"health": "offline", "reason": "why mqtt/plant"}
    assert get(server, "/readyz/core")[0] == 200
    assert get(server, "/readyz/mqtt/plant")[0] == 503
    status, body = get(server, "/readyz/nonsense")
    assert status == 404
    assert "known are core, mqtt/plant" in body["reason"]
    clock.now_s += 6
    assert get(server, "/readyz/core")[0] == 503, "old news is no health"


def test_metrics_stand_beside_and_other_paths_are_named(server: ObserveServer) -> None:
    status, text = get(server, "/metrics")
    assert status == 200
    assert "hazard_stage_latency_seconds" in text
    status, body = get(server, "/")
    assert status == 404
    assert "/livez" in body["reason"]


def test_a_taken_port_is_told(server: ObserveServer) -> None:
    host, port = server.address
    said = Metrics().serve(str(host), int(port))
    assert "observe.metrics_port" in said
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        other = free.getsockname()[1]
    metrics = Metrics()
    assert metrics.serve("127.0.0.1", other) == ""
    metrics.stop()
