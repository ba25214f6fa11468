"""The sections of a report, made from the figures of a period in one language."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

from hazard.catalogue import catalogue
from hazard.figures import PlantFigures, Verdict, Week
from hazard.figures.models import Day, Group, SeverityCounts
from hazard.performance import PRIORITIES
from hazard.reports.alarm_sections import alarm_sections
from hazard.reports.parts import (
    NOTHING,
    Chart,
    Column,
    Section,
    Series,
    Table,
    Value,
    duration,
    number,
    show,
)
from hazard.reports.words import say, word
from hazard.site.models import Site
from hazard.types import Severity

LONG_DAYS = 62
"""A longer period is drawn by weeks."""
BARS = 12
"""Bars that a chart has at most; the table has all."""

WORST_FIRST = tuple(reversed(PRIORITIES))


def kind_name(hazard: str, language: str) -> str:
    """A hazard kind's name; its id where the catalogue no longer knows it."""
    kind = catalogue().get(hazard)
    if kind is None:
        return hazard
    names = {str(code): name for code, name in kind.name.items()}
    return names.get(language, names["en"])


def sections(found: PlantFigures, site: Site, language: str) -> tuple[Section, ...]:
    """All sections, in the order in which they are read."""
    maker = _Maker(found, site, language)
    return (
        maker.days(),
        *maker.groups(),
        maker.shifts(),
        maker.near_misses(),
        maker.responses(),
        maker.decisions(),
        maker.causes(),
        *alarm_sections(found.performance, site, language, kind_name),
    )


class _Maker:
    def __init__(self, found: PlantFigures, site: Site, language: str) -> None:
        self._found, self._site, self._language = found, site, language

    def _say(self, key: str, **values: object) -> str:
        return say(key, self._language, **values)

    def _number(self, value: float, digits: int = 1) -> str:
        return number(value, self._language, digits)

    def _series(self) -> tuple[Series, ...]:
        return tuple(
            Series(word("severity", each.value, self._language), each.value)
            for each in reversed(WORST_FIRST)
        )

    def _severities(self) -> tuple[Column, ...]:
        return tuple(
            Column(word("severity", each.value, self._language), "number") for each in WORST_FIRST
        )

    # ------------------------------------------------------------ alarms

    def days(self) -> Section:
        found, days = self._found, self._found.days
        told = self._say("s_none")
        if found.alarms:
            most = max(days, key=lambda day: day.alarms)
            told = self._say(
                "s_days",
                alarms=self._number(found.alarms),
                critical=self._number(found.by_severity[Severity.CRITICAL]),
                most=self._number(most.alarms),
                day=show(most.day, Column(""), self._language),
            )
        drawn = _by_week(days) if len(days) > LONG_DAYS else days
        return Section(
            "days",
            self._say("days"),
            (told,),
            Table(
                (
                    Column(self._say("day")),
                    Column(self._say("alarms"), "number"),
                    *self._severities(),
                ),
                tuple((day.day, day.alarms, *_worst_first(day.by_severity)) for day in days),
            ),
            Chart(
                "columns",
                self._series(),
                tuple(show(day.day, Column(""), self._language) for day in drawn),
                tuple(_stack(day.by_severity) for day in drawn),
            ),
        )

    def groups(self) -> Iterator[Section]:
        found = self._found
        for key, groups in (("kinds", found.kinds), ("areas", found.areas)):
            names = [self._name(key, group.name) for group in groups]
            told = self._say("s_none")
            if groups:
                share = self._number(100 * groups[0].alarms / found.alarms, 0)
                told = self._say(f"s_{key}", name=names[0], share=share)
            yield Section(
                key,
                self._say(key),
                (told,),
                Table(
                    (
                        Column(self._say(key.removesuffix("s"))),
                        Column(self._say("alarms"), "number"),
                        *self._severities(),
                        Column(self._say("nuisance"), "number"),
                    ),
                    tuple(_group_row(name, each) for name, each in zip(names, groups, strict=True)),
                    tuple(
                        (group.name, "") if key == "kinds" else ("", group.name) for group in groups
                    ),
                ),
                Chart(
                    "bars",
                    self._series(),
                    tuple(names[:BARS]),
                    tuple(_stack(group.by_severity) for group in groups[:BARS]),
                ),
            )

    def _name(self, key: str, name: str) -> str:
        if key == "kinds":
            return kind_name(name, self._language)
        area = self._site.areas.get(name)
        return area.name if area is not None else name

    def shifts(self) -> Section:
        found = self._found
        names = [self._shift(shift.name) for shift in found.shifts]
        rates = [shift.alarms_per_8h or 0.0 for shift in found.shifts]
        told = [self._say("s_none")]
        if found.alarms and rates:
            worst = max(range(len(rates)), key=rates.__getitem__)
            per_8h = self._number(rates[worst], 1)
            told = [self._say("s_shifts", name=names[worst], per_8h=per_8h)]
        if found.shifts_assumed:
            told.append(self._say("s_assumed"))
        return Section(
            "shifts",
            self._say("shifts"),
            tuple(told),
            Table(
                (
                    Column(self._say("shift")),
                    Column(self._say("alarms"), "number"),
                    *self._severities(),
                    Column(self._say("hours"), "number", 1),
                    Column(self._say("per_8h"), "number", 2),
                ),
                tuple(
                    (
                        name,
                        shift.alarms,
                        *_worst_first(shift.by_severity),
                        shift.hours,
                        shift.alarms_per_8h,
                    )
                    for name, shift in zip(names, found.shifts, strict=True)
                ),
            ),
            Chart(
                "bars",
                (Series(self._say("per_8h"), "plain"),),
                tuple(names),
                tuple((rate,) for rate in rates),
            ),
        )

    def _shift(self, name: str) -> str:
        if not name:
            return self._say("no_shift")
        return word("shift", name, self._language) if self._found.shifts_assumed else name

    # ------------------------------------------------------------ people and model

    def near_misses(self) -> Section:
        found = self._found.near_misses
        share = self._number(found.later.percent or 0.0, 0)
        told = self._say(
            f"s_{found.verdict.value}",
            **({} if found.verdict is Verdict.TOO_FEW else {"share": share}),
        )
        kinds = ", ".join(kind_name(kind, self._language) for kind in found.kinds)
        return Section(
            "near_misses",
            self._say("near_misses"),
            (told, f"{kinds}: {self._number(found.total)}"),
            Table(
                (
                    Column(self._say("week_of")),
                    Column(self._say("near"), "number"),
                    Column(self._say("whole")),
                ),
                tuple((week.monday, week.near_misses, self._whole(week)) for week in found.weeks),
            ),
            Chart(
                "columns",
                (Series(self._say("near"), "plain"),),
                tuple(show(week.monday, Column(""), self._language) for week in found.weeks),
                tuple((float(week.near_misses),) for week in found.weeks),
            ),
            "ISO 45001:2018 3.35",
        )

    def _whole(self, week: Week) -> str:
        return self._say("yes" if week.whole else "no")

    def responses(self) -> Section:
        found = self._found.responses
        every = found.acknowledged[0]
        told = self._say("s_none")
        if every.median_s is not None:
            told = self._say(
                "s_responses",
                median=duration(every.median_s),
                open=self._number(found.not_acknowledged),
            )
        elif self._found.alarms:
            told = self._say("s_no_response")
        steps = [("acknowledged", each) for each in found.acknowledged]
        steps += [("returned", found.returned), ("closed", found.closed)]
        rows: list[tuple[Value, ...]] = [
            (
                self._say(key),
                each.severity if each.severity is not None else self._say("all"),
                each.count,
                each.median_s,
                each.p95_s,
            )
            for key, each in steps
        ]
        return Section(
            "responses",
            self._say("responses"),
            (told,),
            Table(
                (
                    Column(self._say("step")),
                    Column(self._say("severity"), "severity"),
                    Column(self._say("count"), "number"),
                    Column(self._say("median"), "seconds"),
                    Column(self._say("p95"), "seconds"),
                ),
                tuple(rows),
            ),
        )

    def decisions(self) -> Section:
        found = self._found.decisions
        every = found.all
        told = self._say("s_not_asked")
        if every.asked:
            told = self._say(
                "s_decisions",
                asked=self._number(every.asked),
                agreed=f"{self._number(every.agreed.percent or 0.0)} %",
                fallback=f"{self._number(every.fallback.percent or 0.0)} %",
                late=f"{self._number(every.late.percent or 0.0)} %",
                median=NOTHING if found.latency_median_ms is None else found.latency_median_ms,
            )
        shares = ("agreed", "higher", "lower", "raised", "lowered", "late", "fallback")
        return Section(
            "decisions",
            self._say("decisions"),
            (told,),
            Table(
                (
                    Column(self._say("kind")),
                    Column(self._say("asked"), "number"),
                    *(Column(self._say(key), "rate") for key in shares),
                ),
                tuple(
                    (
                        kind_name(kind.hazard, self._language) if kind.hazard else self._say("all"),
                        kind.asked,
                        kind.agreed,
                        kind.said_higher,
                        kind.said_lower,
                        kind.raised,
                        kind.lowered,
                        kind.late,
                        kind.fallback,
                    )
                    for kind in (every, *found.kinds)
                ),
                (("", ""), *((kind.hazard, "") for kind in found.kinds)),
            ),
            source="Wilson 1927, 95 %",
        )

    def causes(self) -> Section:
        found = self._found
        names = [word("cause", each.cause.value, self._language) for each in found.causes]
        counts = [each.cases for each in found.causes]
        told = self._say(
            "s_causes",
            closed=self._number(found.responses.closed.count),
            open=self._number(found.responses.not_closed),
        )
        return Section(
            "causes",
            self._say("causes"),
            (told,),
            Table(
                (Column(self._say("cause")), Column(self._say("cases"), "number")),
                tuple(zip(names, counts, strict=True)),
            ),
            Chart(
                "bars",
                (Series(self._say("cases"), "plain"),),
                tuple(names),
                tuple((float(count),) for count in counts),
            ),
        )


def _worst_first(counts: SeverityCounts) -> tuple[int, ...]:
    return tuple(counts[each] for each in WORST_FIRST)


def _stack(counts: SeverityCounts) -> tuple[float, ...]:
    return tuple(float(counts[each]) for each in PRIORITIES)


def _group_row(name: str, group: Group) -> tuple[Value, ...]:
    return (name, group.alarms, *_worst_first(group.by_severity), group.nuisance)


def _by_week(days: Sequence[Day]) -> list[Day]:
    weeks: dict[object, Day] = {}
    for day in days:
        monday = day.day - timedelta(days=day.day.weekday())
        before = weeks.get(monday)
        counts = {
            each: day.by_severity[each] + (before.by_severity[each] if before else 0)
            for each in PRIORITIES
        }
        weeks[monday] = Day(day=monday, alarms=sum(counts.values()), by_severity=counts)
    return list(weeks.values())
