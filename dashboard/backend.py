"""The store as the dashboard uses it: reads, the requests that it has handed in, and news."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path

from hazard.store.audit_reading import AuditReader
from hazard.store.desk import Desk
from hazard.store.figures import Figures
from hazard.store.jobs import Jobs
from hazard.store.orders import Orders
from hazard.store.people import People
from hazard.store.plans import Plans
from hazard.store.queries import Queries, RequestStatus
from hazard.store.reports import Reports
from hazard.store.site_versions import SiteVersions
from hazard.store.situation import Situation
from hazard.store.store import Store
from hazard.types import ActionRequest, RequestState

BUSY_MS = 2000
"""How long a login or a request waits for the agent's short transactions."""
WAITING = 1024
"""Requests that are followed until they are settled; the oldest are forgotten first."""


class Backend:
    """Queries, desk and people of one store, and the requests that wait for an answer.

    Attributes:
        queries: reads of alarms, health and audit.
        desk: takes requests to the agent.
        people: accounts, sessions and tokens.
        jobs: long work that people have asked for.
        versions: what the site file said, when, and who made it so.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self.queries: Queries = store.queries
        self.situation: Situation = store.situation
        self.plans: Plans = store.plans
        self.figures: Figures = store.figures
        self.reports: Reports = store.reports
        self.desk: Desk = store.desk
        self.people: People = store.people
        self.audit: AuditReader = store.audit
        self.versions: SiteVersions = store.versions
        self.jobs: Jobs = store.jobs
        self.orders: Orders = store.orders
        self._waiting: OrderedDict[str, None] = OrderedDict()
        self._jobs: dict[str, tuple[object, ...]] | None = None
        self._guard = threading.Lock()

    def submit(self, request: ActionRequest) -> RequestStatus:
        """Hand a request to the agent core and follow it until it is settled.

        Raises:
            StoreError: if there is no such alert, or the store cannot be written.
        """
        status = self.desk.submit_request(request)
        self._follow(request.request_id)
        return status

    @property
    def of_replica(self) -> bool:
        """Whether this is a replica, whose nodes keep pictures and files for themselves."""
        return False

    def _follow(self, request_id: str) -> None:
        with self._guard:
            self._waiting[request_id] = None
            while len(self._waiting) > WAITING:
                self._waiting.popitem(last=False)

    def newly_settled(self) -> list[RequestStatus]:
        """Followed requests that the core has answered since the last call."""
        with self._guard:
            waiting = list(self._waiting)
        settled = []
        for request_id in waiting:
            status = self.queries.request_state(request_id)
            if status is None or status.state is not RequestState.PENDING:
                with self._guard:
                    self._waiting.pop(request_id, None)
                if status is not None:
                    settled.append(status)
        return settled

    def changes_after(
        self, mark: Mapping[str, int] | None, limit: int
    ) -> tuple[dict[str, int], list[str]]:
        """The newest sequence of each node, and the alerts with a later revision than in `mark`."""
        return self.queries.changes_after(mark, limit=limit)

    def changed_jobs(self) -> list[tuple[str, str]]:
        """Id and state of the jobs that are new, or went on, since the last call."""
        now = {job_id: (state, *rest) for job_id, state, *rest in self._store.jobs.fingerprint()}
        before, self._jobs = self._jobs, now
        if before is None:
            return []
        return [(job_id, str(how[0])) for job_id, how in now.items() if before.get(job_id) != how]

    def version(self) -> int:
        """A number that changes with each commit of another process.

        Raises:
            StoreError: if the database cannot be read.
        """
        return self._store.data_version()

    def rest(self, stop: threading.Event, seconds: float) -> None:
        """Wait before `version` is asked again; a database that tells of news ends it early."""
        stop.wait(seconds)

    def close(self) -> None:
        """Close all connections."""
        self._store.close()


def open_backend(database: Path) -> Backend:
    """Open the node's database; it is made here if the agent has not made it yet.

    Raises:
        SchemaTooNew: if a newer release has written it.
        StoreError: if it cannot be opened.
    """
    return Backend(Store.open(database, commit_timeout_ms=BUSY_MS))
