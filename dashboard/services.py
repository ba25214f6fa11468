"""What every route works with: settings, site, store, clock, templates, news."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends, Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse

from dashboard.access import MEANING, ROLE_TEXT, Permission, Person
from dashboard.auth import Authenticator
from dashboard.backend import Backend
from dashboard.evidence import EvidenceRoom
from dashboard.exports import Exports
from dashboard.figures import FiguresCache
from dashboard.formats import DAY_UNIT, Speech
from dashboard.heat import HeatCounts
from dashboard.i18n import LANGUAGES, translations
from dashboard.live import Hub
from dashboard.preferences import (
    LANGUAGE_COOKIE,
    LANGUAGE_NAMES,
    THEMES,
    here,
    keep_choice,
    language_of,
    theme_of,
)
from dashboard.settings import ANSWER_WITHIN_S, Settings, SiteFile
from dashboard.shell import ADMINISTRATION, pages_of
from dashboard.spoken import Told, begun, filled, told
from dashboard.spoken.audits import audited
from dashboard.spoken.figures import figure_name, figures_of, stage_text
from dashboard.stages import HealthView, judge, of_site, together
from dashboard.verifying import Verifier
from dashboard.views import (
    in_language,
)
from dashboard.wording import (
    AUTHORITY_WORDS,
    BEGUN_TEXT,
    BEGUN_WORD,
    CAUSE_TEXT,
    NOT_DONE_TEXT,
    OUTCOME_TEXT,
    OUTCOME_WORD,
    PRIORITY,
    VERB_TEXT,
)
from hazard.site.models import Site
from hazard.store.queries import AreaCounts, RequestStatus
from hazard.types import RequestState, Severity, Verb

__all__ = ["FOLDER", "Services", "ServicesOf", "language_of", "services_of", "templates", "utc_now"]

FOLDER = Path(__file__).parent


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
    speech = Speech(language)
    environment.filters.update(
        figure=speech.figure,
        number=speech.number,
        count=speech.count,
        span=speech.span,
        age=speech.age,
        word=speech.word,
        tr=speech.tr,
        measured=speech.measured,
        measure=speech.measure,
        day=speech.day,
        told=lambda text: told(text, language),
        audited=lambda verb: audited(verb, speech),
        stage=lambda name: stage_text(name, speech),
        figure_name=lambda name: figure_name(name, speech),
        figures_of=lambda stage: figures_of(stage, speech),
        unit=speech.unit,
        amount=speech.amount,
        quantity=speech.quantity,
        exact=speech.exact,
        percent=speech.percent,
    )
    environment.globals.update(
        PRIORITY=PRIORITY,
        CAUSE_TEXT=CAUSE_TEXT,
        VERB_TEXT=VERB_TEXT,
        AUTHORITY_WORDS=AUTHORITY_WORDS,
        OUTCOME_WORD=OUTCOME_WORD,
        BEGUN_WORD=BEGUN_WORD,
        SEVERITIES=tuple(reversed(Severity)),
        LANGUAGES=LANGUAGES,
        ADMINISTRATION=ADMINISTRATION,
        MEANING=MEANING,
        ROLE_TEXT=ROLE_TEXT,
        LANGUAGE_NAMES=LANGUAGE_NAMES,
        THEMES=THEMES,
        DAY_UNIT=DAY_UNIT[language],
        speech=speech,
        pages_of=pages_of,
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
    verifier: Verifier
    evidence: EvidenceRoom
    exports: Exports
    hub: Hub = field(default_factory=Hub)
    heat: HeatCounts = field(default_factory=HeatCounts)
    figures: FiguresCache = field(default_factory=FiguresCache)
    now: Callable[[], datetime] = utc_now
    environments: dict[str, Environment] = field(
        default_factory=lambda: {language: templates(language) for language in LANGUAGES}
    )
    speeches: dict[str, Speech] = field(
        default_factory=lambda: {language: Speech(language) for language in LANGUAGES}
    )

    @property
    def site(self) -> Site:
        """The site in force."""
        return self.site_file.current()

    def nodes(self) -> list[HealthView]:
        """Every node that has reported, and the site file's own, judged now; that one first."""
        site, now = self.site, self.now()
        own = site.site.node
        told = self.backend.situation.stage_health()
        # A replica's dashboard has a site file, but is no node of it.
        said = told if told and self.backend.of_replica else {own: ()} | told
        stale_s = self.settings.stale_after_s
        views = [judge(rows, site, now, stale_s, node=node) for node, rows in said.items()]
        return sorted(views, key=lambda view: (view.node != own, view.node))

    def health(self) -> HealthView:
        """Every stage's health on all nodes, judged now."""
        return self.health_of(self.nodes())

    def own_health(self, told: Sequence[HealthView] | None = None) -> HealthView:
        """The stages of the node that the site file is about: its cameras and sensors.

        A page that has judged all nodes already hands them in.
        """
        nodes = self.nodes() if told is None else list(told)
        return of_site(nodes, self.site) if self.backend.of_replica else nodes[0]

    def health_of(self, nodes: Sequence[HealthView]) -> HealthView:
        """The nodes put together, the site file's own first."""
        return together(nodes, self.site.site.node)

    def request_text(self, status: RequestStatus, language: str) -> tuple[str, Told]:
        """How a request stands: a word for the style, and what to tell the person."""
        waited = self.now() - status.request.requested_at
        word = status.state.value
        if status.state is RequestState.PENDING and waited > timedelta(seconds=ANSWER_WITHIN_S):
            word = "unanswered"
        text = OUTCOME_TEXT[word]
        if status.state is RequestState.CONFLICT and not status.request.alert_id:
            text = NOT_DONE_TEXT
        if word == "done" and status.request.verb is Verb.START_JOB:
            text = BEGUN_TEXT
        verb = self.speeches[language].tr(VERB_TEXT[status.request.verb])
        return word, filled(
            language, text, verb=verb, outcome=begun(told(status.outcome, language))
        )

    def reading(self, request: Request) -> str:
        """The language of a text that our own page shows or, for a program, English."""
        page = request.headers.get("x-fragment") is not None
        return language_of(request, self.site) if page else "en"

    def render(
        self, request: Request, name: str, *, status: int = 200, **context: object
    ) -> HTMLResponse:
        """A page or fragment."""
        site, now = self.site, self.now()
        zone = site.site.timezone
        person: Person | None = getattr(request.state, "person", None)
        language = language_of(request, site)
        speech = self.speeches[language]
        environment = self.environments[language]
        html = environment.get_template(name).render(
            {
                "site": site,
                "now": now,
                "path": request.url.path,
                "here": here(request),
                "person": person,
                "actor": person.name if person is not None else None,
                "csrf": getattr(request.state, "csrf", ""),
                "language": language,
                "theme": theme_of(request),
                "clock": lambda at: speech.clock(at, zone, now),
                "words_in": in_language,
                "stale_after_s": self.settings.stale_after_s,
                **context,
            }
        )
        response = HTMLResponse(html, status_code=status)
        if person is None and request.query_params.get("lang") == language:
            keep_choice(response, request, LANGUAGE_COOKIE, language)
        return response

    def page(
        self, request: Request, name: str, *, status: int = 200, **context: object
    ) -> HTMLResponse:
        """A whole page: what `render` gives, with the strip of alarms and health on top."""
        strip = {} if "strip_counts" in context else self.strip()
        return self.render(request, name, status=status, **strip, **context)

    def strip(
        self, counts: Mapping[str, AreaCounts] | None = None, health: HealthView | None = None
    ) -> dict[str, Any]:
        """What the strip on top of each page shows; a page that has read it already hands it in."""
        if counts is None:
            counts = self.backend.queries.active_counts_by_area()
        active = dict.fromkeys(reversed(Severity), 0)
        unacknowledged = dict.fromkeys(reversed(Severity), 0)
        for area in counts.values():
            for severity, number in area.by_severity.items():
                active[severity] += number
            for severity, number in area.unacknowledged_by_severity.items():
                unacknowledged[severity] += number
        return {
            "strip_counts": active,
            "strip_unacked": unacknowledged,
            "health": health or self.health(),
        }


def services_of(request: Request) -> Services:
    """The application's services."""
    services: Services = request.app.state.services
    return services


ServicesOf = Annotated[Services, Depends(services_of)]
