"""A reasoning process that hangs is killed: its supervisor starts it again."""

from __future__ import annotations

import os
import signal

import structlog

from edge_agent.core.reasoning import ReasoningClient
from edge_agent.core.server import Connection
from edge_agent.observe import Metrics

log = structlog.get_logger()


def kill_if_hung(
    reasoning: ReasoningClient, connection: Connection | None, metrics: Metrics, now_s: float
) -> None:
    """Kill the reasoner if it has been silent too long; `now_s` is CLOCK_MONOTONIC."""
    pid = reasoning.hung(now_s)
    if pid is None or connection is None:
        return
    log.error("reasoner.hung", pid=pid)
    metrics.dropped.labels("reasoner_killed").inc()
    connection.writer.close()
    reasoning.detach()
    if pid in (0, 1, os.getpid()):
        return
    try:
        os.kill(pid, signal.SIGKILL)
    except OSError as error:
        log.warning("reasoner.not_killed", pid=pid, error=str(error))
