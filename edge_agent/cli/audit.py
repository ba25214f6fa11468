"""`hazard audit`: whether the record of decisions, actions, logins and changes is whole."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hazard.errors import HazardError

app = typer.Typer(name="audit", help="The hash-chained audit.", no_args_is_help=True)


@app.callback()
def audit() -> None:
    """The hash-chained audit."""


@app.command("verify")
def verify(
    site: Annotated[Path, typer.Option(help="the site file")] = Path("site.yaml"),
    data_dir: Annotated[
        Path | None, typer.Option(envvar="HAZARD_DATA_DIR", help="as given to `hazard run`")
    ] = None,
    *,
    demo: Annotated[bool, typer.Option("--demo", help="the database of `hazard demo`")] = False,
    database: Annotated[
        str | None, typer.Option(metavar="URL", help="a database file or postgresql:// address")
    ] = None,
    expect: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CHAIN:LINES:HASH",
            help="a head that an earlier verify printed and that was kept elsewhere",
        ),
    ] = None,
) -> None:
    """Recompute every chain of the audit; nothing is written.

    The heads that the agent noted in audit.heads, beside the database, must occur in the chains.
    Exit code 0 if all are whole, 1 if a line was changed, put in between, removed or cut off at the
    end, 3 if the database cannot be read.
    """
    from datetime import UTC, datetime

    from sqlalchemy.exc import SQLAlchemyError

    from edge_agent.bootstrap import paths_for
    from edge_agent.paths import default_models_dir
    from hazard.store.anchors import FILE_NAME, ChainEnds, ChainHead, expected_head, read_anchors
    from hazard.store.audit import verify_audit
    from hazard.store.engine import make_engine, store_url

    if demo:
        site = default_models_dir().parent / "demo" / "site.yaml"
    address = database or str(paths_for(site, data_dir).database)
    url = store_url(address)
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").is_file():
        raise HazardError(
            f"{url.database} is not there: give the --site and --data-dir of `hazard run`, "
            "--demo, or --database"
        )
    now = datetime.now(UTC)
    try:
        kept = [expected_head(text, now) for text in expect or []]
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--expect") from error
    engine = make_engine(url, busy_ms=1000, sync="NORMAL")
    try:
        noted: list[ChainHead] = []
        unreadable = 0
        if url.get_backend_name() == "sqlite":
            noted, unreadable = read_anchors(Path(url.database or "").with_name(FILE_NAME))
        with engine.connect() as connection:
            checked, fault = verify_audit(connection, [*noted, *kept])
            heads = ChainEnds().read(connection, now)
    except OSError as error:
        raise HazardError(f"{FILE_NAME} cannot be read ({error.strerror}): see its rights") from (
            error
        )
    except (SQLAlchemyError, ValueError) as error:
        why = str(getattr(error, "orig", error))[:300]
        raise HazardError(f"the audit cannot be read ({why}): is this a database of hazard?") from (
            error
        )
    finally:
        engine.dispose()
    if fault is not None:
        typer.echo(f"audit BROKEN after {checked} whole lines: {fault}")
        raise typer.Exit(1)
    found = len(noted) + len(kept)
    typer.echo(f"audit whole: {checked} lines checked, {found} heads found in them")
    if unreadable:
        typer.echo(f"{FILE_NAME}: {unreadable} lines cannot be read")
    typer.echo("Keep these elsewhere, for --expect:")
    for head in heads:
        typer.echo(f"  {head}")
