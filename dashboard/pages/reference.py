"""The API's reference: the OpenAPI document, and the same for people to read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from starlette.responses import JSONResponse, Response

from dashboard.access import Permission, needs
from dashboard.openapi import document
from dashboard.services import ServicesOf

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation, as the page shows it."""

    method: str
    path: str
    tag: str
    summary: str
    text: str
    permission: str
    parameters: tuple[dict[str, Any], ...]
    body: str
    answers: tuple[tuple[str, str, str], ...]


@router.get("/openapi.json", dependencies=[needs(Permission.VIEW)])
def openapi(request: Request) -> JSONResponse:
    """The document, for programs."""
    return JSONResponse(_document(request.app))


@router.get("/api", dependencies=[needs(Permission.VIEW)])
def reference(request: Request, services: ServicesOf) -> Response:
    """The document, for people."""
    made = _document(request.app)
    groups: dict[str, list[Operation]] = {}
    for operation in _operations(made):
        groups.setdefault(operation.tag, []).append(operation)
    return services.page(request, "reference.html", groups=groups, about=made["info"])


@lru_cache(maxsize=4)
def _document(app: FastAPI) -> dict[str, Any]:
    return document(app)


def _operations(made: dict[str, Any]) -> Iterator[Operation]:
    for path, methods in made["paths"].items():
        for method, found in methods.items():
            content = found.get("requestBody", {}).get("content", {})
            yield Operation(
                method=method.upper(),
                path=path,
                tag=(found.get("tags") or ["other"])[0],
                summary=found.get("summary", ""),
                text=found.get("description", ""),
                permission=" | ".join(
                    scope for way in found.get("security", ()) for scope in way.get("token", ())
                ),
                parameters=tuple(_parameter(each) for each in found.get("parameters", ())),
                body=", ".join(f"{kind}: {_kind(each)}" for kind, each in content.items()),
                answers=tuple(_answers(found["responses"])),
            )


def _parameter(each: dict[str, Any]) -> dict[str, Any]:
    schema = each.get("schema", {})
    bounds = (
        ("minimum", "≥ {}"),
        ("maximum", "≤ {}"),
        ("maxLength", "≤ {} characters"),
        ("pattern", "{}"),
        ("default", "default {}"),
    )
    told = [text.format(schema[key]) for key, text in bounds if schema.get(key) is not None]
    return {
        "name": each["name"],
        "place": each["in"],
        "needed": bool(each.get("required")),
        "kind": _kind({"schema": schema}),
        "bounds": ", ".join(told),
        "text": each.get("description", ""),
    }


def _answers(responses: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    for status, each in responses.items():
        kinds = [_kind(content) for content in each.get("content", {}).values()]
        yield status, each.get("description", ""), ", ".join(kinds)


def _kind(content: dict[str, Any]) -> str:
    """A schema in a word or two."""
    schema = content.get("schema", {})
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    for several in ("anyOf", "oneOf"):
        if several in schema:
            return " | ".join(_kind({"schema": each}) for each in schema[several])
    if "enum" in schema:
        return " | ".join(str(each) for each in schema["enum"])
    if schema.get("type") == "array":
        return f"[{_kind({'schema': schema.get('items', {})})}]"
    return str(schema.get("format") or schema.get("type") or "any")
