"""What stands around every page: the navigation, and who sees which entry."""

from __future__ import annotations

from dataclasses import dataclass

from dashboard.access import Permission, Person
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
    PageLink("/", N_("Overview")),
    PageLink("/alarms", N_("Alarms"), under=("/alarms", "/alerts")),
    PageLink("/live", N_("Live"), under=("/live/",)),
    PageLink("/health", N_("Health")),
    PageLink("/analytics", N_("Analytics"), under=("/analytics",)),
    PageLink("/site", N_("Zones and rules"), Permission.EDIT_SITE, under=("/site/",)),
    PageLink("/admin", N_("Administration"), under=("/admin/",)),
)

ADMINISTRATION = (
    PageLink("/admin/people", N_("People"), Permission.ADMINISTER, under=("/admin/people/",)),
    PageLink("/admin/sessions", N_("Sessions"), Permission.ADMINISTER),
    PageLink("/admin/tokens", N_("API tokens"), Permission.ADMINISTER),
    PageLink("/admin/maintenance", N_("Maintenance and permits")),
    PageLink("/admin/shelving", N_("Shelving register")),
    PageLink("/admin/audit", N_("Audit"), Permission.READ_AUDIT, under=("/admin/audit/",)),
)
"""The pages under /admin; their templates extend `admin/layout.html`, which shows them."""


def pages_of(person: Person) -> list[PageLink]:
    """The entries that this person may open, in order."""
    return [link for link in NAVIGATION if person.may(link.permission)]
