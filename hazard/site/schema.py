"""The site file as JSON Schema (draft 2020-12), by which editors complete and check it."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from hazard.catalogue import found_by_rules
from hazard.site.glossary import describe
from hazard.site.models import Site
from hazard.site.shape import models

DIALECT = "https://json-schema.org/draft/2020-12/schema"
SCHEMA_FILE = "site.schema.json"

_SECRET = {
    "title": "Secret",
    "description": "Given only by reference: ${VARIABLE}, or file: PATH.",
    "anyOf": [
        {"type": "string", "pattern": r"^\$\{[A-Za-z_][A-Za-z0-9_]*\}$"},
        {
            "type": "object",
            "properties": {"file": {"type": "string", "description": "holds only the secret"}},
            "required": ["file"],
            "additionalProperties": False,
        },
    ],
}


def site_schema() -> dict[str, Any]:
    """JSON Schema of the site file; every field has a title and a description."""
    schema = Site.model_json_schema()
    definitions: dict[str, Any] = schema["$defs"]
    definitions["Secret"] = _SECRET
    definitions.pop("SecretFile", None)
    for model in models():
        part = schema if model is Site else definitions.get(model.__name__)
        if part is not None and "properties" in part:
            _describe(model, part)
    _offer_hazards(definitions)
    return {"$schema": DIALECT, **schema, "title": "Hazard Edge site file"}


def _describe(model: type[BaseModel], part: dict[str, Any]) -> None:
    for name, info in model.model_fields.items():
        field = part["properties"][name]
        field["description"] = describe(model, name, info)
        field.setdefault("title", name.replace("_", " ").capitalize())


def _offer_hazards(definitions: dict[str, Any]) -> None:
    """Let editors complete the ids of the catalogue."""
    for part in definitions.values():
        hazard = part.get("properties", {}).get("hazard")
        if hazard is not None:
            hazard["enum"] = sorted(found_by_rules())
