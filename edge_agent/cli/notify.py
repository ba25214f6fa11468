"""`hazard notify`: try the channels by which people are told."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(name="notify", help="Channels by which people are told.", no_args_is_help=True)


@app.callback()
def notify() -> None:
    """Channels by which people are told."""


@app.command("test")
def try_channels(
    channels: Annotated[
        list[str] | None, typer.Argument(help="names of channels; all if none is given")
    ] = None,
    site: Annotated[Path, typer.Option(help="the site file")] = Path("site.yaml"),
) -> None:
    """Send a test message now, by these channels, and say what became of it.

    Exit code 0 if all were taken, 1 if one was not, 4 if the site file or a name is wrong.
    """
    from edge_agent.notify.trial import try_channel
    from hazard.errors import ConfigError
    from hazard.site.loader import load_site

    loaded = load_site(site)
    known = loaded.notify.channels
    names = channels or sorted(known)
    unknown = [name for name in names if name not in known]
    if unknown or not names:
        listed = ", ".join(sorted(known)) or "none"
        what = f"no channel {unknown[0]!r}" if unknown else "no channels"
        raise ConfigError(f"{what} under notify.channels in {site}: known are {listed}")
    failed = False
    for name in names:
        problem = try_channel(name, loaded)
        failed = failed or bool(problem)
        typer.echo(f"{name}: {problem or 'taken'}")
    if failed:
        raise typer.Exit(1)
