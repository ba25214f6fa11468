"""Alerts by their words: newest first, within facets, and never more work than is bounded.

Where the facets hold few alerts, these are looked through. Else the index of words gives candidates
in the order of their numbers, which is that of the time raised. A search that has looked at
`LOOKED_AT` candidates and not filled its page stops there and says how far it came; the next page
goes on from that place. So a page costs the same whatever is stored.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, func, select, text

from hazard.store.strands import Alerts, within
from hazard.store.tables import FACET, Base
from hazard.store.words import NUMBERS_EACH, first_number

FEW = 500
"""Alerts that are looked through one by one."""
LOOKED_AT = 1200
"""Candidates that one page looks at."""
CHUNKS = (100, 400, 700)
"""How many candidates are read at once: first few, then more."""
WALK = (500, 1500, 6000)
"""On PostgreSQL, how many of the newest alerts are looked through before its index is asked."""
_TEXTS = Base.metadata.tables["alert_text"]
_ALERTS = Base.metadata.tables["alert"]
_FACETS = Base.metadata.tables["alert_facet"]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ENDS = -(2**63), 2**63 - 1


@dataclass(frozen=True, slots=True)
class Look:
    """What is looked for.

    Attributes:
        words: normalised; all must occur.
        implied: words that every alert of the facets has: with them the index finds no others.
        alerts: how many the facets hold.
    """

    words: tuple[str, ...]
    implied: tuple[str, ...]
    alerts: int


@dataclass(slots=True)
class Found:
    """Numbers and ids, in order; `stopped_at` is the number up to which was looked, if not all."""

    alerts: list[tuple[int, str]] = field(default_factory=list)
    stopped_at: int | None = None


@dataclass(frozen=True, slots=True)
class _Range:
    """Numbers from `low` to `high`, both included."""

    low: int
    high: int
    oldest_first: bool

    def behind(self, number: int) -> _Range:
        if self.oldest_first:
            return _Range(number + 1, self.high, oldest_first=True)
        return _Range(self.low, number - 1, oldest_first=False)

    @property
    def direction(self) -> str:
        return "ASC" if self.oldest_first else "DESC"


_Candidates = Callable[[Connection, tuple[str, ...], _Range, int], list[int]]


def moment_of(number: int) -> datetime:
    """When an alert with this number was raised."""
    return _EPOCH + timedelta(microseconds=number // NUMBERS_EACH)


def anywhere(connection: Connection, words: tuple[str, ...]) -> bool:
    """Whether any alert has the words."""
    everywhere = _Range(*_ENDS, oldest_first=False)
    return bool(_candidates_of(connection)(connection, words, everywhere, 1))


def found_by_words(
    connection: Connection, chosen: Alerts, look: Look, after: int | None, limit: int
) -> Found:
    """The newest alerts with the words, `limit` at most; `after` is the last one of those before.

    With `chosen.oldest_first` the oldest.
    """
    low = first_number(chosen.after) if chosen.after is not None else _ENDS[0]
    high = first_number(chosen.before) - 1 if chosen.before is not None else _ENDS[1]
    numbers = _Range(low, high, chosen.oldest_first)
    if after is not None:
        numbers = numbers.behind(after)
    if look.alerts <= FEW:
        return _looked_through(connection, chosen, look.words, numbers, limit)
    words = tuple(dict.fromkeys((*look.words, *look.implied)))
    return _from_index(connection, chosen, words, numbers, limit)


def _looked_through(
    connection: Connection, chosen: Alerts, words: Sequence[str], numbers: _Range, limit: int
) -> Found:
    ids = connection.execute(within(connection, chosen, FEW)).scalars().all()
    number = _TEXTS.c.alert_no
    query = (
        select(number, _TEXTS.c.alert_id)
        .where(_TEXTS.c.alert_id.in_(ids), number.between(numbers.low, numbers.high))
        .where(*_has(words))
        .order_by(number.asc() if numbers.oldest_first else number.desc())
        .limit(limit)
    )
    return Found([(row.alert_no, row.alert_id) for row in connection.execute(query)])


def _candidates_of(connection: Connection) -> _Candidates:
    return _by_index if connection.dialect.name == "sqlite" else _by_walk_or_index


def _from_index(
    connection: Connection, chosen: Alerts, words: tuple[str, ...], numbers: _Range, limit: int
) -> Found:
    found = Found()
    candidates = _candidates_of(connection)
    facets = _chosen_facets(connection, chosen)
    looked = 0
    for size in (*CHUNKS, *[CHUNKS[-1]] * (LOOKED_AT // CHUNKS[-1])):
        some = candidates(connection, words, numbers, size)
        found.alerts += _fitting(connection, facets, some)
        if len(found.alerts) >= limit:
            del found.alerts[limit:]
            return found
        if len(some) < size:
            return found
        numbers = numbers.behind(some[-1])
        looked += len(some)
        if looked >= LOOKED_AT:
            found.stopped_at = some[-1]
            return found
    return found


def _fitting(
    connection: Connection, facets: frozenset[tuple[Any, ...]] | None, numbers: Sequence[int]
) -> list[tuple[int, str]]:
    """Those of the facets, in their order; None stands for all.

    Compared here: without numbers of rows SQLite would begin at the state, and read every alert.
    """
    if not numbers:
        return []
    query = select(_TEXTS.c.alert_no, _TEXTS.c.alert_id).where(_TEXTS.c.alert_no.in_(numbers))
    names = {row.alert_no: row.alert_id for row in connection.execute(query)}
    if facets is not None:
        columns = [_ALERTS.c[name] for name in FACET]
        of = select(_ALERTS.c.alert_id, *columns).where(_ALERTS.c.alert_id.in_(names.values()))
        fit = {row[0] for row in connection.execute(of) if tuple(row)[1:] in facets}
        names = {number: name for number, name in names.items() if name in fit}
    return [(number, names[number]) for number in numbers if number in names]


def _chosen_facets(connection: Connection, chosen: Alerts) -> frozenset[tuple[Any, ...]] | None:
    if not chosen.facets:
        return None
    query = select(*(_FACETS.c[name] for name in FACET)).where(*chosen.facets)
    return frozenset(tuple(row) for row in connection.execute(query))


def _has(words: Sequence[str]) -> list[ColumnElement[bool]]:
    return [
        func.replace(_TEXTS.c.words, f" {word} ", "") != _TEXTS.c.words
        for word in dict.fromkeys(words)
    ]


def _by_index(
    connection: Connection, words: tuple[str, ...], numbers: _Range, limit: int
) -> list[int]:
    """SQLite's full-text index gives its rows in their order, either way."""
    query = text(
        "SELECT rowid FROM alert_words WHERE alert_words MATCH :words "  # noqa: S608 - our own
        f"AND rowid BETWEEN :low AND :high ORDER BY rowid {numbers.direction} LIMIT :limit"
    )
    values = {
        "words": " ".join(f'"{word}"' for word in words),
        "low": numbers.low,
        "high": numbers.high,
        "limit": limit,
    }
    return [int(number) for number in connection.execute(query, values).scalars()]


def _by_walk_or_index(
    connection: Connection, words: tuple[str, ...], numbers: _Range, limit: int
) -> list[int]:
    """PostgreSQL's index gives its rows in no order: it is asked for rare words only.

    A common word is met soon by walking back from the newest alerts.
    """
    found: list[int] = []
    for size in WALK:
        if size == WALK[-1] and not found:
            break
        rows, last = _walk(connection, words, numbers, size)
        found += rows
        if last is None or len(found) >= limit:
            return found[:limit]
        numbers = numbers.behind(last)
    return found + _rare(connection, words, numbers, limit - len(found))


def _walk(
    connection: Connection, words: Sequence[str], numbers: _Range, size: int
) -> tuple[list[int], int | None]:
    """Those with the words among so many alerts, and the last of these; None: there are no more."""
    number = _TEXTS.c.alert_no
    order = number.asc() if numbers.oldest_first else number.desc()
    walked = (
        select(number, and_(*_has(words)).label("fits"))
        .where(number.between(numbers.low, numbers.high))
        .order_by(order)
        .limit(size)
        .subquery()
    )
    edge = func.min(walked.c.alert_no) if not numbers.oldest_first else func.max(walked.c.alert_no)
    fits = func.array_agg(walked.c.alert_no).filter(walked.c.fits)
    row = connection.execute(select(edge, func.count(), fits).select_from(walked)).one()
    rows = sorted(row[2] or (), reverse=not numbers.oldest_first)
    return rows, row[0] if row[1] == size else None


def _rare(connection: Connection, words: tuple[str, ...], numbers: _Range, limit: int) -> list[int]:
    query = text(
        "WITH found AS MATERIALIZED (SELECT alert_no FROM alert_text "  # noqa: S608 - our own
        "WHERE string_to_array(words, ' ') @> CAST(:words AS TEXT[])) "
        "SELECT alert_no FROM found WHERE alert_no BETWEEN :low AND :high "
        f"ORDER BY alert_no {numbers.direction} LIMIT :limit"
    )
    values = {"words": list(words), "low": numbers.low, "high": numbers.high, "limit": limit}
    return [int(number) for number in connection.execute(query, values).scalars()]
