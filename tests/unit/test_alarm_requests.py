"""Cases, arguments, who may ask for what, and alarms that an older release has stored."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from hazard.alarms import Alarm, on_action, on_case, on_condition, on_expiry
from hazard.alarms.arguments import (
    ARGUMENTS,
    GrantPermit,
    Replay,
    TestAnnunciator,
    parse_arguments,
)
from hazard.alarms.authorization import MAY, refuse_order, refuse_unauthorized
from hazard.alarms.case import MOST_ACTIONS
from hazard.alarms.escalation import due_steps
from hazard.catalogue import catalogue
from hazard.errors import Conflict, Forbidden, IllegalTransition
from hazard.site.models import Site
from hazard.types import (
    Cause,
    CauseCode,
    IsaState,
    ProcessCondition,
    Role,
    Severity,
    SuppressionCause,
    Verb,
)
from tests.alert_builders import T0, a_message, a_request, an_alarm, later
from tests.unit.rules.feed import site as a_site
from tests.unit.test_alarm_escalation import LADDER
from tests.unit.test_alarm_suppression import an_order

NORMAL, ACTIVE = ProcessCondition.NORMAL, ProcessCondition.ACTIVE
ZONE = ("person_in_restricted_zone",)
PLAN = {"text": "change the seal", "owner": "bo", "due_at": "2026-03-09T12:00:00+01:00"}


def case(alarm: Alarm, verb: Verb, comment: str = "", **arguments: Any) -> Alarm:
    request = a_request(verb, revision=0, comment=comment, arguments=arguments)
    return on_case(alarm, request, later(60)).alarm


def over(severity: Severity = Severity.LOW, kinds: Sequence[str] = ("zone-intrusion",)) -> Alarm:
    alarm = on_action(an_alarm(severity=severity, kinds=kinds), a_request(), later(1)).alarm
    return on_condition(alarm, NORMAL, later(2)).alarm


# ---------------------------------------------------------------- the case


def test_a_case_is_assigned_planned_done_and_closed_beside_its_alarm() -> None:
    alarm = case(an_alarm(severity=Severity.LOW), Verb.ASSIGN, assignee="ada")
    assert (alarm.revision, alarm.state) == (2, IsaState.UNACKNOWLEDGED)
    alarm = case(alarm, Verb.PLAN_ACTION, **PLAN)
    (planned,) = alarm.case.actions
    assert (planned.action_id, planned.owner, planned.planned_by) == ("action-1", "bo", "ada")
    alarm = case(alarm, Verb.COMPLETE_ACTION, action_id="action-1")
    assert alarm.case.actions[0].done_by == "ada"
    alarm = on_action(alarm, a_request(revision=alarm.revision), later(61)).alarm
    alarm = on_condition(alarm, NORMAL, later(62)).alarm
    closed = on_case(
        alarm,
        a_request(
            Verb.CLOSE_CASE,
            revision=alarm.revision,
            comment="seal was worn",
            arguments={"cause": "true_hazard"},
        ),
        later(63),
    )
    assert closed.cause is Cause.CASE
    assert closed.text == "case closed by ada as true_hazard: seal was worn"
    file = closed.alarm.case
    assert (file.cause, file.closing_note) == (CauseCode.TRUE_HAZARD, "seal was worn")
    assert closed.alarm.state is IsaState.NORMAL
    assert closed.alarm.message_fields()["case"] == file


@pytest.mark.parametrize(
    ("alarm", "verb", "arguments", "why"),
    [
        (an_alarm(), Verb.CLOSE_CASE, {"cause": "drill"}, "unacknowledged, not normal"),
        (over(Severity.HIGH), Verb.CLOSE_CASE, {"cause": "drill"}, "reset it; then close"),
        (case(over(), Verb.PLAN_ACTION, **PLAN), Verb.CLOSE_CASE, {"cause": "test"}, "action-1"),
        (over(), Verb.CLOSE_CASE, {"cause": "boredom"}, "cause of close-case is 'boredom'"),
        (over(), Verb.CLOSE_CASE, {}, "cause of close-case is missing"),
        (over(), Verb.REOPEN_CASE, {}, "nothing to reopen"),
        (over(), Verb.COMPLETE_ACTION, {"action_id": "action-9"}, "this case has none"),
        (over(), Verb.ASSIGN, {"assignee": ""}, "who looks after it"),
        (over(), Verb.ASSIGN, {"assignee": None}, "already assigned to nobody"),
        (over(), Verb.PLAN_ACTION, {**PLAN, "due_at": "2026-01-01T00:00:00Z"}, "has passed"),
        (over(), Verb.PLAN_ACTION, {**PLAN, "due_at": "2026-05-01T00:00:00"}, "no zone"),
        (over(), Verb.PLAN_ACTION, {**PLAN, "due_at": "tomorrow"}, "due_at of plan-action is"),
        (over(), Verb.ACKNOWLEDGE, {}, "nothing that a case can do"),
    ],
)
def test_what_a_case_does_not_allow_is_refused_with_the_mend(
    alarm: Alarm, verb: Verb, arguments: dict[str, Any], why: str
) -> None:
    with pytest.raises(IllegalTransition, match=why):
        case(alarm, verb, **arguments)


def test_a_closed_case_is_left_alone_until_it_is_reopened() -> None:
    closed = case(over(), Verb.CLOSE_CASE, cause="nuisance")
    for verb, arguments in (
        (Verb.ASSIGN, {"assignee": "bo"}),
        (Verb.PLAN_ACTION, PLAN),
        (Verb.CLOSE_CASE, {"cause": "drill"}),
    ):
        with pytest.raises(IllegalTransition, match="closed by ada as nuisance"):
            case(closed, verb, **arguments)
    reopened = case(closed, Verb.REOPEN_CASE)
    assert not reopened.case.closed
    assert reopened.ended


def test_an_action_is_completed_once() -> None:
    alarm = case(case(over(), Verb.PLAN_ACTION, **PLAN), Verb.COMPLETE_ACTION, action_id="action-1")
    with pytest.raises(IllegalTransition, match="done by ada already"):
        case(alarm, Verb.COMPLETE_ACTION, action_id="action-1")


def test_the_actions_of_a_case_are_bounded() -> None:
    alarm = over()
    for _ in range(MOST_ACTIONS):
        alarm = case(alarm, Verb.PLAN_ACTION, **PLAN)
    with pytest.raises(IllegalTransition, match="50 actions already"):
        case(alarm, Verb.PLAN_ACTION, **PLAN)


def test_a_hazard_that_comes_back_opens_its_case_again() -> None:
    closed = case(over(), Verb.CLOSE_CASE, comment="was dust", cause="nuisance")
    back = on_condition(closed, ACTIVE, later(90)).alarm
    assert not back.case.closed
    assert (back.case.cause, back.case.closing_note) == (None, "")


def test_a_case_is_not_closed_by_somebody_who_has_not_seen_that_it_came_back() -> None:
    seen = over()
    back = on_condition(seen, ACTIVE, later(90)).alarm
    again = on_action(back, a_request(revision=back.revision), later(91)).alarm
    again = on_condition(again, NORMAL, later(92)).alarm
    request = a_request(Verb.CLOSE_CASE, revision=seen.revision, arguments={"cause": "nuisance"})
    with pytest.raises(Conflict, match="has changed since"):
        on_case(again, request, later(93))


def test_a_recommended_action_is_ticked_once_by_whom_and_when_and_can_be_taken_back() -> None:
    alarm = case(an_alarm(kinds=ZONE), Verb.CHECK_ACTION, action_id="call-out")
    (check,) = alarm.case.checks
    assert (check.action_id, check.checked_by, check.checked_at) == ("call-out", "ada", later(60))
    with pytest.raises(Conflict, match="ticked by ada already"):
        case(alarm, Verb.CHECK_ACTION, action_id="call-out")
    taken_back = case(alarm, Verb.CHECK_ACTION, action_id="call-out", done=False)
    assert taken_back.case.checks == ()
    with pytest.raises(Conflict, match="is not ticked"):
        case(taken_back, Verb.CHECK_ACTION, action_id="call-out", done=False)
    with pytest.raises(IllegalTransition, match=r"no recommended action 'dance': this alarm has c"):
        case(alarm, Verb.CHECK_ACTION, action_id="dance")


def test_a_hazard_that_comes_back_has_none_of_its_actions_done() -> None:
    alarm = case(over(kinds=ZONE), Verb.CHECK_ACTION, action_id="call-out")
    closed = case(alarm, Verb.CLOSE_CASE, cause="nuisance")
    assert case(closed, Verb.REOPEN_CASE).case.checks == alarm.case.checks
    assert on_condition(closed, ACTIVE, later(90)).alarm.case.checks == ()


def test_who_acknowledges_after_somebody_else_did_is_told_of_the_conflict() -> None:
    seen = an_alarm()
    alarm = on_action(seen, a_request(revision=seen.revision), later(1)).alarm
    with pytest.raises(Conflict, match="already acknowledged by ada"):
        on_action(alarm, a_request(revision=seen.revision), later(2))


# ---------------------------------------------------------------- arguments


def test_every_verb_has_arguments_and_roles() -> None:
    assert set(ARGUMENTS) == set(MAY) == set(Verb)


@pytest.mark.parametrize(
    ("verb", "arguments", "want"),
    [
        (
            Verb.GRANT_PERMIT,
            {"permit": "hot_work", "hazard": "smoke", "area": "yard", "reference": "HW-7"},
            GrantPermit(permit="hot_work", hazard="smoke", area="yard", reference="HW-7"),
        ),
        (
            Verb.TEST_ANNUNCIATOR,
            {"area": "yard", "seconds": 30},
            TestAnnunciator(area="yard", seconds=30),
        ),
        (Verb.REPLAY, {"from_sequence": 5}, Replay(from_sequence=5)),
    ],
)
def test_arguments_are_read_by_their_verb(verb: Verb, arguments: dict[str, Any], want: Any) -> None:
    assert parse_arguments(a_request(verb, arguments=arguments)) == want


@pytest.mark.parametrize(
    ("verb", "arguments", "why"),
    [
        (Verb.ACKNOWLEDGE, {"force": True}, "'force' of acknowledge: not known"),
        (Verb.GRANT_PERMIT, {"hazard": "smoke", "area": "yard"}, "permit of .* is missing"),
        (
            Verb.GRANT_PERMIT,
            {"permit": "holiday", "hazard": "smoke", "area": "yard"},
            "permit of grant-permit is 'holiday'.*want hot_work, confined_space or lock_out",
        ),
        (Verb.TEST_ANNUNCIATOR, {"area": "yard", "seconds": 31}, "is 31.*at most 30 seconds"),
        (Verb.TEST_ANNUNCIATOR, {"area": "../x", "seconds": 3}, "area of test-annunciator"),
        (Verb.REPLAY, {"from_sequence": 0}, "from_sequence of replay is 0"),
        (Verb.REPLAY, {"from_sequence": 9, "to_sequence": 3}, "to_sequence 3 is before 9"),
        (Verb.END_SUPPRESSION, {}, "order_id of end-suppression is missing"),
        (Verb.CHANGE_SITE, {"base_sha256": "0" * 63, "patch": {}}, "base_sha256 of change-site"),
        (
            Verb.CHANGE_SITE,
            {"base_sha256": "0" * 64, "patch": {"areas": "x" * 262_144}},
            "patch of change-site is .*at most 262144 are taken",
        ),
        (Verb.START_JOB, {"kind": "dry_run"}, "dry_run needs patch"),
        (Verb.START_JOB, {"kind": "replay_decision"}, "replay_decision needs assessment_id"),
    ],
)
def test_a_wrong_argument_is_named_with_its_value_and_the_mend(
    verb: Verb, arguments: dict[str, Any], why: str
) -> None:
    with pytest.raises(IllegalTransition, match=why):
        parse_arguments(a_request(verb, arguments=arguments))


def test_a_long_wrong_value_is_not_repeated_whole() -> None:
    arguments = {"order_id": "x" * 10_000}
    with pytest.raises(IllegalTransition) as caught:
        parse_arguments(a_request(Verb.END_SUPPRESSION, arguments=arguments))
    assert len(str(caught.value)) < 300


def test_an_alarm_is_not_asked_with_arguments_that_it_does_not_know() -> None:
    with pytest.raises(IllegalTransition, match="takes no arguments"):
        on_action(an_alarm(), a_request(arguments={"severity": "low"}), later(1))


# ---------------------------------------------------------------- who may


MATRIX = {
    Role.VIEWER: {Verb.REPLAY, Verb.SNAPSHOT},
    Role.OPERATOR: {
        Verb.REPLAY,
        Verb.SNAPSHOT,
        Verb.ACKNOWLEDGE,
        Verb.RESET,
        Verb.SHELVE,
        Verb.UNSHELVE,
        Verb.COMMENT,
        Verb.ASSIGN,
        Verb.CHECK_ACTION,
        Verb.TEST_ANNUNCIATOR,
        Verb.START_JOB,
        Verb.CANCEL_JOB,
    },
    Role.SAFETY_OFFICER: set(Verb),
    Role.INTEGRATOR: {
        Verb.REPLAY,
        Verb.SNAPSHOT,
        Verb.COMMENT,
        Verb.TEST_ANNUNCIATOR,
        Verb.TAKE_OUT_OF_SERVICE,
        Verb.END_SUPPRESSION,
        Verb.CHANGE_SITE,
        Verb.RESTORE_SITE,
        Verb.START_JOB,
        Verb.CANCEL_JOB,
    },
    Role.ADMINISTRATOR: set(Verb),
}


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("verb", Verb)
def test_a_role_may_what_it_may_and_nothing_else(verb: Verb, role: Role) -> None:
    request = a_request(verb, role=role)
    if verb in MATRIX[role]:
        refuse_unauthorized(request, "yard")
    else:
        with pytest.raises(Forbidden, match=r"it takes one of .*administrator"):
            refuse_unauthorized(request, "yard")


def test_an_actor_may_act_only_on_their_areas() -> None:
    request = a_request(areas=("hall",))
    refuse_unauthorized(request, "hall")
    refuse_unauthorized(a_request(Verb.SNAPSHOT, areas=("hall",)), None)
    with pytest.raises(Forbidden, match="hall, not on area yard"):
        refuse_unauthorized(request, "yard")


@pytest.fixture
def site() -> Site:
    return a_site()


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"hazard": "ghosts"}, "no hazard 'ghosts': known are .*fire"),
        ({"area": "moon"}, "no area 'moon': known are hall, yard"),
        ({"zone": "loft"}, "no zone 'loft': known are bay, pit"),
        ({"hazard": "toxic_gas_exposure"}, "never suppressed"),
        ({"ends_at": later(12 * 3600 + 1)}, "duration_s 43201 is longer than 12 h"),
    ],
)
def test_an_order_that_must_not_be_given_is_refused(
    site: Site, changes: dict[str, Any], why: str
) -> None:
    with pytest.raises(IllegalTransition, match=why):
        refuse_order(an_order(**changes), site, catalogue())


def test_an_order_that_may_be_given_is_not_refused(site: Site) -> None:
    refuse_order(an_order(zone="pit", ends_at=later(12 * 3600)), site, catalogue())
    out = {"cause": SuppressionCause.OUT_OF_SERVICE, "ends_at": T0 + timedelta(days=7)}
    refuse_order(an_order(**out), site, catalogue())
    with pytest.raises(IllegalTransition, match="longer than 168 h"):
        refuse_order(an_order(**out | {"ends_at": T0 + timedelta(days=8)}), site, catalogue())


def test_a_site_may_allow_shorter_shelves_only() -> None:
    shelf = a_request(Verb.SHELVE, comment="works", duration_s=7200)
    with pytest.raises(IllegalTransition, match="at most 3600 s \\(1 h\\), got 7200"):
        on_action(an_alarm(), shelf, later(1), longest_shelf=timedelta(hours=1))
    longer = a_request(Verb.SHELVE, comment="works", duration_s=13 * 3600)
    with pytest.raises(IllegalTransition, match="12 h"):
        on_action(an_alarm(), longer, later(1), longest_shelf=timedelta(hours=24))


# ---------------------------------------------------------------- what an older release has stored

STORED = {
    "alert_id": "a1",
    "revision": 3,
    "changed_revision": 1,
    "raised_at": "2026-03-01T12:00:00Z",
    "updated_at": "2026-03-01T12:00:10Z",
    "severity": "high",
    "highest_severity": "high",
    "seen_severity": None,
    "kinds": ["smoke"],
    "condition": "active",
    "attention": "latched_unacknowledged",
    "acknowledged_by": None,
    "acknowledged_at": None,
    "comment": "works",
    "suppression": "shelved",
    "shelved_at": "2026-03-01T12:00:10Z",
    "shelved_until": "2026-03-01T12:10:10Z",
    "shelved_by": "ada",
    "shelve_reason": "works",
}


def test_a_shelved_alarm_of_an_older_release_is_read_and_goes_on() -> None:
    alarm = Alarm.model_validate_json(json.dumps(STORED))
    assert (alarm.state, alarm.underlying) == (IsaState.SHELVED, IsaState.UNACKNOWLEDGED)
    assert alarm.suppressed_since == later(10)
    shown = on_expiry(alarm, later(610)).alarm
    assert (shown.state, shown.asked_at) == (IsaState.UNACKNOWLEDGED, later(610))
    assert due_steps(shown, LADDER, later(610)) == (0,)
    assert a_message(shown).state is IsaState.UNACKNOWLEDGED
    assert Alarm.model_validate_json(shown.model_dump_json()) == shown


def test_an_acknowledged_alarm_of_an_older_release_is_read() -> None:
    changes = {
        "suppression": "none",
        "attention": "latched_acknowledged",
        "acknowledged_by": "ada",
        "acknowledged_at": "2026-03-01T12:00:05Z",
        **dict.fromkeys(("shelved_at", "shelved_until", "shelved_by", "shelve_reason")),
    }
    alarm = Alarm.model_validate_json(json.dumps(STORED | changes))
    assert (alarm.state, alarm.asked_at) == (IsaState.ACKNOWLEDGED, None)
    assert alarm.activations == (T0,)
    assert not alarm.case.closed
