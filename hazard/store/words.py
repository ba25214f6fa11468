"""The words by which alerts are found, kept with them: full-text index and its upkeep.

Words are normalised here (lower case, no accents, letters and digits only), for what is stored and
for what is looked for alike, so that both databases find the same.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, exists, select, text

from hazard.store.side_tables import AlertTextRow
from hazard.store.tables import ActionRequestRow, AlertRow
from hazard.types import AlertMessage

LONGEST_WORD = 40
MOST_WORDS = 400
"""Words of one alert that are kept: those of its kind and place come first."""
MOST_COMMENTS = 50
NUMBERS_EACH = 1024
"""Numbers for alerts of the same microsecond; what exceeds them borrows from those after it."""
BORROWED = NUMBERS_EACH * 1_000_000
"""Numbers of the second from which it may borrow: a flood is stored whatever its clock says."""
BATCH = 500
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_WORD = re.compile(r"[^\W_]+")

_PUT = text(
    "INSERT INTO alert_text (alert_no, alert_id, words) "
    "SELECT CASE WHEN MAX(alert_no) IS NULL THEN CAST(:first AS BIGINT) "
    "WHEN MAX(alert_no) < CAST(:last AS BIGINT) THEN MAX(alert_no) + 1 "
    "ELSE (SELECT MAX(used.alert_no) + 1 FROM alert_text AS used WHERE used.alert_no "
    "BETWEEN CAST(:first AS BIGINT) AND CAST(:borrowed AS BIGINT)) END, "
    "CAST(:alert_id AS VARCHAR), CAST(:words AS TEXT) FROM alert_text "
    "WHERE alert_no BETWEEN CAST(:first AS BIGINT) AND CAST(:last AS BIGINT) "
    "ON CONFLICT (alert_id) DO UPDATE SET words = excluded.words "
    "WHERE alert_text.words <> excluded.words"
)


def normalised(text: str) -> list[str]:
    """The words of a text as they are stored and looked for, in their order."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    letters = "".join(sign for sign in plain if not unicodedata.combining(sign))
    return [word[:LONGEST_WORD] for word in _WORD.findall(letters)]


def first_number(raised_at: datetime) -> int:
    """The lowest number of an alert that was raised then: later alerts have higher ones."""
    return (raised_at - _EPOCH) // timedelta(microseconds=1) * NUMBERS_EACH


def words_of(message: AlertMessage, comments: Iterable[str] = ()) -> str:
    """All words by which the alert is found, each once, with a space before and after each."""
    found: dict[str, None] = {}
    for each in _texts(message, comments):
        for word in normalised(each):
            found[word] = None
            if len(found) == MOST_WORDS:
                return f" {' '.join(found)} "
    return f" {' '.join(found)} "


def _texts(message: AlertMessage, comments: Iterable[str]) -> Iterator[str]:
    yield from (message.hazard, message.area, message.node, message.alert_id)
    yield from message.hazard_name.values()
    for event in message.events:
        yield from (event.hazard, event.subject, event.rule_id, event.level, *event.sources)
    case = message.case
    yield from (case.assignee or "", case.closing_note, message.shelve_reason or "")
    for action in case.actions:
        yield from (action.text, action.owner)
    yield message.comment or ""
    yield from comments
    if message.words is not None:
        yield from message.words.summary.values()


def put_words(connection: Connection, messages: Sequence[AlertMessage]) -> None:
    """Bring the words of these alerts up to date, in the caller's transaction.

    Their rows are written before. What people wrote about them is found in their requests.
    """
    if not messages:
        return
    newest = {message.alert_id: message for message in messages}
    comments: dict[str, list[str]] = {}
    query = (
        select(ActionRequestRow.alert_id, ActionRequestRow.comment)
        .where(ActionRequestRow.alert_id.in_(list(newest)), ActionRequestRow.comment != "")
        .order_by(ActionRequestRow.requested_at.desc())
        .limit(MOST_COMMENTS * len(newest))
    )
    for row in connection.execute(query):
        comments.setdefault(row.alert_id, []).append(row.comment)
    connection.execute(
        _PUT,
        [
            {
                "first": (first := first_number(message.times.raised)),
                "last": first + NUMBERS_EACH - 1,
                "borrowed": first + BORROWED - 1,
                "alert_id": alert_id,
                "words": words_of(message, comments.get(alert_id, ())),
            }
            for alert_id, message in newest.items()
        ],
    )


def keep_words(connection: Connection) -> None:
    """Make the index, and add the words of alerts that have none yet.

    Called after each migration; rows go with their alert by the foreign key.
    """
    if connection.dialect.name == "sqlite":
        for statement in _SQLITE:
            connection.exec_driver_sql(statement)
    else:
        connection.exec_driver_sql(
            "CREATE INDEX IF NOT EXISTS ix_alert_text_words ON alert_text "
            "USING gin (string_to_array(words, ' '))"
        )
    # Once through the alerts in the order of the key: a million of them must not be gone through
    # again for each batch.
    known = exists().where(AlertTextRow.alert_id == AlertRow.alert_id)
    query = select(AlertRow.payload).where(~known).order_by(AlertRow.alert_id).limit(BATCH)
    last = ""
    while True:
        rows = connection.execute(query.where(AlertRow.alert_id > last)).scalars()
        found = [AlertMessage.model_validate(row) for row in rows]
        put_words(connection, found)
        if len(found) < BATCH:
            return
        last = found[-1].alert_id


_REMOVE = (
    "INSERT INTO alert_words (alert_words, rowid, words) "
    "VALUES ('delete', OLD.alert_no, OLD.words);"
)
_ADD = "INSERT INTO alert_words (rowid, words) VALUES (NEW.alert_no, NEW.words);"
_TRIGGER = "CREATE TRIGGER IF NOT EXISTS words_alert_text_"
_SQLITE = (
    (
        "CREATE VIRTUAL TABLE IF NOT EXISTS alert_words USING fts5"
        "(words, content='alert_text', content_rowid='alert_no', detail=none, columnsize=0, "
        "tokenize='unicode61 remove_diacritics 0')"
    ),
    f"{_TRIGGER}insert AFTER INSERT ON alert_text BEGIN {_ADD} END",
    f"{_TRIGGER}update AFTER UPDATE OF words ON alert_text BEGIN {_REMOVE} {_ADD} END",
    f"{_TRIGGER}delete AFTER DELETE ON alert_text BEGIN {_REMOVE} END",
)
