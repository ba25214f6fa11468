"""The rows of first revisions, ready to be written: for the ORM floor and for filling a store."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from edge_agent.bench.delivery.scene import FirstRevision
from edge_agent.publish.topics import alert_topic
from hazard.store.audit import GENESIS, line_hash
from hazard.store.statements import JsonText

Row = dict[str, Any]


class FourRows(NamedTuple):
    """Values of the columns of one incident's alert, revision, outbox and audit row."""

    alert: Row
    revision: Row
    outbox: Row
    audit: Row


def four_rows(
    revisions: Iterable[FirstRevision],
    last_sequence: int,
    *,
    chain: str,
    previous_hash: str = GENESIS,
) -> Iterator[FourRows]:
    """The rows, numbered from `last_sequence` + 1 on, with the hashes of that chain."""
    for sequence, each in enumerate(revisions, last_sequence + 1):
        message = each.message.model_copy(
            update={
                "sequence": sequence,
                "times": each.message.times.model_copy(
                    update={"stored": each.message.times.raised}
                ),
            }
        )
        body, at = message.model_dump_json(), message.times.raised
        common: Row = {
            "alert_id": message.alert_id,
            "revision": message.revision,
            "node": message.node,
            "severity": message.severity.value,
            "decided_by": message.decided_by.value,
            "state": message.state.value,
            "payload": JsonText(body),
        }
        alert = common | {
            "incident_id": message.incident_id,
            "site": message.site,
            "area": message.area,
            "hazard": message.hazard,
            "severity_rank": message.severity.rank,
            "raised_at": at,
            "updated_at": at,
            "returned_at": None,
            "alarm": JsonText(each.alarm.model_dump_json()),
        }
        revision = common | {"sequence": sequence, "cause": message.cause.value, "stored_at": at}
        outbox: Row = {
            "sequence": sequence,
            "alert_id": message.alert_id,
            "revision": message.revision,
            "topic": alert_topic(message.site, message.area, message.alert_id),
            "body": body,
            "retain": False,
            "properties": {"schema": message.schema_version, "sequence": str(sequence)},
            "created_at": at,
        }
        line: Row = {
            "chain": chain,
            "at": at,
            "actor": "agent",
            "verb": f"alert.{message.cause.value}",
            "subject": message.alert_id,
            "details": {"revision": message.revision, "sequence": sequence, "text": each.text},
        }
        digest = line_hash(previous_hash, **line)
        audit = line | {"previous_hash": previous_hash, "hash": digest}
        previous_hash = digest
        yield FourRows(alert, revision, outbox, audit)
