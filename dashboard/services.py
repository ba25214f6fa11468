"""What every route works with: settings, site, store, clock, templates, news."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends, Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse

from dashboard.access import Permission, Person
from dashboard.auth import Authenticator
from dashboard.backend import Backend
from dashboard.i18n import LANGUAGES, translations
from dashboard.live import Hub
from dashboard.settings import ANSWER_WITHIN_S, Settings, SiteFile
from dashboard.shell import NAVIGATION
from dashboard.stages import HealthView, figure, judge, judge_nodes, unit_text
from dashboard.views import (
    AlarmView,
    age_text,
    alarm_view,
    in_language,
    in_order,
    local_time,
    measured_text,
)
from dashboard.wording import CAUSE_TEXT, PRIORITY, VERB_TEXT
from hazard.site.models import Site
from hazard.store.queries import AlertFilter, RequestStatus
from hazard.types import AlertMessage, RequestState, Severity

FOLDER = Path(__file__).parent
ALARMS_AT_ONCE = 200
"""Alarms shown in the list; what exceeds it is counted and said."""


def utc_now() -> datetime:
    """The time now, aware UTC."""
    return datetime.now(UTC)


def templates(language: str) -> Environment:
    """The packaged templates in a language; all is escaped, and an unknown name is an error."""
    environment = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    environment.install_gettext_translations(translations(language), newstyle=True)  # type: ignore[attr-defined]
    environment.policies["ext.i18n.trimmed"] = True
    environment.filters.update(figure=figure, age=age_text, measured=measured_text, unit=unit_text)
    environment.globals.update(
        PRIORITY=PRIORITY,
        CAUSE_TEXT=CAUSE_TEXT,
        VERB_TEXT=VERB_TEXT,
        SEVERITIES=tuple(reversed(Severity)),
        LANGUAGES=LANGUAGES,
        NAVIGATION=NAVIGATION,
        Permission=Permission,
        new_id=lambda: str(uuid.uuid4()),
    )
    return environment


@dataclass(kw_only=True)
class Services:
    """One object per application."""

    settings: Settings
    site_file: SiteFile
    backend: Backend
    authenticator: Authenticator
    hub: Hub = field(default_factory=Hub)
    now: Callable[[], datetime] = utc_now
    environments: dict[str, Environment] = field(
        default_factory=lambda: {language: templates(language) for language in LANGUAGES}
    )

    @property
    def site(self) -> Site:
        """The site in force."""
        return self.site_file.current()

    def health(self) -> HealthView:
        """Every stage's health, judged now."""
        queries, stale_after_s = self.backend.queries, self.settings.stale_after_s
        if not self.backend.of_replica:
            return judge(queries.stage_health(), self.site, self.now(), stale_after_s)
        said = {node: queries.stage_health(node) for node in queries.nodes()}
        return judge_nodes(said, self.site, self.now(), stale_after_s)

    def alarms(self, language: str) -> tuple[list[AlarmView], int]:
        """Alarms that are not back to normal, in order, and how many more there are.

        In a flood the worst are kept: an old critical alarm is never pushed off the list.
        """
        queries = self.backend.queries
        page = queries.list_alerts(AlertFilter(active=True), limit=ALARMS_AT_ONCE)
        kept = {message.alert_id: message for message in page.alerts}
        more = 0
        if page.next_page is not None:
            kept = self._worst()
            more = queries.count_alerts(AlertFilter(active=True)) - len(kept)
        site, now = self.site, self.now()
        views = (alarm_view(message, site, now, language) for message in kept.values())
        return in_order(views), max(0, more)

    def _worst(self) -> dict[str, AlertMessage]:
        kept: dict[str, AlertMessage] = {}
        for least in reversed(Severity):
            where = AlertFilter(active=True, min_severity=least)
            for message in self.backend.queries.list_alerts(where, limit=ALARMS_AT_ONCE).alerts:
                if len(kept) < ALARMS_AT_ONCE:
                    kept.setdefault(message.alert_id, message)
        return kept

    def request_text(self, status: RequestStatus) -> tuple[str, str]:
        """How a request stands: a word for the style, and what to tell the person."""
        verb = VERB_TEXT[status.request.verb]
        if status.state is RequestState.DONE:
            return "done", f"{verb}: done."
        if status.state is RequestState.CONFLICT and not status.request.alert_id:
            return "conflict", f"{verb}: NOT done. {status.outcome}"
        if status.state is RequestState.CONFLICT:
            return "conflict", (
                f"{verb}: NOT done, the alarm changed meanwhile. {status.outcome} "
                "Look at it again, then repeat."
            )
        if status.state is RequestState.REFUSED:
            return "refused", f"{verb}: refused. {status.outcome}"
        waited = self.now() - status.request.requested_at
        if waited > timedelta(seconds=ANSWER_WITHIN_S):
            return "unanswered", (
                f"The agent does not answer: call the control room. {verb} is NOT done. "
                "Your request is stored; this page shows it if the agent carries it out later."
            )
        return "pending", f"{verb}: handed to the agent…"

    def render(
        self, request: Request, name: str, *, status: int = 200, **context: object
    ) -> HTMLResponse:
        """A page or fragment."""
        site, now = self.site, self.now()
        zone = site.site.timezone
        person: Person | None = getattr(request.state, "person", None)
        language = language_of(request, site)
        html = (
            self.environments[language]
            .get_template(name)
            .render(
                {
                    "site": site,
                    "now": now,
                    "path": request.url.path,
                    "person": person,
                    "actor": person.name if person is not None else None,
                    "csrf": getattr(request.state, "csrf", ""),
                    "language": language,
                    "clock": lambda at: local_time(at, zone, now),
                    "words_in": in_language,
                    "stale_after_s": self.settings.stale_after_s,
                    **context,
                }
            )
        )
        return HTMLResponse(html, status_code=status)

    def page(
        self, request: Request, name: str, *, status: int = 200, **context: object
    ) -> HTMLResponse:
        """A whole page: what `render` gives, with the strip of alarms and health on top."""
        return self.render(request, name, status=status, **self.strip(), **context)

    def strip(self) -> dict[str, Any]:
        """What the strip on top of each page shows."""
        counts = dict.fromkeys(reversed(Severity), 0)
        unacknowledged = dict.fromkeys(reversed(Severity), 0)
        for area in self.backend.queries.active_counts_by_area().values():
            for severity, number in area.by_severity.items():
                counts[severity] += number
            for severity, number in area.unacknowledged_by_severity.items():
                unacknowledged[severity] += number
        active = self.backend.queries.count_alerts(AlertFilter(active=True))
        return {
            "strip_counts": counts,
            "strip_unacked": unacknowledged,
            "strip_more": max(0, active - ALARMS_AT_ONCE),
            "health": self.health(),
        }


def language_of(request: Request, site: Site) -> str:
    """The reader's language: asked for, else their own, else the browser's, else the site's."""
    person: Person | None = getattr(request.state, "person", None)
    for chosen in (request.query_params.get("lang", ""), person.language if person else ""):
        if chosen in LANGUAGES:
            return chosen
    for part in request.headers.get("accept-language", "")[:200].split(","):
        code = part.split(";")[0].strip().lower()[:2]
        if code in LANGUAGES:
            return code
    return site.site.languages[0]


def services_of(request: Request) -> Services:
    """The application's services."""
    services: Services = request.app.state.services
    return services


ServicesOf = Annotated[Services, Depends(services_of)]
