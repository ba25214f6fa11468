"""The demo's ports: another demo takes none of them, and a port that is named is that one."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from edge_agent.broker_process import free_pair
from edge_agent.demo.ports import VARIABLE, Ports
from hazard.errors import ConfigError


@pytest.fixture(autouse=True)
def unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)


@pytest.fixture
def taken() -> Iterator[int]:
    """A port on which another program listens."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        yield int(holder.getsockname()[1])


def free() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_two_demos_that_start_together_choose_different_ports() -> None:
    wanted = free()
    with Ports() as first, Ports() as second:
        chosen = first.choose(wanted), second.choose(wanted)
        assert chosen[0] == wanted
        assert chosen[1] != wanted, "nobody listens yet"
    with Ports() as third:
        assert third.choose(wanted) == wanted, "whoever has ended keeps nothing"


def test_near_the_last_port_there_are_others_too() -> None:
    with Ports() as first, Ports() as second:
        chosen = {each.choose(65_535) for each in (first, second)}
    assert len(chosen) == 2
    assert max(chosen) <= 65_535


def test_a_pair_of_ports_is_taken_whole_or_not_at_all() -> None:
    first = free_pair()
    with socket.socket() as holder, Ports() as ports, Ports() as other:
        holder.bind(("127.0.0.1", first + 1))
        holder.listen()
        assert ports.choose(first, span=2) != first
        assert other.choose(first) == first


def test_the_port_that_is_named_is_taken_or_refused_with_the_mend(
    monkeypatch: pytest.MonkeyPatch, taken: int
) -> None:
    wanted = free()
    with Ports() as ports:
        monkeypatch.setenv(VARIABLE, str(wanted))
        assert ports.dashboard(8080) == wanted
        monkeypatch.setenv(VARIABLE, "0")
        assert ports.dashboard(8080) == 0
        monkeypatch.setenv(VARIABLE, str(taken))
        with pytest.raises(ConfigError, match=f"{VARIABLE}: {taken} on 127.0.0.1 is taken by"):
            ports.dashboard(8080)
        for wrong in ("http", "70000", "-1", "٣"):
            monkeypatch.setenv(VARIABLE, wrong)
            with pytest.raises(ConfigError, match="want a port from 0 to 65535"):
                ports.dashboard(8080)
