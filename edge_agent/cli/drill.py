"""`hazard drill`: the product under faults that are made on purpose."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    name="drill", help="Faults that are made on purpose, and what was lost.", no_args_is_help=True
)


@app.callback()
def drill() -> None:
    """Faults that are made on purpose, and what was lost."""


@app.command("crash")
def crash(
    *,
    kills: Annotated[int, typer.Option(min=1, help="how often the agent is killed")] = 50,
    json_file: Annotated[Path | None, typer.Option("--json", help="where the figures go")] = None,
    seed: Annotated[
        int | None, typer.Option(help="repeats a run's choices; random unless given")
    ] = None,
    postgres: Annotated[
        str | None,
        typer.Option(help="an empty database for the replica; by default an embedded server"),
    ] = None,
) -> None:
    """Kill agent and broker again and again; exit code 1 if an incident or revision is lost."""
    from edge_agent.drill.crash import run_crash_drill

    if not run_crash_drill(json_file, kills=kills, seed=seed, postgres=postgres, say=typer.echo):
        raise typer.Exit(1)
