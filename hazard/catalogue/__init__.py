"""The catalogue of hazard kinds: names in five languages, floors, actions, standards."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Literal

from pydantic import Field
from ruamel.yaml import YAML

from hazard.errors import ConfigError
from hazard.types import Model, Name, Severity

Texts = dict[Literal["en", "fr", "de", "es", "it"], str]


class Action(Model):
    """A recommended action, in five languages."""

    id: Name
    text: Texts


class HazardKind(Model):
    """One kind of hazard."""

    id: Name
    name: Texts = Field(description="ISO-style name, e.g. 'Person in restricted zone'")
    description: Texts = Field(description="one sentence: what can happen to people")
    floor: Severity = Field(description="the lowest severity that the policy allows")
    default: Severity = Field(description="stands while nobody else may decide")
    levels: dict[Name, Severity] = Field(
        default_factory=dict, description="floor by threshold level that was reached"
    )
    occupied_floor: Severity | None = Field(
        default=None, description="floor when people are, or may be, in the area"
    )
    joins: tuple[Name, ...] = Field(
        default=(), description="kinds that form one incident with this one in the same area"
    )
    about_alarms: bool = Field(
        default=False,
        description="raised by the agent about its alarms or itself: by no rule, judged by no "
        "model",
    )
    near_miss: bool = Field(
        default=False, description="nobody was hurt this time: counted in the near-miss trend"
    )
    never_suppress: bool = Field(default=False, description="whatever its level")
    never_suppress_levels: tuple[Name, ...] = Field(
        default=(), description="levels from which on it is never suppressed"
    )
    actions: tuple[Action, ...] = Field(min_length=1)
    summary: Texts = Field(
        description="template; fields {area} {subject} {measured} {people} are filled in"
    )
    standards: tuple[str, ...] = Field(default=(), description="standard and clause")


@cache
def catalogue() -> dict[str, HazardKind]:
    """All kinds by id, read once from the packaged file."""
    text = files(__package__).joinpath("kinds.yaml").read_text(encoding="utf-8")
    kinds = YAML(typ="safe", pure=True).load(text)
    return {entry["id"]: HazardKind.model_validate(entry) for entry in kinds}


def found_by_rules() -> dict[str, HazardKind]:
    """The kinds that rules may find and models may judge: all but those about alarms."""
    return {name: kind for name, kind in catalogue().items() if not kind.about_alarms}


def kind(hazard: str) -> HazardKind:
    """The kind with this id.

    Raises:
        ConfigError: if the catalogue does not know it; the message names the kinds that it knows.
    """
    kinds = catalogue()
    if hazard not in kinds:
        raise ConfigError(f"no hazard kind {hazard!r}: known are {', '.join(sorted(kinds))}")
    return kinds[hazard]
