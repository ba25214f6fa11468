"""`hazard status`: each process and each stage, as the agent last said."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from edge_agent.paths import Paths
from hazard.types import Health, StageHealth

UNREADABLE = "database"
"""The stage that is shown where the database cannot be read."""
STALE_AFTER_S = 5.0
"""A stage that said nothing for this long is unknown, never healthy (reports come every second)."""


def status(
    site: Annotated[Path, typer.Option(help="the site file")] = Path("site.yaml"),
    data_dir: Annotated[
        Path | None, typer.Option(envvar="HAZARD_DATA_DIR", help="as given to `hazard run`")
    ] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
) -> None:
    """Print the health of each process and stage; exit 0 only if all are ready."""
    from edge_agent.bootstrap import paths_for

    paths = paths_for(site, data_dir)
    processes = read_supervisor(paths.supervisor_state)
    stages = [as_seen_now(stage) for stage in newest(paths)]
    well = bool(stages) and all(stage.health is Health.READY for stage in stages)
    well = well and bool(processes) and all(state["alive"] for state in processes.values())
    if as_json:
        typer.echo(
            json.dumps(
                {
                    "well": well,
                    "processes": processes,
                    "stages": [stage.model_dump(mode="json") for stage in stages],
                },
                indent=1,
            )
        )
    else:
        _print_tables(processes, stages)
    raise typer.Exit(0 if well else 1)


def read_supervisor(path: Path) -> dict[str, Any]:
    """The processes as the supervisor last wrote them; none alive if it is silent."""
    try:
        state = json.loads(path.read_text(encoding="utf-8"))
        age_s = (datetime.now(UTC) - datetime.fromisoformat(state["at"])).total_seconds()
    except (OSError, ValueError, KeyError):
        return {}
    processes: dict[str, Any] = state["processes"]
    if age_s > STALE_AFTER_S:
        for process in processes.values():
            process["alive"] = False
            process["last_exit"] = f"supervisor silent for {age_s:.0f} s"
    return processes


def newest(paths: Paths) -> list[StageHealth]:
    """All stages, from the database or from the core's file beside it, whichever is newer.

    The file is there so that a full disk or a locked database is seen, which the database itself
    cannot say.
    """
    stored = read_stages(paths.database)
    fault = [stage for stage in stored if stage.stage == UNREADABLE]
    told = read_health_file(paths.health_state)
    last = max((stage.at for stage in told), default=None)
    if fault or (last is not None and all(stage.at <= last for stage in stored)):
        return [*told, *fault]
    return stored


def read_health_file(path: Path) -> list[StageHealth]:
    """All stages as the core last wrote them; empty if it never did."""
    try:
        stages = json.loads(path.read_text(encoding="utf-8"))
        return [StageHealth.model_validate(stage) for stage in stages]
    except (OSError, ValueError):
        return []


def read_stages(database: Path) -> list[StageHealth]:
    """All stages as stored; empty without a database, one `database` if it cannot be read."""
    from sqlalchemy.exc import SQLAlchemyError

    from hazard.store.engine import make_engine, store_url
    from hazard.store.queries import Queries

    if not database.exists():
        return []
    engine = make_engine(store_url(database), busy_ms=1000, sync="NORMAL")
    try:
        return list(Queries(engine).stage_health())
    except (SQLAlchemyError, ValueError) as error:
        why = str(getattr(error, "orig", error))[:300]
        reason = f"{database} cannot be read ({why}): end what locks it, or see docs/operations.md"
        at = datetime.now(UTC)
        return [StageHealth(stage=UNREADABLE, health=Health.OFFLINE, reason=reason[:500], at=at)]
    finally:
        engine.dispose()


def as_seen_now(stage: StageHealth) -> StageHealth:
    """The stage, or `unknown` if its word is old."""
    age_s = (datetime.now(UTC) - stage.at).total_seconds()
    if age_s <= STALE_AFTER_S:
        return stage
    return stage.model_copy(
        update={"health": Health.UNKNOWN, "reason": f"silent for {age_s:.0f} s; {stage.reason}"}
    )


def _print_tables(processes: dict[str, Any], stages: list[StageHealth]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console()
    table = Table("process", "state", "pid", "restarts", "last exit")
    for name, state in processes.items():
        table.add_row(
            name,
            "alive" if state["alive"] else "NOT ALIVE",
            str(state["pid"] or ""),
            str(state["restarts"]),
            escape(str(state["last_exit"])),
        )
    console.print(table if processes else "No supervisor has run here: start with `hazard run`.")
    if stages:
        table = Table("stage", "health", "reason")
        for stage in stages:
            word = stage.health.value if stage.health is Health.READY else stage.health.upper()
            table.add_row(escape(stage.stage), word, escape(stage.reason))
        console.print(table)
