"""Where pictures come from: one module per kind, found by the entry point group `hazard.cameras`.

A new kind is one module with a class that implements `CameraSource`, and one line in
pyproject.toml under `[project.entry-points."hazard.cameras"]`, its name being the `kind` of the
site file.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import entry_points
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from hazard.errors import ConfigError


class CameraSource(Protocol):
    """Pictures, one after the other.

    Attributes:
        interval_s: nominal time between two pictures; 0 where it is not known.
        live: whether pictures come in their own time. Others are paced by the decoder.
        lossless: whether the decoder waits until each picture has been taken.
        position: number of the next picture, counted from the source's beginning.
        notice: something to tell about the last picture (one that was refused), else empty.
    """

    interval_s: float
    live: bool
    lossless: bool
    position: int
    notice: str

    def open(self, start: int) -> None:
        """Open, and go on with picture `start` where the source can be wound.

        Raises:
            SourceError: with what is wrong and the mend.
        """
        ...

    def grab(self) -> bool:
        """Move on to the next picture; False at the end.

        Raises:
            SourceError: if the source is broken.
        """
        ...

    def retrieve(self) -> NDArray[np.uint8] | None:
        """The picture that was grabbed (BGR), or None if this one gives nothing (see notice)."""
        ...

    def identity(self) -> str:
        """What a kept position belongs to: changes when the file is another one."""
        ...

    def close(self) -> None:
        """Let go of the source; harmless when it is not open."""
        ...


def find(kind: str) -> Any:
    """The class that reads sources of `kind`: called with the source's part of the site file.

    Raises:
        ConfigError: if no installed package offers it.
    """
    for point in entry_points(group="hazard.cameras", name=kind):
        return point.load()
    try:  # a checkout that is not installed has no entry points: its own modules by their names
        return import_module(f"{__name__}.{kind}").SOURCE
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"no camera source of kind {kind!r}: install the package that offers it as an entry "
            "point of hazard.cameras"
        ) from error
