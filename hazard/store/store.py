"""The store: where everything about alarms is written, and read back after a restart.

The agent core is the only one that writes alarms (`unit`). If the database cannot take a unit
within the commit time limit (locked, disk full), it is fsynced to the journal, published with
`durability: journal`, and loaded into the database as soon as that answers again. Order and
numbering hold throughout: while the journal waits, everything later waits behind it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from hazard.errors import StoreError
from hazard.store.anchors import ChainEnds, ChainHead
from hazard.store.audit import verify_audit
from hazard.store.audit_reading import AuditReader
from hazard.store.backlog import Backlog
from hazard.store.bounds import Bounds
from hazard.store.bulk import Bulk
from hazard.store.committing import Committer
from hazard.store.desk import Desk
from hazard.store.engine import data_version, make_engine, store_url
from hazard.store.figures import Figures
from hazard.store.jobs import Jobs
from hazard.store.news import News
from hazard.store.notices import Notices
from hazard.store.observations import Observations
from hazard.store.operations import (
    OutboxMessage,
    Render,
)
from hazard.store.orders import Orders
from hazard.store.outbox import Outbox, OutboxItem
from hazard.store.people import People
from hazard.store.performance import Asked
from hazard.store.plans import Plans
from hazard.store.queries import AreaCounts, Queries, area_counts
from hazard.store.remote import RemoteDesk
from hazard.store.reports import Reports
from hazard.store.restore import OpenAlert, Restore
from hazard.store.schema import ensure_schema
from hazard.store.site_versions import SiteVersions
from hazard.store.situation import Situation
from hazard.store.taken import read_taken
from hazard.store.unit import UnitOfWork
from hazard.store.writer import Writer
from hazard.types import (
    ActionRequest,
    AlertMessage,
    Health,
    Incident,
    StageHealth,
    SuppressionOrder,
)

BULK_WAIT_MS = 50


def no_outbox(_message: AlertMessage, _body: str) -> Sequence[OutboxMessage]:
    """For a store that publishes nothing."""
    return ()


class Store:
    """One database, opened.

    Attributes:
        queries: what dashboard and reports read.
        situation: what the overview, the plant map and the health page read.
        desk: what the dashboard hands in.
        remote: what the dashboard of a replica hands in, for other nodes.
        people: who may use the dashboard.
        audit: who did what.
        plans: pictures of the plant, and what lies where on them.
        outbox: the publisher's view.
        bulk: readings, stage health and retention.
        bounds: takes out of the outbox what waits beyond its limits.
        notices: what people are still to be told.
        reports: reports of weeks, and how far they are sent.
        orders: the register of suppressions and shelvings.
        versions: what the site file said, when, and who made it so.
        jobs: long work that people have asked for.
        observations: what cameras saw, for dry runs.
    """

    def __init__(
        self,
        url_or_path: str | Path,
        *,
        node: str,
        commit_timeout_ms: int,
        journal: Path | None,
        render: Render,
        now: Callable[[], datetime],
    ) -> None:
        url = store_url(url_or_path)
        self._node, self._now = node, now
        self._lock = threading.Lock()
        self._durable = make_engine(url, busy_ms=commit_timeout_ms, sync="FULL")
        self._plain = make_engine(url, busy_ms=BULK_WAIT_MS, sync="NORMAL")
        try:
            self.upgraded_from = ensure_schema(self._durable)
        except BaseException:
            self._durable.dispose()
            raise
        self._writer = Writer(self._durable, self._lock, commit_timeout_ms)
        relaxed = Writer(self._plain, self._lock, BULK_WAIT_MS)
        self.queries = Queries(self._plain)
        self.situation = Situation(self._plain)
        self.figures = Figures(self._plain)
        self.desk = Desk(self._writer)
        self.remote = RemoteDesk(self._writer)
        self.people = People(self._writer)
        self.audit = AuditReader(self._plain)
        self.plans = Plans(self._writer)
        self.outbox = Outbox(self._plain, relaxed)
        self.bulk = Bulk(self._plain, relaxed, self._writer)
        self.bounds = Bounds(self._plain, self._writer)
        self.notices = Notices(self._plain, self._writer)
        self.reports = Reports(self._plain, self._writer)
        self.orders = Orders(self._plain)
        self.versions = SiteVersions(self._plain, lambda: self._backlog.operations)
        self.jobs = Jobs(self._plain, relaxed)
        self.observations = Observations(self._plain, relaxed)
        self._restore = Restore(self._plain)
        self._chain_ends = ChainEnds()
        self._watch: Connection | None = None
        self._watch_lock = threading.Lock()
        self._news: News | None = None
        self._backlog = Backlog(journal, self._plain, now)
        self._committer = Committer(node, render, now, writer=self._writer, backlog=self._backlog)
        self.load_journal()

    @classmethod
    def open(
        cls,
        url_or_path: str | Path,
        *,
        node: str = "edge-1",
        commit_timeout_ms: int = 250,
        journal: Path | None = None,
        render: Render = no_outbox,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> Self:
        """Open a database file or a `postgresql://` address, made or upgraded as needed.

        The core gives `journal` (a path on the node's disk) and `render` (what to publish of a
        revision: `edge_agent.publish.topics.outbox_messages`); the dashboard gives neither.

        Raises:
            SchemaTooNew: if a newer release has written the database.
            StoreError: if it cannot be opened, or the journal cannot be read.
        """
        try:
            return cls(
                url_or_path,
                node=node,
                commit_timeout_ms=commit_timeout_ms,
                journal=journal,
                render=render,
                now=now,
            )
        except SQLAlchemyError as error:
            raise StoreError(f"the store cannot be opened: {error}") from error

    def close(self) -> None:
        """Close all connections."""
        with ExitStack() as stack:
            stack.callback(self._plain.dispose)
            stack.callback(self._durable.dispose)
            stack.callback(self._backlog.close)
            if self._watch is not None:
                stack.callback(self._watch.close)
            if self._news is not None:
                stack.callback(self._news.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    # ------------------------------------------------------------ writing alarms

    def unit(self) -> UnitOfWork:
        """A unit of work: `with store.unit() as unit: …; unit.commit()`. No commit, no change."""
        return UnitOfWork(self._committer.commit)

    @property
    def sequence(self) -> int:
        """The number of the newest revision of this node, 0 if there is none."""
        return self._committer.sequence

    # ------------------------------------------------------------ the journal

    @property
    def journal_waiting(self) -> int:
        """Units that are not in the database yet."""
        return self._backlog.waiting

    def load_journal(self) -> bool:
        """Load what waits in the journal into the database; True if nothing waits any more.

        The core calls this about once a second while `journal_waiting` is not 0.
        """
        return self._committer.load()

    def journaled(self) -> list[OutboxItem]:
        """Outbox messages that are not in the database yet, in order: published from here.

        Waits for no lock, so that a publisher goes on while a commit waits for the database.
        """
        return self._committer.journaled()

    # ------------------------------------------------------------ after a restart

    def open_alerts(self) -> list[OpenAlert]:
        """Alerts that are not back to normal, with their alarms, as they were last written."""
        return self._restore.open_alerts(self._backlog.operations)

    def alert(self, alert_id: str) -> OpenAlert | None:
        """One alert as it was last written, also if it is over; None if there is none."""
        return self._restore.alert(alert_id, self._backlog.operations)

    def born_at(self) -> datetime | None:
        """When this database began, by its audit; None while nothing is in it."""
        return self._restore.born_at()

    def standing_orders(self) -> list[SuppressionOrder]:
        """Suppression orders of this node that nobody has ended; their time may be over."""
        return self._restore.standing_orders(self._node, self._backlog.operations)

    def asked_since(self, after: datetime) -> list[Asked]:
        """This node's alarms that asked for attention later than `after`, raised or again."""
        return self._restore.asked_since(self._node, after, self._backlog.operations)

    def active_counts(self) -> dict[str, AreaCounts]:
        """Alarms that are not back to normal by area, with what waits in the journal."""
        if not self._backlog.waiting:
            return self.queries.active_counts_by_area()
        cells: dict[str, list[tuple[str, str, int]]] = {}
        for alert in self._restore.open_alerts(self._backlog.operations):
            message = alert.message
            cells.setdefault(message.area, []).append((message.severity, message.state, 1))
        return {area: area_counts(area, found) for area, found in cells.items()}

    def open_incidents(self) -> list[Incident]:
        """Incidents that are not closed, and those whose alert is not back to normal."""
        return self._restore.open_incidents(self._backlog.operations)

    def pending_requests(self) -> list[ActionRequest]:
        """Requests that nobody has carried out yet, oldest first."""
        return self._restore.pending_requests(self._backlog.operations)

    def taken(self) -> tuple[str, int]:
        """The vision group whose observations came last, and the last number that is durable."""
        return read_taken(self._plain, self._backlog.operations)

    # ------------------------------------------------------------ watching

    def data_version(self) -> int:
        """A number that changes when another connection or process has changed the database.

        Raises:
            StoreError: if the database cannot be read.
        """
        with self._watch_lock:
            try:
                if self._watch is None:
                    self._watch = self._plain.connect()
                version = data_version(self._watch)
                self._watch.rollback()
            except SQLAlchemyError as error:
                raise StoreError(f"the store cannot be read: {error}") from error
            return version

    def listen(self) -> News:
        """What a PostgreSQL tells of its commits; ends with this store."""
        if self._news is None:
            self._news = News(self._plain)
        return self._news

    def verify_audit(self) -> tuple[int, str | None]:
        """Lines of the audit that were checked, and the first fault in words, or None."""
        with self._plain.connect() as connection:
            return verify_audit(connection)

    def audit_heads(self) -> list[ChainHead]:
        """How far each chain of the audit is now.

        Raises:
            StoreError: if the database cannot be read.
        """
        try:
            with self._plain.connect() as connection:
                return self._chain_ends.read(connection, self._now())
        except SQLAlchemyError as error:
            raise StoreError(f"the audit cannot be read: {error}") from error

    def set_commit_timeout(self, commit_timeout_ms: int) -> None:
        """Go on with another time limit, after a reload of the site file."""
        self._writer.wait_ms = commit_timeout_ms

    def health(self) -> StageHealth:
        """The store's own health, for the stage `store`."""
        waiting = self.journal_waiting
        reason = self._committer.fault
        if waiting:
            reason = f"{waiting} units wait in the journal: {reason}"
        if self._backlog.refused:
            left_out = (
                f"{self._backlog.refused} changes of the journal were refused by the database"
            )
            reason = f"{left_out} ({self._backlog.refused_why}); {reason}".removesuffix("; ")
        return StageHealth(
            stage="store",
            health=Health.DEGRADED if reason else Health.READY,
            reason=reason[:500],
            at=self._now(),
            figures={"journal_waiting": waiting, "sequence": self._committer.sequence},
        )
