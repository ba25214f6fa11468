"""The report about one incident as a document, in the reader's language."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from dashboard.exports import Tell
from dashboard.i18n import N_
from dashboard.incident.budget import latency_budget
from dashboard.incident.checklist import checklist, told
from dashboard.incident.compare import comparison
from dashboard.incident.handling import handling
from dashboard.incident.readings import Series
from dashboard.incident.saying import Say
from dashboard.incident.timeline import KIND_TEXT, timeline
from dashboard.spoken import sentences
from hazard.errors import StoreError
from hazard.reports.document import (
    Document,
    Facts,
    Grid,
    Listed,
    Paragraphs,
    Part,
    Plot,
    Shot,
    render,
)
from hazard.site.models import Site
from hazard.store.queries import AlertDetail
from hazard.types import Evidence

PICTURES = 6
PLOT_POINTS = 600
COVERED = N_("The people that the detector found are blurred.")
CLEAR = N_("People are shown clearly.")
PictureOf = Callable[[Evidence], bytes]
"""The picture as the one who asks may see it; raises StoreError where there is none."""


def incident_pdf(
    found: AlertDetail,
    series: tuple[Series, ...],
    picture_of: PictureOf,
    *,
    site: Site,
    say: Say,
    made_by: str,
    made_at: datetime,
    blurred: bool,
    tell: Tell,
) -> bytes:
    """The report as PDF."""
    message = found.current
    zone = site.site.timezone
    area = site.areas[message.area].name if message.area in site.areas else message.area

    def at(time: datetime) -> str:
        return say.clock(time, zone)

    shots = []
    pictures = [item for item in found.evidence if item.kind == "snapshot"][-PICTURES:]
    for number, item in enumerate(pictures, start=1):
        shots.append(_shot(item, picture_of, say, at))
        tell(0.7 * number / len(pictures))
    told_of = told(found, say.language)
    note = say(COVERED if blurred else CLEAR)
    handled = [(fact.name, fact.text) for fact in handling(message, zone, made_at, say)]
    sections: list[tuple[str, list[Part]]] = [
        (say(N_("What happened, what to do")), [Paragraphs([told_of.summary])]),
        (say(N_("Recommended actions")), [_checks(found, say, at)]),
        (say(N_("Why this severity")), [_why(found, say)]),
        (say(N_("Readings around it")), [_plot(one, say, zone) for one in series]),
        (say(N_("Pictures")), [Paragraphs([note]), *shots] if shots else []),
        (say(N_("Revisions side by side")), [_revisions(found, say, at)]),
        (
            say(N_("How it is handled, who did what")),
            [Facts(handled)] if handled else [],
        ),
        (say(N_("Timeline")), [_timeline(found, say, at)]),
        (say(N_("How long each stage took")), [_budget(found, say)]),
    ]
    footer = say(
        N_("{site}, alert {alert}, revision {revision}; made by {who} at {time}, times are {zone}"),
        site=site.site.name,
        alert=message.alert_id,
        revision=message.revision,
        who=made_by,
        time=at(made_at),
        zone=zone,
    )
    document = Document(
        title=say.kind(message.hazard, message),
        subtitle=f"{say.severity(message.severity).upper()} · {area} · {say.word(message.state)} · "
        f"{at(message.times.raised)}",
        footer=footer,
        language=say.language,
        made_at=made_at,
        sections=[(heading, parts) for heading, parts in sections if parts],
    )
    tell(0.8)
    return render(document)


def _shot(
    item: Evidence, picture_of: PictureOf, say: Say, at: Callable[[datetime], str]
) -> Shot | Paragraphs:
    caption = f"{item.source}, {at(item.captured_at)}, sha256 {item.evidence_id}"
    try:
        jpeg = picture_of(item)
    except StoreError as error:
        return Paragraphs([f"{caption}: {say(N_('the picture cannot be shown'))} ({error})"])
    boxes = [(*box.xyxy, say.seen(box.label)) for box in item.boxes[:64]]
    return Shot(jpeg, caption, item.width_px, item.height_px, boxes)


def _checks(found: AlertDetail, say: Say, at: Callable[[datetime], str]) -> Listed:
    items: list[tuple[bool | None, str]] = []
    for item in checklist(found, say.language):
        text = item.text
        if item.check is not None:
            who, when = item.check.checked_by, at(item.check.checked_at)
            text = f"{text} ({say(N_('done by {who} at {time}'), who=who, time=when)})"
        items.append((item.check is not None, text))
    return Listed(items)


def _why(found: AlertDetail, say: Say) -> Facts:
    message = found.current
    lines = [
        (
            say(N_("Severity")),
            say(
                N_("severity {severity}, decided by: {who}"),
                severity=say.severity(message.severity),
                who=say.word(message.decided_by),
            ),
        ),
        (
            say(N_("Why this floor")),
            f"{say.severity(message.floor)} / {say.severity(message.default)}. "
            + " ".join(sentences(message.policy_why, say.language)),
        ),
        (say(N_("Reason")), " ".join(sentences(message.reason, say.language))),
    ]
    opinion = message.opinion
    if opinion is not None:
        shares = ", ".join(
            f"{say.severity(severity)} {say.percent(share)}"
            for severity, share in sorted(
                opinion.probabilities.items(), key=lambda each: -each[0].rank
            )
        )
        lines.append((say(N_("The model's opinion")), f"{shares} ({opinion.backend})"))
    return Facts(lines)


def _plot(series: Series, say: Say, zone: str) -> Part:
    step = max(1, len(series.readings) // PLOT_POINTS)
    points = [(reading.at.timestamp(), reading.value) for reading in series.readings[::step]]
    measure, unit = say.measure(series.quantity), say.unit(series.unit)
    highest = say(N_("highest {value}"), value=f"{say.figure(series.highest)} {unit}".strip())
    return Plot(
        caption=f"{series.sensor_id}: {measure}, {highest}",
        points=points,
        limits=[(f"{limit.name} {say.exact(limit.at)}", limit.at) for limit in series.limits],
        marks=[(say(N_("raised")), series.raised_at.timestamp())],
        first=say.clock(series.readings[0].at, zone, series.readings[0].at),
        last=say.clock(series.readings[-1].at, zone, series.readings[-1].at),
    )


def _revisions(found: AlertDetail, say: Say, at: Callable[[datetime], str]) -> Grid:
    table = comparison(found.revisions, say)
    names = [row.name for row in table.rows]
    wanted = [names.index(say(name)) for name in (N_("Severity"), N_("Decided by"), N_("Reason"))]
    rows = [
        [str(column.revision), at(column.at), column.cause]
        + [table.rows[row].cells[number].text for row in wanted]
        for number, column in enumerate(table.columns)
    ]
    head = [say(N_("rev.")), say(N_("Time")), say(N_("What"))]
    return Grid([*head, *(names[row] for row in wanted)], rows, (1, 3, 3, 2.6, 3, 5.4))


def _timeline(found: AlertDetail, say: Say, at: Callable[[datetime], str]) -> Grid:
    rows = []
    for entry in timeline(found, say):
        more = [*entry.lines, *([f"“{entry.quote}”"] if entry.quote else [])]
        text = "\n".join([entry.title, *more])
        rows.append([at(entry.at), say(KIND_TEXT[entry.kind]), entry.who, text])
    head = [say(N_("Time")), say(N_("Kind")), say(N_("Who")), say(N_("What"))]
    return Grid(head, rows, (3, 2, 2, 8))


def _budget(found: AlertDetail, say: Say) -> Grid:
    rows = [
        [
            say(stage.name),
            f"{say.number(stage.took_ms, 1)} ms",
            f"{say.number(stage.after_ms, 1)} ms",
        ]
        for stage in latency_budget(found)
    ]
    return Grid([say(N_("Stage")), say(N_("took")), say(N_("since capture"))], rows, (3, 2, 2))
