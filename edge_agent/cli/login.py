"""`hazard login-code`: another one-time code for the dashboard."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from hazard.errors import HazardError


def login_code(
    site: Annotated[Path, typer.Option(help="the site file")] = Path("site.yaml"),
    data_dir: Annotated[
        Path | None, typer.Option(envvar="HAZARD_DATA_DIR", help="as given to `hazard run`")
    ] = None,
    *,
    replica: Annotated[bool, typer.Option("--replica", help="for `hazard dashboard`")] = False,
) -> None:
    """Print a fresh one-time code for the dashboard; it counts once and for 15 minutes."""
    from edge_agent.bootstrap import paths_for
    from edge_agent.cli.dashboard import become_dashboard

    if replica:
        become_dashboard(site, data_dir, "login-code")
    paths = paths_for(site, data_dir)
    if not paths.database.is_file():
        raise HazardError(
            f"{paths.database} is not there: give the --site and --data-dir of `hazard run`"
        )
    # The dashboard owns its codes, and the agent does not import it: this process becomes it.
    command = [sys.executable, "-m", "dashboard", "login-code"]
    os.execve(sys.executable, command, {**os.environ, **paths.environment()})  # noqa: S606
