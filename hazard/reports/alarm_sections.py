"""The sections about the alarm system: targets of the standards, bad actors, nuisances."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from hazard.performance import AlarmReport, PointAlarms, PositionReport
from hazard.reports.parts import Chart, Column, Section, Series, Table, Value, number
from hazard.reports.words import say, word, words
from hazard.site.models import Site
from hazard.site.positions import ELSEWHERE, EVERYWHERE
from hazard.targets import Held

KindName = Callable[[str, str], str]


def alarm_sections(
    report: AlarmReport | None, site: Site, language: str, kind_name: KindName
) -> Iterator[Section]:
    """Three sections for each operator position; none without a report."""
    for position in report.positions if report is not None else ():
        name = _position_name(position, site, language)
        told = [_judged(position, language)]
        if report is not None and not report.enough_data:
            told.append(say("s_short", language, days=number(report.window_days, language)))
        yield Section(
            f"performance-{position.position}",
            say("performance", language, name=name),
            tuple(told),
            _targets(position, language),
        )
        yield _actors(position, name, site, language, kind_name)
        yield _nuisances(position, name, site, language, kind_name)


def _position_name(position: PositionReport, site: Site, language: str) -> str:
    named = site.alarms.positions.get(position.position)
    if named is not None:
        return named.name
    if position.position == EVERYWHERE:
        return say("all", language)
    areas = (site.areas[area].name for area in position.areas if area in site.areas)
    return ", ".join(areas) if position.position == ELSEWHERE else position.position


def _judged(position: PositionReport, language: str) -> str:
    held = [figure.held for figure in position.figures if figure.held is not None]
    missed = held.count(Held.MISSED)
    key = "s_performance" if missed else "s_all_met"
    return say(key, language, **({"missed": missed} if missed else {}), of=len(held))


def _targets(position: PositionReport, language: str) -> Table:
    titles = ("figure", "value", "target", "held", "source")
    known = words()["figure"]
    return Table(
        tuple(
            Column(say(title, language), "number" if title == "value" else "text", 2)
            for title in titles
        ),
        tuple(
            (
                word("figure", figure.name, language) if figure.name in known else figure.name,
                figure.value,
                _target(figure.target, language),
                word("held", figure.held.value, language) if figure.held is not None else "",
                figure.source,
            )
            for figure in position.figures
        ),
    )


def _target(text: str, language: str) -> str:
    text = text.replace(">=", "≥").replace("<=", "≤")
    return text.replace("manageable to", say("manageable_to", language))


def _actors(
    position: PositionReport, name: str, site: Site, language: str, kind_name: KindName
) -> Section:
    points = position.bad_actors
    share = sum(point.share_percent for point in points)
    told = say("s_actors", language, share=number(share, language, 0))
    return Section(
        f"actors-{position.position}",
        say("actors", language, name=name),
        (told if points else say("s_none", language),),
        Table(
            (
                *_point_columns(language),
                Column(say("alarms", language), "number"),
                Column(say("share", language), "number", 1),
            ),
            tuple(
                (*_point(point, site, language, kind_name), point.alarms, point.share_percent)
                for point in points
            ),
            tuple((point.hazard, point.area) for point in points),
        ),
        Chart(
            "bars",
            (Series(say("alarms", language), "plain"),),
            tuple(
                f"{kind_name(point.hazard, language)} · {point.source or point.rule_id}"
                for point in points
            ),
            tuple((float(point.alarms),) for point in points),
        ),
        "ANSI/ISA-18.2-2016 Table 7; EEMUA 191",
    )


def _nuisances(
    position: PositionReport, name: str, site: Site, language: str, kind_name: KindName
) -> Section:
    marked = [
        *(("chattering", point) for point in position.chattering),
        *(("fleeting", point) for point in position.fleeting),
    ]
    return Section(
        f"nuisances-{position.position}",
        say("nuisances", language, name=name),
        (say("s_nuisances", language),),
        Table(
            (
                Column(say("what", language)),
                *_point_columns(language),
                Column(say("alarms", language), "number"),
            ),
            tuple(
                (say(what, language), *_point(point, site, language, kind_name), point.alarms)
                for what, point in marked
            ),
            tuple((point.hazard, point.area) for _, point in marked),
            about_column=1,
        ),
        source="ANSI/ISA-18.2-2016 Table 7",
    )


def _point_columns(language: str) -> tuple[Column, ...]:
    return tuple(Column(say(key, language)) for key in ("kind", "area", "rule", "sensor"))


def _point(point: PointAlarms, site: Site, language: str, kind_name: KindName) -> tuple[Value, ...]:
    area = site.areas.get(point.area)
    return (
        kind_name(point.hazard, language),
        area.name if area is not None else point.area,
        point.rule_id,
        point.source,
    )
