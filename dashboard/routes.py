"""The table of who may use which route: `python -m dashboard.routes FILE` writes it.

It is read off the application itself: every route names its permission with `needs(...)`, or is
listed as public. A test walks the same list and asks each route as each role.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.routing import Mount

from dashboard.access import GRANTS, MEANING, Permission
from dashboard.app import create_app
from dashboard.backend import open_backend
from dashboard.settings import Settings
from hazard.site.models import Site
from hazard.types import Role

HEAD = """\
# Who may use which route

Written by `python -m dashboard.routes docs/dashboard/routes.md`; do not edit. `public` needs no
login. `everywhere`: a role that was given for some areas does not do. All other routes but those of
`view` ask for the role in the areas that the request concerns; where it names none, everywhere.

| permission | may | viewer | operator | safety officer | integrator | administrator |
| --- | --- | --- | --- | --- | --- | --- |
"""

SITE = {"version": 1, "site": {"id": "any", "name": "Any"}, "areas": {"any": {"name": "Any"}}}


@dataclass(frozen=True, slots=True, order=True)
class RouteRow:
    """One route.

    Attributes:
        permission: None: public, or not declared.
        everywhere: a role for some areas does not do.
    """

    path: str
    method: str
    permission: Permission | None
    everywhere: bool = False


def route_rows(routes: Iterable[Any]) -> list[RouteRow]:
    """All routes of an application or router, by path and method; mounted folders are left out."""
    return sorted(set(_walk(routes)), key=lambda row: (row.path, row.method))


def _walk(routes: Iterable[Any]) -> Iterator[RouteRow]:
    for route in routes:
        if isinstance(route, Mount):
            continue
        included = getattr(route, "original_router", None)
        if included is not None:
            yield from _walk(included.routes)
            continue
        asked = [getattr(each.dependency, "permission", None) for each in route.dependencies]
        named = [permission for permission in asked if permission is not None]
        everywhere = any(
            getattr(each.dependency, "everywhere", False) for each in route.dependencies
        )
        for method in route.methods - {"HEAD"}:
            yield RouteRow(route.path, method, _narrowest(named), everywhere)


def _narrowest(named: list[Permission]) -> Permission | None:
    """The permission that the fewest roles have: a router's and a route's both count."""
    return min(named, key=lambda permission: len(GRANTS[permission]), default=None)


def table(rows: Iterable[RouteRow]) -> str:
    """The tables of permissions and of routes, as Markdown."""
    lines = [HEAD.rstrip("\n")]
    for permission in Permission:
        marks = " | ".join("yes" if role in GRANTS[permission] else "no" for role in Role)
        lines.append(f"| `{permission.value}` | {MEANING[permission]} | {marks} |")
    lines += ["", "| route | permission |", "| --- | --- |"]
    for row in rows:
        word = f"`{row.permission.value}`" if row.permission else "public"
        word += ", everywhere" if row.everywhere else ""
        lines.append(f"| {row.method} `{row.path}` | {word} |")
    return "\n".join(lines) + "\n"


def main(arguments: list[str]) -> int:
    """Write the table; gives the exit code."""
    if len(arguments) != 1:
        print("usage: python -m dashboard.routes FILE", file=sys.stderr)  # noqa: T201 - the console
        return 2
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        backend = open_backend(here / "hazard.db")
        try:
            settings = Settings(site_file=here / "site.yaml", data_dir=here, run_dir=here)
            app = create_app(settings, backend, site=Site.model_validate(SITE))
            Path(arguments[0]).write_text(table(route_rows(app.routes)), encoding="utf-8")
        finally:
            backend.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
