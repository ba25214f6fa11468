"""Brokers and nodes for tests of commands."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.brokers import RunningBroker
from tests.commanding import SIGNS, Commanded, a_site
from tests.mosquitto import Mosquitto

USERS = {"node": "n", "ada": "a", "bob": "b", "mallory": "m"}
ACCESS = """\
user node
topic readwrite hazard/v1/plant-a/#
topic readwrite homeassistant/#
topic write answers/#

pattern write hazard/v1/+/command/%u/#
pattern read hazard/v1/+/response/%u/#
pattern read answers/#
pattern read hazard/v1/+/node/+/status
"""


@pytest.fixture(autouse=True)
def _secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN_SECRET", SIGNS)
    monkeypatch.setenv("NODE_PASSWORD", USERS["node"])


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Mosquitto]:
    """A Mosquitto with users and an access list that binds each to their own topics."""
    broker = Mosquitto(tmp_path, passwords=USERS)
    access = broker.folder / "access"
    access.write_text(ACCESS)
    access.chmod(0o600)
    broker.lines.append(f"acl_file {access}")
    broker.start()
    yield broker
    broker.kill()


@pytest.fixture
def by_acl(guarded: Mosquitto, tmp_path: Path) -> Iterator[Commanded]:
    """A node that takes commands by the access list."""
    site = a_site(guarded.port)
    broker = site.mqtt.brokers["plant"].model_dump()
    broker |= {"username": "node", "password": "${NODE_PASSWORD}"}
    site = a_site(guarded.port, brokers={"plant": broker})
    with Commanded(tmp_path, site) as node:
        yield node


@pytest.fixture(params=["iotcore", pytest.param("mosquitto", marks=pytest.mark.mosquitto)])
def open_broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RunningBroker]:
    """A broker that knows no users."""
    running = RunningBroker(request.param, tmp_path)
    running.start()
    yield running
    running.kill()


@pytest.fixture
def by_token(open_broker: RunningBroker, tmp_path: Path) -> Iterator[Commanded]:
    """A node that takes commands by token."""
    with Commanded(tmp_path, a_site(open_broker.port, commands="token")) as node:
        yield node
