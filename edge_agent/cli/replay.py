"""`hazard replay`: whether an assessment comes out again, and if not, what differs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from hazard.errors import HazardError

if TYPE_CHECKING:
    from hazard.triage.replay import Difference, Replay
    from hazard.types import Assessment

EXIT_DIFFERS = 1
EXIT_USAGE = 2


def replay(
    assessment_id: Annotated[
        str, typer.Argument(metavar="ASSESSMENT-ID", help="the id, or its first 8 characters")
    ],
    site: Annotated[Path, typer.Option(help="the site file")] = Path("site.yaml"),
    data_dir: Annotated[
        Path | None, typer.Option(envvar="HAZARD_DATA_DIR", help="as given to `hazard run`")
    ] = None,
    *,
    demo: Annotated[bool, typer.Option("--demo", help="the database of `hazard demo`")] = False,
    backend: Annotated[
        str | None, typer.Option(help="ask this backend; that of the assessment by default")
    ] = None,
    model: Annotated[str | None, typer.Option(help="its model; the site's by default")] = None,
    tolerance: Annotated[
        float | None, typer.Option(min=0.0, max=1.0, help="absolute, per probability")
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="write the outcome there too")
    ] = None,
) -> None:
    """Judge again what an assessment was about; say whether the answer is the same.

    The policy is asked always, the model where it had answered. Nothing is stored.
    Exit code 0 if the answer is the same, 1 if it differs, 2 if there is no such assessment.
    """
    from edge_agent.bootstrap import paths_for
    from edge_agent.paths import default_models_dir
    from edge_agent.replaying import judge_again
    from hazard.logs import configure_logging
    from hazard.site.loader import load_site

    configure_logging("replay")
    if demo:
        site = default_models_dir().parent / "demo" / "site.yaml"
    loaded = load_site(site)
    paths = paths_for(site, data_dir)
    stored = _find(paths.database, assessment_id)
    found = judge_again(
        stored, loaded, paths.models_dir, backend=backend, model=model, tolerance=tolerance
    )
    if json_file is not None:
        json_file.write_text(found.model_dump_json(indent=1) + "\n", encoding="utf-8")
    _tell(stored, found)
    raise typer.Exit(0 if found.same else EXIT_DIFFERS)


def _find(database: Path, assessment_id: str) -> Assessment:
    """The stored assessment; ends the command with the mend if there is none."""
    from sqlalchemy.exc import SQLAlchemyError

    from hazard.errors import StoreError
    from hazard.store.engine import make_engine, store_url
    from hazard.store.queries import Queries

    if not database.is_file():
        raise HazardError(
            f"{database} is not there: give the --site and --data-dir of `hazard run`, or --demo"
        )
    engine = make_engine(store_url(database), busy_ms=1000, sync="NORMAL")
    try:
        queries = Queries(engine)
        about = queries.assessments_about(assessment_id)
        stored = None if about else queries.assessment(assessment_id)
    except StoreError as error:
        _refuse(str(error))
    except (SQLAlchemyError, ValueError) as error:
        why = str(getattr(error, "orig", error))[:300]
        raise HazardError(
            f"{database} cannot be read ({why}): is this a database of hazard?"
        ) from error
    finally:
        engine.dispose()
    if about:
        found = "; ".join(
            f"{each.assessment_id} ({each.severity} by {each.decided_by})" for each in about[-5:]
        )
        _refuse(f"{assessment_id} is no assessment; those about it are: {found}")
    if stored is None:
        _refuse(
            f"no assessment {assessment_id!r} in {database}: the alarm's page names those of an "
            "alarm, and so does `hazard replay ALERT-ID`"
        )
    return stored


def _refuse(why: str) -> NoReturn:
    typer.echo(f"hazard: {why}", err=True)
    raise typer.Exit(EXIT_USAGE)


def _tell(stored: Assessment, found: Replay) -> None:
    typer.echo(
        f"assessment {stored.assessment_id}: {stored.severity}, decided by {stored.decided_by} "
        f"at {stored.decided_at:%Y-%m-%d %H:%M:%S} UTC"
    )
    if found.note:
        typer.echo(found.note)
    if found.widest is not None:
        typer.echo(
            f"probabilities differ by {found.widest:.4f} at most (tolerance {found.tolerance:g}, "
            "stated for the same backend, files and quantization)"
        )
    asked = "model and policy say" if found.model_asked else "the policy says"
    typer.echo(f"SAME: {asked} what was stored" if found.same else "DIFFERS:")
    _list(found.answer)
    if found.causes:
        typer.echo("although these differ:" if found.same else "what it is made of differs too:")
        _list(found.causes)
    elif not found.same:
        typer.echo("nothing that it is made of differs: the same question had another answer")


def _list(differences: tuple[Difference, ...]) -> None:
    for difference in differences:
        typer.echo(f"  - {difference}")
