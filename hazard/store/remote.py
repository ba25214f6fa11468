"""Requests that go to a node from its replica: whose they are, and what was answered.

A row stands here under the name that the node gives the command (`hazard.commands.stored_id`), so
that the node's own row, when it is copied, takes its place: also where the answer got lost.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, select, update
from sqlalchemy.dialects.postgresql import insert

from hazard.errors import StoreError
from hazard.store.desk import NoSuchAlert
from hazard.store.queries import RequestStatus, request_status
from hazard.store.side_tables import StageHealthRow
from hazard.store.tables import ActionRequestRow, AlertRow, SuppressionOrderRow
from hazard.store.writer import Writer
from hazard.types import ActionRequest, Model, RequestOutcome, RequestState


class NoSingleNode(StoreError):  # noqa: N818 - named for what it says
    """It is not known here which node a request is for."""


class Addressee(Model):
    """The node that a request is for."""

    site: str
    node: str


class RemoteDesk:
    """Short writing transactions on a replica. Safe to call from any thread."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    def addressee(self, request: ActionRequest, site: str) -> Addressee:
        """The node that has what the request is about; `site`: where no alarm says it.

        Raises:
            NoSuchAlert: (a StoreError) if there is no such alert.
            NoSingleNode: (a StoreError) if no single node has it; with the mend.
        """
        with self._writer.engine.connect() as connection:
            if request.alert_id:
                query = select(AlertRow.site, AlertRow.node)
                found = connection.execute(
                    query.where(AlertRow.alert_id == request.alert_id)
                ).one_or_none()
                if found is None:
                    raise NoSuchAlert(
                        f"there is no alert {request.alert_id!r}: load the list again"
                    )
                return Addressee(site=found.site, node=found.node)
            nodes = _candidates(connection, request)
        if len(nodes) != 1:
            known = ", ".join(nodes) or "none"
            raise NoSingleNode(
                f"{request.verb} is for one node, and which is not known here (nodes: {known}): "
                "ask on the dashboard of that node"
            )
        return Addressee(site=site, node=nodes[0])

    def record(self, request: ActionRequest, node: str) -> tuple[RequestStatus, bool]:
        """Store a request as pending, once; True: it is new, and has to be sent.

        Raises:
            StoreError: if the database cannot be written.
        """
        row = request.model_dump() | {
            "node": node,
            "verb": request.verb.value,
            "role": request.role.value,
            "via": request.via.value,
            "areas": list(request.areas),
            "state": RequestState.PENDING.value,
            "outcome": "",
        }
        found = select(ActionRequestRow).where(
            ActionRequestRow.request_id == request.request_id, ActionRequestRow.node == node
        )
        with self._writer.transaction() as connection:
            made = connection.execute(
                insert(ActionRequestRow).on_conflict_do_nothing().returning(ActionRequestRow.node),
                row,
            ).one_or_none()
            present = connection.execute(found).mappings().one()
            return request_status(present), made is not None

    def settle(self, request_id: str, node: str, outcome: RequestOutcome, at: datetime) -> bool:
        """Store what became of a request; False: that was known already.

        Raises:
            StoreError: if the database cannot be written.
        """
        change = (
            update(ActionRequestRow)
            .where(
                ActionRequestRow.request_id == request_id,
                ActionRequestRow.node == node,
                ActionRequestRow.state == RequestState.PENDING.value,
            )
            .values(
                state=outcome.state.value,
                outcome=outcome.text,
                outcome_values=dict(outcome.values),
                carried_out_at=at,
            )
        )
        with self._writer.transaction() as connection:
            return connection.execute(change).rowcount == 1


def _candidates(connection: Connection, request: ActionRequest) -> list[str]:
    """The nodes that a request without an alarm may be for."""
    order, area = request.arguments.get("order_id"), request.arguments.get("area")
    if isinstance(order, str):
        query = select(SuppressionOrderRow.node).where(SuppressionOrderRow.order_id == order)
        return sorted(set(connection.execute(query).scalars()))
    if isinstance(area, str):
        latest = select(AlertRow.node).where(AlertRow.area == area)
        latest = latest.order_by(AlertRow.raised_at.desc()).limit(1)
        node = connection.execute(latest).scalar_one_or_none()
        if node is not None:
            return [node]
    return sorted(set(connection.execute(select(StageHealthRow.node).distinct()).scalars()))
