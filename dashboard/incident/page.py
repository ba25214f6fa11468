"""Everything that the page of one incident shows, from one read of the store."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from dashboard.access import Permission, Person
from dashboard.asking import may_cancel
from dashboard.drawing import Picture, picture
from dashboard.incident.budget import latency_budget
from dashboard.incident.checklist import checklist, told
from dashboard.incident.compare import AUTHORITY_NAME, comparison
from dashboard.incident.course import course
from dashboard.incident.handling import handling
from dashboard.incident.offers import offers
from dashboard.incident.present import presents, worsts
from dashboard.incident.readings import series_around
from dashboard.incident.replays import replays
from dashboard.incident.saying import Say
from dashboard.incident.similar import SHARED_TEXT, Similar, most_like
from dashboard.incident.timeline import KIND_TEXT, timeline
from dashboard.services import Services
from dashboard.spoken import sentences
from dashboard.views import alarm_view
from dashboard.waiting import job_text
from dashboard.wording import AUTHORITY_TEXT, CASE_CAUSE_TEXT
from hazard.site.models import Site
from hazard.store.queries import AlertDetail
from hazard.types import AlertMessage, Evidence, Opinion, RequestState, Severity

PICTURES = 6
LINES = 100
TRACKED = timedelta(seconds=15)
"""How far back the ways of tracks are drawn over a picture."""
WAITING_SHOWN = 3
WAITING_FOR = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Bar:
    """One severity's probability in the model's opinion; `width` is out of 100."""

    severity: Severity
    share: float
    chosen: bool

    @property
    def width(self) -> float:
        """Share in percent, for the drawing."""
        return round(100 * max(0.0, min(1.0, self.share)), 1)


@dataclass(frozen=True, slots=True)
class Shown:
    """One piece of evidence as the page shows it.

    Attributes:
        here: whether its file is on this machine.
        kept_until: when it is deleted at the latest.
    """

    evidence: Evidence
    here: bool
    kept_until: datetime
    drawn: Picture | None = None


def page(services: Services, found: AlertDetail, language: str, person: Person) -> dict[str, Any]:
    """The context of the incident's page."""
    site, now = services.site, services.now()
    say = Say(language)
    message = found.current
    alarm = alarm_view(message, site, now, language)
    offered = offers(alarm, person)
    opinion = message.opinion or _last_opinion(found)
    series = series_around(services.backend.queries, site, message, now)
    waiting = [
        status
        for status in found.requests
        if status.state is RequestState.PENDING and now - status.request.requested_at < WAITING_FOR
    ]
    return {
        "alarm": alarm,
        "message": message,
        "title": say.kind(message.hazard, message),
        "detail": found,
        "series": series,
        "worst": {one.sensor_id: one for one in worsts(message, site, series)},
        "present": {one.sensor_id: one for one in presents(message, site, services.own_health())},
        "told": told(found, language),
        "checklist": checklist(found, language),
        "offers": offered,
        "course": course(alarm, offered, say),
        "case": message.case,
        "handling": handling(message, site.site.timezone, now, say),
        "evidence": shown_evidence(services, found, say),
        "evidence_gone": _gone(found),
        "blurred": site.privacy.blur_people,
        "may_see_clear": person.may(Permission.SEE_CLEAR, message.area),
        "may_export": person.may(Permission.EXPORT, message.area),
        "may_replay": person.may(Permission.START_JOBS, message.area),
        "may_cancel": may_cancel,
        "has_camera": any(s in site.cameras for e in message.events for s in e.sources),
        "has_sensor": any(s in site.sensors for e in message.events for s in e.sources),
        "policy_why": sentences(message.policy_why, say.language),
        "reason": sentences(message.reason, say.language),
        "bars": [] if opinion is None else _bars(opinion),
        "opinion": opinion,
        "comparison": comparison(found.revisions, say),
        "replays": replays(services, found),
        "job_text": partial(job_text, services, language=language),
        "assessments": found.assessments[::-1][:LINES],
        "timeline": timeline(found, say),
        "budget": latency_budget(found),
        "similar": similar(services, message, site, say),
        "area_names": {name: area.name for name, area in site.areas.items()},
        "audit": found.audit[:LINES],
        "waiting": waiting[-WAITING_SHOWN:],
        "retention": site.retention,
        "authority": f"{say(AUTHORITY_NAME[message.authority])}: "
        f"{say(AUTHORITY_TEXT[message.authority])}",
        "KIND_TEXT": KIND_TEXT,
        "SHARED_TEXT": SHARED_TEXT,
        "CASE_CAUSE_TEXT": CASE_CAUSE_TEXT,
    }


def similar(services: Services, message: AlertMessage, site: Site, say: Say) -> tuple[Similar, ...]:
    """Past incidents like this one."""
    candidates = services.backend.queries.candidates(
        hazard=message.hazard,
        area=message.area,
        before=message.times.raised,
        other_areas=[name for name in site.areas if name != message.area],
    )
    return most_like(message, candidates, say)


def shown_evidence(services: Services, found: AlertDetail, say: Say) -> list[Shown]:
    """The newest pieces of evidence, the newest first."""
    shown, site = [], services.site
    for item in found.evidence[-PICTURES:][::-1]:
        days, _ = site.retention.of_kind(item.kind)
        shown.append(
            Shown(
                evidence=item,
                here=services.evidence.is_here(item),
                kept_until=item.captured_at + timedelta(days=days),
                drawn=_drawn(services, item, found.current, say),
            )
        )
    return shown


def _drawn(services: Services, item: Evidence, message: AlertMessage, say: Say) -> Picture | None:
    if item.kind != "snapshot":
        return None
    since, until = item.captured_at - TRACKED, item.captured_at
    paths = services.backend.queries.paths_around(item.source, since, until) if item.boxes else {}
    return picture(item, services.site, message, paths, say)


def _gone(found: AlertDetail) -> int:
    """Evidence that the alert names and that has been pruned."""
    kept = {item.evidence_id for item in found.evidence}
    return len({item.evidence_id for item in found.current.evidence} - kept)


def _last_opinion(found: AlertDetail) -> Opinion | None:
    opinions = [item.opinion for item in found.assessments if item.opinion is not None]
    return opinions[-1] if opinions else None


def _bars(opinion: Opinion) -> list[Bar]:
    return [
        Bar(severity, opinion.probabilities.get(severity, 0.0), severity is opinion.severity)
        for severity in reversed(Severity)
    ]
