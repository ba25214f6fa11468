"""The pages' words for the states, causes and verbs of alarms."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any

from dashboard.i18n import N_
from hazard.types import (
    Authority,
    CameraState,
    CauseCode,
    DecidedBy,
    Health,
    IsaState,
    ProcessCondition,
    Quality,
    Role,
    Severity,
    SuppressionCause,
    Verb,
)

PRIORITY = {
    Severity.CRITICAL: 1,
    Severity.HIGH: 2,
    Severity.MEDIUM: 3,
    Severity.LOW: 4,
    Severity.INFO: 5,
}
"""ISA-18.2 priority number of a severity; 1 is the most urgent."""

UNACKNOWLEDGED = frozenset(
    {IsaState.UNACKNOWLEDGED, IsaState.RTN_UNACKNOWLEDGED, IsaState.LATCHED_UNACKNOWLEDGED}
)
SUPPRESSED = frozenset({IsaState.SHELVED, IsaState.SUPPRESSED_BY_DESIGN, IsaState.OUT_OF_SERVICE})

STATE_TEXT = {
    IsaState.NORMAL: N_("Normal"),
    IsaState.UNACKNOWLEDGED: N_("Unacknowledged"),
    IsaState.ACKNOWLEDGED: N_("Acknowledged"),
    IsaState.RTN_UNACKNOWLEDGED: N_("Returned, unacknowledged"),
    IsaState.LATCHED_UNACKNOWLEDGED: N_("Latched, unacknowledged"),
    IsaState.LATCHED_ACKNOWLEDGED: N_("Latched, acknowledged"),
    IsaState.SHELVED: N_("Shelved"),
    IsaState.SUPPRESSED_BY_DESIGN: N_("Suppressed by design"),
    IsaState.OUT_OF_SERVICE: N_("Out of service"),
}
CONDITION_TEXT = {
    ProcessCondition.ACTIVE: N_("Still present"),
    ProcessCondition.HELD: N_("Held: no good evidence any more, so it counts as present"),
    ProcessCondition.NORMAL: N_("Returned to normal"),
}
DECIDED_TEXT = {
    DecidedBy.POLICY: N_("Policy"),
    DecidedBy.MODEL: N_("Model"),
    DecidedBy.FALLBACK: N_("Policy default"),
}
AUTHORITY_WORDS = {
    Authority.ADVISE: N_("may advise"),
    Authority.RAISE: N_("may raise"),
    Authority.DECIDE: N_("may decide"),
}
AUTHORITY_TEXT = {
    Authority.ADVISE: N_("may advise only: its opinion is shown, the policy's severity stands"),
    Authority.RAISE: N_("may raise the severity by one level"),
    Authority.DECIDE: N_("may decide from the floor to critical"),
}
CAUSE_TEXT = {
    "raised": N_("Raised"),
    "event": N_("New finding"),
    "decided": N_("Severity decided"),
    "words": N_("Summary and actions written"),
    "action": N_("Action by a person"),
    "evidence": N_("Evidence added"),
    "condition": N_("Condition changed"),
    "expiry": N_("Shelving expired"),
    "suppression": N_("Suppression changed"),
    "realarm": N_("Asks again: acknowledged long ago, and still there"),
    "escalated": N_("Escalated: nobody has acknowledged it"),
    "flood": N_("Grouped in an alarm flood"),
    "case": N_("Case"),
}
VERB_TEXT = {
    Verb.ACKNOWLEDGE: N_("Acknowledge"),
    Verb.RESET: N_("Reset"),
    Verb.SHELVE: N_("Shelve"),
    Verb.UNSHELVE: N_("Unshelve"),
    Verb.COMMENT: N_("Comment"),
    Verb.ASSIGN: N_("Assign"),
    Verb.PLAN_ACTION: N_("Plan an action"),
    Verb.COMPLETE_ACTION: N_("Complete an action"),
    Verb.CHECK_ACTION: N_("Tick a recommended action"),
    Verb.CLOSE_CASE: N_("Close the case"),
    Verb.REOPEN_CASE: N_("Reopen the case"),
    Verb.GRANT_PERMIT: N_("Grant a permit"),
    Verb.TAKE_OUT_OF_SERVICE: N_("Take out of service"),
    Verb.END_SUPPRESSION: N_("End a suppression"),
    Verb.TEST_ANNUNCIATOR: N_("Test lights and horns"),
    Verb.REPLAY: N_("Replay"),
    Verb.SNAPSHOT: N_("Snapshot"),
    Verb.CHANGE_SITE: N_("Change the site file"),
    Verb.RESTORE_SITE: N_("Restore the site file"),
    Verb.START_JOB: N_("Start a job"),
    Verb.CANCEL_JOB: N_("Cancel a job"),
}
OUTCOME_WORD = {
    "pending": N_("PENDING"),
    "done": N_("DONE"),
    "conflict": N_("CONFLICT"),
    "refused": N_("REFUSED"),
    "unanswered": N_("NO ANSWER"),
}
"""How a request to the agent core stands, in one word."""
NOT_DONE_TEXT = N_("{verb}: NOT done. {outcome}")
"""A conflict about something else than an alarm: the outcome says all."""
BEGUN_WORD, BEGUN_TEXT = N_("ACCEPTED"), N_("It is queued: this page shows how it stands.")
"""What becomes of a request for long work at first: it is done with, the work is not."""
OUTCOME_TEXT = {
    "pending": N_("{verb}: handed to the agent…"),
    "done": N_("{verb}: done."),
    "conflict": N_(
        "{verb}: NOT done, the alarm changed meanwhile. {outcome} Look at it again, then repeat. "
        "What you wrote is still there."
    ),
    "refused": N_("{verb}: refused. {outcome}"),
    "unanswered": N_(
        "The agent does not answer: call the control room. {verb} is NOT done. Your request is "
        "stored; this page shows it if the agent carries it out later."
    ),
}
SUPPRESSION_TEXT = {
    SuppressionCause.MAINTENANCE: N_("Maintenance window"),
    SuppressionCause.MACHINE_STATE: N_("Machine state"),
    SuppressionCause.HOT_WORK: N_("Hot work permit"),
    SuppressionCause.CONFINED_SPACE: N_("Confined space permit"),
    SuppressionCause.LOCK_OUT: N_("Lock-out permit"),
    SuppressionCause.FLOOD: N_("Alarm flood"),
    SuppressionCause.OUT_OF_SERVICE: N_("Out of service"),
}
CASE_CAUSE_TEXT = {
    CauseCode.TRUE_HAZARD: N_("true hazard"),
    CauseCode.NUISANCE: N_("nuisance"),
    CauseCode.TEST: N_("test"),
    CauseCode.DRILL: N_("drill"),
}
SEVERITY_TEXT = {
    Severity.CRITICAL: N_("critical"),
    Severity.HIGH: N_("high"),
    Severity.MEDIUM: N_("medium"),
    Severity.LOW: N_("low"),
    Severity.INFO: N_("info"),
}
HEALTH_TEXT = {
    Health.READY: N_("ready"),
    Health.STARTING: N_("starting"),
    Health.DEGRADED: N_("degraded"),
    Health.OFFLINE: N_("offline"),
    Health.UNKNOWN: N_("unknown"),
}
CAMERA_TEXT = {
    CameraState.OK: N_("ok"),
    CameraState.STARTING: N_("starting"),
    CameraState.DARK: N_("dark"),
    CameraState.FROZEN: N_("frozen"),
    CameraState.OFFLINE: N_("offline"),
    CameraState.ENDED: N_("ended"),
}
QUALITY_TEXT = {
    Quality.GOOD: N_("good"),
    Quality.UNCERTAIN: N_("uncertain"),
    Quality.BAD: N_("bad"),
}
ROLE_TEXT = {
    Role.VIEWER: N_("viewer"),
    Role.OPERATOR: N_("operator"),
    Role.SAFETY_OFFICER: N_("safety officer"),
    Role.INTEGRATOR: N_("integrator"),
    Role.ADMINISTRATOR: N_("administrator"),
}
WORDS: Mapping[type[Enum], Mapping[Any, str]] = {
    Severity: SEVERITY_TEXT,
    Health: HEALTH_TEXT,
    CameraState: CAMERA_TEXT,
    Quality: QUALITY_TEXT,
    Role: ROLE_TEXT,
    IsaState: STATE_TEXT,
    ProcessCondition: CONDITION_TEXT,
    DecidedBy: DECIDED_TEXT,
    Verb: VERB_TEXT,
    SuppressionCause: SUPPRESSION_TEXT,
    CauseCode: CASE_CAUSE_TEXT,
}
"""The words of each enumeration: the filter `word` finds them in the reader's language."""
