"""Which operator position watches which area."""

from __future__ import annotations

from hazard.site.models import Site

EVERYWHERE = "all"
"""Name of the one position of a site that names none."""

ELSEWHERE = "others"
"""Name of the position of areas that no position of the site names."""


def positions(site: Site) -> dict[str, tuple[str, ...]]:
    """The areas of each position; every area of the site stands in exactly one.

    A site without positions has one that watches everything. Areas that none of them names are
    watched by a position of their own, so that nothing goes uncounted.
    """
    named = {name: position.areas for name, position in site.alarms.positions.items()}
    known = {area for areas in named.values() for area in areas}
    left = tuple(area for area in site.areas if area not in known)
    if left:
        name = ELSEWHERE if named else EVERYWHERE
        named[name] = (*named.get(name, ()), *left)
    return named


def position_by_area(site: Site) -> dict[str, str]:
    """The position of each area."""
    return {area: name for name, areas in positions(site).items() for area in areas}
