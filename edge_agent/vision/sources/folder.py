"""A folder of pictures, read in the order of their names."""

from __future__ import annotations

import hashlib
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_agent.vision.pictures import MAX_DECODED_PIXELS, picture_size
from hazard.errors import SourceError
from hazard.site.sources import FolderSource

SUFFIXES = (".jpg", ".jpeg", ".png")
MAX_FILE_BYTES = 64 * 1024 * 1024


class PictureFolder:
    """Reads .jpg, .jpeg and .png files; a broken one is left out and named."""

    live = False
    lossless = False

    def __init__(self, config: FolderSource) -> None:
        self._config = config
        self._files: list[Path] = []
        self.interval_s = config.interval_s
        self.position = 0
        self.notice = ""

    def identity(self) -> str:
        """The folder's path, hashed."""
        return hashlib.sha256(str(self._config.path).encode()).hexdigest()[:16]

    def open(self, start: int) -> None:
        """List the pictures.

        Raises:
            SourceError: if the folder is missing or holds no picture.
        """
        folder = self._config.path
        try:
            self._files = sorted(p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES)
        except OSError as error:
            raise SourceError(
                f"folder {folder} cannot be read ({error.strerror}): create it, readable by this "
                "user, or change source.path"
            ) from error
        if not self._files:
            raise SourceError(f"folder {folder} holds no .jpg, .jpeg or .png: put pictures there")
        self.position = start

    def grab(self) -> bool:
        """Move on to the next file; False after the last."""
        if self._config.loop:
            self.position %= len(self._files)
        if self.position >= len(self._files):
            return False
        self.position += 1
        return True

    def retrieve(self) -> NDArray[np.uint8] | None:
        """The picture, or None with a notice if the file is refused."""
        path = self._files[self.position - 1]
        try:
            picture = _read(path)
        except SourceError as error:
            self.notice = str(error)
            return None
        self.notice = ""
        return picture

    def close(self) -> None:
        """Forget the list."""
        self._files = []


def _read(path: Path) -> NDArray[np.uint8]:
    try:
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            raise SourceError(f"picture {path.name!r} has {size} bytes: make it smaller")
        data = path.read_bytes()
    except OSError as error:
        raise SourceError(
            f"picture {path.name!r} cannot be read ({error.strerror}): check its permissions"
        ) from error
    if not data:
        raise SourceError(f"picture {path.name!r} is empty (0 bytes): copy it again")
    shape = picture_size(data)
    if shape is None:
        raise SourceError(f"picture {path.name!r} is no JPEG or PNG: convert it or remove it")
    width, height = shape
    if width * height > MAX_DECODED_PIXELS:
        raise SourceError(
            f"picture {path.name!r} has {width}x{height} = {width * height / 1e6:.0f} megapixels, "
            f"more than {MAX_DECODED_PIXELS / 1e6:.0f}: make it smaller"
        )
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    if image is None:
        raise SourceError(f"picture {path.name!r} is broken: copy it again or remove it")
    picture: NDArray[np.uint8] = np.asarray(image, np.uint8)
    return picture


SOURCE = PictureFolder
