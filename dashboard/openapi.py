"""The OpenAPI 3.1 document: every route of the API, who may call it, and every answer it gives.

What is the same for all routes is added here once: how a caller says who they are, the scope that
a token needs, and the refusals that stand before every route.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from dashboard.access import MEANING, Permission
from dashboard.security import BODY_MAX, COOKIE

SUMMARY = "Everything that the pages show; what people ask of the nodes is carried out by them."
DESCRIPTION = """\
Times are UTC (RFC 3339), quantities carry their unit in their name.

A **program** gives a token in `Authorization: Bearer …`; a person makes it under *Me*. Its scopes
say what it may at most, the person's role and areas are the limit. A **browser** has its session
cookie, and adds `X-CSRF-Token` to everything that changes something.

Refusals are `{"detail": "…"}` and say what to do. `503` means that the database cannot be used now:
nothing is known then, and nothing was done.
"""
PROBLEM = {"$ref": "#/components/schemas/Problem"}
REFUSALS = {
    "401": "not logged in, or the token is unknown, revoked or has ended",
    "403": "role, areas or scopes do not allow it, or the CSRF token is missing",
    "503": "the database cannot be used now",
}
WRITE_REFUSALS = {
    "400": "the body is not JSON in UTF-8",
    "411": "Content-Length is missing",
    "413": f"the body has more than {BODY_MAX} bytes",
}
INVALID = {
    "title": "Invalid",
    "type": "object",
    "description": "What is wrong with what was given, in words and by place.",
    "properties": {
        "detail": {"type": "string"},
        "errors": {
            "type": "array",
            "description": "by place; absent where a rule of the plant refuses, not a form",
            "items": {
                "type": "object",
                "properties": {
                    "loc": {
                        "type": "array",
                        "items": {"anyOf": [{"type": "string"}, {"type": "integer"}]},
                    },
                    "msg": {"type": "string"},
                    "type": {"type": "string"},
                },
                "required": ["loc", "msg", "type"],
            },
        },
    },
    "required": ["detail"],
}
FASTAPI_INVALID = "#/components/schemas/HTTPValidationError"
WRITES = frozenset({"post", "put", "patch", "delete"})


def document(app: FastAPI) -> dict[str, Any]:
    """The document of an application."""
    made = get_openapi(
        title=app.title,
        version=app.version,
        summary=SUMMARY,
        description=DESCRIPTION,
        routes=app.routes,
        tags=[{"name": name} for name in _tags(app)],
    )
    schemas = made.setdefault("components", {}).setdefault("schemas", {})
    schemas.setdefault(
        "Problem",
        {
            "title": "Problem",
            "type": "object",
            "description": "Why a request was not carried out, and what to do.",
            "properties": {"detail": {"type": "string", "title": "Detail"}},
            "required": ["detail"],
        },
    )
    schemas["Invalid"] = INVALID
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    made["components"]["securitySchemes"] = {
        "session": {
            "type": "apiKey",
            "in": "cookie",
            "name": COOKIE,
            "description": "a browser's session, after login",
        },
        "token": {
            "type": "http",
            "scheme": "bearer",
            "description": "a program's token. Scopes: "
            + "; ".join(f"`{each.value}`: {MEANING[each]}" for each in Permission),
        },
    }
    _plain_arrays(made)
    scopes = dict(_scopes(app))
    for path, operations in made["paths"].items():
        for method, operation in operations.items():
            _complete(operation, method, scopes.get((path, method), ()))
    return made


def _plain_arrays(node: Any) -> None:
    """Say tuples as arrays of so many items: few generators of clients know `prefixItems`.

    Where pydantic checks an array's length after it was made, it says so by a string's words.
    """
    if isinstance(node, list):
        for each in node:
            _plain_arrays(each)
    if not isinstance(node, dict):
        return
    kinds = node.pop("prefixItems", None)
    if isinstance(kinds, list):
        different = [kind for number, kind in enumerate(kinds) if kind not in kinds[:number]]
        node["items"] = different[0] if len(different) == 1 else {"anyOf": different}
    if node.get("type") == "array" and "maxLength" in node:
        node["maxItems"] = node.pop("maxLength")
    for each in node.values():
        _plain_arrays(each)


def _complete(operation: dict[str, Any], method: str, scopes: tuple[Permission, ...]) -> None:
    told = str(operation.get("description", "")).partition("\n")[0].rstrip(".")
    operation["summary"] = told or operation["summary"]
    if scopes:
        any_of = [{"token": [scope.value]} for scope in scopes]
        operation["security"] = [{"session": []}, *any_of]
        operation["x-permission"] = scopes[0].value
    refusals = REFUSALS | (WRITE_REFUSALS if method in WRITES else {})
    for status, why in refusals.items():
        operation["responses"].setdefault(
            status,
            {"description": why, "content": {"application/json": {"schema": PROBLEM}}},
        )
    invalid = operation["responses"].get("422", {}).get("content", {}).get("application/json", {})
    if invalid.get("schema", {}).get("$ref") == FASTAPI_INVALID:
        invalid["schema"] = {"$ref": "#/components/schemas/Invalid"}
        operation["responses"]["422"]["description"] = "something that was given is wrong"
    operation["responses"] = dict(sorted(operation["responses"].items()))


def _routes(app: FastAPI) -> Iterator[APIRoute]:
    waiting: list[Any] = list(app.routes)
    while waiting:
        route = waiting.pop(0)
        included = getattr(route, "original_router", None)
        if included is not None:
            waiting += included.routes
        elif isinstance(route, APIRoute) and route.include_in_schema:
            yield route


def _tags(app: FastAPI) -> list[str]:
    return list(dict.fromkeys(str(tag) for route in _routes(app) for tag in route.tags))


def _scopes(app: FastAPI) -> Iterator[tuple[tuple[str, str], tuple[Permission, ...]]]:
    """Of each route the scopes of which a token needs one."""
    for route in _routes(app):
        for dependency in route.dependant.dependencies:
            scopes = getattr(dependency.call, "scopes", None)
            if scopes:
                for method in route.methods or ():
                    yield (route.path_format, method.lower()), scopes
