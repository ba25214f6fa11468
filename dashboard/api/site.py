"""The site file over the API: its data and forms, checks, changes, versions."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Query, Request
from pydantic import Field, JsonValue

from dashboard.access import Permission, PersonOf, needs
from dashboard.api.models import ActionAnswer, Problem
from dashboard.api.routes import ERRORS, WRITE_ERRORS
from dashboard.api.routes import answer as action_answer
from dashboard.asking import Asked, ask
from dashboard.editing.check import SiteCheck, beyond_reach, check, check_text, refuse_reach
from dashboard.editing.document import SiteDocument, read_document
from dashboard.editing.form import forms
from dashboard.editing.ground import GroundFit, GroundPoints, fit
from dashboard.editing.versions import (
    LARGEST,
    Since,
    VersionDiff,
    VersionNumber,
    VersionPage,
    between,
    page_of,
    since,
)
from dashboard.security import require_csrf
from dashboard.services import Services, ServicesOf, language_of
from hazard.alarms.arguments import Patch, Sha256
from hazard.errors import ConfigError
from hazard.types import Model, Verb

router = APIRouter(
    prefix="/api/v1/site",
    tags=["site"],
    dependencies=[needs(Permission.EDIT_SITE)],
    responses={**ERRORS, 403: {"model": Problem, "description": "the role does not allow it"}},
)


class SiteFileAnswer(Model):
    """The site file as it is now."""

    sha256: str = Field(description="give it as base_sha256 with a change")
    data: dict[str, JsonValue] = Field(description="what stands in it, without defaults")
    problem: str = Field(default="", description="why the file as it lies there is not in force")


class PatchForm(Model):
    """A change to try."""

    base_sha256: Sha256
    patch: Patch


class ChangeForm(Asked):
    """A change to save."""

    base_sha256: Sha256
    patch: Patch


class RestoreForm(Asked):
    """An earlier version to bring back."""

    base_sha256: Sha256
    version: int = Field(ge=1, le=2**53)


def document(services: Services) -> SiteDocument:
    """The site file now.

    Raises:
        HTTPException: 503 where it cannot be read.
    """
    try:
        return read_document(services.settings.site_file)
    except ConfigError as error:
        raise HTTPException(503, f"the site file cannot be read: {error}"[:500]) from error


@router.get("")
def get_site(request: Request, services: ServicesOf) -> SiteFileAnswer:
    """The site file's data and hash."""
    found, path = document(services), services.settings.site_file
    language = services.reading(request)
    return SiteFileAnswer(
        sha256=found.sha256,
        data=found.data,
        problem=" ".join(
            f"{one.path}: {one.what}, {one.mend}."
            for one in check(found, path, found.sha256, {}, language).problems[:3]
        ),
    )


@router.get("/versions")
def list_versions(
    services: ServicesOf,
    before: Annotated[int | None, Query(ge=1, le=LARGEST)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> VersionPage:
    """Who changed the site file, when and why; newest first."""
    return page_of(services.backend, before, limit)


@router.get("/versions/{version}")
def get_version(
    services: ServicesOf,
    version: VersionNumber,
    against: Annotated[int | None, Query(ge=1, le=LARGEST)] = None,
) -> VersionDiff:
    """What one version changed against the one before it, or against another."""
    return between(services.backend, services.settings.site_file, version, against)


@router.get("/since")
def changed_since(
    services: ServicesOf, sha256: Annotated[str, Query(pattern=r"^[0-9a-f]{64}$")]
) -> Since:
    """What has become of the site file since it had that hash."""
    now = document(services)
    return since(services.backend, services.settings.site_file, sha256, now.text)


@router.get("/schema")
def get_schema(request: Request, services: ServicesOf) -> dict[str, Any]:
    """The forms: JSON Schema of every section's entries, with words in the reader's language."""
    return forms(language_of(request, services.site))


@router.post("/check", dependencies=[Depends(require_csrf)], responses=WRITE_ERRORS)
def check_site(
    request: Request, services: ServicesOf, person: PersonOf, form: PatchForm
) -> SiteCheck:
    """What a change would do, what is wrong with it, and who may not save it. Nothing is saved."""
    now, language = document(services), services.reading(request)
    found = check(now, services.settings.site_file, form.base_sha256, form.patch, language)
    return found.model_copy(update={"refused": beyond_reach(person, found, language)})


@router.post("/ground", dependencies=[Depends(require_csrf)], responses=WRITE_ERRORS)
def fit_ground(form: GroundPoints) -> GroundFit:
    """How well a camera's calibration fits, and the ground's grid on its picture."""
    try:
        return fit(form)
    except ValueError as error:
        raise HTTPException(422, str(error)) from error


@router.post(
    "/change", status_code=202, dependencies=[Depends(require_csrf)], responses=WRITE_ERRORS
)
def change_site(
    request: Request, services: ServicesOf, person: PersonOf, form: ChangeForm
) -> ActionAnswer:
    """Save a change as a new version; look at `/api/v1/actions/{request_id}` for the outcome."""
    patch = PatchForm(base_sha256=form.base_sha256, patch=form.patch)
    found = check_site(request, services, person, patch)
    if found.problems:
        first = found.problems[0]
        seen = f" ({first.value})" if first.value else ""
        raise HTTPException(422, f"{first.path}: {first.what}{seen}: {first.mend}")
    if not found.stale:
        refuse_reach(person, Permission.EDIT_SITE, found)
    arguments: dict[str, JsonValue] = {"base_sha256": form.base_sha256, "patch": form.patch}
    status = ask(
        services,
        person,
        Verb.CHANGE_SITE,
        arguments,
        request_id=form.request_id,
        comment=form.reason,
    )
    return action_answer(request, services, status)


@router.post(
    "/restore", status_code=202, dependencies=[Depends(require_csrf)], responses=WRITE_ERRORS
)
def restore_site(
    request: Request, services: ServicesOf, person: PersonOf, form: RestoreForm
) -> ActionAnswer:
    """Bring an earlier version back, as a new one."""
    earlier = services.backend.versions.get(form.version) if person.areas else None
    if earlier is not None:
        path = services.settings.site_file
        found = check_text(document(services), path, form.base_sha256, earlier.text)
        refuse_reach(person, Permission.EDIT_SITE, found)
    arguments: dict[str, JsonValue] = {"base_sha256": form.base_sha256, "version": form.version}
    status = ask(
        services,
        person,
        Verb.RESTORE_SITE,
        arguments,
        request_id=form.request_id,
        comment=form.reason,
    )
    return action_answer(request, services, status)
