"""Rules: pure functions of what cameras and sensors say over time, one module per kind.

A kind is found by its entry point in the group `hazard.rules`: its name is the kind in the site
file, its value a function `build(rule_id, config, site) -> Rule`. A new rule is one module and one
line in pyproject.toml.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import entry_points

from hazard.errors import ConfigError
from hazard.ports import Rule
from hazard.site.models import Site

GROUP = "hazard.rules"

Builder = Callable[[str, object, Site], Rule]


def build_rules(site: Site) -> list[Rule]:
    """All rules of the site file, in its order.

    Raises:
        ConfigError: if a kind has no implementation, or a rule names what does not exist.
    """
    return [build_rule(rule_id, site) for rule_id in site.rules]


def build_rule(rule_id: str, site: Site) -> Rule:
    """One rule of the site file.

    Raises:
        ConfigError: if its kind has no implementation, or it names what does not exist.
    """
    config = site.rules[rule_id]
    found = {point.name: point for point in entry_points(group=GROUP)}
    point = found.get(config.kind)
    if point is None:
        known = ", ".join(sorted(found)) or "none"
        raise ConfigError(
            f"rules.{rule_id}.kind: no implementation of {config.kind!r}: installed are {known}; "
            "install the package that brings it, or install this one again"
        )
    try:
        build: Builder = point.load()
    except (ImportError, AttributeError) as error:
        raise ConfigError(
            f"rules.{rule_id}.kind: {config.kind!r} ({point.value}) cannot be loaded: {error}"
        ) from error
    return build(rule_id, config, site)
