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
