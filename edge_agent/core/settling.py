"""What follows from an alarm as it is now: is it suppressed, and whose turn is it to be told?

Asked at each change and each tick of every alarm that is open, so that an order that begins or
ends, a reading, another shift and a changed site file all take effect by themselves.
"""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from edge_agent.core.cases import Case
from edge_agent.core.revisions import Scribe
from edge_agent.core.telling import channels
from hazard.alarms import on_clock, on_escalation, on_suppressions, raise_alarm
from hazard.alarms.escalation import channels_for, due_steps, ladder_for, on_untold, untold
from hazard.alarms.shifts import shift_at
from hazard.alarms.suppressing import why_not_suppressible
from hazard.catalogue import HazardKind
from hazard.site.models import Site
from hazard.types import NoticeReason, SuppressionNote


class NoteSource(Protocol):
    """Says what keeps alarms from annunciating."""

    def notes_for(self, case: Case, now: datetime) -> tuple[SuppressionNote, ...]:
        """The suppressions that hold now; whether the alarm may be suppressed is not asked here."""
        ...


class Settler:
    """Brings suppressions and the escalation ladder of one alarm up to date.

    Attributes:
        sources: who says what is suppressed; all their notes stand side by side.
    """

    def __init__(self, scribe: Scribe, catalogue: dict[str, HazardKind]) -> None:
        self.sources: list[NoteSource] = []
        self._scribe, self._catalogue = scribe, catalogue
        self._shift_of: tuple[Site | None, datetime | None, str | None] = (None, None, None)

    @property
    def _site(self) -> Site:
        return self._scribe.site

    def open(self, case: Case, now: datetime, first_out_alert_id: str) -> None:
        """Before the first revision: what suppresses it from the start, and what came first."""
        alarm, may_be = case.alarm, not self._never(case)
        case.alarm = raise_alarm(
            alarm.alert_id,
            alarm.severity,
            alarm.kinds,
            now,
            first_out_alert_id=first_out_alert_id,
            suppressed_by=self._notes(case, now) if may_be else (),
        )

    def clock(self, case: Case, now: datetime) -> None:
        """Time has passed: shelves end, old acknowledgements ask again; then settle."""
        self._scribe.revise(case, on_clock(case.alarm, now, self._site.alarms))
        self.settle(case, now)

    def settle(self, case: Case, now: datetime) -> None:
        """Write what is due; nothing for an alarm that is over."""
        if case.alarm.ended:
            return
        notes, never = self._notes(case, now), self._never(case)
        self._scribe.revise(case, on_suppressions(case.alarm, notes, now, never=never))
        alarm, area = case.alarm, case.incident.area
        if alarm.asked_at is None or not self._site.notify.channels:
            return
        ladder = ladder_for(alarm.severity, area, self._shift(now), self._site.alarms)
        if ladder is None:
            self._without_ladder(case, now)
            return
        for step in due_steps(alarm, ladder, now):
            told = channels(
                self._site, alarm.severity, area, now, reason=NoticeReason.ESCALATED, step=step
            )
            self._scribe.revise(case, on_escalation(case.alarm, step, now, told))

    def _without_ladder(self, case: Case, now: datetime) -> None:
        """Tell whom a ladder would have told, had it not ceased to fit."""
        alarm, area, site = case.alarm, case.incident.area, self._site
        shift, reason = self._shift(now), NoticeReason.ESCALATED
        takers = channels_for(alarm.severity, area, shift, site.notify, site.alarms, reason)
        if left := untold(alarm, takers):
            self._scribe.revise(case, on_untold(alarm, now, left))

    def _shift(self, now: datetime) -> str | None:
        """The shift that is on, worked out once for all alarms of a tick."""
        site, at, shift = self._shift_of
        if site is not self._site or at != now:
            shift = shift_at(self._site.alarms.shifts, self._site.site.timezone, now)
            self._shift_of = (self._site, now, shift)
        return shift

    def _never(self, case: Case) -> str:
        """Why it must not be suppressed; empty: it may be."""
        return why_not_suppressible(case.incident, case.verdict, self._catalogue)

    def _notes(self, case: Case, now: datetime) -> tuple[SuppressionNote, ...]:
        notes = [note for source in self.sources for note in source.notes_for(case, now)]
        return tuple(sorted(notes, key=lambda note: (note.cause, note.order_id)))
