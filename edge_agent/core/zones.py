"""In which zones a finding lies, as far as that is certain."""

from __future__ import annotations

from hazard.site.models import Site
from hazard.types import HazardEvent


def zones_of_event(site: Site, event: HazardEvent) -> frozenset[str]:
    """The zone that the event's rule looks at; none where it looks at more than one zone.

    Where the tracks stood when a rule over the whole picture found them says nothing about where
    they are now: an order for a zone does not cover such a finding.
    """
    zone = getattr(site.rules.get(event.rule_id), "zone", None)
    return frozenset() if zone is None else frozenset({zone})
