"""The alarm under random findings, decisions, requests, orders, clock jumps and restarts.

What the core does at each change is done here too: the orders that hold are looked up by
`notes_for`, and whether they may suppress at all is asked of `why_not_suppressible`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, assume, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from hazard.alarms import (
    LONGEST_SHELF,
    Alarm,
    Attention,
    Transition,
    on_action,
    on_assessment,
    on_case,
    on_clock,
    on_condition,
    on_escalation,
    on_expiry,
    on_members,
    on_note,
    on_suppressions,
    raise_alarm,
)
from hazard.alarms.escalation import due_steps
from hazard.alarms.suppressing import holds, notes_for, why_not_suppressible
from hazard.catalogue import catalogue
from hazard.errors import Conflict, IllegalTransition
from hazard.site.alarms import AlarmHandling, Escalation
from hazard.types import (
    Cause,
    CauseCode,
    Condition,
    Incident,
    IsaState,
    ProcessCondition,
    Severity,
    SuppressionCause,
    SuppressionNote,
    SuppressionOrder,
    Verb,
    Verdict,
)
from tests.alert_builders import T0, a_request, an_event, an_incident

RAISED = st.sampled_from([each for each in Severity if each is not Severity.INFO])
PLACES = st.sampled_from(["toxic_gas", "flammable_gas"])
LEVELS = st.sampled_from(["alarm", "high", "idlh", "very_high", "off_the_map"])
CASE_VERBS = (
    Verb.ASSIGN,
    Verb.PLAN_ACTION,
    Verb.COMPLETE_ACTION,
    Verb.CHECK_ACTION,
    Verb.CLOSE_CASE,
    Verb.REOPEN_CASE,
)
HANDLING = AlarmHandling(realarm_after_min={Severity.LOW: 60, Severity.HIGH: 5})
LADDER = Escalation.model_validate(
    {
        "steps": [
            {"after_min": 0, "tell": ["desk"]},
            {"after_min": 5, "tell": ["lead"]},
            {"after_min": 30, "tell": ["lead", "manager"]},
        ]
    }
)
FLOOD = SuppressionNote(
    cause=SuppressionCause.FLOOD, order_id="flood-1", granted_by="agent", reason="alarm flood"
)


class AlarmLife(RuleBasedStateMachine):
    """Whatever happens, the alarm keeps its promises.

    Attributes:
        person_acted: somebody has acknowledged or reset since the alarm last asked.
        covered: it was raised under an order, and orders have covered it since.
        taken: steps of the ladder that were taken since the alarm last asked.
        never_now: why the incident may not be suppressed now.
    """

    alarm: Alarm
    incident: Incident
    floor: Severity
    orders: list[SuppressionOrder]
    now: datetime
    taken: list[int]

    @initialize(severity=RAISED, level=LEVELS, ordered=st.booleans())
    def begin(self, severity: Severity, level: str, *, ordered: bool) -> None:
        self.now, self.person_acted, self.in_flood = T0, False, False
        self.orders = []
        self.taken = []
        self.floor = min(severity, Severity.HIGH, key=lambda each: each.rank)
        event = an_event("i1", hazard="toxic_gas", level=level)
        self.incident = an_incident("i1", hazard="toxic_gas", events=(event,))
        if ordered:
            self.orders = [self.order("toxic_gas", SuppressionCause.HOT_WORK, 3600)]
        notes = () if self.never() else self.notes()
        self.alarm = raise_alarm("a1", severity, ["toxic_gas"], T0, suppressed_by=notes)
        self.ever_shown = not notes

    # ------------------------------------------------------------ what the core does

    def order(self, hazard: str, cause: SuppressionCause, seconds: int) -> SuppressionOrder:
        return SuppressionOrder(
            order_id=f"order-{len(self.orders)}",
            cause=cause,
            hazard=hazard,
            area="yard",
            starts_at=self.now,
            ends_at=self.now + timedelta(seconds=seconds),
            granted_by="sam",
            reason="welding",
        )

    def never(self) -> str:
        verdict = Verdict(floor=self.floor, default=self.floor, why="", policy_hash="")
        return why_not_suppressible(self.incident, verdict, catalogue())

    def notes(self) -> tuple[SuppressionNote, ...]:
        flood = (FLOOD,) if self.in_flood else ()
        return (*notes_for(self.incident, self.orders, lambda _: frozenset(), self.now), *flood)

    def take(self, transition: Transition) -> None:
        before, after = self.alarm, transition.alarm
        assert after.revision == before.revision + int(transition.changed)
        if transition.changed:
            assert after.updated_at == transition.at
            assert transition.text or transition.cause in (Cause.WORDS, Cause.DECIDED)
        else:
            assert after == before
        if before.attention.acknowledged and not after.attention.acknowledged:
            assert after.asked_at == transition.at
        if after.escalation_step == 0 and before.escalation_step > 0:
            assert after.attention.acknowledged or after.changed_revision == after.revision
            self.taken = []
        if before.ended and not after.ended:
            self.person_acted = False  # whatever was done before, this occurrence is new
        self.alarm = after

    def settle(self) -> None:
        """What the core asks after each change."""
        if self.alarm.ended:
            return
        before = self.alarm
        self.take(on_suppressions(before, self.notes(), self.now, never=self.never()))
        if self.never():
            assert not self.alarm.suppressed_by
            assert not self.alarm.ended or before.underlying is IsaState.NORMAL
        if self.alarm.ended and not before.ended and not self.person_acted:
            assert not self.ever_shown
            assert self.alarm.highest_severity < Severity.HIGH
            assert before.suppressed_by
        for step in due_steps(self.alarm, LADDER, self.now):
            assert not self.alarm.suppressions
            assert not self.alarm.attention.acknowledged
            assert step not in self.taken, "a step is taken once"
            self.taken.append(step)
            told = LADDER.steps[step].tell
            self.take(on_escalation(self.alarm, step, self.now, told))
            assert self.alarm.escalation_step == step + 1
            assert not on_escalation(self.alarm, step, self.now, told).changed

    # ------------------------------------------------------------ what may happen

    @rule(condition=st.sampled_from(ProcessCondition))
    def condition_changes(self, condition: ProcessCondition) -> None:
        before = self.alarm
        self.take(on_condition(before, condition, self.now))
        if (before.condition, condition) == (ProcessCondition.NORMAL, ProcessCondition.ACTIVE):
            assert not self.alarm.attention.acknowledged
            assert not self.alarm.case.closed
            self.person_acted = False
        self.settle()

    @rule(hazard=PLACES, level=LEVELS, condition=st.sampled_from(Condition))
    def a_rule_finds(self, hazard: str, level: str, condition: Condition) -> None:
        event = an_event("i1", event_id=hazard, hazard=hazard, level=level, condition=condition)
        others = tuple(e for e in self.incident.events if e.event_id != hazard)
        self.incident = self.incident.model_copy(update={"events": (*others, event)})
        kinds = {e.hazard for e in self.incident.events}
        if not kinds <= set(self.alarm.kinds):
            self.take(on_assessment(self.alarm, self.alarm.severity, self.now, kinds=kinds))
            self.person_acted = False
        self.settle()

    @rule(floor=st.sampled_from(Severity))
    def the_floor_changes(self, floor: Severity) -> None:
        self.floor = floor
        self.settle()

    @rule(severity=st.sampled_from(Severity))
    def triage_decides(self, severity: Severity) -> None:
        before = self.alarm
        self.take(on_assessment(before, severity, self.now))
        if self.alarm.severity > before.severity:
            assert self.alarm.shelved_until is None
        self.settle()

    @rule()
    def words_come(self) -> None:
        before = self.alarm
        self.take(on_note(self.alarm, Cause.WORDS, self.now))
        assert self.alarm.state is before.state
        self.settle()

    @rule(
        verb=st.sampled_from(Verb),
        behind=st.integers(-1, 5),
        comment=st.sampled_from(["", "looked"]),
        duration=st.sampled_from([None, 1.0, 3600.0, 12 * 3600.0, 13 * 3600.0]),
        arguments=st.sampled_from(
            [
                {},
                {"assignee": "ada"},
                {"text": "new seal", "owner": "bo", "due_at": "2999-01-01T00:00:00Z"},
                {"action_id": "action-1"},
                {"action_id": "evacuate-upwind"},
                {"cause": "nuisance"},
            ]
        ),
    )
    def somebody_asks(
        self,
        verb: Verb,
        behind: int,
        comment: str,
        duration: float | None,
        arguments: dict[str, Any],
    ) -> None:
        before = self.alarm
        request = a_request(
            verb,
            revision=max(0, before.revision - behind),
            comment=comment,
            duration_s=duration,
            arguments=arguments,
        )
        ask = on_case if verb in CASE_VERBS else on_action
        try:
            transition = ask(before, request, self.now)
        except (IllegalTransition, Conflict):
            return
        assert transition.changed
        if verb in (Verb.ACKNOWLEDGE, Verb.RESET, Verb.SHELVE):
            assert request.expected_revision >= before.changed_revision, "it was not seen"
        if verb in (Verb.ACKNOWLEDGE, Verb.RESET):
            self.person_acted = True
        self.take(transition)
        if verb in CASE_VERBS:
            assert (self.alarm.state, self.alarm.asked_at) == (before.state, before.asked_at)
        if verb is Verb.CLOSE_CASE:
            assert before.ended
            assert self.alarm.case.cause is CauseCode.NUISANCE
            assert all(action.done_at for action in self.alarm.case.actions)
        self.settle()

    @rule(seconds=st.integers(30, 12 * 3600), cause=st.sampled_from(SuppressionCause))
    def an_order_is_granted(self, seconds: int, cause: SuppressionCause) -> None:
        assume(cause is not SuppressionCause.FLOOD)
        self.orders += [self.order(hazard, cause, seconds) for hazard in ("toxic_gas",)]
        self.settle()

    @rule(seconds=st.integers(30, 12 * 3600))
    def an_order_for_the_other_kind_is_granted(self, seconds: int) -> None:
        self.orders.append(self.order("flammable_gas", SuppressionCause.MAINTENANCE, seconds))
        self.settle()

    @rule()
    def an_order_is_ended(self) -> None:
        assume(self.orders)
        ended = {"ended_at": self.now, "ended_by": "sam"}
        self.orders[-1] = self.orders[-1].model_copy(update=ended)
        self.settle()

    @rule(flood=st.booleans())
    def a_flood_begins_or_ends(self, *, flood: bool) -> None:
        self.in_flood = flood
        self.settle()

    @rule(members=st.lists(st.sampled_from(["a1", "a2", "a3"])))
    def members_join(self, members: Sequence[str]) -> None:
        self.take(on_members(self.alarm, members, self.now))

    @rule(seconds=st.integers(-100_000, 100_000))
    def clock_jumps(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)
        for _ in range(3):
            before = self.alarm
            self.take(on_clock(self.alarm, self.now, HANDLING))
            if self.alarm.ended and not before.ended and not self.person_acted:
                assert not self.ever_shown
                assert before.suppressed_by
        assert not on_clock(self.alarm, self.now, HANDLING).changed
        if self.alarm.shelved_until is not None:
            assert timedelta(0) < self.alarm.shelved_until - self.now <= LONGEST_SHELF
        self.settle()

    @rule(seconds=st.integers(1, 600))
    def time_passes(self, seconds: int) -> None:
        self.clock_jumps(seconds)

    @rule()
    def restart(self) -> None:
        before, text = self.alarm, self.alarm.model_dump_json()
        self.alarm = Alarm.model_validate_json(text)
        assert self.alarm == before
        assert self.alarm.message_fields() == before.message_fields()

    # ------------------------------------------------------------ what always holds

    @rule()
    def time_ends_every_shelf_and_order(self) -> None:
        after = on_expiry(self.alarm, self.now + LONGEST_SHELF).alarm
        after = on_expiry(after, self.now + LONGEST_SHELF).alarm
        notes = () if not self.in_flood or not after.suppressed_by else (FLOOD,)
        assert after.suppressed_by == notes
        assert after.shelved_until is None

    @invariant()
    def nothing_disappears_without_a_person(self) -> None:
        if not self.alarm.suppressions:
            self.ever_shown = True
        if self.alarm.ended and not self.person_acted:
            assert self.alarm.acknowledged_by == "sam"
            assert self.alarm.highest_severity < Severity.HIGH

    @invariant()
    def what_was_high_stays_latched_until_a_person_resets_it(self) -> None:
        if self.alarm.highest_severity >= Severity.HIGH and not self.alarm.attention.latched:
            assert self.person_acted

    @invariant()
    def suppressions_end_with_their_orders(self) -> None:
        holding = {order.order_id for order in self.orders if holds(order, self.now)}
        named = {note.order_id for note in self.alarm.suppressed_by}
        if not self.alarm.ended:
            assert named <= holding | ({FLOOD.order_id} if self.in_flood else set())

    @invariant()
    def a_critical_floor_is_never_suppressed(self) -> None:
        if self.floor is Severity.CRITICAL:
            assert not self.alarm.suppressed_by

    @invariant()
    def a_critical_alarm_is_never_shelved(self) -> None:
        if self.alarm.severity is Severity.CRITICAL:
            assert self.alarm.shelved_until is None

    @invariant()
    def the_state_tells_what_is_hardest_to_undo(self) -> None:
        causes = {note.cause for note in self.alarm.suppressed_by}
        if SuppressionCause.OUT_OF_SERVICE in causes:
            assert self.alarm.state is IsaState.OUT_OF_SERVICE
        elif causes:
            assert self.alarm.state is IsaState.SUPPRESSED_BY_DESIGN
        elif self.alarm.shelved_until is not None:
            assert self.alarm.state is IsaState.SHELVED
        else:
            assert self.alarm.state is self.alarm.underlying

    @invariant()
    def what_is_derived_agrees(self) -> None:
        alarm = self.alarm
        assert (alarm.asked_at is None) == alarm.attention.acknowledged
        assert (alarm.suppressed_since is None) == (not alarm.suppressions)
        assert (alarm.returned_at is None) == (alarm.condition is not ProcessCondition.NORMAL)
        assert Severity.LOW <= alarm.severity <= alarm.highest_severity
        assert alarm.changed_revision <= alarm.revision
        if alarm.case.closed:
            assert alarm.ended
        if alarm.attention is Attention.LATCHED_ACKNOWLEDGED:
            assert alarm.acknowledged_by is not None


AlarmLife.TestCase.settings = settings(
    max_examples=150,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.filter_too_much],
)
TestAlarmLife = AlarmLife.TestCase
