"""The routes of the API about one incident: what its page shows, as JSON."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, HTTPException, Path, Query, Request
from pydantic import BaseModel, Field
from starlette.responses import FileResponse, Response

from dashboard.access import Permission, PersonOf, needs
from dashboard.actions import ActionForm, submit
from dashboard.api.models import ActionAnswer, Problem
from dashboard.api.routes import ERRORS, WRITE_ERRORS, answer
from dashboard.exports import Export, ExportState
from dashboard.incident.budget import StageTime, latency_budget
from dashboard.incident.checklist import Item, checklist, told
from dashboard.incident.compare import Comparison, comparison
from dashboard.incident.exporting import ExportOrder, start_export
from dashboard.incident.offers import ANY_OF, offers
from dashboard.incident.page import shown_evidence, similar
from dashboard.incident.present import Present, Worst, presents, worsts
from dashboard.incident.readings import Series, series_around
from dashboard.incident.replays import Judged, replays
from dashboard.incident.saying import Say
from dashboard.incident.similar import Similar
from dashboard.incident.timeline import Entry, timeline
from dashboard.pages.evidence import address_of, clear_view
from dashboard.pages.exports import file_of, find
from dashboard.security import require_csrf
from dashboard.services import Services, ServicesOf
from dashboard.spoken import sentences
from dashboard.views import alarm_view
from hazard.store.queries import AlertDetail
from hazard.types import Evidence, UtcTime, Verb

router = APIRouter(prefix="/api/v1", responses=ERRORS)
FILE = {"schema": {"type": "string", "format": "binary"}}
BUSY: dict[int | str, dict[str, object]] = {
    429: {"model": Problem, "description": "too many files are being made"}
}
ExportId = Annotated[str, Path(min_length=1, max_length=64)]
AlertId = Annotated[str, Path(min_length=1, max_length=64)]
Language = Annotated[
    Literal["en", "fr", "de", "es", "it"], Query(description="of what is said in words")
]


class EvidenceAnswer(BaseModel):
    """One piece of evidence; `evidence.people` is blurred unless a clear view is asked for."""

    evidence: Evidence
    picture: str = Field(description="path of the picture or clip")
    here: bool = Field(description="whether its file is on this machine")
    kept_until: UtcTime


class IncidentAnswer(BaseModel):
    """Everything that is known about one incident, said in one language."""

    detail: AlertDetail
    worst: tuple[Worst, ...] = Field(
        description="how far its sensors went, as far as that is stored and short enough"
    )
    present: tuple[Present, ...] = Field(
        description="what its sensors measure now; empty when it is over"
    )
    title: str
    summary: str
    summary_by_model: bool
    policy_why: tuple[str, ...]
    reason: tuple[str, ...]
    checklist: tuple[Item, ...]
    comparison: Comparison
    timeline: tuple[Entry, ...]
    latency: tuple[StageTime, ...]
    similar: tuple[Similar, ...]
    evidence: tuple[EvidenceAnswer, ...]
    replays: dict[str, Judged] = Field(description="newest replay, by assessment id")
    may: tuple[Verb, ...] = Field(description="what the asker may ask of it now")


class ExportAnswer(BaseModel):
    """One file that is made of an incident; `why` says why it has failed."""

    export_id: str
    state: ExportState
    progress: float = Field(description="0 to 1")
    name: str
    why: str


class ReadingsAnswer(BaseModel):
    """What the sensors of an incident measured around it."""

    series: tuple[Series, ...]


class ClearForm(BaseModel):
    """Why somebody needs to see people clearly; it is written to the audit."""

    why: str = Field(min_length=3, max_length=500)


class ClearAnswer(BaseModel):
    """Where the clear picture or clip is, for some minutes and for the asker alone."""

    address: str


@router.get("/alerts/{alert_id}", tags=["incident"], dependencies=[needs(Permission.VIEW)])
def get_incident(
    services: ServicesOf, person: PersonOf, alert_id: AlertId, language: Language = "en"
) -> IncidentAnswer:
    """One incident with everything that its page shows."""
    found = _found(services, alert_id)
    site, say = services.site, Say(language)
    message = found.current
    told_of = told(found, language)
    shown = shown_evidence(services, found, say)
    series = series_around(services.backend.queries, site, message, services.now())
    return IncidentAnswer(
        detail=found,
        worst=worsts(message, site, series),
        present=presents(message, site, services.own_health()),
        title=say.kind(message.hazard, message),
        summary=told_of.summary,
        summary_by_model=told_of.by_model,
        policy_why=sentences(message.policy_why, language),
        reason=sentences(message.reason, language),
        checklist=checklist(found, language),
        comparison=comparison(found.revisions, say),
        timeline=timeline(found, say),
        latency=latency_budget(found),
        similar=similar(services, message, site, say),
        evidence=tuple(
            EvidenceAnswer(
                evidence=one.evidence,
                picture=f"/api/v1{address_of(one.evidence)}",
                here=one.here,
                kept_until=one.kept_until,
            )
            for one in shown
        ),
        replays=replays(services, found),
        may=offers(alarm_view(message, site, services.now(), language), person),
    )


@router.get("/alerts/{alert_id}/readings", tags=["incident"], dependencies=[needs(Permission.VIEW)])
def get_readings(services: ServicesOf, alert_id: AlertId) -> ReadingsAnswer:
    """The readings around an incident, with the limits of the site's rules."""
    message = services.backend.queries.current(alert_id)
    if message is None:
        raise HTTPException(404, "there is no such alarm")
    series = series_around(services.backend.queries, services.site, message, services.now())
    return ReadingsAnswer(series=series)


@router.post(
    "/alerts/{alert_id}/actions",
    tags=["actions"],
    status_code=202,
    dependencies=[Depends(require_csrf), needs(*ANY_OF)],
    responses=WRITE_ERRORS,
)
def act(
    request: Request,
    services: ServicesOf,
    person: PersonOf,
    alert_id: AlertId,
    form: ActionForm,
) -> ActionAnswer:
    """Ask the agent core for something; look at `/api/v1/actions/{request_id}` for the outcome.

    The scope goes with the verb: `act` to acknowledge, reset, shelve, unshelve, assign, comment and
    check an action off; `handle` for the case; `suppress` for permits and what is out of service.
    """
    try:
        return answer(request, services, submit(services, alert_id, person, form))
    except ValueError as error:
        raise HTTPException(422, str(error)) from error


@router.post(
    "/alerts/{alert_id}/evidence/{evidence_id}/clear",
    tags=["incident"],
    dependencies=[Depends(require_csrf), needs(Permission.SEE_CLEAR)],
    responses=WRITE_ERRORS,
)
def see_clear(
    services: ServicesOf,
    person: PersonOf,
    alert_id: AlertId,
    evidence_id: Annotated[str, Path(pattern=r"^[0-9a-f]{64}$")],
    form: ClearForm,
) -> ClearAnswer:
    """A clear view of one picture or clip; who asks and why is written to the audit."""
    _, address = clear_view(services, person, alert_id, evidence_id, form.why)
    return ClearAnswer(address=f"/api/v1{address}")


@router.post(
    "/alerts/{alert_id}/exports",
    tags=["incident"],
    status_code=202,
    dependencies=[Depends(require_csrf), needs(Permission.EXPORT)],
    responses=WRITE_ERRORS | BUSY,
)
def take_away(
    services: ServicesOf, person: PersonOf, alert_id: AlertId, order: ExportOrder
) -> ExportAnswer:
    """Have an incident made into a file; who takes it away is written to the audit."""
    return _export(start_export(services, person, alert_id, order))


@router.get("/exports/{export_id}", tags=["incident"], dependencies=[needs(Permission.EXPORT)])
def get_export(services: ServicesOf, person: PersonOf, export_id: ExportId) -> ExportAnswer:
    """How far a file of the asker's is."""
    return _export(find(services, person, export_id))


@router.get(
    "/exports/{export_id}/file",
    tags=["incident"],
    dependencies=[needs(Permission.EXPORT)],
    response_class=FileResponse,
    responses={
        200: {"content": {"application/pdf": FILE, "application/zip": FILE}},
        409: {"model": Problem, "description": "it is not made yet, or could not be"},
    },
)
def get_file(services: ServicesOf, person: PersonOf, export_id: ExportId) -> Response:
    """The file, once it is made; it is kept for 15 minutes."""
    return file_of(find(services, person, export_id))


def _export(export: Export) -> ExportAnswer:
    return ExportAnswer(
        export_id=export.export_id,
        state=export.state,
        progress=export.progress,
        name=export.name,
        why=export.why,
    )


def _found(services: Services, alert_id: str) -> AlertDetail:
    found = services.backend.queries.get_alert(alert_id)
    if found is None:
        raise HTTPException(404, "there is no such alarm")
    return found
