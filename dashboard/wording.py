"""The pages' words for the states, causes and verbs of alarms."""

from __future__ import annotations

from hazard.types import (
    Authority,
    CauseCode,
    DecidedBy,
    IsaState,
    ProcessCondition,
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
    IsaState.NORMAL: "Normal",
    IsaState.UNACKNOWLEDGED: "Unacknowledged",
    IsaState.ACKNOWLEDGED: "Acknowledged",
    IsaState.RTN_UNACKNOWLEDGED: "Returned, unacknowledged",
    IsaState.LATCHED_UNACKNOWLEDGED: "Latched, unacknowledged",
    IsaState.LATCHED_ACKNOWLEDGED: "Latched, acknowledged",
    IsaState.SHELVED: "Shelved",
    IsaState.SUPPRESSED_BY_DESIGN: "Suppressed by design",
    IsaState.OUT_OF_SERVICE: "Out of service",
}
CONDITION_TEXT = {
    ProcessCondition.ACTIVE: "Still present",
    ProcessCondition.HELD: "Held: no good evidence any more, so it counts as present",
    ProcessCondition.NORMAL: "Returned to normal",
}
DECIDED_TEXT = {
    DecidedBy.POLICY: "Policy",
    DecidedBy.MODEL: "Model",
    DecidedBy.FALLBACK: "Policy default",
}
AUTHORITY_TEXT = {
    Authority.ADVISE: "may advise only: its opinion is shown, the policy's severity stands",
    Authority.RAISE: "may raise the severity by one level",
    Authority.DECIDE: "may decide from the floor to critical",
}
CAUSE_TEXT = {
    "raised": "Raised",
    "event": "New finding",
    "decided": "Severity decided",
    "words": "Summary and actions written",
    "action": "Action by a person",
    "evidence": "Evidence added",
    "condition": "Condition changed",
    "expiry": "Shelving expired",
    "suppression": "Suppression changed",
    "realarm": "Asks again: acknowledged long ago, and still there",
    "escalated": "Escalated: nobody has acknowledged it",
    "flood": "Grouped in an alarm flood",
    "case": "Case",
}
VERB_TEXT = {
    Verb.ACKNOWLEDGE: "Acknowledge",
    Verb.RESET: "Reset",
    Verb.SHELVE: "Shelve",
    Verb.UNSHELVE: "Unshelve",
    Verb.COMMENT: "Comment",
    Verb.ASSIGN: "Assign",
    Verb.PLAN_ACTION: "Plan an action",
    Verb.COMPLETE_ACTION: "Complete an action",
    Verb.CHECK_ACTION: "Tick a recommended action",
    Verb.CLOSE_CASE: "Close the case",
    Verb.REOPEN_CASE: "Reopen the case",
    Verb.GRANT_PERMIT: "Grant a permit",
    Verb.TAKE_OUT_OF_SERVICE: "Take out of service",
    Verb.END_SUPPRESSION: "End a suppression",
    Verb.TEST_ANNUNCIATOR: "Test lights and horns",
    Verb.REPLAY: "Replay",
    Verb.SNAPSHOT: "Snapshot",
    Verb.CHANGE_SITE: "Change the site file",
    Verb.RESTORE_SITE: "Restore the site file",
    Verb.START_JOB: "Start a job",
}
SUPPRESSION_TEXT = {
    SuppressionCause.MAINTENANCE: "Maintenance window",
    SuppressionCause.MACHINE_STATE: "Machine state",
    SuppressionCause.HOT_WORK: "Hot work permit",
    SuppressionCause.CONFINED_SPACE: "Confined space permit",
    SuppressionCause.LOCK_OUT: "Lock-out permit",
    SuppressionCause.FLOOD: "Alarm flood",
    SuppressionCause.OUT_OF_SERVICE: "Out of service",
}
CASE_CAUSE_TEXT = {
    CauseCode.TRUE_HAZARD: "true hazard",
    CauseCode.NUISANCE: "nuisance",
    CauseCode.TEST: "test",
    CauseCode.DRILL: "drill",
}
