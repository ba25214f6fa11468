"""`hazard bench`: speed as ratios, each taken in one run against a floor or a peer."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    name="bench", help="Speed, as ratios that are taken in one run.", no_args_is_help=True
)


@app.callback()
def bench() -> None:
    """Speed, as ratios that are taken in one run."""


@app.command("pipeline")
def pipeline(
    *,
    json_file: Annotated[Path | None, typer.Option("--json", help="where the figures go")] = None,
    rounds: Annotated[int, typer.Option(min=1, help="rounds; the order alternates")] = 5,
    live: Annotated[
        bool, typer.Option(help="also one real-time pass of the demo, for latencies")
    ] = True,
) -> None:
    """Camera to alert: this pipeline against bare ONNX Runtime, ultralytics and supervision."""
    from edge_agent.bench.pipeline import run_pipeline_bench

    run_pipeline_bench(json_file, rounds=rounds, live=live, say=typer.echo)


@app.command("reasoning")
def reasoning(
    *,
    json_file: Annotated[Path | None, typer.Option("--json", help="where the figures go")] = None,
    rounds: Annotated[int, typer.Option(min=1, help="rounds; the order alternates")] = 5,
    backend: Annotated[
        list[str] | None,
        typer.Option(help="NAME, or NAME=MODEL for llamacpp and mixtral; may be repeated"),
    ] = None,
    words: Annotated[
        int, typer.Option(min=0, help="summaries that each backend writes, to count the refused")
    ] = 12,
    gpu: Annotated[
        bool | None,
        typer.Option("--gpu/--no-gpu", help="the part for GPUs; by default where there is one"),
    ] = None,
) -> None:
    """A decision by one prefill against the same model without its cache, and writing JSON."""
    from edge_agent.bench.reasoning.run import BACKENDS, run_reasoning_bench

    run_reasoning_bench(
        json_file, backends=backend or BACKENDS, rounds=rounds, words=words, gpu=gpu, say=typer.echo
    )


@app.command("delivery")
def delivery(
    *,
    json_file: Annotated[Path | None, typer.Option("--json", help="where the figures go")] = None,
    rounds: Annotated[int, typer.Option(min=1, help="rounds; the order alternates")] = 3,
) -> None:
    """Incident to subscriber: store, outbox and broker against bare paho and a bare ORM."""
    from edge_agent.bench.delivery.run import run_delivery_bench

    if not run_delivery_bench(json_file, rounds=rounds, say=typer.echo):
        raise typer.Exit(1)


@app.command("dashboard")
def dashboard(
    *,
    json_file: Annotated[Path | None, typer.Option("--json", help="where the figures go")] = None,
    sizes: Annotated[
        str, typer.Option(help="stored alerts, smallest first, with commas")
    ] = "1000,100000,1000000",
    samples: Annotated[int, typer.Option(min=2, help="requests of each page at each size")] = 400,
    streams: Annotated[int, typer.Option(min=1, max=250, help="open live streams")] = 200,
    alerts: Annotated[int, typer.Option(min=1, help="alerts while they are open")] = 60,
    every: Annotated[float, typer.Option(min=0.01, help="seconds between them")] = 1.0,
    database: Annotated[
        list[str] | None, typer.Option(help="sqlite or postgresql; may be repeated; both if not")
    ] = None,
) -> None:
    """The dashboard's pages at 1 k, 100 k and 1 M alerts, and news to 200 browsers."""
    from edge_agent.bench.dashboard.run import run_dashboard_bench

    kinds = database or ["sqlite", "postgresql"]
    numbers = [each.strip() for each in sizes.split(",")]
    if not all(each.isdecimal() and int(each) >= 10 for each in numbers):  # noqa: PLR2004
        raise typer.BadParameter(f"{sizes!r}: want numbers from 10, e.g. 1000,100000,1000000")
    if set(kinds) - {"sqlite", "postgresql"}:
        raise typer.BadParameter(f"{kinds}: want sqlite or postgresql")
    run_dashboard_bench(
        json_file,
        say=typer.echo,
        sizes=[int(each) for each in numbers],
        samples=samples,
        streams=streams,
        alerts=alerts,
        every_s=every,
        databases=kinds,
    )
