"""The figures of a period, made from bare counts. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, timedelta

from hazard.catalogue import catalogue
from hazard.figures.counts import Cell, Decided, Raw, Waited
from hazard.figures.models import (
    CauseCount,
    Day,
    Decisions,
    Durations,
    Group,
    KindDecisions,
    NearMisses,
    PlantFigures,
    Responses,
    SeverityCounts,
    ShiftGroup,
    Verdict,
    Week,
)
from hazard.figures.shares import quantile_of, rate
from hazard.figures.slots import NO_SHIFT, Slot
from hazard.performance import PRIORITIES, AlarmReport
from hazard.types import CauseCode, DecidedBy, Severity

FEW_NEAR_MISSES = 10
"""With fewer in the whole weeks, no trend is told."""
FEW_WEEKS = 4
NOT_REAL = frozenset((CauseCode.NUISANCE.value, CauseCode.TEST.value, CauseCode.DRILL.value))
FALLBACKS = ("late", "broken", "absent", "unsure")


def figures(
    raw: Raw,
    *,
    began_at: datetime,
    ended_at: datetime,
    slots: Sequence[Slot],
    shifts: Iterable[str],
    shifts_assumed: bool,
    area: str | None,
    hazard: str | None,
    performance: AlarmReport | None,
) -> PlantFigures:
    """Everything about the period whose slots the cells count in."""
    return PlantFigures(
        began_at=began_at,
        ended_at=ended_at,
        recorded_since=raw.recorded_since,
        sequence=raw.sequence,
        area=area,
        hazard=hazard,
        alarms=sum(cell.alarms for cell in raw.cells),
        by_severity=_severities(raw.cells),
        kinds=_groups(raw.cells, lambda cell: cell.hazard),
        areas=_groups(raw.cells, lambda cell: cell.area),
        shifts=_shifts(raw.cells, slots, shifts),
        shifts_assumed=shifts_assumed,
        days=_days(raw.cells, slots),
        near_misses=_near_misses(raw.cells, slots),
        responses=_responses(raw),
        decisions=_decisions(raw.decided, raw.answered_ms),
        causes=_causes(raw.cells),
        performance=performance,
    )


def _severities(cells: Iterable[Cell]) -> SeverityCounts:
    counts = Counter[int]()
    for cell in cells:
        counts[cell.severity_rank] += cell.alarms
    return {each: counts[each.rank] for each in PRIORITIES}


def _split(cells: Iterable[Cell], key: Callable[[Cell], str]) -> dict[str, list[Cell]]:
    parts: dict[str, list[Cell]] = defaultdict(list)
    for cell in cells:
        parts[key(cell)].append(cell)
    return parts


def _groups(cells: Iterable[Cell], key: Callable[[Cell], str]) -> tuple[Group, ...]:
    nuisance = CauseCode.NUISANCE.value
    found = [
        Group(
            name=name,
            alarms=sum(cell.alarms for cell in part),
            by_severity=_severities(part),
            nuisance=sum(cell.alarms for cell in part if cell.closed_cause == nuisance),
        )
        for name, part in _split(cells, key).items()
    ]
    return tuple(sorted(found, key=lambda group: (-group.alarms, group.name)))


def _shifts(
    cells: Iterable[Cell], slots: Sequence[Slot], names: Iterable[str]
) -> tuple[ShiftGroup, ...]:
    parts = _split(cells, lambda cell: slots[cell.slot].shift)
    hours: dict[str, float] = defaultdict(float)
    for slot in slots:
        hours[slot.shift] += slot.hours
    found = []
    unnamed = [NO_SHIFT] if NO_SHIFT in hours else []
    for name in (*names, *unnamed):
        alarms = sum(cell.alarms for cell in parts.get(name, ()))
        on = hours[name]
        found.append(
            ShiftGroup(
                name=name,
                alarms=alarms,
                by_severity=_severities(parts.get(name, ())),
                hours=round(on, 3),
                alarms_per_8h=round(8 * alarms / on, 3) if on else None,
            )
        )
    return tuple(found)


def _days(cells: Iterable[Cell], slots: Sequence[Slot]) -> tuple[Day, ...]:
    parts: dict[date, list[Cell]] = {slot.day: [] for slot in slots}
    for cell in cells:
        parts[slots[cell.slot].day].append(cell)
    return tuple(
        Day(day=day, alarms=sum(cell.alarms for cell in part), by_severity=_severities(part))
        for day, part in parts.items()
    )


def _near_misses(cells: Iterable[Cell], slots: Sequence[Slot]) -> NearMisses:
    kinds = tuple(name for name, kind in catalogue().items() if kind.near_miss)
    real = [c for c in cells if c.hazard in kinds and c.closed_cause not in NOT_REAL]
    counts = Counter[date]()
    for cell in real:
        counts[_monday(slots[cell.slot].day)] += cell.alarms
    lengths: dict[date, float] = defaultdict(float)
    for slot in slots:
        lengths[_monday(slot.day)] += slot.hours
    # A week in which the clock is changed has an hour less, or more.
    weeks = tuple(
        Week(monday=monday, near_misses=counts[monday], whole=hours >= 7 * 24 - 1.5)
        for monday, hours in lengths.items()
    )
    whole = [week.near_misses for week in weeks if week.whole]
    half = len(whole) - len(whole) // 2
    later = rate(sum(whole[half:]), sum(whole))
    expected = 100.0 * (len(whole) - half) / len(whole) if whole else 50.0
    return NearMisses(
        kinds=kinds,
        total=sum(cell.alarms for cell in real),
        by_kind={kind: sum(c.alarms for c in real if c.hazard == kind) for kind in kinds},
        weeks=weeks,
        verdict=_verdict(len(whole), later.of, later.low_percent, later.high_percent, expected),
        later=later,
        expected_percent=round(expected, 3),
    )


def _verdict(
    weeks: int, number: int, low: float | None, high: float | None, expected: float
) -> Verdict:
    if weeks < FEW_WEEKS or number < FEW_NEAR_MISSES or low is None or high is None:
        return Verdict.TOO_FEW
    if low > expected:
        return Verdict.RISING
    return Verdict.FALLING if high < expected else Verdict.STEADY


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


def _durations(waited: Iterable[Waited], severity: Severity | None) -> Durations:
    ranks = (severity.rank,) if severity is not None else tuple(each.rank for each in Severity)
    counted = [
        (each.seconds, each.alarms)
        for each in waited
        if each.seconds is not None and each.severity_rank in ranks
    ]
    return Durations(
        severity=severity,
        count=sum(number for _, number in counted),
        median_s=quantile_of(counted, 0.5),
        p95_s=quantile_of(counted, 0.95),
    )


def _responses(raw: Raw) -> Responses:
    return Responses(
        acknowledged=tuple(
            _durations(raw.acknowledged, severity) for severity in (None, *reversed(PRIORITIES))
        ),
        returned=_durations(raw.returned, None),
        closed=_durations(raw.closed, None),
        not_acknowledged=sum(each.alarms for each in raw.acknowledged if each.seconds is None),
        not_closed=sum(each.alarms for each in raw.closed if each.seconds is None),
    )


def _decisions(decided: Sequence[Decided], answered_ms: Sequence[tuple[int, int]]) -> Decisions:
    by_kind: dict[str, list[Decided]] = defaultdict(list)
    for each in decided:
        by_kind[each.hazard].append(each)
    kinds = [_of_kind(hazard, part) for hazard, part in by_kind.items()]
    failures = {
        word: sum(each.alarms for each in decided if each.failure == word) for word in FALLBACKS
    }
    return Decisions(
        all=_of_kind("", decided),
        kinds=tuple(sorted(kinds, key=lambda kind: (-kind.asked, kind.hazard))),
        failures=failures,
        answers=sum(number for _, number in answered_ms),
        latency_median_ms=quantile_of(answered_ms, 0.5),
        latency_p95_ms=quantile_of(answered_ms, 0.95),
    )


def _of_kind(hazard: str, decided: Sequence[Decided]) -> KindDecisions:
    asked = sum(each.alarms for each in decided)

    def share(true: Callable[[Decided], bool]) -> int:
        return sum(each.alarms for each in decided if true(each))

    def said(each: Decided) -> int | None:
        """How far the model's answer is from the policy's default."""
        if each.opinion_rank is None or each.failure is not None:
            return None
        return each.opinion_rank - each.default_rank

    def moved(each: Decided) -> int:
        by_model = each.decided_by == DecidedBy.MODEL.value
        return each.severity_rank - each.default_rank if by_model else 0

    return KindDecisions(
        hazard=hazard,
        asked=asked,
        agreed=rate(share(lambda each: said(each) == 0), asked),
        said_higher=rate(share(lambda each: (said(each) or 0) > 0), asked),
        said_lower=rate(share(lambda each: (said(each) or 0) < 0), asked),
        raised=rate(share(lambda each: moved(each) > 0), asked),
        lowered=rate(share(lambda each: moved(each) < 0), asked),
        late=rate(share(lambda each: each.failure == "late"), asked),
        fallback=rate(share(lambda each: each.failure is not None), asked),
    )


def _causes(cells: Iterable[Cell]) -> tuple[CauseCount, ...]:
    counts = Counter[str]()
    for cell in cells:
        if cell.closed_cause is not None:
            counts[cell.closed_cause] += cell.alarms
    return tuple(CauseCount(cause=cause, cases=counts[cause.value]) for cause in CauseCode)
