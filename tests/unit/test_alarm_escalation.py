"""Who is told of an alarm and when: ladders, re-alarm, nuisance, first-out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from hazard.alarms import (
    Alarm,
    on_action,
    on_assessment,
    on_clock,
    on_condition,
    on_escalation,
    on_realarm,
    on_suppressions,
    raise_alarm,
)
from hazard.alarms.escalation import channels_for, due_steps, ladder_for
from hazard.alarms.first_out import FirstOutBook
from hazard.site.alarms import AlarmHandling, Escalation, Nuisance
from hazard.site.notify import Notify
from hazard.types import (
    Cause,
    IsaState,
    NoticeReason,
    ProcessCondition,
    Severity,
    Verb,
)
from tests.alert_builders import T0, a_request, an_alarm, later
from tests.unit.test_alarm_suppression import a_note

NORMAL, HELD, ACTIVE = ProcessCondition.NORMAL, ProcessCondition.HELD, ProcessCondition.ACTIVE


def a_ladder(*steps: tuple[float, Sequence[str]], **changes: Any) -> Escalation:
    told = [{"after_min": minutes, "tell": tuple(tell)} for minutes, tell in steps]
    return Escalation.model_validate({"steps": told, **changes})


LADDER = a_ladder((0, ["desk"]), (5, ["lead"]), (15, ["lead", "manager"]))


def minutes(number: float) -> datetime:
    return later(60 * number)


def climbed(alarm: Alarm, now: datetime, ladder: Escalation = LADDER) -> Alarm:
    for step in due_steps(alarm, ladder, now):
        alarm = on_escalation(alarm, step, now, ladder.steps[step].tell).alarm
    return alarm


# ---------------------------------------------------------------- the ladder


@pytest.mark.parametrize(
    ("now", "due"), [(0, (0,)), (4.9, (0,)), (5, (0, 1)), (15, (0, 1, 2)), (600, (0, 1, 2))]
)
def test_steps_are_due_by_the_minutes_without_acknowledgement(
    now: float, due: tuple[int, ...]
) -> None:
    assert due_steps(an_alarm(), LADDER, minutes(now)) == due


def test_a_step_is_taken_once_and_said_in_words() -> None:
    taken = on_escalation(an_alarm(), 1, minutes(5), ["lead"])
    assert (taken.cause, taken.alarm.escalation_step) == (Cause.ESCALATED, 2)
    assert taken.text == "not acknowledged for 5 min: step 2 tells lead"
    assert not on_escalation(taken.alarm, 1, minutes(6), ["lead"]).changed
    assert due_steps(climbed(an_alarm(), minutes(5)), LADDER, minutes(14)) == ()


def test_who_is_acknowledged_shelved_or_suppressed_escalates_nothing() -> None:
    acknowledged = on_action(an_alarm(), a_request(), T0).alarm
    shelf = a_request(Verb.SHELVE, comment="works", duration_s=36_000)
    shelved = on_action(an_alarm(), shelf, T0).alarm
    ordered = on_suppressions(an_alarm(), [a_note()], later(1)).alarm
    for alarm in (acknowledged, shelved, ordered):
        assert due_steps(alarm, LADDER, minutes(50)) == ()
        assert not on_escalation(alarm, 0, minutes(50), ["desk"]).changed


def test_an_alarm_that_went_by_itself_and_that_nobody_saw_goes_on_escalating() -> None:
    gone = on_condition(an_alarm(), NORMAL, minutes(1)).alarm
    assert due_steps(gone, LADDER, minutes(5)) == (0, 1)


def test_the_time_under_an_order_does_not_count_as_waiting() -> None:
    alarm = climbed(an_alarm(), minutes(4))
    alarm = on_suppressions(alarm, [a_note(until=minutes(90))], minutes(4)).alarm
    alarm = on_suppressions(alarm, [], minutes(64)).alarm
    assert due_steps(alarm, LADDER, minutes(64.9)) == ()
    assert due_steps(alarm, LADDER, minutes(65)) == (1,)


def test_each_pause_counts_once_also_where_two_overlap() -> None:
    order, other = a_note(until=minutes(900)), a_note(order_id="order-2", until=minutes(900))
    alarm = an_alarm()
    for at, notes in ((1, [order]), (2, [order, other]), (3, [other]), (11, []), (12, [order])):
        alarm = on_suppressions(alarm, notes, minutes(at)).alarm
    alarm = on_suppressions(alarm, [], minutes(20)).alarm
    assert alarm.asked_at == minutes(18)


def test_asking_again_starts_anew() -> None:
    alarm = on_action(climbed(an_alarm(), minutes(5)), a_request(revision=3), minutes(6)).alarm
    assert (alarm.escalation_step, alarm.asked_at) == (0, None)
    worse = on_assessment(alarm, Severity.CRITICAL, minutes(7)).alarm
    assert due_steps(worse, LADDER, minutes(7)) == (0,)


def test_more_severity_starts_anew_although_nobody_had_acknowledged() -> None:
    worse = on_assessment(climbed(an_alarm(), minutes(5)), Severity.CRITICAL, minutes(6)).alarm
    assert due_steps(worse, LADDER, minutes(6)) == (0,)


def test_an_alarm_that_comes_and_goes_does_not_start_its_ladder_anew_each_time() -> None:
    alarm = climbed(an_alarm(), T0)
    for number in range(1, 5):
        alarm = on_condition(alarm, NORMAL, minutes(number)).alarm
        alarm = on_condition(alarm, ACTIVE, minutes(number + 0.5)).alarm
    assert due_steps(alarm, LADDER, minutes(5)) == (1,)


def test_a_clock_that_is_put_back_repeats_no_step_and_stops_none() -> None:
    alarm = climbed(an_alarm(), minutes(5))
    before = T0 - timedelta(days=1)
    assert due_steps(alarm, LADDER, before) == (2,)
    alarm = climbed(alarm, before)
    assert due_steps(alarm, LADDER, before) == ()
    assert due_steps(alarm, LADDER, minutes(60)) == ()
    assert due_steps(climbed(an_alarm(), T0), LADDER, later(-1)) == ()


def test_the_next_shifts_ladder_tells_its_own_people_and_nobody_twice() -> None:
    night = a_ladder((0, ["night-desk"]), (5, ["lead"]), (15, ["plant"]))
    alarm = climbed(an_alarm(), minutes(5))
    assert due_steps(alarm, night, minutes(6)) == (0,)
    alarm = climbed(alarm, minutes(6), night)
    assert due_steps(alarm, night, minutes(7)) == ()
    assert due_steps(alarm, night, minutes(15)) == (2,)


def test_a_ladder_whose_steps_are_out_of_order_is_refused() -> None:
    with pytest.raises(ValidationError, match="soonest to latest"):
        a_ladder((5, ["desk"]), (0, ["lead"]))


HANDLING = AlarmHandling(
    escalation=(
        a_ladder((0, ["night"]), shifts=["night"]),
        a_ladder((0, ["hall"]), areas=["hall"], severities=["high"]),
        a_ladder((0, ["desk"]), (5, ["lead"]), severities=["high", "critical"]),
    ),
    realarm_after_min={Severity.HIGH: 30},
)
HOOK: dict[str, Any] = {"kind": "webhook", "url": "http://h", "secret": {"file": "/s"}}
NOTIFY = Notify.model_validate(
    {
        "channels": {
            "desk": HOOK,
            "hall": {**HOOK, "areas": ["hall"]},
            "night": {**HOOK, "shifts": ["night"]},
            "lead": {**HOOK, "min_severity": "critical"},
        }
    }
)


@pytest.mark.parametrize(
    ("severity", "area", "shift", "tells"),
    [
        (Severity.LOW, "yard", "night", "night"),
        (Severity.HIGH, "hall", "day", "hall"),
        (Severity.CRITICAL, "hall", None, "desk"),
        (Severity.LOW, "yard", "day", None),
        (Severity.LOW, "yard", None, None),
    ],
)
def test_the_first_ladder_that_fits_is_the_alarms(
    severity: Severity, area: str, shift: str | None, tells: str | None
) -> None:
    ladder = ladder_for(severity, area, shift, HANDLING)
    assert (ladder.steps[0].tell[0] if ladder else None) == tells


@pytest.mark.parametrize(
    ("alarm", "reason", "step", "told"),
    [
        ((Severity.LOW, "yard", "day"), NoticeReason.RAISED, 0, ("desk",)),
        ((Severity.LOW, "hall", None), NoticeReason.WORSE, 0, ("desk", "hall")),
        ((Severity.HIGH, "yard", "day"), NoticeReason.RAISED, 0, ()),
        ((Severity.HIGH, "yard", "day"), NoticeReason.ESCALATED, 0, ("desk",)),
        ((Severity.HIGH, "yard", "day"), NoticeReason.ESCALATED, 1, ("lead",)),
        ((Severity.HIGH, "yard", "day"), NoticeReason.ESCALATED, 2, ()),
        ((Severity.CRITICAL, "yard", "night"), NoticeReason.TEST, 0, ("desk", "night", "lead")),
    ],
)
def test_channels_are_told_by_the_ladder_or_by_what_they_take(
    alarm: tuple[Severity, str, str | None],
    reason: NoticeReason,
    step: int,
    told: tuple[str, ...],
) -> None:
    assert channels_for(*alarm, NOTIFY, HANDLING, reason, step) == told


# ---------------------------------------------------------------- re-alarm


def acknowledged(condition: ProcessCondition = ACTIVE) -> Alarm:
    alarm = on_condition(an_alarm(), condition, T0).alarm
    return on_action(alarm, a_request(revision=alarm.revision), T0).alarm


@pytest.mark.parametrize("condition", [ACTIVE, HELD])
def test_an_acknowledged_alarm_that_still_stands_asks_again(condition: ProcessCondition) -> None:
    alarm = acknowledged(condition)
    assert not on_realarm(alarm, HANDLING, minutes(29)).changed
    again = on_clock(alarm, minutes(30), HANDLING)
    assert (again.cause, again.alarm.state) == (Cause.REALARM, IsaState.UNACKNOWLEDGED)
    assert "acknowledged by ada" in again.text
    assert again.alarm.asked_at == minutes(30)
    assert not on_clock(again.alarm, minutes(90), HANDLING).changed


def test_asking_again_needs_an_acknowledgement_of_its_own() -> None:
    again = on_realarm(acknowledged(), HANDLING, minutes(30)).alarm
    assert again.changed_revision == again.revision


def test_what_is_gone_suppressed_or_has_no_time_of_its_own_does_not_ask_again() -> None:
    gone = on_condition(acknowledged(), NORMAL, T0).alarm
    ordered = on_suppressions(acknowledged(), [a_note(until=minutes(600))], T0).alarm
    mild = on_assessment(acknowledged(), Severity.LOW, T0).alarm
    for alarm in (gone, ordered, mild, an_alarm()):
        assert not on_clock(alarm, minutes(500), HANDLING).changed


def test_a_clock_that_is_put_back_makes_it_ask_at_once() -> None:
    assert on_realarm(acknowledged(), HANDLING, T0 - timedelta(hours=1)).changed
    assert not on_realarm(acknowledged(), HANDLING, later(-1)).changed


# ---------------------------------------------------------------- chattering and fleeting


def flapped(times: Sequence[float], alarm: Alarm | None = None, **nuisance: Any) -> Alarm:
    alarm = alarm or an_alarm()
    for second in times:
        alarm = on_condition(alarm, NORMAL, later(second - 1), Nuisance(**nuisance)).alarm
        alarm = on_condition(alarm, ACTIVE, later(second), Nuisance(**nuisance)).alarm
    return alarm


def test_three_activations_within_a_minute_are_chattering() -> None:
    assert flapped([20, 60]).chattering
    assert not flapped([20, 61]).chattering
    assert not flapped([20]).chattering
    assert flapped([20, 61], chattering_within_s=61.0).chattering
    assert flapped([20], chattering_activations=2).chattering


def test_chattering_is_shown_and_suppresses_nothing() -> None:
    alarm = flapped([20, 40])
    assert (alarm.state, alarm.suppressions) == (IsaState.UNACKNOWLEDGED, ())
    assert alarm.message_fields()["chattering"]
    assert not flapped([500], alarm).chattering


def test_the_last_ten_activations_are_kept() -> None:
    alarm = flapped(range(10, 160, 10))
    assert alarm.activations == tuple(later(second) for second in range(60, 160, 10))


def test_what_went_at_once_before_anybody_saw_it_is_fleeting() -> None:
    assert on_condition(an_alarm(), NORMAL, later(5)).alarm.fleeting
    assert not on_condition(an_alarm(), NORMAL, later(5.1)).alarm.fleeting
    assert on_condition(an_alarm(), NORMAL, later(9), Nuisance(fleeting_s=9)).alarm.fleeting
    seen = on_action(an_alarm(), a_request(), later(1)).alarm
    assert not on_condition(seen, NORMAL, later(2)).alarm.fleeting
    back = on_condition(on_condition(an_alarm(), NORMAL, later(5)).alarm, ACTIVE, later(9)).alarm
    assert not back.fleeting
    assert on_condition(back, NORMAL, later(10)).alarm.fleeting


def test_lost_evidence_is_not_fleeting() -> None:
    held = on_condition(an_alarm(), HELD, later(1)).alarm
    assert not held.fleeting


# ---------------------------------------------------------------- first-out


def test_the_first_alarm_of_an_upset_is_named_by_all_that_follow() -> None:
    book, first = FirstOutBook().raised("yard", "a1", T0)
    book, second = book.raised("yard", "a2", later(300))
    _, elsewhere = book.raised("hall", "a3", later(301))
    assert (first, second, elsewhere) == ("a1", "a1", "a3")


def test_an_upset_lasts_while_an_alarm_is_present_and_a_minute_longer() -> None:
    book, _ = FirstOutBook().raised("yard", "a1", T0)
    book = book.seen("yard", later(100), present=False)
    assert book.raised("yard", "a2", later(160))[1] == "a1"
    assert book.raised("yard", "a2", later(161))[1] == "a2"
    back = book.seen("yard", later(150), present=True)
    assert back.raised("yard", "a2", later(9000))[1] == "a1"
    assert book.seen("yard", later(200), present=True).raised("yard", "a2", later(200))[1] == "a2"


def test_a_clock_that_is_put_back_ends_an_upset_that_was_over() -> None:
    book = FirstOutBook().raised("yard", "a1", T0)[0].seen("yard", later(9), present=False)
    assert book.raised("yard", "a2", T0 - timedelta(hours=1))[1] == "a2"
    assert book.raised("yard", "a2", T0)[1] == "a1"


def test_the_book_after_a_restart_knows_the_upsets_of_before() -> None:
    first = raise_alarm("a1", Severity.LOW, ["fire"], T0, first_out_alert_id="a1")
    second = raise_alarm("a2", Severity.LOW, ["fire"], later(9), first_out_alert_id="a1")
    gone = on_condition(first, NORMAL, later(20)).alarm
    standing = FirstOutBook.rebuilt([("yard", gone), ("yard", second)])
    assert standing.raised("yard", "a3", later(900))[1] == "a1"
    quiet = FirstOutBook.rebuilt([("yard", gone)])
    assert quiet.raised("yard", "a3", later(80))[1] == "a1"
    assert quiet.raised("yard", "a3", later(81))[1] == "a3"
