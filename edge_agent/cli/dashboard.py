"""`hazard dashboard`: the dashboard alone, on the PostgreSQL replica of several nodes."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from hazard.errors import ConfigError

DATABASE = "HAZARD_DASHBOARD_DATABASE"


def dashboard(
    site: Annotated[Path, typer.Option(help="the site file")] = Path("site.yaml"),
    data_dir: Annotated[
        Path | None, typer.Option(envvar="HAZARD_DATA_DIR", help="where evidence lies, if here")
    ] = None,
) -> None:
    """Show the replica that `store.replica_url` of the site file names; runs no agent.

    HAZARD_DASHBOARD_DATABASE names another one. It prints its address and a one-time code.
    """
    become_dashboard(site, data_dir)


def become_dashboard(site: Path, data_dir: Path | None, *arguments: str) -> None:
    """Run the dashboard of the replica in the place of this process.

    Raises:
        ConfigError: if the site file names no replica, or its secret cannot be read.
    """
    from edge_agent.bootstrap import paths_for
    from hazard.site.loader import load_site

    paths = paths_for(site, data_dir)
    environment = {**os.environ, **paths.environment()}
    if not environment.get(DATABASE):
        url = load_site(site).store.replica_url
        if url is None:
            raise ConfigError(
                f"{site}: store.replica_url is not set: name the PostgreSQL there, or give "
                f"{DATABASE}. On a node, `hazard run` starts its dashboard"
            )
        environment[DATABASE] = url.resolve()
    # The agent does not import the dashboard: this process becomes it.
    command = [sys.executable, "-m", "dashboard", *arguments]
    os.execve(sys.executable, command, environment)  # noqa: S606
