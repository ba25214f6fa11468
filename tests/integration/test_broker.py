"""The embedded broker's process."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys

from edge_agent.broker import EXIT_PORT_TAKEN, configuration
from tests.alert_builders import wait_until
from tests.brokers import answers, free_pair


def start(port: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "edge_agent.broker", "--port", str(port)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_it_says_when_it_is_ready_and_ends_by_sigterm() -> None:
    port = free_pair()
    with start(port) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith(f"ready 127.0.0.1:{port}")
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0


def test_a_taken_port_is_said_with_its_number_and_the_mend() -> None:
    port = free_pair()
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", port + 1))
        holder.listen()
        with start(port) as process:
            _, said = process.communicate(timeout=30)
    assert process.returncode == EXIT_PORT_TAKEN
    assert f"port {port + 1}" in said
    assert "mqtt.embedded_port" in said


def test_it_listens_on_the_loopback_only() -> None:
    lines = configuration(1883).splitlines()
    listeners = [line for line in lines if line.startswith("listen")]
    assert listeners == ['listen = "127.0.0.1:1883"', 'listen = "127.0.0.1:1884"']


def test_it_dies_with_its_parent() -> None:
    port = free_pair()
    script = (
        "import subprocess, sys, os, signal\n"
        f"p = subprocess.Popen([sys.executable, '-m', 'edge_agent.broker', '--port', '{port}'],"
        " stdout=subprocess.PIPE, text=True)\n"
        "p.stdout.readline()\n"
        "print(p.pid, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=30
    )
    assert int(done.stdout) > 0
    wait_until(lambda: not answers(port), what="the orphan's end")
