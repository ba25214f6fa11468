"""An incident taken away as a file: asked for, its progress, and the file itself."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi import Form as FormFields
from starlette.responses import FileResponse, RedirectResponse, Response

from dashboard.access import Permission, Person, PersonOf, needs
from dashboard.exports import Export, ExportState
from dashboard.incident.exporting import ExportOrder, start_export
from dashboard.security import require_csrf
from dashboard.services import Services, ServicesOf, language_of

router = APIRouter(include_in_schema=False)


@router.post(
    "/alerts/{alert_id}/exports", dependencies=[Depends(require_csrf), needs(Permission.EXPORT)]
)
def take_away(
    request: Request,
    services: ServicesOf,
    person: PersonOf,
    alert_id: str,
    order: Annotated[ExportOrder, FormFields()],
) -> Response:
    """Begin to make the file, in the reader's language; the page then shows how far it is."""
    language = language_of(request, services.site)
    wanted = order.model_copy(update={"language": language})
    export = start_export(services, person, alert_id, wanted)
    if request.headers.get("x-fragment"):
        return services.render(request, "fragments/incident/exported.html", export=export)
    return RedirectResponse(f"/alerts/{alert_id}?exported={export.export_id}", status_code=303)


@router.get("/fragments/exports/{export_id}", dependencies=[needs(Permission.EXPORT)])
def progress(request: Request, services: ServicesOf, person: PersonOf, export_id: str) -> Response:
    """How far the file is."""
    export = find(services, person, export_id)
    return services.render(request, "fragments/incident/exported.html", export=export)


@router.get("/exports/{export_id}", dependencies=[needs(Permission.EXPORT)])
def download(services: ServicesOf, person: PersonOf, export_id: str) -> Response:
    """The file, once it is there."""
    return file_of(find(services, person, export_id))


def find(services: Services, person: Person, export_id: str) -> Export:
    """This person's file.

    Raises:
        HTTPException: 404 where there is none, or no longer.
    """
    export = services.exports.of(export_id[:64], person.account_id)
    if export is None:
        raise HTTPException(404, "this file is not there any more: have it made again")
    return export


def file_of(export: Export) -> Response:
    """The file as a download.

    Raises:
        HTTPException: 409 while it is being made, or where it has failed.
    """
    if export.state is ExportState.FAILED:
        raise HTTPException(409, export.why)
    if export.state is not ExportState.DONE:
        raise HTTPException(409, "it is still being made: wait a moment, then repeat")
    return FileResponse(
        export.path,
        media_type=export.media_type,
        filename=export.name,
        headers={"cache-control": "no-store"},
    )
