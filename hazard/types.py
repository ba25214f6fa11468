"""The words of the domain, as frozen types: one place to import them from.

Everything that leaves a process is a pydantic model (observations, readings, events, incidents,
assessments, alert messages, action requests). What stays within the vision group (`Frame`,
`Detection`) is a plain dataclass. Every time is aware UTC, every duration is monotonic seconds,
every quantity carries its unit in its name or beside it.
"""

from __future__ import annotations

from hazard.alerting import (
    AlertMessage,
    Cause,
    IsaState,
    ProcessCondition,
    Times,
)
from hazard.asking import (
    ActionRequest,
    RequestOutcome,
    RequestState,
    Verb,
    Via,
)
from hazard.base import (
    Model,
    Name,
    Relative,
    UtcTime,
)
from hazard.casework import (
    CaseFile,
    CauseCode,
    CheckedAction,
    CorrectiveAction,
)
from hazard.findings import (
    Condition,
    Evidence,
    HazardEvent,
    Incident,
    Measured,
)
from hazard.judgement import (
    Assessment,
    Citation,
    Opinion,
    Verdict,
    Words,
)
from hazard.notices import (
    Notice,
    NoticeReason,
    NoticeState,
    ReportNote,
)
from hazard.scales import (
    Authority,
    DecidedBy,
    Quality,
    Role,
    Severity,
)
from hazard.sensing import (
    Box,
    CameraReport,
    CameraState,
    Detection,
    Frame,
    Observation,
    Reading,
    Track,
    is_person,
)
from hazard.suppression import (
    PERMITS,
    SuppressionCause,
    SuppressionNote,
    SuppressionOrder,
)
from hazard.wellbeing import (
    Health,
    StageHealth,
)

__all__ = [
    "PERMITS",
    "ActionRequest",
    "AlertMessage",
    "Assessment",
    "Authority",
    "Box",
    "CameraReport",
    "CameraState",
    "CaseFile",
    "Cause",
    "CauseCode",
    "CheckedAction",
    "Citation",
    "Condition",
    "CorrectiveAction",
    "DecidedBy",
    "Detection",
    "Evidence",
    "Frame",
    "HazardEvent",
    "Health",
    "Incident",
    "IsaState",
    "Measured",
    "Model",
    "Name",
    "Notice",
    "NoticeReason",
    "NoticeState",
    "Observation",
    "Opinion",
    "ProcessCondition",
    "Quality",
    "Reading",
    "Relative",
    "ReportNote",
    "RequestOutcome",
    "RequestState",
    "Role",
    "Severity",
    "StageHealth",
    "SuppressionCause",
    "SuppressionNote",
    "SuppressionOrder",
    "Times",
    "Track",
    "UtcTime",
    "Verb",
    "Verdict",
    "Via",
    "Words",
    "is_person",
]
