"""Who is told of an alarm, and who after them when nobody acknowledges it.

Without a ladder every channel that takes such an alarm is told at once. With one its steps tell,
those of 0 minutes too, so that there is one way by which a channel is told.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from hazard.alarms.alarm import Alarm, Transition, revised, unchanged
from hazard.alarms.clock import SMALL_STEP_BACK
from hazard.site.alarms import AlarmHandling, Escalation
from hazard.site.notify import Notify
from hazard.types import Cause, NoticeReason, Severity


def ladder_for(
    severity: Severity, area: str, shift: str | None, handling: AlarmHandling
) -> Escalation | None:
    """The first ladder of the site file that fits; None: there is none."""
    for ladder in handling.escalation:
        here = not ladder.areas or area in ladder.areas
        now = not ladder.shifts or shift in ladder.shifts
        if severity in ladder.severities and here and now:
            return ladder
    return None


def due_steps(alarm: Alarm, ladder: Escalation, now: datetime) -> tuple[int, ...]:
    """Steps, from 0, whose time has come and that were not taken since the alarm asked.

    A suppressed, shelved or acknowledged alarm has none. A step of another ladder (the next
    shift's) is taken although one of that number was, if it tells others. When the clock was put
    back before the alarm asked, nobody knows how long it has waited: its next step is due, and
    only that.
    """
    if alarm.asked_at is None or alarm.suppressions:
        return ()
    waited = now - alarm.asked_at
    left = [
        (at, timedelta(minutes=step.after_min))
        for at, step in enumerate(ladder.steps)
        if left_to_tell(alarm, at, step.tell)
    ]
    if waited < -SMALL_STEP_BACK:
        return tuple(at for at, _ in left[:1])
    return tuple(at for at, after in left if waited >= after)


def on_escalation(alarm: Alarm, step: int, at: datetime, told: Sequence[str]) -> Transition:
    """A step of the ladder is taken: one of `due_steps`, from 0, that names `told`."""
    left = left_to_tell(alarm, step, told)
    if alarm.asked_at is None or alarm.suppressions or not left:
        return unchanged(alarm, Cause.ESCALATED, at)
    waited_min = max(0.0, (at - alarm.asked_at).total_seconds() / 60)
    return revised(
        alarm,
        Cause.ESCALATED,
        at,
        f"not acknowledged for {waited_min:.0f} min: step {step + 1} tells {', '.join(left)}",
        escalation_step=step + 1,
        steps_taken=(*alarm.steps_taken, _mark(step, left)),
        asked_at=min(alarm.asked_at, at),
    )


def left_to_tell(alarm: Alarm, step: int, tell: Sequence[str]) -> tuple[str, ...]:
    """Which of a step's channels no step of that number has told yet since the alarm asked."""
    marks = [mark for mark in alarm.steps_taken if mark.startswith(_mark(step, ()))]
    known = {name for mark in marks for name in mark.removeprefix(_mark(step, ())).split(",")}
    return tuple(name for name in tell if name not in known)


def untold(alarm: Alarm, takers: Sequence[str]) -> tuple[str, ...]:
    """Which of those that take such an alarm are to be told of one that no ladder fits any more.

    Its shift, its severity or the site file has changed since it asked: whoever was left to be told
    is told now. One that was told without a ladder when it asked tells nobody anew.
    """
    if alarm.asked_at is None or alarm.suppressions or alarm.told is None:
        return ()
    if alarm.told and not alarm.escalation_step:
        return ()
    return tuple(name for name in takers if name not in alarm.told)


def on_untold(alarm: Alarm, at: datetime, names: Sequence[str]) -> Transition:
    """These channels are told now: what `untold` gives."""
    text = f"not acknowledged, and no ladder fits it any more: tells {', '.join(names)}"
    return revised(alarm, Cause.ESCALATED, at, text)


def with_told(alarm: Alarm, names: Sequence[str]) -> Alarm:
    """The alarm, now that these channels are told of its revision."""
    if alarm.told is None or not names:
        return alarm
    return alarm.model_copy(update={"told": tuple(dict.fromkeys((*alarm.told, *names)))})


def _mark(step: int, tell: Sequence[str]) -> str:
    return f"{step}:{','.join(tell)}"


def channels_for(  # noqa: PLR0917 - the place, the time and the two sections
    severity: Severity,
    area: str,
    shift: str | None,
    notify: Notify,
    handling: AlarmHandling,
    reason: NoticeReason,
    step: int = 0,
) -> tuple[str, ...]:
    """The channels to tell now, in the order of the site file.

    Of an alarm with a ladder only the reason `escalated` tells anybody: whom the step names,
    whatever else those channels take. A test tells every channel that takes such an alarm.
    """
    ladder = None if reason is NoticeReason.TEST else ladder_for(severity, area, shift, handling)
    if ladder is None:
        return tuple(
            name
            for name, channel in notify.channels.items()
            if severity >= channel.min_severity
            and (not channel.areas or area in channel.areas)
            and (not channel.shifts or shift in channel.shifts)
        )
    if reason is not NoticeReason.ESCALATED or step >= len(ladder.steps):
        return ()
    return ladder.steps[step].tell
