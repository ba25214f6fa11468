"""`hazard models`: fetch, list and check weights and footage."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from models.fetch import Status

app = typer.Typer(
    name="models", help="Weights and footage: fetch, list and check.", no_args_is_help=True
)

Folder = Annotated[
    Path | None,
    typer.Option("--models-dir", help="Where they lie (default: HAZARD_MODELS_DIR, or a cache)."),
]
Names = Annotated[list[str] | None, typer.Argument(help="Entries of the manifest.")]


@app.command()
def fetch(
    names: Names = None,
    *,
    everything: Annotated[
        bool, typer.Option("--all", help="Every entry, not the default.")
    ] = False,
    models_dir: Folder = None,
) -> None:
    """Fetch, check and build what is missing: the default set, the named entries, or all.

    Exit code 0 if all is there and right at the end, else 1.
    """
    from hazard.errors import HazardError
    from models.fetch import ensure_or_fallback
    from models.manifest import Manifest
    from models.progress import console_progress

    folder = _folder(models_dir)
    failed = False
    try:
        manifest = Manifest.load()
        entries = list(manifest.select(tuple(names or ()), everything=everything))
    except HazardError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from error
    with console_progress() as progress:
        for entry in entries:
            try:
                _, path, _ = ensure_or_fallback(entry, folder, manifest=manifest, progress=progress)
            except HazardError as error:
                failed = True
                progress.note(entry.name, f"error: {error}")
            else:
                progress.note(entry.name, f"ready: {path}")
    if failed:
        raise typer.Exit(1)


@app.command("list")
def list_entries() -> None:
    """What the manifest lists: kind, licence, source, and what was measured."""
    from models.manifest import Manifest

    for entry in Manifest.load().entries.values():
        default = "default" if entry.default else "by name"
        extra = f", needs the {entry.extra} extra" if entry.extra else ""
        typer.echo(f"{entry.name}  {entry.kind.value}, {default}{extra}: {entry.title}")
        note = f" ({entry.licence_note})" if entry.licence_note else ""
        typer.echo(f"    licence   {entry.licence}{note}")
        typer.echo(f"    source    {entry.source}, keeps {_megabytes(entry.size_bytes)}")
        if entry.measured:
            typer.echo(f"    measured  {entry.measured}")


@app.command()
def check(
    names: Names = None,
    *,
    site: Annotated[
        Path | None, typer.Option("--site", metavar="FILE", help="Only what this site file uses.")
    ] = None,
    models_dir: Folder = None,
) -> None:
    """Hash every file again; tell source, licence, bytes by dtype, fit and certificate of each.

    Without names: the default set, and whatever else is there; with a site file: the detectors and
    the reasoning model that it names. Exit code 0 if all of it is right and fits.
    """
    from edge_agent.model_check import check_site_models
    from hazard.errors import HazardError
    from models.fetch import check as check_entry
    from models.manifest import Manifest

    folder = _folder(models_dir)
    failed = False
    try:
        manifest = Manifest.load()
        if site is not None:
            names, failed = check_site_models(site, folder, typer.echo)
            entries = [manifest[name] for name in names]
        else:
            entries = list(manifest.select(tuple(names or ()), everything=True))
        statuses = [check_entry(entry, folder) for entry in entries]
    except HazardError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from error
    replaced = {s.entry.name for s in statuses if s.absent and _stands_in(s, statuses)}
    for status in statuses:
        wanted = bool(names) or status.entry.default
        if status.entry.name in replaced and not names:
            typer.echo(f"{status.entry.name}: absent, {status.entry.fallback} takes its place")
        elif status.absent and not wanted:
            typer.echo(f"{status.entry.name}: not fetched")
        else:
            failed |= not status.ok
            _print(status)
            failed |= not _look(status)
    if failed:
        typer.echo("something is missing or wrong: run `hazard models fetch`", err=True)
        raise typer.Exit(1)


@app.command()
def quantize(
    source: Annotated[Path, typer.Argument(help="Folder of a Mixtral as it was published.")],
    target: Annotated[Path, typer.Argument(help="New folder for the same in 4 bits.")],
) -> None:
    """Write a Mixtral in 4 bits: a quarter of the bytes to carry to a box and to read at start.

    Needs the `reasoning` extra. Exit code 0 if all of it was written, else 1.
    """
    from importlib.util import find_spec

    from hazard.errors import HazardError

    if find_spec("torch") is None:
        typer.echo("error: torch is not installed: install the `reasoning` extra", err=True)
        raise typer.Exit(1)
    from models.reasoning.mixtral.load import default_device
    from models.reasoning.mixtral.quantize import quantize_folder

    try:
        quantize_folder(source, target, default_device(), typer.echo)
    except HazardError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from error
    typer.echo(f"ready: {target}")


def _stands_in(status: Status, statuses: list[Status]) -> bool:
    return any(s.entry.name == status.entry.fallback and s.ok for s in statuses)


def _print(status: Status) -> None:
    entry = status.entry
    typer.echo(f"{entry.name}: {entry.licence}, {entry.source}")
    for file in status.files:
        if file.found is None:
            word = "MISSING"
        else:
            word = "sha256 ok" if file.ok else f"WRONG sha256, want {file.expected}"
        typer.echo(f"    {word}  {file.size_bytes} bytes  {file.found or '-'}  {file.path}")


def _look(status: Status) -> bool:
    """Bytes by dtype, fit and certificate; whether it fits."""
    from hazard.errors import WeightsError
    from models.inspection import certificate_line, look
    from models.manifest import Kind

    entry = status.entry
    if not status.ok or entry.kind is Kind.FOOTAGE:
        return True
    path = next(f.path for f in status.files if f.path.name == entry.artefact_name)
    try:
        found = look(path)
    except WeightsError as error:
        typer.echo(f"    cannot be looked into: {error}")
        return False
    for line in found.lines():
        typer.echo(f"    {line}")
    if entry.kind is Kind.LANGUAGE_MODEL:
        typer.echo(f"    {certificate_line(path.parent, entry.name)}")
    return found.fits


def _folder(models_dir: Path | None) -> Path:
    from edge_agent.paths import default_models_dir

    return models_dir or default_models_dir()


def _megabytes(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:.1f} MB"
