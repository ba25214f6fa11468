"""Alarm floods of an operator position: what is counted, when one begins, when it ends.

Counted is each alarm that asks a person for attention: raised, or asking again. An alarm that is
shelved, suppressed by design or out of service is not counted; one that only a flood keeps quiet
is, or a flood would end by being grouped, and begin again when it is shown. A flood alert itself is
not counted.

A flood begins with more than `starts_above` alarms within the window and ends when fewer than
`ends_below` are left in it (ISA-18.2 cl. 16.4: more than 10 in 10 minutes, fewer than 5). The
window is half open: an alarm that is exactly a window old has left it.

Pure: no clock is read, time comes with the alarms and with `tick`.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from hazard.alarms.alarm import Alarm
from hazard.site.alarms import Flood
from hazard.types import IsaState, ProcessCondition, SuppressionCause

FLOOD_KIND = "alarm_flood"
"""The catalogue's kind of a flood alert."""

FLOOD_RULE = "flood"
"""`rule_id` of a flood alert's event."""

STANDARD = Flood()
"""The flood of ISA-18.2 cl. 16.4 and EEMUA 191: what the model of the site file has as default."""


def asks(alarm: Alarm) -> bool:
    """Whether the alarm asks a person for attention, or would if a flood did not keep it quiet."""
    if alarm.attention.acknowledged or alarm.state is IsaState.NORMAL:
        return False
    if alarm.shelved_until is not None:
        return False
    return all(note.cause is SuppressionCause.FLOOD for note in alarm.suppressed_by)


def asks_anew(before: Alarm | None, after: Alarm) -> bool:
    """Whether a revision made the alarm ask for attention anew: this is what alarm rates count.

    `before` is the alarm as the revision before has it, None for the first. An alarm that comes
    back after its condition was normal counts each time: chattering is load. One that asks already
    and gets worse does not.
    """
    if FLOOD_KIND in after.kinds or not asks(after):
        return False
    if before is None or not asks(before):
        return True
    back = before.condition is ProcessCondition.NORMAL
    return back and after.condition is not ProcessCondition.NORMAL


@dataclass(slots=True)
class FloodMeter:
    """The alarms of one position within the window, and whether it is in flood.

    Attributes:
        settings: thresholds and window.
        since: when the flood began; None: there is none.
    """

    settings: Flood = STANDARD
    since: datetime | None = None
    _times: list[datetime] = field(default_factory=list)

    @property
    def count(self) -> int:
        """Alarms within the window, as of the last alarm or tick."""
        return len(self._times)

    @property
    def window(self) -> timedelta:
        """Length of the window."""
        return timedelta(minutes=self.settings.window_min)

    def restore(self, times: Iterable[datetime], since: datetime | None) -> None:
        """Go on after a restart from the stored times of alarms, and from the flood that stood.

        The next tick says whether it still stands.
        """
        self._times = sorted(times)
        self.since = since

    def asked(self, at: datetime) -> bool:
        """An alarm asks for attention; whether a flood begins with it."""
        before = self.since
        insort(self._times, at)
        self.tick(at)
        return before is None and self.since is not None

    def tick(self, now: datetime) -> bool:
        """Time has passed; whether a flood began or ended with it.

        Alarms that seem to be of the future count as of now: the clock was put back, and no flood
        lasts longer for it than one window.
        """
        late = bisect_right(self._times, now)
        self._times[late:] = [now] * (len(self._times) - late)
        del self._times[: bisect_right(self._times, now - self.window)]
        if self.since is None:
            if self.count <= self.settings.starts_above:
                return False
            self.since = now
            return True
        self.since = min(self.since, now)
        if self.count >= self.settings.ends_below:
            return False
        self.since = None
        return True
