"""`hazard demo`: the whole product on a demo plant."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer

EXIT_INTERRUPTED = 130


def demo(
    *,
    once: Annotated[
        bool, typer.Option("--once", help="one pass over the footage, then a report")
    ] = False,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="where the report of --once goes")
    ] = None,
    folder: Annotated[
        Path | None, typer.Option(help="folder of the demo's own; deleted at each start")
    ] = None,
) -> None:
    """Run camera, sensors, decision, MQTT, database and dashboard on real footage.

    Without --once it goes on until Ctrl-C. With --once it exits 0 only if nothing was lost.
    """
    from edge_agent.demo.report import alert_line, is_whole
    from edge_agent.demo.run import Demo, DemoSettings
    from edge_agent.paths import default_models_dir
    from hazard.logs import configure_logging

    footage_entry, footage = _fetch()
    settings = DemoSettings(
        folder=folder or default_models_dir().parent / "demo",
        footage=footage,
        footage_entry=footage_entry,
        once=once,
    )
    settings.folder.parent.mkdir(parents=True, exist_ok=True)
    log_file = settings.folder.parent / f"{settings.folder.name}-supervisor.log"
    with log_file.open("w", encoding="utf-8") as log:
        configure_logging("supervisor", log)
        plant = Demo(settings, say=typer.echo)
        _introduce(plant, settings)
        try:
            report = asyncio.run(plant.run(lambda body: typer.echo(alert_line(body))))
        except KeyboardInterrupt:
            sys.exit(EXIT_INTERRUPTED)
    if report is None:
        typer.echo("Stopped: all processes have ended.")
        return
    _finish(report, json_file, is_whole(report))


def _fetch() -> tuple[str, Path]:
    """Make sure that weights and footage are there; the footage's manifest name and file."""
    from edge_agent.paths import default_models_dir
    from models.fetch import ensure, ensure_or_fallback
    from models.manifest import Manifest
    from models.progress import console_progress

    manifest = Manifest.load()
    folder = default_models_dir()
    with console_progress() as progress:
        for name in ("nanodet", "smollm2"):
            ensure(manifest[name], folder, manifest=manifest, progress=progress)
        entry, path, why = ensure_or_fallback(
            manifest["vtest"], folder, manifest=manifest, progress=progress
        )
    if why:
        typer.echo(f"The footage is {entry.name}, which shows less: {why}")
    return entry.name, path


def _introduce(plant: Any, settings: Any) -> None:
    port = plant.site.brokers()["plant"].port
    typer.echo(
        f"Demo plant on {settings.footage.name}: two cameras (real footage; gate-2 with injected\n"
        "faults), H2S and motor sensors (simulated physics over real MQTT). Severity is decided\n"
        "by the policy; SmolLM2-135M only advises: it is no better than chance at severity.\n"
        f"  Alerts:     mosquitto_sub -h 127.0.0.1 -p {port} -V mqttv5 -v -t 'hazard/v1/#'\n"
        f"  Metrics:    http://127.0.0.1:{plant.site.observe.metrics_port}/metrics\n"
        f"  Status:     hazard status --site {plant.paths.site_file}\n"
        f"  Logs:       {settings.folder / 'logs'}"
    )
    typer.echo("Ctrl-C ends it." if not settings.once else "One pass, then a report.")


def _finish(report: dict[str, Any], json_file: Path | None, trouble: str) -> None:
    text = json.dumps(report, indent=1)
    if json_file:
        json_file.write_text(text + "\n", encoding="utf-8")
    typer.echo(
        f"{time.strftime('%H:%M:%S')}  frames {report['frames']['processed']} of "
        f"{report['frames']['read']}, hazards {len(report['events'])} kinds, alerts "
        f"{report['database']['alerts']}, revisions {report['database']['revisions']}, "
        f"received over MQTT {report['mqtt']['received_by_probe']}, lost {report['lost']}"
    )
    if trouble:
        typer.echo(f"hazard demo: {trouble}", err=True)
        raise typer.Exit(1)
