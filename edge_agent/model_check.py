"""The models that a site file names, for `hazard models check --site`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from hazard.errors import WeightsError
from hazard.site.loader import load_site
from hazard.site.reasoning import Reasoning
from models.inspection import certificate_line, look
from models.integrity import sha256_of
from models.manifest import Manifest

_OWN_FILES = ("*.safetensors", "config.json", "tokenizer.json")


def check_site_models(
    site_file: Path, models_dir: Path, say: Callable[[str], None]
) -> tuple[list[str], bool]:
    """The manifest's entries that the site uses, and whether a model of its own is not right.

    A model that the manifest does not list (a folder, a GGUF, servers) is told here.

    Raises:
        ConfigError: if the site file is wrong.
    """
    site = load_site(site_file)
    names = list(dict.fromkeys(d for camera in site.cameras.values() for d in camera.detectors))
    reasoning = site.reasoning
    if not reasoning.enabled:
        say("reasoning: switched off in the site file")
        return names, False
    manifest = Manifest.load()
    entry = reasoning.model or reasoning.backend
    if entry in manifest.entries:
        return [*names, entry], False
    if reasoning.backend == "openai":
        _tell_routes(reasoning, models_dir, say)
        return names, False
    return names, not _own(reasoning, say)


def _own(reasoning: Reasoning, say: Callable[[str], None]) -> bool:
    """A model that the site brought: what it is made of, and whether it is there and fits."""
    say(f"{reasoning.backend}: the site's own model, {reasoning.model or 'not named'}")
    path = _path(reasoning)
    if path is None:
        say("    MISSING: reasoning.model names nothing on this box; copy the model here")
        return False
    say(f"    source: {path}; licence: as stated where the site had it from")
    folder = path if path.is_dir() else path.parent
    files = (
        [path] if path.is_file() else [f for pattern in _OWN_FILES for f in folder.glob(pattern)]
    )
    try:
        for file in sorted(files):
            say(f"    sha256 {sha256_of(file)}  {file.stat().st_size} bytes  {file}")
        found = look(path)
    except WeightsError as error:
        say(f"    cannot be looked into: {error}")
        return False
    for line in found.lines():
        say(f"    {line}")
    say(f"    {certificate_line(folder, reasoning.backend)}")
    return found.fits


def _path(reasoning: Reasoning) -> Path | None:
    """Where the named model lies on this box, a hub's copy included; None if it does not."""
    if not reasoning.model:
        return None
    path = Path(reasoning.model)
    if path.exists():
        return path
    if reasoning.backend != "mixtral" or reasoning.model.count("/") != 1:
        return None
    from models.reasoning.mixtral.source import fetched  # noqa: PLC0415 - only for a hub's id

    return fetched(reasoning.model)


def _tell_routes(reasoning: Reasoning, models_dir: Path, say: Callable[[str], None]) -> None:
    """Servers of a site: what they serve is theirs to say."""
    say("openai: models on other machines; their files, licence and memory are those machines'")
    for route in reasoning.routes:
        kind = "public" if route.public else "the plant's own"
        say(f"    {route.name}: {route.model} at {route.url} ({kind})")
    say(f"    {certificate_line(models_dir / 'openai', 'openai')}")
