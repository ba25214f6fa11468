"""The commented site file that `hazard init` writes."""

from __future__ import annotations

import json
import os
import tempfile
from importlib.resources import files
from pathlib import Path

from hazard.errors import ConfigError
from hazard.site.schema import SCHEMA_FILE, site_schema


def template() -> str:
    """The text of a new site file: commented, and valid as it is."""
    return files(__package__).joinpath("template.yaml").read_text(encoding="utf-8")


def write_template(path: Path, *, force: bool = False) -> tuple[Path, Path]:
    """Write a new site file at `path` (or `site.yaml` in that folder), its schema beside it.

    Returns:
        The site file and the schema file.

    Raises:
        ConfigError: if the file exists and `force` is not given, or cannot be written.
    """
    target = path / "site.yaml" if path.is_dir() else path
    if not force and (target.exists() or target.is_symlink()):
        raise ConfigError(f"{target} exists: choose another path, or give --force to replace it")
    schema = target.with_name(SCHEMA_FILE)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _write(schema, json.dumps(site_schema(), indent=2, ensure_ascii=False) + "\n")
        _write(target, template())
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ConfigError(f"{target} cannot be written ({reason}): choose another path") from error
    return target, schema


def _write(target: Path, text: str) -> None:
    """Write all or nothing: an existing file is replaced only by a complete one."""
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name[:40]}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(name).chmod(0o644)
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
