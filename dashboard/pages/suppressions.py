"""Administration of what keeps alarms quiet: maintenance and permits, and the shelving register."""

from __future__ import annotations

import json
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query, Request
from starlette.responses import Response

from dashboard.access import Permission, needs
from dashboard.editing.labels import VALUES
from dashboard.editing.words import WORDS
from dashboard.i18n import translations
from dashboard.register import CAUSES, area_name, hazard_name, left_text, register, shelf
from dashboard.services import Services, ServicesOf, language_of
from hazard.catalogue import found_by_rules
from hazard.errors import StoreError
from hazard.site.alarm_references import zones_of

router = APIRouter(include_in_schema=False)
PAGE = 50


@router.get("/admin/maintenance", dependencies=[needs(Permission.VIEW)])
def maintenance(
    request: Request,
    services: ServicesOf,
    page: Annotated[str | None, Query(max_length=400)] = None,
) -> Response:
    """Permits, out of service, windows and machine states: what holds, is planned, and was."""
    site, language = services.site, language_of(request, services.site)
    try:
        history = services.backend.orders.history(page=page, limit=PAGE)
    except StoreError as error:
        raise HTTPException(404, str(error)) from error
    kinds = found_by_rules().values()
    return services.page(
        request,
        "admin/maintenance.html",
        found=register(services, language),
        history=history,
        first=page is None,
        hazards=[
            (one.id, hazard_name(one.id, language)) for one in kinds if not one.never_suppress
        ],
        zones={area: sorted(zones_of(site, area)) for area in site.areas},
        **_words(request, services),
    )


@router.get("/fragments/maintenance", dependencies=[needs(Permission.VIEW)])
def maintenance_fragment(request: Request, services: ServicesOf) -> Response:
    """The orders that hold now."""
    found = register(services, language_of(request, services.site))
    context = _words(request, services)
    return services.render(request, "fragments/orders.html", found=found, **context)


@router.get("/admin/shelving", dependencies=[needs(Permission.VIEW)])
def shelving(request: Request, services: ServicesOf) -> Response:
    """The shelving register: who shelved what, why and until when."""
    return services.page(
        request,
        "admin/shelving.html",
        found=shelf(services, language_of(request, services.site)),
        shelvings=services.backend.orders.shelvings(limit=PAGE),
        **_words(request, services),
    )


@router.get("/fragments/shelving", dependencies=[needs(Permission.VIEW)])
def shelving_fragment(request: Request, services: ServicesOf) -> Response:
    """The alarms that are off the list now."""
    found = shelf(services, language_of(request, services.site))
    context = _words(request, services)
    return services.render(request, "fragments/shelf.html", found=found, **context)


def _words(request: Request, services: Services) -> dict[str, Any]:
    """What both pages and their fragments are written with."""
    site, language = services.site, language_of(request, services.site)
    translate = translations(language).gettext
    states = {name: translate(text) for name, text in WORDS.items() if name.startswith("state_")}
    return {
        "words": json.dumps(states | {"reason_missing": translate(WORDS["reason_missing"])}),
        "CAUSES": CAUSES,
        "DAYS": VALUES,
        "left": left_text,
        "area_name": lambda area: area_name(site, area),
        "hazard_name": lambda hazard: hazard_name(hazard, language),
    }
