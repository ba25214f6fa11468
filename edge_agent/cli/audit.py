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
) -> None:
    """Recompute every chain of the audit; nothing is written.

    Exit code 0 if all are whole, 1 if a line was changed, put in between or removed before the
    last, 3 if the database cannot be read.
    """
    from sqlalchemy.exc import SQLAlchemyError

    from edge_agent.bootstrap import paths_for
    from edge_agent.paths import default_models_dir
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
    engine = make_engine(url, busy_ms=1000, sync="NORMAL")
    try:
        with engine.connect() as connection:
            checked, fault = verify_audit(connection)
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
    typer.echo(f"audit whole: {checked} lines checked")
