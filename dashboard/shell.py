"""What stands around every page: the navigation, and who sees which entry."""

from __future__ import annotations

from dataclasses import dataclass

from dashboard.access import Permission
from dashboard.i18n import N_


@dataclass(frozen=True, slots=True)
class PageLink:
    """One entry of the navigation.

    Attributes:
        under: beginnings of other paths that belong to the page.
    """

    path: str
    text: str
    permission: Permission = Permission.VIEW
    under: tuple[str, ...] = ()

    def is_current(self, path: str) -> bool:
        """Whether the reader is on this page."""
        return path == self.path or any(path.startswith(start) for start in self.under)


NAVIGATION = (
    PageLink("/", N_("Alarms"), under=("/alerts",)),
    PageLink("/journal", N_("Journal")),
    PageLink("/cameras", N_("Cameras"), under=("/cameras",)),
    PageLink("/health", N_("Health")),
    PageLink("/site", N_("Zones and rules"), Permission.EDIT_SITE, under=("/site/",)),
)
