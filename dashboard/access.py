"""Who a request comes from, and what they may: one table of permission by role.

Every route names its permission with `needs(...)`, or is listed as public in `dashboard.security`;
a test walks all of them. An account's areas bound what its role may do: elsewhere the person is a
viewer, and of what concerns the whole plant too. The agent core checks each ActionRequest once more
(`hazard.alarms.authorization`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from typing import Annotated, Any

from fastapi import Depends, HTTPException, Request

from dashboard.i18n import N_, tell
from hazard.types import Model, Name, Role


class Permission(StrEnum):
    """What a person may do; the scopes of API tokens have the same names."""

    VIEW = "view"
    ACT = "act"
    HANDLE = "handle"
    SUPPRESS = "suppress"
    START_JOBS = "start_jobs"
    EXPORT = "export"
    SEE_CLEAR = "see_clear"
    EDIT_SITE = "edit_site"
    READ_AUDIT = "read_audit"
    ADMINISTER = "administer"


MEANING: Mapping[Permission, str] = {
    Permission.VIEW: N_("see alarms, incidents, cameras, figures and health"),
    Permission.ACT: N_("acknowledge, reset, shelve, unshelve, assign and comment"),
    Permission.HANDLE: N_("plan and complete actions, close and open cases"),
    Permission.SUPPRESS: N_("grant permits, take out of service, end either"),
    Permission.START_JOBS: N_("have a decision repeated, a change tried, a report made"),
    Permission.EXPORT: N_("take incidents and lists away as files"),
    Permission.SEE_CLEAR: N_("see stored pictures without the blur over people"),
    Permission.EDIT_SITE: N_("change zones, rules, sensors, schedules and the plant map"),
    Permission.READ_AUDIT: N_("read and verify the audit"),
    Permission.ADMINISTER: N_("manage people, sessions and tokens"),
}

ROLE_TEXT: Mapping[Role, str] = {
    Role.VIEWER: N_("Viewer"),
    Role.OPERATOR: N_("Operator"),
    Role.SAFETY_OFFICER: N_("Safety officer"),
    Role.INTEGRATOR: N_("Integrator"),
    Role.ADMINISTRATOR: N_("Administrator"),
}

_ALL = frozenset(Role)
_WATCH = frozenset({Role.OPERATOR, Role.SAFETY_OFFICER, Role.ADMINISTRATOR})
_CHARGE = frozenset({Role.SAFETY_OFFICER, Role.ADMINISTRATOR})
_INTEGRATOR = frozenset({Role.INTEGRATOR})

GRANTS: Mapping[Permission, frozenset[Role]] = {
    Permission.VIEW: _ALL,
    Permission.ACT: _WATCH | _INTEGRATOR,  # the core leaves an integrator the comment only
    Permission.HANDLE: _CHARGE,
    Permission.SUPPRESS: _CHARGE | _INTEGRATOR,
    Permission.START_JOBS: _WATCH | _INTEGRATOR,
    Permission.EXPORT: _CHARGE | _INTEGRATOR,
    Permission.SEE_CLEAR: _CHARGE,
    Permission.EDIT_SITE: _CHARGE | _INTEGRATOR,
    Permission.READ_AUDIT: _CHARGE,
    Permission.ADMINISTER: frozenset({Role.ADMINISTRATOR}),
}
"""The roles that have each permission."""

PLANT_WIDE = frozenset({Permission.ADMINISTER, Permission.READ_AUDIT})
"""What a role that was given for some areas does not have: it would give itself the others, or read
what people of other areas did."""
WHOLE_PLANT = N_("the whole plant")


class Person(Model):
    """Who asks: a person in a browser, or a program with a token of theirs.

    Attributes:
        areas: where the role holds; empty: everywhere.
        language: what they chose; empty: the browser's.
        theme: `light`, `dark` or `auto`; empty: not chosen.
        scopes: of a token, what it may at most; None: a browser, everything that the role may.
    """

    account_id: str
    name: str
    role: Role
    areas: tuple[Name, ...] = ()
    language: str = ""
    theme: str = ""
    scopes: frozenset[Permission] | None = None

    def may(self, permission: Permission, area: str | None = None) -> bool:
        """Whether they have this permission, in this area if one is named."""
        if self.scopes is not None and permission not in self.scopes:
            return False
        if permission in PLANT_WIDE and self.areas:
            return False
        if permission is not Permission.VIEW and area and self.areas and area not in self.areas:
            return False
        return self.role in GRANTS[permission]

    def beyond(self, areas: Iterable[str]) -> tuple[str, ...]:
        """Of these areas those in which the role does not hold."""
        return tuple(area for area in areas if self.areas and area not in self.areas)

    def may_in(self, permission: Permission, areas: Iterable[str] = ()) -> bool:
        """Whether they have it in each of these areas; where none is named, in the whole plant."""
        named = tuple(areas)
        if not named:
            return self.may(permission) and not self.areas
        return all(self.may(permission, area) for area in named)


def current_person(request: Request) -> Person:
    """Who asks; the guard has seen to it that somebody does."""
    person: Person = request.state.person
    return person


class NotAllowed(HTTPException):
    """A role lacks a permission: 403, with the roles that have it."""

    def __init__(self, role: Role, permission: Permission) -> None:
        self._role = role
        self._permission = permission
        roles = ", ".join(each.value for each in Role if each in GRANTS[permission])
        meaning = MEANING[permission]
        super().__init__(403, f"your role {role.value} may not {meaning}: it takes {roles}")

    def told(self, language: str) -> str:
        """The refusal in a language, for people."""
        return tell(
            language,
            N_("Your role (%(role)s) does not allow this: %(what)s. Ask one who is: %(roles)s."),
            role=tell(language, ROLE_TEXT[self._role]),
            what=tell(language, MEANING[self._permission]),
            roles=", ".join(
                tell(language, ROLE_TEXT[each]) for each in Role if each in GRANTS[self._permission]
            ),
        )


class NotThere(NotAllowed):
    """A role holds in other areas than those that something concerns: 403, with who may."""

    def __init__(self, person: Person, permission: Permission, areas: Iterable[str] = ()) -> None:
        super().__init__(person.role, permission)
        self._holds = ", ".join(person.areas)
        self._beyond = ", ".join(person.beyond(areas))
        roles = ", ".join(each.value for each in Role if each in GRANTS[permission])
        self.detail = (
            f"your role {person.role.value} holds in {self._holds}, and this concerns "
            f"{self._beyond or WHOLE_PLANT} ({MEANING[permission]}): keep to your areas, or ask "
            f"one whose role holds there: {roles}"
        )

    def told(self, language: str) -> str:
        """The refusal in a language, for people."""
        return tell(
            language,
            N_(
                "Your role (%(role)s) holds in %(areas)s, and this concerns %(where)s: %(what)s. "
                "Keep to your areas, or ask one whose role holds there: %(roles)s."
            ),
            role=tell(language, ROLE_TEXT[self._role]),
            areas=self._holds,
            where=self._beyond or tell(language, WHOLE_PLANT),
            what=tell(language, MEANING[self._permission]),
            roles=", ".join(
                tell(language, ROLE_TEXT[each]) for each in Role if each in GRANTS[self._permission]
            ),
        )


def refuse_beyond(person: Person, permission: Permission, areas: Iterable[str] = ()) -> None:
    """Refuse who lacks the permission in one of these areas; none: in the whole plant.

    Raises:
        NotThere: (an HTTPException) 403, where the role holds elsewhere only.
        NotAllowed: (an HTTPException) 403, where the role does not have it at all.
    """
    named = tuple(areas)
    if person.may_in(permission, named):
        return
    if person.role in GRANTS[permission] and person.areas:
        raise NotThere(person, permission, named)
    raise NotAllowed(person.role, permission)


def refuse_unscoped(person: Person, permission: Permission) -> None:
    """Refuse a token whose scopes do not include the permission.

    Raises:
        HTTPException: 403, naming the scope.
    """
    if person.scopes is not None and permission not in person.scopes:
        raise HTTPException(403, f"this token lacks the scope {permission.value}")


def needs(
    permission: Permission, *or_by_what_is_asked: Permission, everywhere: bool = False
) -> Any:
    """A dependency that refuses whoever lacks the permission (403, with the roles that have it).

    `or_by_what_is_asked`: permissions of which any one does as well; the route itself asks for the
    one that goes with what is wanted of it.
    `everywhere`: what the route is about belongs to no area, so that a role for some does not do.
    """
    plant_wide = everywhere or permission in PLANT_WIDE

    def check(request: Request) -> None:
        person = current_person(request)
        if any(person.may(each) for each in or_by_what_is_asked):
            return
        refuse_unscoped(person, permission)
        if plant_wide:
            refuse_beyond(person, permission)
        elif not person.may(permission):
            raise NotAllowed(person.role, permission)

    check.permission = permission  # type: ignore[attr-defined]  # the table test reads both
    check.everywhere = plant_wide  # type: ignore[attr-defined]
    check.scopes = (permission, *or_by_what_is_asked)  # type: ignore[attr-defined]  # for OpenAPI
    return Depends(check)


Check = Callable[[Request], None]
PersonOf = Annotated[Person, Depends(current_person)]
