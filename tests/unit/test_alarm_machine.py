"""The alarm under random events, actions, clock jumps and restarts."""

from __future__ import annotations

from datetime import datetime, timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from hazard.alarms import (
    LONGEST_SHELF,
    Alarm,
    Transition,
    on_action,
    on_assessment,
    on_condition,
    on_expiry,
    on_note,
    raise_alarm,
)
from hazard.errors import Conflict, IllegalTransition
from hazard.types import Cause, IsaState, ProcessCondition, Severity, Verb
from tests.alert_builders import T0, a_request

RAISED = st.sampled_from([each for each in Severity if each is not Severity.INFO])


class AlarmLife(RuleBasedStateMachine):
    """Whatever happens, the alarm keeps its promises."""

    alarm: Alarm
    now: datetime
    person_acted: bool

    @initialize(severity=RAISED)
    def begin(self, severity: Severity) -> None:
        self.now, self.person_acted = T0, False
        self.alarm = raise_alarm("a1", severity, ["fire"], T0)

    def take(self, transition: Transition) -> None:
        before = self.alarm
        assert transition.alarm.revision == before.revision + int(transition.changed)
        if not transition.changed:
            assert transition.alarm == before
        self.alarm = transition.alarm

    @rule(condition=st.sampled_from(ProcessCondition))
    def condition_changes(self, condition: ProcessCondition) -> None:
        before = self.alarm.condition
        self.take(on_condition(self.alarm, condition, self.now))
        if (before, condition) == (ProcessCondition.NORMAL, ProcessCondition.ACTIVE):
            self.person_acted = False  # whatever was done before, this occurrence is new

    @rule(severity=st.sampled_from(Severity), kinds=st.sets(st.sampled_from(["fire", "gas"])))
    def triage_decides(self, severity: Severity, kinds: set[str]) -> None:
        before = self.alarm
        self.take(on_assessment(before, severity, self.now, kinds=kinds))
        if set(kinds) - set(before.kinds):
            assert not self.alarm.attention.acknowledged
        if self.alarm.severity > before.severity:
            assert self.alarm.state is not IsaState.SHELVED

    @rule()
    def words_come(self) -> None:
        before = self.alarm.state
        self.take(on_note(self.alarm, Cause.WORDS, self.now))
        assert self.alarm.state is before

    @rule(
        verb=st.sampled_from(Verb),
        behind=st.integers(-1, 5),
        comment=st.sampled_from(["", "looked"]),
        duration=st.sampled_from([None, 1.0, 3600.0, 12 * 3600.0, 13 * 3600.0]),
    )
    def person_asks(self, verb: Verb, behind: int, comment: str, duration: float | None) -> None:
        before = self.alarm
        request = a_request(
            verb, revision=max(0, before.revision - behind), comment=comment, duration_s=duration
        )
        try:
            transition = on_action(before, request, self.now)
        except (IllegalTransition, Conflict):
            return
        assert transition.changed
        if verb is Verb.ACKNOWLEDGE:
            assert request.expected_revision >= before.changed_revision
        self.person_acted = True
        self.take(transition)

    @rule(seconds=st.integers(-100_000, 100_000))
    def clock_jumps(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)
        self.take(on_expiry(self.alarm, self.now))
        if self.alarm.shelved_until is not None:
            assert timedelta(0) < self.alarm.shelved_until - self.now <= LONGEST_SHELF

    @rule()
    def restart(self) -> None:
        self.alarm = Alarm.model_validate_json(self.alarm.model_dump_json())

    @rule()
    def time_ends_every_shelf(self) -> None:
        after = on_expiry(self.alarm, self.now + LONGEST_SHELF).alarm
        assert after.state is not IsaState.SHELVED
        assert after.state is self.alarm.underlying

    @invariant()
    def nothing_disappears_without_a_person(self) -> None:
        if self.alarm.ended:
            assert self.person_acted

    @invariant()
    def what_was_high_stays_latched_until_a_person_resets_it(self) -> None:
        if self.alarm.highest_severity >= Severity.HIGH and not self.alarm.attention.latched:
            assert self.person_acted

    @invariant()
    def a_raised_alarm_is_never_below_low(self) -> None:
        assert Severity.LOW <= self.alarm.severity <= self.alarm.highest_severity

    @invariant()
    def a_critical_alarm_is_never_shelved(self) -> None:
        if self.alarm.severity is Severity.CRITICAL:
            assert self.alarm.state is not IsaState.SHELVED


AlarmLife.TestCase.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
TestAlarmLife = AlarmLife.TestCase
