"""What a notification says, in the channel's language. Plain text: nothing of it is markup."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from zoneinfo import ZoneInfo

from edge_agent.notify import phrases
from hazard.reports.weeks import period
from hazard.reports.words import say
from hazard.site.models import Site
from hazard.store.notices import DueNotice
from hazard.types import AlertMessage, IsaState, NoticeReason, ReportNote, Severity

Chosen = TypeVar("Chosen")

MAX_TITLE = 160
MAX_BODY = 4000
MAX_LISTED = 20
"""Alarms that one message told together names; the others are counted."""
ACTIONS = 3


@dataclass(frozen=True, slots=True)
class Attached:
    """A file that goes with a message, and what its receiver sees it called."""

    path: Path
    name: str
    media_type: str


@dataclass(frozen=True, slots=True)
class Text:
    """One message: title and body, without control characters, bounded."""

    title: str
    body: str
    severity: Severity
    attached: Attached | None = None


def text_of(due: DueNotice, language: str, site: Site) -> Text:
    """The message about one notice."""
    notice, message = due.notice, due.message
    reason = phrases.REASON[notice.reason][language].format(step=notice.step + 1)
    if notice.report is not None:
        return _of_report(notice.report, reason, language, site)
    if message is None:
        if notice.reason is NoticeReason.TEST:
            title = f"{phrases.TEST_TITLE[language]} - {site.site.name}"
            return Text(_line(title, MAX_TITLE), _block([reason]), Severity.INFO)
        gone = phrases.GONE[language].format(alert_id=notice.alert_id)
        return Text(_line(gone, MAX_TITLE), _block([reason, gone]), Severity.LOW)
    lines: list[str | None] = [reason, *_now(message, language)]
    if message.words is not None:
        lines += ["", _chosen(message.words.summary, language)]
        actions: Sequence[str] = _chosen(message.words.actions, language) or ()
        lines += [f"- {action}" for action in actions[:ACTIONS]]
    raised = message.times.raised.astimezone(ZoneInfo(site.site.timezone))
    lines += [
        "",
        f"{phrases.RAISED_AT[language]}: {raised:%Y-%m-%d %H:%M:%S %Z}",
        f"{site.site.name} · {message.node} · {message.alert_id} / {message.revision}",
    ]
    return Text(_title(message, language, site), _block(lines), message.severity)


def _of_report(report: ReportNote, reason: str, language: str, site: Site) -> Text:
    week = period(report.monday, language)
    title = f"{say('report', language)} - {site.site.name} - {week}"
    told = say("mail", language, period=week, alarms=report.alarms, critical=report.critical)
    body = _block([reason, "", told, "", say("disclaimer", language)])
    return Text(_line(title, MAX_TITLE), body, Severity.INFO)


def together(dues: Sequence[DueNotice], language: str, site: Site) -> Text:
    """One message about several notices: what would be too many messages."""
    texts = [text_of(due, language, site) for due in dues]
    worst = max((each.severity for each in texts), key=lambda severity: severity.rank)
    count = phrases.TOGETHER[language].format(count=len(dues))
    title = f"[{phrases.SEVERITY[worst][language]}] {count} - {site.site.name}"
    lines = [f"- {text.title}" for text in texts[:MAX_LISTED]]
    if len(texts) > MAX_LISTED:
        lines.append(f"- … +{len(texts) - MAX_LISTED}")
    return Text(_line(title, MAX_TITLE), _block([count, "", *lines]), worst)


def _title(message: AlertMessage, language: str, site: Site) -> str:
    area = site.areas.get(message.area)
    name = _chosen(message.hazard_name, language) or message.hazard
    severity = phrases.SEVERITY[message.severity][language]
    return _line(f"[{severity}] {name} - {area.name if area else message.area}", MAX_TITLE)


def _now(message: AlertMessage, language: str) -> list[str]:
    """What has happened since the notice was queued: it may have waited for long."""
    if message.state is IsaState.NORMAL:
        return [phrases.ENDED[language]]
    if message.acknowledged and message.acknowledged_by:
        return [phrases.ACKNOWLEDGED[language].format(actor=message.acknowledged_by)]
    return []


def _chosen(texts: Mapping[str, Chosen], language: str) -> Chosen | None:
    """The text in this language, or in the site's first one."""
    return texts.get(language) or next(iter(texts.values()), None)


def _line(text: str, limit: int) -> str:
    """One line: names from outside must not add headers or lines to a mail."""
    plain = "".join(" " if unicodedata.category(each)[0] == "C" else each for each in text)
    return " ".join(plain.split())[:limit]


def _block(lines: Sequence[str | None]) -> str:
    return "\n".join(_line(line or "", MAX_BODY) for line in lines)[:MAX_BODY]
