"""Evidence from disk: only what the store knows by its hash, only unchanged, people covered."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Form, HTTPException, Query, Request
from starlette.responses import FileResponse, RedirectResponse, Response

from dashboard.access import Permission, Person, PersonOf, needs
from dashboard.evidence import ENDINGS, SHA256, Damaged, NotThere
from dashboard.security import require_csrf
from dashboard.services import Services, ServicesOf
from hazard.types import Evidence

router = APIRouter(include_in_schema=False)
Ticket = Annotated[str, Query(max_length=100)]
Why = Annotated[str, Form(min_length=3, max_length=500)]


@router.get("/evidence/{evidence_id}.jpg", dependencies=[needs(Permission.VIEW)])
def snapshot(
    services: ServicesOf, person: PersonOf, evidence_id: str, clear: Ticket = ""
) -> Response:
    """A snapshot. Its content is checked against its name on each read."""
    return picture(services, person, evidence_id, clear)


def picture(services: Services, person: Person, evidence_id: str, ticket: str) -> Response:
    """The picture as this person may see it now.

    Raises:
        HTTPException: 403 for a ticket that does not count, 404 where there is none, 410 where
            the file is not what was stored.
    """
    known = find(services, evidence_id, "snapshot")
    clear = may_see_clear(services, person, known, ticket)
    try:
        data = services.evidence.picture(known, clear=clear)
    except NotThere as error:
        raise HTTPException(404, str(error)) from error
    except Damaged as error:
        raise HTTPException(410, str(error)) from error
    # The blurred one may be kept for a while; whoever may not see it clear any more must not have
    # it in the browser's cache.
    headers = {"cache-control": "no-store" if clear else "private, max-age=300"}
    return Response(data, media_type="image/jpeg", headers=headers)


@router.get("/evidence/{evidence_id}.mp4", dependencies=[needs(Permission.VIEW)])
def clip(services: ServicesOf, person: PersonOf, evidence_id: str, clear: Ticket = "") -> Response:
    """A clip. People in it are not covered: it needs a ticket where the site has people blurred."""
    known = find(services, evidence_id, "clip")
    if not may_see_clear(services, person, known, clear):
        raise HTTPException(
            403, "people can be seen in this clip: ask for the clear view on the incident's page"
        )
    try:
        path = services.evidence.clip(known)
    except NotThere as error:
        raise HTTPException(404, str(error)) from error
    except Damaged as error:
        raise HTTPException(410, str(error)) from error
    headers = {"cache-control": "no-store"}
    return FileResponse(path, media_type=known.media_type, headers=headers)


def _named(alert_id: str, evidence_id: str) -> tuple[str, str]:
    return alert_id, evidence_id


@router.post(
    "/alerts/{alert_id}/evidence/{evidence_id}/clear",
    dependencies=[Depends(require_csrf), needs(Permission.SEE_CLEAR)],
)
def see_clear(
    request: Request,
    services: ServicesOf,
    person: PersonOf,
    named: Annotated[tuple[str, str], Depends(_named)],
    why: Why,
) -> Response:
    """Leave a line in the audit, then show the clear picture for some minutes."""
    known, address = clear_view(services, person, *named, why)
    if request.headers.get("x-fragment"):
        return services.render(
            request, "fragments/incident/clear.html", evidence=known, address=address
        )
    return RedirectResponse(address, status_code=303)


def clear_view(
    services: Services, person: Person, alert_id: str, evidence_id: str, why: str
) -> tuple[Evidence, str]:
    """Audit who asks for a clear picture and why; gives the evidence and the address of it.

    Raises:
        HTTPException: 403 where their areas do not include the alarm's, 404 where there is none.
        StoreError: if the audit cannot be written: nothing is shown unseen.
    """
    found = services.backend.queries.evidence_of(alert_id[:64])
    if found is None:
        raise HTTPException(404, "there is no such alarm: go back to the list")
    area, evidence = found
    if not person.may(Permission.SEE_CLEAR, area):
        raise HTTPException(403, f"clear pictures of area {area} are not for you: ask its officer")
    known = next((item for item in evidence if item.evidence_id == evidence_id), None)
    if known is None:
        raise HTTPException(404, "this alarm has no such evidence, or it has been pruned")
    details = {"evidence_id": evidence_id, "kind": known.kind, "camera": known.source, "why": why}
    services.backend.desk.audit(services.now(), person.name, "see_clear", alert_id, details)
    ticket, _ = services.evidence.ticket(person.account_id, evidence_id)
    return known, f"{address_of(known)}?clear={ticket}"


def address_of(evidence: Evidence) -> str:
    """The path at which it is served."""
    return f"/evidence/{evidence.evidence_id}.{ENDINGS[evidence.kind]}"


def find(services: Services, evidence_id: str, kind: str) -> Evidence:
    """The evidence of that id and kind.

    Raises:
        HTTPException: 404, also where the id is none.
    """
    if SHA256.fullmatch(evidence_id) is None:
        raise HTTPException(404, "evidence is named by the sha256 of its file")
    known = services.backend.queries.find_evidence(evidence_id)
    if known is None or known.kind != kind:
        raise HTTPException(404, "there is no such evidence, or it has been pruned")
    return known


def may_see_clear(services: Services, person: Person, known: Evidence, ticket: str) -> bool:
    """Whether people in it are shown: where the site has nobody blurred, or by a ticket.

    Raises:
        HTTPException: 403 for a ticket that is another's, of other evidence, or too old.
    """
    if not services.site.privacy.blur_people:
        return True
    if not ticket:
        return False
    admitted = services.evidence.admits(ticket, person.account_id, known.evidence_id)
    if not (admitted and person.may(Permission.SEE_CLEAR)):
        raise HTTPException(403, "this view has ended: ask for it again on the incident's page")
    return True
