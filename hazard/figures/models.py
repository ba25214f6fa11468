"""The figures of a period, as the dashboard, its API and the weekly report have them."""

from __future__ import annotations

from datetime import date
from enum import StrEnum

from pydantic import Field

from hazard.performance import AlarmReport
from hazard.types import CauseCode, Model, Severity, UtcTime

SeverityCounts = dict[Severity, int]


class Rate(Model):
    """A share, with the Wilson interval in which it lies with 95 % confidence."""

    count: int
    of: int
    percent: float | None = Field(description="null: nothing to count")
    low_percent: float | None
    high_percent: float | None


class Group(Model):
    """Alarms of one hazard kind or one area."""

    name: str = Field(description="its id in the catalogue or the site file")
    alarms: int
    by_severity: SeverityCounts
    nuisance: int = Field(description="of these, closed as a nuisance")


class ShiftGroup(Model):
    """Alarms of one shift; an empty name: at no shift of the site file."""

    name: str
    alarms: int
    by_severity: SeverityCounts
    hours: float = Field(description="that the shift was on in the period")
    alarms_per_8h: float | None


class Day(Model):
    """Alarms of one day of the site's calendar; the first and the last may be cut short."""

    day: date
    alarms: int
    by_severity: SeverityCounts


class Week(Model):
    """Near misses of one week, named by its Monday; `whole`: all of it lies in the period."""

    monday: date
    near_misses: int
    whole: bool


class Verdict(StrEnum):
    """Where a row of weeks goes; `too_few`: nothing can be said honestly."""

    RISING = "rising"
    FALLING = "falling"
    STEADY = "steady"
    TOO_FEW = "too_few"


class NearMisses(Model):
    """Hazards by which nobody was hurt; without those closed as nuisance, test or drill.

    The verdict compares the later half of the whole weeks with the earlier: if they were alike, the
    later half would hold `expected_percent` of all; it is rising or falling when that lies outside
    of the 95 % interval of `later`.
    """

    kinds: tuple[str, ...] = Field(description="hazard kinds that count")
    total: int
    by_kind: dict[str, int]
    weeks: tuple[Week, ...]
    verdict: Verdict
    later: Rate
    expected_percent: float


class Durations(Model):
    """How long something took, of the alarms for which it happened.

    Whole seconds; whole minutes from an hour on, whole hours from a day on.
    """

    severity: Severity | None = Field(description="null: all")
    count: int
    median_s: int | None
    p95_s: int | None


class Responses(Model):
    """From raised on, of the alarms that were raised in the period."""

    acknowledged: tuple[Durations, ...] = Field(description="to the first acknowledgement")
    returned: Durations = Field(description="to back to normal, with nothing left to do")
    closed: Durations = Field(description="to the closing of the case")
    not_acknowledged: int = Field(description="nobody has acknowledged them until now")
    not_closed: int = Field(description="their case is still open")


class KindDecisions(Model):
    """The model against the policy, of one hazard kind; an empty kind: all.

    Rates are of the alarms about which the model was asked.
    """

    hazard: str
    asked: int
    agreed: Rate = Field(description="the model said what the policy says")
    said_higher: Rate
    said_lower: Rate
    raised: Rate = Field(description="the severity in force is the model's, above the policy's")
    lowered: Rate
    late: Rate
    fallback: Rate = Field(description="the policy's default stands: no answer that counts")


class Decisions(Model):
    """What the model said, did and failed to do, as each alarm was judged last."""

    all: KindDecisions
    kinds: tuple[KindDecisions, ...]
    failures: dict[str, int] = Field(description="late, broken, absent, unsure")
    answers: int = Field(description="alarms with a time of answer")
    latency_median_ms: int | None = Field(description="raised to decided")
    latency_p95_ms: int | None


class CauseCount(Model):
    """Closed cases by cause."""

    cause: CauseCode
    cases: int


class PlantFigures(Model):
    """Everything about one period, from `began_at` on, up to but not `ended_at`."""

    began_at: UtcTime
    ended_at: UtcTime
    recorded_since: UtcTime | None = Field(description="first line of this database; null: empty")
    sequence: int = Field(description="number of the newest revision that was looked at")
    area: str | None
    hazard: str | None
    alarms: int
    by_severity: SeverityCounts
    kinds: tuple[Group, ...] = Field(description="most frequent first")
    areas: tuple[Group, ...] = Field(description="most frequent first")
    shifts: tuple[ShiftGroup, ...]
    shifts_assumed: bool = Field(description="the site file names none: 06-14-22 is assumed")
    days: tuple[Day, ...]
    near_misses: NearMisses
    responses: Responses
    decisions: Decisions
    causes: tuple[CauseCount, ...]
    performance: AlarmReport | None = Field(
        description="of whole operator positions, whatever kind is chosen; null: nothing stored"
    )
