"""Who may ask for what: roles, areas, and orders that nobody may give."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from hazard.catalogue import HazardKind
from hazard.errors import Forbidden, IllegalTransition
from hazard.site.alarm_references import zones_of
from hazard.site.models import Site
from hazard.types import (
    ActionRequest,
    Role,
    SuppressionCause,
    SuppressionOrder,
    Verb,
)

_ANYONE = frozenset(Role)
_ON_WATCH = frozenset({Role.OPERATOR, Role.SAFETY_OFFICER, Role.ADMINISTRATOR})
_ON_WATCH_OR_INTEGRATOR = _ON_WATCH | {Role.INTEGRATOR}
_IN_CHARGE = frozenset({Role.SAFETY_OFFICER, Role.ADMINISTRATOR})
_IN_CHARGE_OR_INTEGRATOR = _IN_CHARGE | {Role.INTEGRATOR}

MAY: Mapping[Verb, frozenset[Role]] = {
    Verb.REPLAY: _ANYONE,
    Verb.SNAPSHOT: _ANYONE,
    Verb.ACKNOWLEDGE: _ON_WATCH,
    Verb.RESET: _ON_WATCH,
    Verb.SHELVE: _ON_WATCH,
    Verb.UNSHELVE: _ON_WATCH,
    Verb.ASSIGN: _ON_WATCH,
    Verb.CHECK_ACTION: _ON_WATCH,
    Verb.COMMENT: _ON_WATCH_OR_INTEGRATOR,
    Verb.TEST_ANNUNCIATOR: _ON_WATCH_OR_INTEGRATOR,
    Verb.PLAN_ACTION: _IN_CHARGE,
    Verb.COMPLETE_ACTION: _IN_CHARGE,
    Verb.CLOSE_CASE: _IN_CHARGE,
    Verb.REOPEN_CASE: _IN_CHARGE,
    Verb.GRANT_PERMIT: _IN_CHARGE,
    Verb.TAKE_OUT_OF_SERVICE: _IN_CHARGE_OR_INTEGRATOR,
    Verb.END_SUPPRESSION: _IN_CHARGE_OR_INTEGRATOR,
    Verb.CHANGE_SITE: _IN_CHARGE_OR_INTEGRATOR,
    Verb.RESTORE_SITE: _IN_CHARGE_OR_INTEGRATOR,
    Verb.START_JOB: _ON_WATCH_OR_INTEGRATOR,
    Verb.CANCEL_JOB: _ON_WATCH_OR_INTEGRATOR,  # their own; an administrator any
}
"""The roles that may ask for each verb."""


def refuse_unauthorized(request: ActionRequest, area: str | None) -> None:
    """Refuse what the actor's role or areas do not allow.

    `area` is that of the alarm or order, or that the request names; None: no area is concerned.

    Raises:
        Forbidden: with the roles that may, or the areas that the actor has.
    """
    allowed = MAY[request.verb]
    if request.role not in allowed:
        roles = ", ".join(role for role in Role if role in allowed)
        raise Forbidden(
            f"{request.verb} is not for {request.actor} as {request.role}: it takes one of {roles}"
        )
    if area is not None and request.areas and area not in request.areas:
        raise Forbidden(
            f"{request.actor} may act on {', '.join(request.areas)}, not on area {area}: "
            "ask somebody who is responsible there"
        )


def refuse_elsewhere(request: ActionRequest, areas: frozenset[str] | None) -> None:
    """Refuse whoever is responsible for some areas what concerns others, or the whole plant.

    `areas` is all that the request concerns; None: the whole plant, or more than can be told.

    Raises:
        Forbidden: with the areas that the actor has, and those that it concerns.
    """
    if not request.areas or (areas is not None and areas <= set(request.areas)):
        return
    concerned = ", ".join(sorted(areas)) if areas is not None else "the whole plant"
    raise Forbidden(
        f"{request.actor} may act on {', '.join(request.areas)}, and this concerns {concerned}: "
        "ask somebody who is responsible there"
    )


def refuse_order(order: SuppressionOrder, site: Site, catalogue: Mapping[str, HazardKind]) -> None:
    """Refuse an order of a person that must not or cannot be given.

    Raises:
        IllegalTransition: if the kind, area or zone is unknown, the kind is never suppressed, the
            order lasts longer than the site allows, or it has no reason.
    """
    _known("hazard", order.hazard, catalogue)
    _known("area", order.area, site.areas)
    if order.zone is not None:
        _known("zone", order.zone, zones_of(site, order.area))
    if catalogue[order.hazard].never_suppress:
        raise IllegalTransition(
            f"hazard {order.hazard} is never suppressed: stop the work, or remove the danger"
        )
    out = order.cause is SuppressionCause.OUT_OF_SERVICE
    longest_h = site.alarms.longest_out_of_service_h if out else site.alarms.longest_permit_h
    if order.ends_at - order.starts_at > timedelta(hours=longest_h):
        raise IllegalTransition(
            f"duration_s {(order.ends_at - order.starts_at).total_seconds():.0f} is longer than "
            f"{longest_h:g} h: ask for {longest_h * 3600:.0f} s at most, and again when it is over"
        )


def _known(field: str, value: str, known: Mapping[str, object] | set[str]) -> None:
    if value not in known:
        names = ", ".join(sorted(known)) or "none"
        raise IllegalTransition(f"no {field} {value!r}: known are {names}")
