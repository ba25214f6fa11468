"""`hazard token`: a signed token for MQTT commands."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from pydantic import JsonValue

BUSY_MS = 5000


def token(
    user: Annotated[str, typer.Option(help="who is to send commands; one of alarms.users")],
    site: Annotated[Path, typer.Option(help="the site file")] = Path("site.yaml"),
    data_dir: Annotated[
        Path | None, typer.Option(envvar="HAZARD_DATA_DIR", help="as given to `hazard run`")
    ] = None,
    *,
    days: Annotated[
        float | None, typer.Option(help="good for so many days", min=0, max=36_600)
    ] = None,
    hours: Annotated[
        float | None, typer.Option(help="good for so many hours", min=0, max=878_400)
    ] = None,
    verbs: Annotated[
        list[str] | None, typer.Option(help="only for this verb; may be given again")
    ] = None,
    areas: Annotated[
        list[str] | None, typer.Option(help="only for this area; may be given again")
    ] = None,
) -> None:
    """Print a token for one user, good for 12 hours unless --days or --hours says otherwise.

    On the node, where its database is, this is a line of the audit.
    """
    from datetime import UTC, datetime, timedelta

    from edge_agent.bootstrap import paths_for
    from edge_agent.publish.commands.verbs import COMMANDS
    from hazard.command_tokens import issue, read_secret
    from hazard.errors import ConfigError
    from hazard.site.loader import load_site

    loaded = load_site(site)
    if user not in loaded.alarms.users:
        known = ", ".join(sorted(loaded.alarms.users)) or "none"
        raise ConfigError(f"no user {user!r} under alarms.users: known are {known}")
    verbs, areas = verbs or [], areas or []
    for what, given, among in (
        ("verb", verbs, [verb.value for verb in COMMANDS]),
        ("area", areas, list(loaded.areas)),
    ):
        for name in given:
            if name not in among:
                raise ConfigError(f"no {what} {name!r}: known are {', '.join(sorted(among))}")
    lifetime = timedelta(days=days or 0, hours=hours or 0)
    if days is None and hours is None:
        lifetime = timedelta(hours=12)
    now = datetime.now(UTC)
    made = issue(
        read_secret(loaded.mqtt.token_secret),
        user=user,
        site=loaded.site.id,
        now=now,
        lifetime=lifetime,
        verbs=verbs,
        areas=areas,
    )
    database = paths_for(site, data_dir).database
    if database.is_file():
        until = (now + lifetime).isoformat(timespec="seconds")
        _record(database, user, {"until": until, "verbs": [*verbs], "areas": [*areas]})
    typer.echo(made)


def _record(database: Path, user: str, what: Mapping[str, JsonValue]) -> None:
    from edge_agent.cli.record import record
    from hazard.store.engine import make_engine, store_url

    engine = make_engine(store_url(database), busy_ms=BUSY_MS, sync="FULL")
    try:
        record(engine, "token", user, what)
    finally:
        engine.dispose()
