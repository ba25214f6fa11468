"""`hazard report`: how the alarm system performs, and what happened in a week, as PDF."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hazard.errors import HazardError

if TYPE_CHECKING:
    from rich.console import Console
    from sqlalchemy import URL, Engine

    from hazard.performance import AlarmReport, PointAlarms, PositionReport
    from hazard.site.models import Site

WINDOW = timedelta(days=30)
"""Looked at where nothing else is asked for: the shortest window that the standards accept."""

app = typer.Typer(name="report", help="Figures of what was stored.", no_args_is_help=True)


@app.callback()
def report() -> None:
    """Figures of what was stored."""


@app.command("alarms")
def alarms(
    since: Annotated[
        str | None, typer.Option("--from", metavar="TIME", help="ISO 8601; 30 days before --to")
    ] = None,
    until: Annotated[
        str | None, typer.Option("--to", metavar="TIME", help="ISO 8601; now by default")
    ] = None,
    position: Annotated[
        str | None, typer.Option(help="one position of the site file; all by default")
    ] = None,
    site: Annotated[Path, typer.Option(help="the site file")] = Path("site.yaml"),
    data_dir: Annotated[
        Path | None, typer.Option(envvar="HAZARD_DATA_DIR", help="as given to `hazard run`")
    ] = None,
    *,
    demo: Annotated[bool, typer.Option("--demo", help="the database of `hazard demo`")] = False,
    database: Annotated[
        str | None, typer.Option(metavar="URL", help="a database file or postgresql:// address")
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="write the report there too")
    ] = None,
) -> None:
    """Alarm rates, floods, bad actors, standing alarms and priorities, by operator position.

    Times without a zone are the site's. Nothing is written. A window of less than 30 days is shown
    with the note that it says too little. Exit code 0; 2 for a time or a position that is none;
    3 if the database cannot be read.
    """
    from edge_agent.bootstrap import paths_for
    from edge_agent.paths import default_models_dir
    from hazard.site.loader import load_site
    from hazard.site.positions import positions
    from hazard.store.engine import store_url

    if demo:
        site = default_models_dir().parent / "demo" / "site.yaml"
    loaded = load_site(site)
    watched = positions(loaded)
    if position is not None:
        if position not in watched:
            known = ", ".join(sorted(watched))
            raise typer.BadParameter(f"no position {position!r}: known are {known}")
        watched = {position: watched[position]}
    ended_at = _time(until, loaded, "--to") or datetime.now(UTC)
    began_at = _time(since, loaded, "--from") or ended_at - WINDOW
    if began_at >= ended_at:
        raise typer.BadParameter(f"--from {began_at:%F %R} is not before --to {ended_at:%F %R}")
    url = store_url(database or str(paths_for(site, data_dir).database))
    found = _figures(url, began_at, ended_at, watched)
    if json_file is not None:
        json_file.write_text(found.model_dump_json(indent=1) + "\n", encoding="utf-8")
    _tell(found, loaded)


@app.command("weekly")
def weekly(
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FILE", help="the PDF")],
    week_of: Annotated[
        str | None,
        typer.Option(metavar="DATE", help="a day of the week, ISO 8601; the last whole week"),
    ] = None,
    language: Annotated[str, typer.Option(help="en, fr, de, es or it")] = "en",
    site: Annotated[Path, typer.Option(help="the site file")] = Path("site.yaml"),
    data_dir: Annotated[
        Path | None, typer.Option(envvar="HAZARD_DATA_DIR", help="as given to `hazard run`")
    ] = None,
    *,
    demo: Annotated[bool, typer.Option("--demo", help="the database of `hazard demo`")] = False,
    database: Annotated[
        str | None, typer.Option(metavar="URL", help="a database file or postgresql:// address")
    ] = None,
) -> None:
    """The figures of a week as PDF, as the agent makes it by itself (site file, section reports).

    The database is only read. Exit code 0; 2 for a date or a language that is none; 3 if the
    database cannot be read or the file not be written.
    """
    from zoneinfo import ZoneInfo

    from edge_agent.bootstrap import paths_for
    from edge_agent.paths import default_models_dir
    from hazard.reports.weeks import last_whole_week, monday_of
    from hazard.reports.words import LANGUAGES
    from hazard.site.loader import load_site
    from hazard.store.engine import store_url

    if language not in LANGUAGES:
        raise typer.BadParameter(f"--language {language!r}: known are {', '.join(LANGUAGES)}")
    if demo:
        site = default_models_dir().parent / "demo" / "site.yaml"
    loaded = load_site(site)
    monday = last_whole_week(datetime.now(UTC), loaded.site.timezone)
    if week_of is not None:
        try:
            monday = monday_of(date.fromisoformat(week_of))
        except ValueError:
            raise typer.BadParameter(
                f"--week-of {week_of!r} is no date: want e.g. 2026-11-23"
            ) from None
        if monday > monday_of(datetime.now(ZoneInfo(loaded.site.timezone)).date()):
            raise typer.BadParameter(f"--week-of {week_of} is still to come: name a day that was")
    content = _weekly_pdf(
        store_url(database or str(paths_for(site, data_dir).database)), loaded, monday, language
    )
    try:
        output.write_bytes(content)
    except OSError as error:
        raise HazardError(f"{output} cannot be written ({error.strerror}): name another") from error
    typer.echo(f"{output}: week of {monday}, {len(content)} bytes")


def _weekly_pdf(url: URL, site: Site, monday: date, language: str) -> bytes:
    from functools import partial

    from hazard.reports.weekly import read_weekly, weekly_pdf
    from hazard.store.figures import Figures

    now = datetime.now(UTC)
    with _reading(url) as engine:
        read = read_weekly(partial(Figures(engine).of, site), site, monday, now)
    return weekly_pdf(read, site, language, now)


def _time(text: str | None, site: Site, option: str) -> datetime | None:
    from zoneinfo import ZoneInfo

    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(
            f"{option} {text!r} is no time: want e.g. 2026-11-01 or 2026-11-01T06:00+01:00"
        ) from None
    if at.tzinfo is None:
        at = at.replace(tzinfo=ZoneInfo(site.site.timezone))
    return at.astimezone(UTC)


def _figures(
    url: URL, began_at: datetime, ended_at: datetime, watched: dict[str, tuple[str, ...]]
) -> AlarmReport:
    """The report from the database; its window begins with what the database holds."""
    from hazard.performance import performance
    from hazard.store.performance import alarm_changes, recorded_since

    with _reading(url) as engine, engine.connect() as connection:
        first = recorded_since(connection)
        if first is None or first >= ended_at:
            raise HazardError(
                f"nothing was recorded before {ended_at:%F %R} UTC: give a later --to"
            )
        began_at = max(began_at, first)
        return performance(
            alarm_changes(connection, began_at, ended_at),
            began_at=began_at,
            ended_at=ended_at,
            positions=watched,
        )


@contextmanager
def _reading(url: URL) -> Iterator[Engine]:
    """An engine for the block, and what goes wrong with it in words."""
    from sqlalchemy.exc import SQLAlchemyError

    from hazard.store.engine import make_engine

    if url.get_backend_name() == "sqlite" and not Path(url.database or "").is_file():
        raise HazardError(
            f"{url.database} is not there: give the --site and --data-dir of `hazard run`, "
            "--demo, or --database"
        )
    engine = make_engine(url, busy_ms=1000, sync="NORMAL")
    try:
        yield engine
    except SQLAlchemyError as error:
        why = str(getattr(error, "orig", error))[:300]
        raise HazardError(
            f"the alarms cannot be read ({why}): is this a database of this release of hazard?"
        ) from error
    finally:
        engine.dispose()


def _tell(found: AlarmReport, site: Site) -> None:
    from zoneinfo import ZoneInfo

    from rich.console import Console

    from hazard.targets import EEMUA, ISA, ISA_2009, LEAST_WINDOW_DAYS

    zone = ZoneInfo(site.site.timezone)
    console = Console()
    window = " to ".join(
        f"{at.astimezone(zone):%Y-%m-%d %H:%M}" for at in (found.began_at, found.ended_at)
    )
    console.print(
        f"Alarms from {window} ({site.site.timezone}), {found.window_days:.1f} days", soft_wrap=True
    )
    if not found.enough_data:
        console.print(
            f"NOT ENOUGH DATA YET: the standards want {LEAST_WINDOW_DAYS:.0f} days; what follows "
            "says too little to judge by",
            style="bold",
            soft_wrap=True,
        )
    for position in found.positions:
        _position(console, position)
    console.print(f"Targets are those of {ISA}, {ISA_2009} and {EEMUA}; see docs/alarms.md")


def _position(console: Console, position: PositionReport) -> None:
    from rich.box import SIMPLE
    from rich.markup import escape
    from rich.table import Table

    title = f"\nPosition {position.position}: {position.alarms} alarms, {position.floods} floods"
    console.print(escape(f"{title}; areas {', '.join(position.areas)}"), soft_wrap=True)
    table = Table("figure", "value", "target", "held", box=SIMPLE)
    for figure in position.figures:
        table.add_row(
            figure.name.replace("_", " "),
            "none" if figure.value is None else f"{figure.value:g}",
            figure.target,
            figure.held.value if figure.held is not None else "",
        )
    console.print(table)
    for what, points in (
        ("most frequent alarms", position.bad_actors),
        ("chattering", position.chattering),
        ("fleeting", position.fleeting),
    ):
        if points:
            console.print(_points(what, points))


def _points(what: str, points: tuple[PointAlarms, ...]) -> object:
    from rich.box import SIMPLE
    from rich.markup import escape
    from rich.table import Table

    table = Table(what, "area", "hazard", "camera or sensor", "alarms", "% of all", box=SIMPLE)
    for point in points:
        names = (point.rule_id, point.area, point.hazard, point.source)
        table.add_row(
            *(escape(name) for name in names), str(point.alarms), f"{point.share_percent:.1f}"
        )
    return table
