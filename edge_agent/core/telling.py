"""Who is told of a revision: notices, queued in the transaction that is their reason."""

from __future__ import annotations

from datetime import datetime

from hazard.alarms import Alarm
from hazard.alarms.escalation import channels_for, ladder_for, left_to_tell, untold
from hazard.alarms.shifts import shift_at
from hazard.site.models import Site
from hazard.types import AlertMessage, Cause, IsaState, Notice, NoticeReason, Severity

_ASKING = frozenset(
    {IsaState.UNACKNOWLEDGED, IsaState.RTN_UNACKNOWLEDGED, IsaState.LATCHED_UNACKNOWLEDGED}
)

_QUIET = frozenset(
    {IsaState.SHELVED, IsaState.SUPPRESSED_BY_DESIGN, IsaState.OUT_OF_SERVICE, IsaState.NORMAL}
)


def annunciates(alarm: Alarm | AlertMessage) -> bool:
    """Whether it asks for an acknowledgement in the open: neither shelved nor suppressed."""
    return alarm.state in _ASKING


def reason_of(before: Alarm | None, message: AlertMessage) -> NoticeReason | None:
    """Why somebody is to be told of this revision; None: nobody is.

    Nobody is told of what is shelved, suppressed or acknowledged. What comes back from there, or
    asks again after it was acknowledged, is told like a new alarm.
    """
    if not annunciates(message):
        return None
    if message.cause is Cause.ESCALATED:
        return NoticeReason.ESCALATED
    if message.cause is Cause.REALARM:
        return NoticeReason.REALARM
    if before is None or before.state in _QUIET:
        return NoticeReason.RAISED
    if message.severity > before.severity or message.asked_at != before.asked_at:
        return NoticeReason.WORSE
    return None


def notices(
    before: Alarm | None, message: AlertMessage, site: Site, at: datetime
) -> tuple[Notice, ...]:
    """The notices of one revision; `before` is the alarm before it, None when it is raised."""
    reason = reason_of(before, message)
    if reason is None:
        return ()
    step = max(0, message.escalation_step - 1)
    names = channels(site, message.severity, message.area, at, reason=reason, step=step)
    if reason is NoticeReason.ESCALATED and before is not None:
        laddered = _laddered(message, site, at)
        names = left_to_tell(before, step, names) if laddered else untold(before, names)
    return tuple(
        Notice(
            notice_id=f"{message.alert_id}-{message.revision}-{channel}-{reason.value}",
            alert_id=message.alert_id,
            revision=message.revision,
            channel=channel,
            reason=reason,
            step=step,
            created_at=at,
        )
        for channel in names
    )


def _laddered(message: AlertMessage, site: Site, at: datetime) -> bool:
    shift = shift_at(site.alarms.shifts, site.site.timezone, at)
    return ladder_for(message.severity, message.area, shift, site.alarms) is not None


def channels(
    site: Site,
    severity: Severity,
    area: str,
    at: datetime,
    *,
    reason: NoticeReason,
    step: int,
) -> tuple[str, ...]:
    """The channels that take this now: without a ladder all that fit, else the step's."""
    shift = shift_at(site.alarms.shifts, site.site.timezone, at)
    return tuple(channels_for(severity, area, shift, site.notify, site.alarms, reason, step))
