"""What the page of one incident reads beside the alert: past ones like it, messages, evidence.

Every query is by an index and bounded: the page costs the same however many alerts there are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from hazard.store.side_tables import ObservationRow
from hazard.store.tables import AlertRow, EvidenceRow, NoticeRow
from hazard.store.views import Candidate, NoticeLine
from hazard.types import Evidence, Notice, NoticeState

SAME_PLACE = 16
"""Past alerts of the same kind in the same area that are looked at, the newest first."""
OTHER_PLACE = 2
"""Of the same kind, of each other area."""
MOST_PLACES = 12
MOST_NOTICES = 200
MOST_OBSERVATIONS = 60
"""Of one camera around one picture: half a minute at 2 Hz."""
SUMMARY_MAX = 1000


def candidates(
    connection: Connection,
    *,
    hazard: str,
    area: str,
    before: datetime,
    other_areas: Sequence[str],
) -> tuple[Candidate, ...]:
    """Past alerts of the same kind: first in the same area, then in the others."""
    found = list(_of_place(connection, hazard, area, before, SAME_PLACE))
    for other in other_areas[:MOST_PLACES]:
        found += _of_place(connection, hazard, other, before, OTHER_PLACE)
    return tuple(found)


def _of_place(
    connection: Connection, hazard: str, area: str, before: datetime, limit: int
) -> Iterator[Candidate]:
    query = (
        select(AlertRow.payload)
        .where(AlertRow.hazard == hazard, AlertRow.area == area, AlertRow.raised_at < before)
        .order_by(AlertRow.raised_at.desc())
        .limit(limit)
    )
    for payload in connection.execute(query).scalars():
        yield _candidate(payload)


def _candidate(payload: Mapping[str, Any]) -> Candidate:
    """Read from the stored message without checking all of it: there are many of them."""
    events = payload.get("events") or []
    case = payload.get("case") or {}
    words = payload.get("words") or {}
    done = [each["text"] for each in case.get("actions", ()) if each.get("done_at")]
    return Candidate(
        alert_id=payload["alert_id"],
        hazard=payload["hazard"],
        area=payload["area"],
        severity=payload["severity"],
        raised_at=payload["times"]["raised"],
        zones=_each(zone for e in events for box in e.get("boxes", ()) for zone in box["zones"]),
        sources=_each(source for e in events for source in e.get("sources", ())),
        levels=_each(e["level"] for e in events if e.get("level")),
        measured={item["name"]: item["value"] for e in events for item in e.get("measured", ())},
        summary=(words.get("summary") or {}).get("en", "")[:SUMMARY_MAX],
        cause=case.get("cause"),
        closing_note=case.get("closing_note", ""),
        done=tuple(done),
        checked=tuple(each["action_id"] for each in case.get("checks", ())),
    )


def _each(texts: Iterator[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(texts))


def notice_lines(connection: Connection, alert_id: str) -> tuple[NoticeLine, ...]:
    """The messages to people about one alert, oldest first."""
    query = (
        select(NoticeRow.payload, NoticeRow.state, NoticeRow.error, NoticeRow.sent_at)
        .where(NoticeRow.alert_id == alert_id)
        .order_by(NoticeRow.created_at)
        .limit(MOST_NOTICES)
    )
    return tuple(
        NoticeLine(
            notice=Notice.model_validate(row.payload),
            state=NoticeState(row.state),
            error=row.error,
            sent_at=row.sent_at,
        )
        for row in connection.execute(query)
    )


def paths_around(
    connection: Connection, camera_id: str, since: datetime, until: datetime
) -> dict[int, list[tuple[float, float]]]:
    """The ways of a camera's tracks: their foot points (relative 0..1) by track, oldest first."""
    query = (
        select(ObservationRow.payload)
        .where(
            ObservationRow.camera_id == camera_id,
            ObservationRow.captured_at.between(since, until),
        )
        .order_by(ObservationRow.captured_at)
        .limit(MOST_OBSERVATIONS)
    )
    paths: dict[int, list[tuple[float, float]]] = {}
    for payload in connection.execute(query).scalars():
        for track in payload.get("tracks", ()):
            if track.get("track_id") is not None:
                paths.setdefault(track["track_id"], []).append(tuple(track["foot"]))
    return paths


def evidence_of(connection: Connection, alert_id: str) -> tuple[str, tuple[Evidence, ...]] | None:
    """The area of an alert and its evidence that is not pruned; None if there is no such alert."""
    known = select(AlertRow.area, AlertRow.incident_id).where(AlertRow.alert_id == alert_id)
    row = connection.execute(known).one_or_none()
    if row is None:
        return None
    query = select(EvidenceRow.payload).where(
        EvidenceRow.incident_id == row.incident_id, EvidenceRow.deleted_at.is_(None)
    )
    payloads = connection.execute(query.order_by(EvidenceRow.captured_at)).scalars()
    return row.area, tuple(Evidence.model_validate(payload) for payload in payloads)
