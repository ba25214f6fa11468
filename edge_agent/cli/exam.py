"""`hazard exam`: labelled incidents put to a reasoning backend, and what it may do from then on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def exam(
    *,
    backend: Annotated[
        str, typer.Option("--backend", metavar="NAME", help="As in the site file; or `policy`.")
    ],
    model: Annotated[
        str | None, typer.Option("--model", metavar="PATH", help="As `reasoning.model`.")
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            "--data",
            metavar="FILE",
            help="A bank of your own (YAML), or narratives (CSV); default: the packaged bank.",
        ),
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Where the figures go, too.")
    ] = None,
    site: Annotated[
        Path | None,
        typer.Option("--site", metavar="FILE", help="Deadline, threads and minimums of this site."),
    ] = None,
    models_dir: Annotated[
        Path | None,
        typer.Option("--models-dir", help="Weights (default: HAZARD_MODELS_DIR, or a cache)."),
    ] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Ask again what was answered already.")
    ] = False,
    attacks: Annotated[
        bool, typer.Option("--attacks/--no-attacks", help="Hostile texts, too, after the bank.")
    ] = True,
    limit: Annotated[
        int | None,
        typer.Option("--limit", min=1, help="Ask at most so many; no certificate comes of it."),
    ] = None,
) -> None:
    """Examine a reasoning backend on labelled incidents and write its certificate.

    Killed in the middle, the same command goes on where it was. Exit code 0 if the exam ran, passed
    or not; 3 if the backend does not load or answer; 4 for a wrong backend, data or site file.
    """
    from edge_agent.exam import Order, run_exam
    from edge_agent.paths import default_models_dir
    from hazard.logs import configure_logging

    configure_logging("exam")
    run_exam(
        Order(
            backend=backend,
            models_dir=models_dir or default_models_dir(),
            model=model,
            data=data,
            json_file=json_file,
            site=site,
            limit=limit,
            fresh=fresh,
            attacks=attacks,
        )
    )
