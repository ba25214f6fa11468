"""The replica's process: the copying thread, and its word to the core each second."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from pydantic import JsonValue

from edge_agent.core_link import CoreLink
from edge_agent.ipc import Configure, Message, WorkerReport
from edge_agent.replica.copier import Copier
from hazard.types import Health

STOP_WITHIN_S = 1.5


class ReplicaWorker:
    """Copies to the replica that the core's site file names.

    Args:
        socket: the core's Unix socket.
        database: the node's database.
    """

    def __init__(self, socket: Path, database: Path) -> None:
        self._database = database
        self._copier: Copier | None = None
        self._link = CoreLink(socket, "replica", self._said, self._report)

    async def run(self) -> None:
        """Work until cancelled."""
        await self._link.run()

    def end(self) -> bool:
        """End the copying; False if PostgreSQL hangs in the middle of a portion."""
        return self._copier is None or self._copier.stop(STOP_WITHIN_S)

    def _said(self, message: Message) -> None:
        """The first site that the core sends is the one it was started with: it stays."""
        if not isinstance(message, Configure) or self._copier is not None:
            return
        site = message.site
        if site.store.replica_url is not None:
            self._copier = Copier(self._database, site.site.node, site.store.replica_url)
            self._copier.start()

    def _report(self) -> WorkerReport:
        health, reason = Health.STARTING, "waiting for the core"
        figures: dict[str, JsonValue] = {}
        if self._copier is not None:
            health, reason, figures = self._copier.health()
        return WorkerReport(
            role="replica",
            health=health,
            reason=reason[:500],
            at=datetime.now(UTC),
            figures=figures,
        )
