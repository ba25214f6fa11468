"""Every page of the dashboard, found by its routes: a new one is walked without more ado."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute

from dashboard.access import Permission

UNWALKED = ("/events", "/livez", "/readyz", "/login", "/setup")
"""A stream that does not end, and what stands before the login."""
NOT_KNOWN = "1"
"""What stands for a parameter that nobody has named."""


def routes(app: FastAPI) -> Iterator[tuple[str, str, Permission | None]]:
    """Method, path and permission of every route."""
    waiting: list[Any] = list(app.routes)
    while waiting:
        route = waiting.pop(0)
        included = getattr(route, "original_router", None)
        if included is not None:
            waiting += included.routes
        elif isinstance(route, APIRoute):
            calls = [each.call for each in route.dependant.dependencies]
            needed = [p for c in calls if (p := getattr(c, "permission", None)) is not None]
            for method in sorted(route.methods or ()):
                yield method, route.path_format, needed[0] if needed else None


def readable(app: FastAPI, known: Mapping[str, str]) -> list[tuple[str, Permission | None, bool]]:
    """Everything that a GET reads: path, permission, and whether each parameter was known."""
    found = []
    for method, path, permission in routes(app):
        if method != "GET" or path.startswith(UNWALKED):
            continue
        names = re.findall(r"{(\w+)(?::\w+)?}", path)
        concrete = re.sub(r"{(\w+)(?::\w+)?}", lambda m: known.get(m[1], NOT_KNOWN), path)
        found.append((concrete, permission, all(name in known for name in names)))
    return sorted(found)


def pages(app: FastAPI, known: Mapping[str, str]) -> list[tuple[str, Permission | None, bool]]:
    """The same without the API, fragments and files: what a browser shows as a page."""
    return [
        each
        for each in readable(app, known)
        if not each[0].startswith(("/api/", "/fragments/"))
        and not re.search(r"\.\w{2,5}$", each[0])
    ]
