"""`hazard run`: the whole product for one site, until it is stopped."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer


def run(
    site: Annotated[Path, typer.Option(help="the site file")] = Path("site.yaml"),
    data_dir: Annotated[
        Path | None,
        typer.Option(
            envvar="HAZARD_DATA_DIR",
            help="what must survive; `data/` beside the site file by default",
        ),
    ] = None,
) -> None:
    """Start agent, reasoner and dashboard under one supervisor; restart what dies.

    SIGTERM or Ctrl-C ends all processes within 5 s; SIGHUP takes up a changed site file.
    Logs go to standard error, one JSON object a line.
    """
    from edge_agent.bootstrap import build_supervisor, only_instance, paths_for
    from edge_agent.supervisor import Supervisor
    from hazard.logs import configure_logging
    from hazard.site.loader import load_site

    configure_logging("supervisor")
    loaded = load_site(site)
    paths = paths_for(site, data_dir)

    async def main(supervisor: Supervisor) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, supervisor.stop)
        loop.add_signal_handler(signal.SIGHUP, supervisor.signal_child, "core", signal.SIGHUP)
        await supervisor.run()

    with only_instance(paths):
        asyncio.run(main(build_supervisor(loaded, paths)))
    sys.exit(0)
