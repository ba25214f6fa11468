"""The forms of the editor: the site file's own JSON Schema, with words, units and choices.

The schema comes from the same pydantic models that check the file, so that a new rule kind or
field has its form by itself; the browser builds the fields from it.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from dashboard.editing.labels import KINDS, LABELS, VALUES
from dashboard.i18n import translations
from hazard.catalogue import found_by_rules
from hazard.site.schema import site_schema

SECTIONS: Mapping[str, tuple[str, ...]] = {
    "areas": ("areas",),
    "cameras": ("cameras",),
    "sensors": ("sensors",),
    "rules": ("rules",),
    "shifts": ("alarms", "shifts"),
    "maintenance": ("alarms", "maintenance"),
    "machine_states": ("alarms", "machine_states"),
}
"""What the editor edits: named entries, and where in the file they stand."""

Translate = Callable[[str], str]


@cache
def forms(language: str) -> dict[str, Any]:
    """The schema of each section's entries, and everything that it refers to, in a language."""
    schema = site_schema()
    translate = translations(language).gettext
    definitions: dict[str, Any] = copy.deepcopy(schema["$defs"])
    for name, part in definitions.items():
        _label(name, part, translate)
    sections = {}
    for name, path in SECTIONS.items():
        sections[name] = {"path": list(path), "entry": _entry(schema, path)}
    kinds = {
        kind: {"text": translate(words.text), "help": translate(words.help) if words.help else ""}
        for kind, words in KINDS.items()
    }
    return {
        "sections": sections,
        "definitions": definitions,
        "kinds": kinds,
        "values": {value: translate(text) for value, text in VALUES.items()},
        "hazards": {
            name: kind.name[language]  # type: ignore[index]  # one of the five
            for name, kind in found_by_rules().items()
        },
    }


def _entry(schema: dict[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
    node = schema
    for key in path:
        node = node["properties"][key]
        reference = node.get("$ref")
        if reference is not None:
            node = schema["$defs"][reference.rsplit("/", 1)[-1]]
    entry: dict[str, Any] = next(iter(node["patternProperties"].values()))
    return entry


def _label(model: str, part: dict[str, Any], translate: Translate) -> None:
    for name, field in part.get("properties", {}).items():
        label = LABELS.get(f"{model}.{name}") or LABELS.get(name)
        if label is None:
            continue
        field["title"] = translate(label.text)
        field["description"] = translate(label.help) if label.help else ""
        if label.unit:
            field["x-unit"] = translate(label.unit)
        if label.choices:
            field["x-choices"] = label.choices
