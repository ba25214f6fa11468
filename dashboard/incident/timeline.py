"""One list of everything that happened, in the order in which it did.

Findings, revisions, what people asked and what became of it, messages to people and brokers,
pictures. A revision that a request has made stands with the request and not once more.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, SkipValidation

from dashboard.i18n import N_
from dashboard.incident.saying import Say
from dashboard.spoken import told
from dashboard.wording import CAUSE_TEXT, CONDITION_TEXT, DECIDED_TEXT, STATE_TEXT, VERB_TEXT
from hazard.store.queries import AlertDetail, NoticeLine, RequestStatus
from hazard.types import (
    AlertMessage,
    Cause,
    Condition,
    Model,
    NoticeReason,
    NoticeState,
    RequestState,
    Severity,
    UtcTime,
)

Kind = Literal["finding", "revision", "request", "notice", "handed_over", "picture", "replay"]

MOST = 400
"""Entries of one list; the first ones and the last ones stay, the middle is counted."""

KIND_TEXT: dict[Kind, str] = {
    "finding": N_("Finding"),
    "revision": N_("Alarm"),
    "request": N_("Action"),
    "notice": N_("Message"),
    "handed_over": N_("Broker"),
    "picture": N_("Picture"),
    "replay": N_("Replay"),
}
REQUEST_TEXT = {
    RequestState.PENDING: N_("not answered yet"),
    RequestState.DONE: N_("done"),
    RequestState.CONFLICT: N_("not done: the alarm had changed"),
    RequestState.REFUSED: N_("refused"),
}
NOTICE_TEXT = {
    NoticeState.PENDING: N_("waiting to be sent"),
    NoticeState.SENT: N_("sent"),
    NoticeState.FAILED: N_("given up"),
}
NOTICE_WHY = {
    NoticeReason.RAISED: N_("new alarm"),
    NoticeReason.WORSE: N_("it became worse"),
    NoticeReason.ESCALATED: N_("nobody had acknowledged it"),
    NoticeReason.REALARM: N_("it asks again"),
    NoticeReason.TEST: N_("test"),
}


class Entry(Model):
    """One thing that happened.

    Attributes:
        lines: more about it, one after the other.
        quote: what a person wrote, word for word.
        severity: of a revision.
    """

    at: UtcTime
    kind: Kind
    title: str
    lines: tuple[Annotated[str, SkipValidation], ...] = ()
    quote: str = ""
    who: str = Field(default="", description="person, program or channel")
    severity: Severity | None = None
    revision: int | None = None


def timeline(found: AlertDetail, say: Say) -> tuple[Entry, ...]:
    """Everything that happened, oldest first; at most `MOST` entries."""
    entries = [
        *_findings(found.current, say),
        *_requests(found, say),
        *_revisions(found, say),
        *(_notice(line, say) for line in found.notices),
        *_deliveries(found, say),
        *_pictures(found, say),
    ]
    entries.sort(key=lambda entry: entry.at)
    if len(entries) <= MOST:
        return tuple(entries)
    half = MOST // 2
    left_out = len(entries) - MOST
    gap = Entry(
        at=entries[half].at,
        kind="revision",
        title=say(N_("{count} more entries are left out here"), count=left_out),
    )
    return (*entries[:half], gap, *entries[-half:])


def _findings(message: AlertMessage, say: Say) -> Iterator[Entry]:
    for event in message.events:
        kind = say.kind(event.hazard, message)
        level = say(N_("level {level}"), level=event.level) if event.level else ""
        sources = ", ".join(event.sources)
        seen = say(N_("found by {sources}"), sources=sources) if sources else ""
        lines = tuple(text for text in (level, seen) if text)
        yield Entry(
            at=event.started_at,
            kind="finding",
            title=say(N_("{kind} begins"), kind=kind),
            lines=lines,
            who=event.rule_id,
        )
        if event.ended_at is not None and event.condition is Condition.CLEARED:
            title = say(N_("{kind} has ended, by good evidence"), kind=kind)
            yield Entry(at=event.ended_at, kind="finding", title=title, who=event.rule_id)


def _requests(found: AlertDetail, say: Say) -> Iterator[Entry]:
    by_number = {message.revision: message for message in found.revisions}
    for status in found.requests:
        lines = [say(REQUEST_TEXT[status.state])]
        number = made_by(status)
        before = by_number.get(number - 1) if number is not None else None
        after = by_number.get(number) if number is not None else None
        if after is not None and before is not None:
            comment = status.request.comment  # it is quoted below
            lines += [line for line in changes(before, after, say) if line != comment]
        if status.outcome and status.state is not RequestState.DONE:
            lines.append(told(status.outcome, say.language))
        yield Entry(
            at=status.request.requested_at,
            kind="request",
            title=say(VERB_TEXT[status.request.verb]),
            lines=tuple(lines),
            quote=status.request.comment,
            who=status.request.actor,
            revision=number,
        )


def made_by(status: RequestStatus) -> int | None:
    """The revision that a request has made, or None."""
    number = status.values.get("revision")
    done = status.state is RequestState.DONE
    return number if done and isinstance(number, int) else None


def _revisions(found: AlertDetail, say: Say) -> Iterator[Entry]:
    asked = {made_by(status) for status in found.requests}
    before: AlertMessage | None = None
    for message in found.revisions:
        if message.revision not in asked:
            yield Entry(
                at=message.times.stored or message.times.raised,
                kind="revision",
                title=say(CAUSE_TEXT.get(message.cause.value, message.cause.value)),
                lines=tuple(changes(before, message, say)),
                severity=message.severity,
                revision=message.revision,
            )
        before = message


def changes(before: AlertMessage | None, after: AlertMessage, say: Say) -> list[str]:
    """What one revision changed, in words."""
    if before is None:
        severity, who = say.severity(after.severity), say(DECIDED_TEXT[after.decided_by])
        return [say(N_("severity {severity}, decided by: {who}"), severity=severity, who=who)]
    pairs = (
        (N_("severity"), say.severity(before.severity), say.severity(after.severity)),
        (
            N_("decided by"),
            say(DECIDED_TEXT[before.decided_by]),
            say(DECIDED_TEXT[after.decided_by]),
        ),
        (N_("state"), say(STATE_TEXT[before.state]), say(STATE_TEXT[after.state])),
        (
            N_("condition"),
            say(CONDITION_TEXT[before.condition]),
            say(CONDITION_TEXT[after.condition]),
        ),
    )
    found = [f"{say(name)}: {old} → {new}" for name, old, new in pairs if old != new]
    more = len(after.events) - len(before.events)
    if more > 0:
        found.append(say(N_("more findings: {count}"), count=more))
    if after.words is not None and after.words != before.words:
        found.append(
            say(N_("words by the model"))
            if after.words.source == "model"
            else say(N_("words from the template"))
        )
    if after.cause is Cause.ACTION and after.comment and after.comment != before.comment:
        found.append(after.comment)
    if after.durability == "journal":
        found.append(say(N_("kept in the journal: the database was busy")))
    return found


def _notice(line: NoticeLine, say: Say) -> Entry:
    lines = [say(NOTICE_TEXT[line.state])]
    if line.error and line.state is not NoticeState.SENT:
        lines.append(told(line.error, say.language))
    return Entry(
        at=line.sent_at or line.notice.created_at,
        kind="notice",
        title=say(
            N_("Channel {channel} is told: {why}"),
            channel=line.notice.channel,
            why=say(NOTICE_WHY[line.notice.reason]),
        ),
        lines=tuple(lines),
        who=line.notice.channel,
        revision=line.notice.revision or None,
    )


def _deliveries(found: AlertDetail, say: Say) -> Iterator[Entry]:
    for item in found.deliveries:
        yield Entry(
            at=item.acked_at,
            kind="handed_over",
            title=say(
                N_("Revision {number} handed over to broker {broker}"),
                number=item.revision,
                broker=item.broker,
            ),
            who=item.broker,
            revision=item.revision,
        )


def _pictures(found: AlertDetail, say: Say) -> Iterator[Entry]:
    for item in found.evidence:
        text = N_("Picture of {camera}") if item.kind == "snapshot" else N_("Clip of {camera}")
        yield Entry(
            at=item.captured_at,
            kind="picture",
            title=say(text, camera=item.source),
            who=item.source,
        )
