"""The embedded broker: `python -m edge_agent.broker --port N`.

iotcore (rumqttd) in a process of its own, on 127.0.0.1 only: MQTT 5 on port N, MQTT 3.1.1 on N+1.
It keeps everything in memory: after a restart it knows no retained message and no session, and the
publisher brings the state again. It ends with SIGTERM and with the process that started it.

Exit codes: 0 ended as asked, 2 bad option, 3 port taken, 4 the broker failed.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from iotcore import IotCoreBroker

from edge_agent.process import die_with_parent

HOST = "127.0.0.1"
EXIT_PORT_TAKEN = 3
EXIT_FAILED = 4
READY_WITHIN_S = 10.0
HIGHEST_PORT = 65534
MAX_PAYLOAD_BYTES = 1024 * 1024

_CONFIG = """\
id = 0
[router]
id = 0
max_connections = 1000
max_outgoing_packet_count = 200
max_segment_size = 4194304
max_segment_count = 10
"""

_LISTENER = """\
[v{version}.1]
name = "mqtt-{version}"
listen = "{host}:{port}"
next_connection_delay_ms = 1
[v{version}.1.connections]
connection_timeout_ms = 60000
max_payload_size = {payload}
max_inflight_count = 100
dynamic_filters = true
"""


def configuration(port: int) -> str:
    """The broker's TOML: both listeners on the loopback."""
    listeners = (
        _LISTENER.format(version=version, host=HOST, port=number, payload=MAX_PAYLOAD_BYTES)
        for version, number in ((5, port), (4, port + 1))
    )
    return _CONFIG + "".join(listeners)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the broker until SIGTERM, SIGINT or the end of the parent; gives the exit code."""
    parser = argparse.ArgumentParser(prog="python -m edge_agent.broker", description=__doc__)
    parser.add_argument("--port", type=int, required=True, help="MQTT 5; MQTT 3.1.1 on port + 1")
    port: int = parser.parse_args(arguments).port
    if not 1 <= port <= HIGHEST_PORT:
        parser.error(f"--port {port} is outside 1..{HIGHEST_PORT}")
    die_with_parent()
    for number in (port, port + 1):
        why = _taken(number)
        if why is not None:
            _say(
                f"port {number} on {HOST} cannot be had ({why}): end what uses it, or set another "
                "mqtt.embedded_port in the site file"
            )
            return EXIT_PORT_TAKEN
    stop = threading.Event()
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda *_: stop.set())
    return _serve(port, stop)


def _serve(port: int, stop: threading.Event) -> int:
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    logging.getLogger("rumqttd").setLevel(logging.CRITICAL)  # it logs every packet as an error
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "broker.toml"
        config.write_text(configuration(port), encoding="utf-8")
        broker = IotCoreBroker(config_path=str(config))
    failed: list[str] = []

    def run() -> None:
        try:
            broker.run_forever()
        except Exception as error:  # noqa: BLE001 - whatever the native code raises ends the process
            failed.append(f"{type(error).__name__}: {error}")
        stop.set()

    threading.Thread(target=run, daemon=True).start()
    if not _await_ready(port, stop):
        _say(
            f"the broker does not answer on {HOST}:{port}: {' '.join(failed) or 'no reason given'}"
        )
        os._exit(EXIT_FAILED)
    sys.stdout.write(f"ready {HOST}:{port} (MQTT 5), {HOST}:{port + 1} (MQTT 3.1.1)\n")
    sys.stdout.flush()
    stop.wait()
    if failed:
        _say(f"the broker failed: {failed[0]}")
    os._exit(EXIT_FAILED if failed else 0)  # the native threads have no end of their own


def _taken(port: int) -> str | None:
    """Why the port cannot be bound, or None if it can."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            return error.strerror or str(error)
    return None


def _await_ready(port: int, stop: threading.Event) -> bool:
    deadline = time.monotonic() + READY_WITHIN_S
    waiting = [port, port + 1]
    while waiting and time.monotonic() < deadline:
        try:
            socket.create_connection((HOST, waiting[0]), timeout=1.0).close()
            waiting.pop(0)
        except OSError:
            if stop.wait(0.02):
                return False
    return not waiting


def _say(text: str) -> None:
    sys.stderr.write(f"edge_agent.broker: {text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
