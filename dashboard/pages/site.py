"""The editor of zones and rules, and the versions of the site file."""

from __future__ import annotations

import json
from typing import Annotated

from fastapi import APIRouter, HTTPException, Path, Query, Request
from starlette.responses import Response

from dashboard.access import Permission, Person, PersonOf, needs
from dashboard.api.site import document
from dashboard.editing.check import beyond_reach, check_text
from dashboard.editing.versions import VersionNumber, between, page_of
from dashboard.editing.words import WORDS
from dashboard.i18n import translations
from dashboard.previews import read_preview
from dashboard.services import Services, ServicesOf, language_of

router = APIRouter(include_in_schema=False, dependencies=[needs(Permission.EDIT_SITE)])


@router.get("/site")
def editor(request: Request, services: ServicesOf) -> Response:
    """Zones, rules, sensors and schedules."""
    return services.page(request, "site.html", words=_words(request, services))


@router.get("/site/stills/{camera_id}.jpg")
def still(services: ServicesOf, camera_id: Annotated[str, Path(max_length=64)]) -> Response:
    """The camera's latest picture, to draw on."""
    found = None
    if camera_id in services.site.cameras:
        found = read_preview(services.settings.previews, camera_id)
    if found is None:
        raise HTTPException(404, "there is no picture of this camera: start it")
    return Response(found[0], media_type="image/jpeg")


@router.get("/site/versions")
def versions(
    request: Request,
    services: ServicesOf,
    before: Annotated[VersionNumber | None, Query()] = None,
) -> Response:
    """Who changed the site file, when and why."""
    return services.page(
        request, "site_versions.html", found=page_of(services.backend, before), first=before is None
    )


@router.get("/site/versions/{version}")
def version(
    request: Request,
    services: ServicesOf,
    person: PersonOf,
    version: VersionNumber,
    against: Annotated[VersionNumber | None, Query()] = None,
) -> Response:
    """What one version changed against the one before, or against another."""
    found = between(services.backend, services.settings.site_file, version, against)
    return services.page(
        request,
        "site_version.html",
        found=found,
        words=_words(request, services),
        refused=_refused(services, person, version, language_of(request, services.site)),
    )


def _refused(services: Services, person: Person, version: int, language: str) -> str:
    """Why the person may not bring this version back, or nothing."""
    earlier = services.backend.versions.get(version) if person.areas else None
    if earlier is None:
        return ""
    now = document(services)
    tried = check_text(now, services.settings.site_file, now.sha256, earlier.text)
    return beyond_reach(person, tried, language)


def _words(request: Request, services: Services) -> str:
    """The scripts' words in the reader's language, as JSON."""
    translate = translations(language_of(request, services.site)).gettext
    return json.dumps({name: translate(text) for name, text in WORDS.items()})
