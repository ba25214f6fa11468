"""Nodes for tests of the core."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.brokers import RunningBroker
from tests.integration.core.node import Node, a_site


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    """A node whose broker is away, as brokers are."""
    made = Node(tmp_path, a_site())
    yield made
    made.remove()


@pytest.fixture(params=["iotcore", pytest.param("mosquitto", marks=pytest.mark.mosquitto)])
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RunningBroker]:
    """Each broker that the product is used with."""
    running = RunningBroker(request.param, tmp_path)
    running.start()
    yield running
    running.kill()


@pytest.fixture
def online(broker: RunningBroker, tmp_path: Path) -> Iterator[Node]:
    """A node with a broker."""
    made = Node(tmp_path, a_site(broker.port))
    yield made
    made.remove()
