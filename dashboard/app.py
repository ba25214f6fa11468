"""Builds the application: the only place where its parts are put together."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from http import HTTPStatus

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.staticfiles import StaticFiles

from dashboard.access import NotAllowed
from dashboard.api import alerts as alerts_api
from dashboard.api import audit as audit_api
from dashboard.api import figures as figures_api
from dashboard.api import incident as incident_api
from dashboard.api import jobs as jobs_api
from dashboard.api import people as people_api
from dashboard.api import pictures as pictures_api
from dashboard.api import plant as plant_api
from dashboard.api import routes as api
from dashboard.api import site as site_api
from dashboard.api import suppressions as suppressions_api
from dashboard.auth import Authenticator
from dashboard.backend import Backend
from dashboard.evidence import EvidenceRoom
from dashboard.exports import Exports
from dashboard.i18n import N_
from dashboard.live import Event, Watcher
from dashboard.lockout import Lockout
from dashboard.pages import (
    alarm_list,
    analytics,
    audit,
    events,
    evidence,
    exports,
    health,
    incident,
    jobs,
    live,
    login,
    me,
    overview,
    people,
    plant_map,
    preferences,
    reference,
    reports,
    suppressions,
)
from dashboard.pages import site as site_page
from dashboard.passwords import Passwords
from dashboard.security import Guard
from dashboard.services import FOLDER, Services, language_of, utc_now
from dashboard.settings import Settings, SiteFile
from dashboard.spoken import plain, told
from dashboard.verifying import Verifier
from hazard.errors import StoreError
from hazard.site.models import Site
from hazard.store.writer import StoreUnavailable, Trouble, trouble_of

log = structlog.get_logger(__name__)
STORE_DOWN: Mapping[Trouble, str] = {
    Trouble.LOCKED: N_("The database is busy: nothing was done. Repeat it in a moment."),
    Trouble.FULL: N_(
        "The disk of the database is full: nothing was done, and nothing new is stored until there "
        "is room. Have files removed from it that belong to other programs, then repeat."
    ),
    Trouble.READ_ONLY: N_(
        "The database may only be read: nothing was done. Have the data folder made writable for "
        "the user of this service, then repeat."
    ),
    Trouble.DAMAGED: N_(
        "The database is damaged: nothing of it can be relied on. Have the service stopped, and "
        "the newest backup put back."
    ),
    Trouble.UNREACHABLE: N_(
        "The database cannot be opened: have the disk, its free room, and the rights of the data "
        "folder looked at."
    ),
    Trouble.OTHER: N_("The database cannot be used now: the log of the dashboard says why."),
}
NO_PAGE = N_("There is no such page: choose one above.")
ERROR_TITLES = {
    401: N_("Not logged in"),
    403: N_("Not allowed"),
    404: N_("Not found"),
    405: N_("Not possible here"),
    409: N_("Changed meanwhile"),
    410: N_("No longer there"),
    411: N_("Not valid"),
    413: N_("Too large"),
    422: N_("Not valid"),
    429: N_("Too many tries"),
    500: N_("Something went wrong"),
    503: N_("Not available now"),
}


def create_app(
    settings: Settings,
    backend: Backend,
    *,
    site: Site | None = None,
    passwords: Passwords | None = None,
    now: Callable[[], datetime] = utc_now,
    clock: Callable[[], float] = time.monotonic,
) -> FastAPI:
    """The application on an open store.

    Raises:
        ConfigError: if the site file is invalid and no `site` is given.
    """
    services = Services(
        settings=settings,
        site_file=SiteFile(settings.site_file, site),
        backend=backend,
        evidence=EvidenceRoom(settings.evidence, now),
        exports=Exports(settings.data_dir / "exports", now),
        authenticator=Authenticator(
            backend.people, backend.desk, passwords or Passwords(), Lockout(clock)
        ),
        verifier=Verifier(backend.audit, backend.desk, settings.data_dir, now),
        now=now,
    )
    services.authenticator.recall(backend.audit, now())
    app = FastAPI(
        title="Hazard Edge",
        version="1",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        lifespan=_lifespan,
    )
    app.state.services = services
    for page in (
        login,
        overview,
        plant_map,
        alarm_list,
        incident,
        exports,
        analytics,
        reports,
        jobs,
        live,
        health,
        evidence,
        events,
        preferences,
        people,
        me,
        audit,
        reference,
    ):
        app.include_router(page.router)
    app.include_router(people.front)
    app.include_router(site_page.router)
    app.include_router(suppressions.router)
    for part in (
        api.router,
        plant_api.router,
        pictures_api.router,
        people_api.router,
        people_api.own,
        audit_api.router,
        alerts_api.router,
        incident_api.router,
        figures_api.router,
    ):
        app.include_router(part)
    app.include_router(site_api.router)
    app.include_router(jobs_api.router)
    app.include_router(suppressions_api.router)
    app.mount("/static", StaticFiles(directory=FOLDER / "static"), name="static")
    app.add_middleware(Guard, authenticator=services.authenticator, refuse=_problem, now=now)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(StoreError, _store_down)
    app.add_exception_handler(SQLAlchemyError, _store_down)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    services: Services = app.state.services
    loop = asyncio.get_running_loop()

    def tell(event: Event) -> None:
        loop.call_soon_threadsafe(services.hub.publish, event)

    watcher = Watcher(services.backend, services.health, tell, services.settings.poll_s)
    watcher.start()
    try:
        yield
    finally:
        services.hub.close()
        await asyncio.to_thread(watcher.stop)
        await asyncio.to_thread(services.exports.close)


def _wants_page(request: Request) -> bool:
    machine = request.url.path.startswith(("/api/", "/fragments/", "/events", "/openapi"))
    fragment = request.headers.get("x-fragment") is not None
    return not machine and not fragment and "text/html" in request.headers.get("accept", "")


def _problem(request: Request, status: int, why: str) -> Response:
    services: Services = request.app.state.services
    if not _wants_page(request):
        people = request.headers.get("x-fragment") is not None
        detail = told(why, services.reading(request)) if people else why
        return JSONResponse({"detail": detail}, status_code=status)
    return services.render(
        request,
        "error.html",
        status=status,
        title=ERROR_TITLES.get(status, ERROR_TITLES[500]),
        why=why,
    )


async def _http_error(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    why = str(error.detail) if isinstance(error, HTTPException) else "internal error"
    read_by_people = _wants_page(request) or request.headers.get("x-fragment") is not None
    if isinstance(error, NotAllowed) and read_by_people:
        why = plain(error.told(language_of(request, request.app.state.services.site)))
    elif why == HTTPStatus.NOT_FOUND.phrase and _wants_page(request):
        why = NO_PAGE
    return _problem(request, status, why)


async def _invalid(request: Request, error: Exception) -> Response:
    found = error.errors() if isinstance(error, RequestValidationError) else []
    texts = [f"{item['loc'][-1]}: {item['msg']}" for item in found[:5]]
    if _wants_page(request) or request.headers.get("x-fragment"):
        return _problem(request, 422, "; ".join(texts))
    errors = [{"loc": item["loc"], "msg": item["msg"], "type": item["type"]} for item in found]
    return JSONResponse({"detail": "; ".join(texts), "errors": errors}, status_code=422)


async def _store_down(request: Request, error: Exception) -> Response:
    log.warning("dashboard.store_failed", path=request.url.path, error=str(error)[:300])
    return _problem(request, 503, STORE_DOWN[_trouble(error)])


def _trouble(error: Exception) -> Trouble:
    if isinstance(error, StoreUnavailable):
        return error.trouble
    return trouble_of(error) if isinstance(error, DBAPIError) else Trouble.OTHER
