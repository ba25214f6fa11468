"""First-out: which alarm opened the present upset of an area.

One cause often raises many alarms within seconds; the first of them points at it. An upset lasts
while any alarm of the area is present (active or held), and some seconds longer.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from pydantic import Field

from hazard.alarms.alarm import Alarm
from hazard.types import Model, ProcessCondition, UtcTime

UPSET_WINDOW_S = 60.0
"""Seconds without any alarm in the area after which its upset is over (this product's choice)."""


class Upset(Model):
    """The present upset of one area; `quiet_since` is None while an alarm is present."""

    first_out_alert_id: str
    quiet_since: UtcTime | None = None


class FirstOutBook(Model):
    """The upsets by area. Each function gives a new book and leaves this one as it is."""

    window_s: float = Field(default=UPSET_WINDOW_S, ge=0)
    upsets: dict[str, Upset] = Field(default_factory=dict)

    def raised(self, area: str, alert_id: str, at: datetime) -> tuple[FirstOutBook, str]:
        """An alarm is about to be raised: the book with it, and the alarm that came first."""
        upset = self.upsets.get(area)
        first = alert_id
        if upset is not None and not self._over(upset, at):
            first = upset.first_out_alert_id
        return self._with(area, Upset(first_out_alert_id=first)), first

    def seen(self, area: str, at: datetime, *, present: bool) -> FirstOutBook:
        """Whether any alarm of the area is active or held now; to be said at each change."""
        upset = self.upsets.get(area)
        if upset is None or present == (upset.quiet_since is None):
            return self
        if present and self._over(upset, at):
            return self
        quiet_since = None if present else at
        return self._with(area, upset.model_copy(update={"quiet_since": quiet_since}))

    @classmethod
    def rebuilt(
        cls, alarms: Iterable[tuple[str, Alarm]], window_s: float = UPSET_WINDOW_S
    ) -> FirstOutBook:
        """The book after a restart, from the area and alarm of each alert that is open."""
        upsets: dict[str, Upset] = {}
        for area, alarm in sorted(alarms, key=lambda pair: pair[1].raised_at):
            first = alarm.first_out_alert_id or alarm.alert_id
            if alarm.condition is not ProcessCondition.NORMAL:
                upsets[area] = Upset(first_out_alert_id=first)
            elif area not in upsets or upsets[area].quiet_since is not None:
                quiet_since = alarm.returned_at or alarm.updated_at
                upsets[area] = Upset(first_out_alert_id=first, quiet_since=quiet_since)
        return cls(window_s=window_s, upsets=upsets)

    def _over(self, upset: Upset, at: datetime) -> bool:
        """Whether it was quiet for the window; a clock that was put back by more ends it too."""
        if upset.quiet_since is None:
            return False
        return abs(at - upset.quiet_since) > timedelta(seconds=self.window_s)

    def _with(self, area: str, upset: Upset) -> FirstOutBook:
        return self.model_copy(update={"upsets": {**self.upsets, area: upset}})
