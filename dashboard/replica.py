"""The PostgreSQL replica as the dashboard uses it: many nodes to read, MQTT to ask them.

Its own tables (people, sessions, views) live in the same database. What is asked goes to the node
that has the alarm; what became of it comes by MQTT, or with the copy of the node's rows.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

import structlog

from dashboard.backend import BUSY_MS, Backend
from dashboard.commander import USER, Commander
from hazard.commands import CommandResponse, stored_id
from hazard.errors import BrokerError, StoreError
from hazard.site.models import Site
from hazard.store.queries import RequestStatus
from hazard.store.remote import NoSingleNode
from hazard.store.store import Store
from hazard.types import ActionRequest, RequestOutcome, RequestState, Via

log = structlog.get_logger(__name__)


class ReplicaBackend(Backend):
    """Queries and desk of a replica, and the requests that wait for a node's answer."""

    def __init__(self, store: Store, site: Callable[[], Site]) -> None:
        super().__init__(store)
        self._site = site
        self._news = store.listen()
        self._commander = Commander(site, self._answered)

    @property
    def of_replica(self) -> bool:
        """Whether this is a replica, whose nodes keep pictures and files for themselves."""
        return True

    def submit(self, request: ActionRequest) -> RequestStatus:
        """Send a request to the node that it is for, once, and follow it until it is settled.

        What the broker did not take is stored as refused: nothing is sent later, behind the
        person's back.

        Raises:
            StoreError: if there is no such alert, no such node, or the database cannot be written.
        """
        desk = self._store.remote
        asked_as = request.request_id
        request = request.model_copy(
            update={"request_id": stored_id(USER, asked_as), "via": Via.MQTT}
        )
        try:
            to = desk.addressee(request, self._site().site.id)
        except NoSingleNode as error:
            status, _ = desk.record(request, "")
            return self._refuse(status, "", f"Nothing was sent: {error}.")
        status, is_new = desk.record(request, to.node)
        self._follow(request.request_id)
        if not is_new:
            return status
        try:
            self._commander.send(request, asked_as, to.site, to.node)
        except BrokerError as error:
            mend = f"Use the dashboard of node {to.node}."
            return self._refuse(status, to.node, f"Nothing was sent: {error}. {mend}")
        return status

    def _refuse(self, status: RequestStatus, node: str, text: str) -> RequestStatus:
        request = status.request
        refused = RequestOutcome(state=RequestState.REFUSED, text=text[:2000])
        self._store.remote.settle(request.request_id, node, refused, request.requested_at)
        known = self.queries.request_state(request.request_id)
        return status if known is None else known

    def version(self) -> int:
        """A number that changes with each commit that PostgreSQL tells of."""
        return self._news.version

    def rest(self, stop: threading.Event, seconds: float) -> None:
        """Wait for the next word of PostgreSQL, `seconds` at most."""
        if not stop.is_set():
            self._news.wait(seconds)

    def close(self) -> None:
        """Close all connections."""
        self._commander.close()
        super().close()

    def _answered(self, answer: CommandResponse) -> None:
        outcome = RequestOutcome(
            state=RequestState(answer.state), text=answer.text, values=answer.values
        )
        request_id = stored_id(USER, answer.request_id)
        try:
            self._store.remote.settle(request_id, answer.node, outcome, answer.at)
        except StoreError as error:
            # The node's own row says it again with the next portion of the copy.
            log.warning("dashboard.answer_not_stored", error=str(error)[:300])


def open_replica(url: str, site: Callable[[], Site]) -> ReplicaBackend:
    """Open a replica; its tables are made here if no node has made them yet.

    Raises:
        SchemaTooNew: if a newer release has written it.
        StoreError: if it cannot be opened, or the address is no PostgreSQL's.
    """
    if not url.startswith(("postgresql://", "postgres://", "postgresql+psycopg://")):
        raise StoreError("HAZARD_DASHBOARD_DATABASE is no PostgreSQL address: want postgresql://…")
    return ReplicaBackend(Store.open(url, commit_timeout_ms=BUSY_MS), site)
