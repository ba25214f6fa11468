"""A file that is there whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hazard.errors import StoreError


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """A temporary file beside `target` to write to; at the block's end it takes its place.

    It is readable by its owner only, as what it holds is not for everybody. After an error in the
    block it is gone, and what `target` was before is still there.

    Raises:
        StoreError: if it cannot be written there.
    """
    try:
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".tmp", dir=target.parent)
    except OSError as error:
        raise StoreError(
            f"{target} cannot be written ({error.strerror}): name a file in a folder that exists "
            "and that you may write to"
        ) from error
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        temporary.replace(target)
    except OSError as error:
        raise StoreError(
            f"{target} cannot be written ({error.strerror or error}): free space, or name another"
        ) from error
    finally:
        temporary.unlink(missing_ok=True)
