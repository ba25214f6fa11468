"""The alarm's life after ISA-18.2: what a safety officer may rely on."""

from __future__ import annotations

from datetime import timedelta

import pytest

from hazard.alarms import (
    Alarm,
    on_action,
    on_assessment,
    on_condition,
    on_expiry,
    on_note,
    raise_alarm,
)
from hazard.errors import Conflict, IllegalTransition
from hazard.types import Cause, IsaState, ProcessCondition, Severity, Verb
from tests.alert_builders import T0, a_request, an_alarm, later

NORMAL, HELD, ACTIVE = ProcessCondition.NORMAL, ProcessCondition.HELD, ProcessCondition.ACTIVE


def act(alarm: Alarm, verb: Verb, at_s: float = 10, **changes: object) -> Alarm:
    request = a_request(verb, revision=alarm.revision, **changes)
    return on_action(alarm, request, later(at_s)).alarm


def acknowledged(alarm: Alarm) -> Alarm:
    return act(alarm, Verb.ACKNOWLEDGE)


def returned(alarm: Alarm) -> Alarm:
    return on_condition(alarm, NORMAL, later(5)).alarm


def shelved(alarm: Alarm, seconds: float = 600) -> Alarm:
    return act(alarm, Verb.SHELVE, comment="welding here until noon", duration_s=seconds)


def test_a_new_alarm_is_unacknowledged_and_at_revision_one() -> None:
    alarm = an_alarm()
    assert (alarm.state, alarm.revision) == (IsaState.UNACKNOWLEDGED, 1)


@pytest.mark.parametrize("severity", [Severity.HIGH, Severity.CRITICAL])
def test_high_and_critical_stay_after_the_hazard_is_gone(severity: Severity) -> None:
    alarm = returned(acknowledged(an_alarm(severity=severity)))
    assert alarm.state is IsaState.LATCHED_ACKNOWLEDGED
    assert act(alarm, Verb.RESET).state is IsaState.NORMAL


@pytest.mark.parametrize("severity", [Severity.LOW, Severity.MEDIUM])
def test_low_and_medium_end_by_themselves_once_acknowledged(severity: Severity) -> None:
    assert returned(acknowledged(an_alarm(severity=severity))).state is IsaState.NORMAL


@pytest.mark.parametrize(
    ("severity", "state"),
    [
        (Severity.LOW, IsaState.RTN_UNACKNOWLEDGED),
        (Severity.CRITICAL, IsaState.LATCHED_UNACKNOWLEDGED),
    ],
)
def test_an_alarm_that_nobody_saw_does_not_vanish_with_its_hazard(
    severity: Severity, state: IsaState
) -> None:
    assert returned(an_alarm(severity=severity)).state is state


def test_acknowledging_after_the_return_ends_a_low_alarm() -> None:
    assert acknowledged(returned(an_alarm(severity=Severity.LOW))).ended


def test_info_raises_no_alarm() -> None:
    with pytest.raises(ValueError, match="info raises no alarm"):
        an_alarm(severity=Severity.INFO)


def test_an_alarm_without_a_hazard_is_refused() -> None:
    with pytest.raises(ValueError, match="hazard kind"):
        raise_alarm("a1", Severity.LOW, (), T0)


def test_lost_evidence_holds_the_alarm_active() -> None:
    alarm = on_condition(acknowledged(an_alarm()), HELD, later(3)).alarm
    assert (alarm.state, alarm.condition) == (IsaState.ACKNOWLEDGED, HELD)


def test_good_evidence_clears_a_held_alarm() -> None:
    held = on_condition(an_alarm(severity=Severity.LOW), HELD, later(3)).alarm
    assert returned(held).state is IsaState.RTN_UNACKNOWLEDGED


def test_the_same_condition_again_is_no_new_revision() -> None:
    transition = on_condition(an_alarm(), ACTIVE, later(1))
    assert not transition.changed
    assert transition.alarm.revision == 1


def test_losing_sight_after_the_return_changes_nothing() -> None:
    alarm = returned(an_alarm())
    assert not on_condition(alarm, HELD, later(9)).changed


def test_a_high_hazard_that_comes_back_after_its_reset_latches_again() -> None:
    ended = act(returned(acknowledged(an_alarm())), Verb.RESET)
    back = on_condition(ended, ACTIVE, later(20)).alarm
    assert returned(acknowledged(back)).state is IsaState.LATCHED_ACKNOWLEDGED


def test_a_late_decision_with_nothing_worse_does_not_bring_an_ended_alarm_back() -> None:
    ended = act(returned(acknowledged(an_alarm())), Verb.RESET)
    assert on_assessment(ended, Severity.HIGH, later(20)).alarm.ended


def test_a_hazard_that_comes_back_asks_again() -> None:
    alarm = returned(acknowledged(an_alarm()))
    back = on_condition(alarm, ACTIVE, later(20)).alarm
    assert back.state is IsaState.UNACKNOWLEDGED
    assert back.acknowledged_by is None


def test_more_severity_than_was_acknowledged_asks_again() -> None:
    alarm = on_assessment(acknowledged(an_alarm()), Severity.CRITICAL, later(20)).alarm
    assert alarm.state is IsaState.UNACKNOWLEDGED


def test_a_new_kind_of_hazard_asks_again() -> None:
    alarm = acknowledged(an_alarm())
    alarm = on_assessment(alarm, alarm.severity, later(20), kinds=["gas-toxic"]).alarm
    assert alarm.state is IsaState.UNACKNOWLEDGED
    assert alarm.kinds == ("gas-toxic", "zone-intrusion")


def test_the_same_severity_by_another_decider_stays_acknowledged() -> None:
    transition = on_assessment(acknowledged(an_alarm()), Severity.HIGH, later(20))
    assert transition.changed
    assert transition.alarm.state is IsaState.ACKNOWLEDGED


def test_lowering_the_severity_keeps_the_latch() -> None:
    alarm = on_assessment(an_alarm(), Severity.LOW, later(1)).alarm
    assert alarm.severity is Severity.LOW
    assert returned(alarm).state is IsaState.LATCHED_UNACKNOWLEDGED


def test_raising_the_severity_latches() -> None:
    alarm = on_assessment(an_alarm(severity=Severity.LOW), Severity.HIGH, later(1)).alarm
    assert alarm.attention.latched


def test_a_raised_alarm_never_goes_below_low() -> None:
    assert on_assessment(an_alarm(), Severity.INFO, later(1)).alarm.severity is Severity.LOW


def test_words_are_a_revision_that_changes_no_part() -> None:
    alarm = acknowledged(an_alarm())
    noted = on_note(alarm, Cause.WORDS, later(20)).alarm
    assert noted.revision == alarm.revision + 1
    assert noted.state is alarm.state


# ---------------------------------------------------------------- what people ask


def test_acknowledging_twice_is_refused_and_says_who_was_first() -> None:
    with pytest.raises(IllegalTransition, match="already acknowledged by ada"):
        acknowledged(acknowledged(an_alarm()))


def test_what_is_refused_changes_nothing() -> None:
    alarm = an_alarm()
    before = alarm.model_dump()
    with pytest.raises(IllegalTransition):
        act(alarm, Verb.RESET)
    assert alarm.model_dump() == before


def test_resetting_while_the_hazard_is_there_is_refused() -> None:
    with pytest.raises(IllegalTransition, match="still there"):
        act(acknowledged(an_alarm()), Verb.RESET)


def test_resetting_before_acknowledging_is_refused() -> None:
    with pytest.raises(IllegalTransition, match="acknowledge it first"):
        act(returned(an_alarm()), Verb.RESET)


def test_resetting_what_is_not_latched_is_refused() -> None:
    ended = returned(acknowledged(an_alarm(severity=Severity.LOW)))
    with pytest.raises(IllegalTransition, match="not latched"):
        act(ended, Verb.RESET)


def test_a_held_alarm_is_reset_only_by_someone_who_says_what_was_found() -> None:
    held = on_condition(acknowledged(an_alarm()), HELD, later(3)).alarm
    with pytest.raises(IllegalTransition, match="what was found"):
        act(held, Verb.RESET)
    assert act(held, Verb.RESET, comment="sensor taken down, area walked").ended


def test_an_acknowledgement_of_an_older_severity_is_a_conflict() -> None:
    alarm = on_assessment(an_alarm(), Severity.CRITICAL, later(1)).alarm
    with pytest.raises(Conflict, match="severity is critical"):
        on_action(alarm, a_request(revision=1), later(2))


def test_an_acknowledgement_from_before_the_words_came_is_fine() -> None:
    alarm = on_note(an_alarm(), Cause.WORDS, later(1)).alarm
    assert on_action(alarm, a_request(revision=1), later(2)).alarm.attention.acknowledged


def test_a_revision_that_does_not_exist_is_a_conflict() -> None:
    with pytest.raises(Conflict, match="does not exist"):
        on_action(an_alarm(), a_request(revision=9), later(2))


def test_a_comment_on_an_old_revision_is_harmless() -> None:
    alarm = on_assessment(an_alarm(), Severity.CRITICAL, later(1)).alarm
    request = a_request(Verb.COMMENT, revision=1, comment="on my way")
    assert on_action(alarm, request, later(2)).alarm.comment == "on my way"


def test_an_empty_comment_is_refused() -> None:
    with pytest.raises(IllegalTransition, match="empty"):
        act(an_alarm(), Verb.COMMENT)


def test_a_request_for_another_alert_is_refused() -> None:
    with pytest.raises(IllegalTransition, match="not this one"):
        act(an_alarm("a2"), Verb.ACKNOWLEDGE)


# ---------------------------------------------------------------- shelving


def test_a_shelved_alarm_remembers_what_lies_under_it() -> None:
    alarm = shelved(an_alarm())
    assert (alarm.state, alarm.underlying) == (IsaState.SHELVED, IsaState.UNACKNOWLEDGED)
    alarm = acknowledged(alarm)
    assert (alarm.state, alarm.underlying) == (IsaState.SHELVED, IsaState.ACKNOWLEDGED)


def test_shelving_ends_at_its_time() -> None:
    alarm = shelved(an_alarm(), 600)
    assert not on_expiry(alarm, later(10 + 599)).changed
    assert on_expiry(alarm, later(10 + 600)).alarm.state is IsaState.UNACKNOWLEDGED


def test_shelving_ends_when_the_clock_was_put_back() -> None:
    assert on_expiry(shelved(an_alarm()), T0 - timedelta(days=1)).changed


def test_unshelving_shows_the_alarm_again() -> None:
    assert act(shelved(an_alarm()), Verb.UNSHELVE).state is IsaState.UNACKNOWLEDGED


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"comment": "", "duration_s": 60}, "needs a reason"),
        ({"comment": "   ", "duration_s": 60}, "needs a reason"),
        ({"comment": "works", "duration_s": None}, "duration"),
        ({"comment": "works", "duration_s": 12 * 3600 + 1}, "12 h"),
    ],
)
def test_shelving_needs_a_reason_and_an_end(changes: dict[str, object], why: str) -> None:
    with pytest.raises(IllegalTransition, match=why):
        act(an_alarm(), Verb.SHELVE, **changes)


def test_a_critical_alarm_is_never_shelved() -> None:
    with pytest.raises(IllegalTransition, match="critical"):
        shelved(an_alarm(severity=Severity.CRITICAL))


def test_shelving_twice_is_refused() -> None:
    with pytest.raises(IllegalTransition, match="shelve"):
        shelved(shelved(an_alarm()))


def test_a_shelved_alarm_that_gets_worse_leaves_the_shelf() -> None:
    alarm = on_assessment(shelved(an_alarm()), Severity.CRITICAL, later(20)).alarm
    assert alarm.suppressions == ()
    assert alarm.state is IsaState.UNACKNOWLEDGED


def test_what_returned_to_normal_cannot_be_shelved() -> None:
    with pytest.raises(IllegalTransition, match="nothing to shelve"):
        shelved(returned(acknowledged(an_alarm(severity=Severity.LOW))))
