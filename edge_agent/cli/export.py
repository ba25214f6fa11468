"""`hazard export`: lists for other programs, and the signed bundle of one incident."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edge_agent.cli.record import record
from hazard.errors import HazardError

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from edge_agent.paths import Paths

app = typer.Typer(name="export", help="Lists and signed bundles.", no_args_is_help=True)

Site = Annotated[Path, typer.Option(help="the site file")]
DataDir = Annotated[
    Path | None, typer.Option(envvar="HAZARD_DATA_DIR", help="as given to `hazard run`")
]
Demo = Annotated[bool, typer.Option("--demo", help="the database of `hazard demo`")]
Database = Annotated[
    str | None,
    typer.Option(metavar="URL", help="another database: a file, or a replica's postgresql://"),
]
Out = Annotated[Path, typer.Option(metavar="FILE", help="where to; replaced if it is there")]
Form = Annotated[str, typer.Option("--format", help="csv, jsonl or parquet")]
From = Annotated[
    str | None, typer.Option("--from", metavar="TIME", help="ISO 8601; without a zone: UTC")
]
To = Annotated[
    str | None, typer.Option("--to", metavar="TIME", help="up to, not including; as --from")
]
Area = Annotated[str | None, typer.Option(help="of this area only")]


@app.callback()
def export() -> None:
    """Lists and signed bundles.

    An export from the node's own database is a line of its audit.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A database to export from; `own` is the node's, whose audit an export is written to."""

    engine: Engine
    paths: Paths
    own: bool

    def audit(self, subject: str, what: dict[str, str | int | None]) -> None:
        """Write who exports what, before it is done.

        Raises:
            HazardError: if the database does not take it: nothing is exported unseen.
        """
        if self.own:
            record(self.engine, "export", subject, what)


def export_alerts(
    out: Out,
    *,
    form: Form = "csv",
    after: From = None,
    before: To = None,
    area: Area = None,
    site: Site = Path("site.yaml"),
    data_dir: DataDir = None,
    demo: Demo = False,
    database: Database = None,
) -> None:
    """Write the alerts as they are now, one a row."""
    _list("alerts", out, form, (after, before, area), (site, data_dir, demo, database))


def export_revisions(
    out: Out,
    *,
    form: Form = "csv",
    after: From = None,
    before: To = None,
    area: Area = None,
    site: Site = Path("site.yaml"),
    data_dir: DataDir = None,
    demo: Demo = False,
    database: Database = None,
) -> None:
    """Write every revision of every alert, each with the message as it was published."""
    _list("revisions", out, form, (after, before, area), (site, data_dir, demo, database))


def export_readings(
    out: Out,
    *,
    form: Form = "csv",
    after: From = None,
    before: To = None,
    area: Area = None,
    site: Site = Path("site.yaml"),
    data_dir: DataDir = None,
    demo: Demo = False,
    database: Database = None,
) -> None:
    """Write the stored readings, thinned to 2 a second per sensor. A replica has none."""
    _list("readings", out, form, (after, before, area), (site, data_dir, demo, database))


def export_audit(
    out: Out,
    *,
    form: Form = "csv",
    after: From = None,
    before: To = None,
    site: Site = Path("site.yaml"),
    data_dir: DataDir = None,
    demo: Demo = False,
    database: Database = None,
) -> None:
    """Write the lines of the audit with their hashes."""
    _list("audit", out, form, (after, before, None), (site, data_dir, demo, database))


for _name, _command in (
    ("alerts", export_alerts),
    ("revisions", export_revisions),
    ("readings", export_readings),
    ("audit", export_audit),
):
    app.command(_name)(_command)


def _list(
    kind: str,
    out: Path,
    form: str,
    wanted: tuple[str | None, str | None, str | None],
    where_from: tuple[Path, Path | None, bool, str | None],
) -> None:
    from pydantic import ValidationError

    from hazard.store.export import Format, Kind, Where, export_list

    if form not in tuple(Format):
        raise typer.BadParameter(f"{form!r}: want {', '.join(Format)}", param_hint="--format")
    after, before = _moment("--from", wanted[0]), _moment("--to", wanted[1])
    try:
        where = Where(after=after, before=before, area=wanted[2])
    except ValidationError as error:
        raise typer.BadParameter(f"{wanted[2]!r} is no area's name", param_hint="--area") from error
    with _opened(*where_from) as opened:
        said = where.model_dump(mode="json")
        opened.audit(kind, {"format": form, "out": str(out.absolute()), **said})
        rows = export_list(opened.engine, Kind(kind), Format(form), out, where)
    typer.echo(f"{rows} {kind} written to {out}")


@app.command("incident")
def incident(
    wanted: Annotated[
        str, typer.Argument(metavar="ID", help="alert or incident, or the beginning of its id")
    ],
    out: Out,
    site: Site = Path("site.yaml"),
    data_dir: DataDir = None,
    *,
    demo: Demo = False,
    database: Database = None,
) -> None:
    """Write everything about one incident as a signed ZIP: evidence, revisions, audit and all.

    Exit code 1 if evidence is missing that should be there.
    """
    from hazard.store.export import find_subject, make_bundle, signing_key

    with _opened(site, data_dir, demo, database) as opened:
        key = signing_key(opened.paths.data_dir)
        with opened.engine.connect() as connection:
            subject = find_subject(connection, wanted)
        name = subject.alert_id or subject.incident_id
        opened.audit(name, {"format": "bundle", "out": str(out.absolute())})
        made = make_bundle(
            opened.engine,
            name,
            out,
            evidence_dir=opened.paths.evidence,
            key=key,
            made_by=getpass.getuser()[:64],
            made_at=datetime.now(UTC),
        )
    manifest = made.manifest
    typer.echo(f"{out}: {len(manifest.files)} files, {made.size_bytes} bytes")
    typer.echo(f"signed by {manifest.public_key}")
    for note in manifest.notes:
        typer.echo(f"note: {note}")
    for missing in manifest.evidence_missing:
        typer.echo(f"evidence {missing.evidence_id} is not in it: {missing.why}")
    lost = any(missing.why != "pruned" for missing in manifest.evidence_missing)
    raise typer.Exit(1 if lost else 0)


@app.command("verify")
def verify(
    bundle: Annotated[Path, typer.Argument(help="a bundle that `hazard export incident` wrote")],
    key: Annotated[
        str | None,
        typer.Option(help="the node's public key (ed25519:…), or a file that holds it"),
    ] = None,
) -> None:
    """Check every file of a bundle, and its signature. Exit code 0 if all is right, else 1."""
    from hazard.store.export import verify_bundle
    from hazard.store.export.signing import PREFIX, public_key

    if key is not None and not key.startswith(PREFIX):
        key = Path(key).read_text(encoding="utf-8", errors="replace").strip()
    verdict = verify_bundle(bundle, None if key is None else public_key(key))
    for fault in verdict.faults:
        typer.echo(f"WRONG: {fault}")
    if verdict.faults or verdict.manifest is None:
        raise typer.Exit(1)
    manifest = verdict.manifest
    typer.echo(
        f"whole: {len(manifest.files)} files about incident {manifest.incident_id}, "
        f"made {manifest.made_at.isoformat()} by {manifest.made_by!r}"
    )
    if verdict.known_signer:
        typer.echo(f"signed by the key you gave: {verdict.signer}")
    else:
        typer.echo(
            f"signed by the key in it: {verdict.signer}. That proves that nothing was changed "
            "since, not who signed: compare the key with the node's, or give --key"
        )


# ---------------------------------------------------------------- the database


@contextmanager
def _opened(
    site: Path,
    data_dir: Path | None,
    demo: bool,  # noqa: FBT001 - the options as they came
    database: str | None,
) -> Iterator[Opened]:
    from sqlalchemy.exc import SQLAlchemyError

    from edge_agent.bootstrap import paths_for
    from edge_agent.paths import default_models_dir
    from hazard.store.engine import make_engine, store_url

    if demo:
        site = default_models_dir().parent / "demo" / "site.yaml"
    paths = paths_for(site, data_dir)
    url = store_url(database or str(paths.database))
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").is_file():
        raise HazardError(
            f"{url.database} is not there: give the --site and --data-dir of `hazard run`, "
            "--demo, or --database"
        )
    engine = make_engine(url, busy_ms=5000, sync="FULL")
    try:
        yield Opened(engine=engine, paths=paths, own=database is None)
    except SQLAlchemyError as error:
        why = str(getattr(error, "orig", None) or error)[:300]
        raise HazardError(f"the database cannot be read ({why}): is it one of this release?") from (
            error
        )
    finally:
        engine.dispose()


def _moment(option: str, text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        wanted = "want e.g. 2026-03-01 or 2026-03-01T12:00:00+01:00"
        raise typer.BadParameter(f"{text!r}: {wanted}", param_hint=option) from error
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
