"""`hazard init` and `hazard check`: write a site file, and find what is wrong with one."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from edge_agent.live.result import Check
    from hazard.site.problems import Problem

SiteFile = Annotated[Path, typer.Option("--site", help="The site file.", metavar="FILE")]


def init(
    path: Annotated[Path, typer.Argument(help="The new site file, or a folder.")] = Path(
        "site.yaml"
    ),
    *,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that exists.")] = False,
) -> None:
    """Write a commented site file, and its JSON Schema beside it for editors.

    Exit code 0 if it was written, 1 if it exists (without --force) or cannot be written.
    """
    from hazard.errors import ConfigError
    from hazard.site.template import write_template

    try:
        written, schema = write_template(path, force=force)
    except ConfigError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from error
    typer.echo(f"wrote {written} and {schema.name}")
    typer.echo(f"next: edit it, then: hazard check --site {written}")


def check(
    site: SiteFile = Path("site.yaml"),
    *,
    live: Annotated[
        bool, typer.Option("--live", help="Also open every camera, broker and database.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
    schema: Annotated[
        bool, typer.Option("--schema", help="Print the JSON Schema of the site file and stop.")
    ] = False,
    wait_s: Annotated[
        float, typer.Option("--wait", min=0.1, help="Seconds to wait for a picture or a reading.")
    ] = 10.0,
    data_dir: Annotated[
        Path | None,
        typer.Option(
            "--data-dir", envvar="HAZARD_DATA_DIR", help="Data folder, as given to `hazard run`."
        ),
    ] = None,
    models_dir: Annotated[
        Path | None,
        typer.Option("--models-dir", help="Weights (default: HAZARD_MODELS_DIR, or a cache)."),
    ] = None,
) -> None:
    """Find everything that is wrong with a site file, each with line, value and mend.

    Exit code 0 if all is right, 1 if anything is wrong, 2 for wrong options.
    """
    from hazard.site.schema import site_schema

    if schema:
        typer.echo(json.dumps(site_schema(), indent=2, ensure_ascii=False))
        return
    problems = _problems(site)
    if not as_json:
        _print_problems(site, problems)
    checks: list[Check] = []
    for one in _live(site, wait_s, data_dir, models_dir) if live else ():
        checks.append(one)
        if not as_json:
            typer.echo(one.line(ascii_only=not _speaks_utf8()))
    if as_json:
        findings = {
            "site": str(site),
            "problems": [problem.as_dict() for problem in problems],
            "live": [one.as_dict() for one in checks],
        }
        typer.echo(json.dumps(findings, indent=2, ensure_ascii=not _speaks_utf8()))
    if problems or any(one.outcome == "failed" for one in checks):
        raise typer.Exit(1)


def _problems(path: Path) -> list[Problem]:
    from hazard.site.loader import check_site
    from models.manifest import Manifest

    entries = Manifest.load().entries
    detectors = {
        name: entry.detector.labels for name, entry in entries.items() if entry.detector is not None
    }
    return check_site(path, known_detectors=detectors, known_backends=_backends())


def _backends() -> set[str] | None:
    """Names of the reasoning backends; None where tests may name any class."""
    from edge_agent.reasoner.backends import BUILT_IN, GROUP, tests_allowed

    if tests_allowed():
        return None
    return {*BUILT_IN, *(point.name for point in entry_points(group=GROUP))}


def _live(
    path: Path,
    wait_s: float,
    data_dir: Path | None,
    models_dir: Path | None,
) -> Iterator[Check]:
    from edge_agent.live.run import live_checks
    from edge_agent.paths import default_models_dir
    from hazard.errors import ConfigError
    from hazard.site.loader import load_site

    try:
        site = load_site(path)
    except ConfigError:
        typer.echo("live checks: left out until the file is right", err=True)
        return
    folder = data_dir or path.absolute().parent / "data"
    yield from live_checks(
        site,
        data_dir=folder,
        models_dir=models_dir or default_models_dir(),
        camera_s=wait_s,
        reading_s=wait_s,
    )


def _print_problems(path: Path, problems: list[Problem]) -> None:
    for problem in problems:
        line = str(problem)
        typer.echo(line if _speaks_utf8() else line.encode("ascii", "replace").decode("ascii"))
    count = len(problems)
    if count:
        typer.echo(f"{count} problem{'s' if count > 1 else ''} in {path}", err=True)
    else:
        typer.echo(f"{path} is right")


def _speaks_utf8() -> bool:
    return (getattr(sys.stdout, "encoding", None) or "").lower().replace("-", "") == "utf8"
