"""The notifying process: one sender per channel of the site file in force."""

from __future__ import annotations

import asyncio
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog
from pydantic import JsonValue
from sqlalchemy.exc import SQLAlchemyError

from edge_agent.core_link import CoreLink
from edge_agent.ipc import Configure, Message, WorkerReport
from edge_agent.notify.sender import FAILURES_SHOWN, Sender
from hazard.errors import StoreError
from hazard.site.models import Site
from hazard.store import Store
from hazard.store.reports import FOLDER
from hazard.types import Health

COMMIT_TIMEOUT_MS = 5000
"""A notice can wait for the store: whoever raises alarms goes first."""
OPEN_AGAIN_S = 2.0
KEPT = timedelta(days=90)
"""How long settled notices are kept."""
PRUNE_EVERY_S = 3600.0
STOP_WITHIN_S = 2.0

log = structlog.get_logger()


class Notifier:
    """Sends what the core has queued, by the channels of the site file that the core names.

    Args:
        socket: the core's Unix socket.
        database: the node's database.
    """

    def __init__(self, socket: Path, database: Path) -> None:
        self._database = database
        self._reports = database.parent / FOLDER
        self._store: Store | None = None
        self._site: Site | None = None
        self._senders: dict[str, Sender] = {}
        self._lock = threading.Lock()
        self._fault = "waiting for the core"
        self._configured = asyncio.Event()
        self._link = CoreLink(socket, "notifier", self._said, self._report)

    async def run(self) -> None:
        """Work until cancelled; what was not sent then stays in the queue."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._link.run())
                tasks.create_task(self._follow_site())
                tasks.create_task(self._prune_for_ever())
        finally:
            with self._lock:
                senders = list(self._senders.values())
            for sender in senders:
                sender.stop(STOP_WITHIN_S)
            if self._store is not None:
                self._store.close()

    def _said(self, message: Message) -> None:
        if isinstance(message, Configure):
            self._site = message.site
            self._configured.set()

    async def _follow_site(self) -> None:
        """Take over each site that the core sends; a store that cannot be opened is tried again."""
        while True:
            await self._configured.wait()
            self._configured.clear()
            while self._store is None:
                try:
                    self._store = await asyncio.to_thread(self._open)
                except StoreError as error:
                    self._fault = f"the database cannot be opened: {error}"[:300]
                    log.warning("notify.no_store", error=self._fault)
                    await asyncio.sleep(OPEN_AGAIN_S)
            self._fault = ""
            await asyncio.to_thread(self._take_over, self._store)

    def _open(self) -> Store:
        return Store.open(self._database, commit_timeout_ms=COMMIT_TIMEOUT_MS)

    def _take_over(self, store: Store) -> None:
        site = self._present_site()
        wanted = site.notify.channels
        with self._lock:
            gone = [name for name, each in self._senders.items() if wanted.get(name) != each.config]
            stopped = [self._senders.pop(name) for name in gone]
        for sender in stopped:
            sender.stop(STOP_WITHIN_S)
        with self._lock:
            for name in wanted.keys() - self._senders.keys():
                sender = Sender(
                    name, wanted[name], store.notices, self._present_site, reports=self._reports
                )
                self._senders[name] = sender
                sender.start()

    def _present_site(self) -> Site:
        if self._site is None:
            raise RuntimeError("no site before the core has sent one")
        return self._site

    async def _prune_for_ever(self) -> None:
        while True:
            await asyncio.sleep(PRUNE_EVERY_S)
            if self._store is not None:
                try:
                    await asyncio.to_thread(self._store.notices.prune, datetime.now(UTC) - KEPT)
                except StoreError as error:
                    log.warning("notify.not_pruned", error=str(error)[:300])

    def _stranded(self, now: datetime) -> list[str]:
        """Notices that nobody sends any more, since their channel was taken out or renamed."""
        if self._store is None or self._site is None:
            return []
        try:
            known = self._site.notify.channels
            waiting = self._store.notices.stranded(known, now - FAILURES_SHOWN)
        except SQLAlchemyError:
            return []  # each channel says so already
        return [
            f"{number} notices wait for channel {name[:64]}, which the site file no longer names"
            for name, number in waiting.items()
        ]

    def _report(self) -> WorkerReport:
        """How all channels are."""
        now = datetime.now(UTC)
        with self._lock:
            senders = dict(self._senders)
        states = {name: sender.state(now) for name, sender in sorted(senders.items())}
        reasons = [f"{name}: {state.reason}" for name, state in states.items() if state.reason]
        reasons += self._stranded(now)
        if self._fault:
            reasons.insert(0, self._fault)
        channels: dict[str, JsonValue] = {name: state.figures for name, state in states.items()}
        health = Health.READY
        if reasons:
            health = Health.STARTING if self._site is None else Health.DEGRADED
        return WorkerReport(
            role="notifier",
            health=health,
            reason="; ".join(reasons)[:500],
            at=now,
            figures={"channels": channels},
        )
