"""The site file on disk: written whole or not at all, with the mode and the owner that it had."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from pathlib import Path

from hazard.errors import ConfigError

_WRITABLE = stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH


def write_site_file(path: Path, text: str) -> None:
    """Replace the content of the file; what a link names is replaced, and the link stays.

    Raises:
        ConfigError: if it cannot be written, with the mend; it is as it was then.
    """
    file = path.resolve()
    try:
        before = file.stat()
        if not before.st_mode & _WRITABLE or not os.access(file, os.W_OK):
            raise PermissionError(errno.EACCES, "the file is write-protected")
        _replace(file, text.encode(), before)
    except OSError as error:
        raise ConfigError(
            f"the site file {path.name} cannot be written ({error.strerror or error}): "
            f"{_mend(error.errno)}, or change the file where it is kept"
        ) from error


def _replace(file: Path, content: bytes, before: os.stat_result) -> None:
    # One name, so that what a killed core left behind is written over by the next.
    new = file.with_name(f".{file.name}.new")
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
        with open(os.open(new, flags, 0o600), "wb") as handle:  # noqa: PTH123 - with these flags
            handle.write(content)
            with contextlib.suppress(PermissionError):  # another owner: then it becomes ours
                os.fchown(handle.fileno(), before.st_uid, before.st_gid)
            os.fchmod(handle.fileno(), stat.S_IMODE(before.st_mode))
            handle.flush()
            os.fsync(handle.fileno())
        new.replace(file)
    finally:
        new.unlink(missing_ok=True)
    folder = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _mend(number: int | None) -> str:
    if number == errno.EBUSY:
        return "mount the folder that holds it, not the file alone"
    if number == errno.EROFS:
        return "mount the folder that holds it writable"
    if number in (errno.ENOSPC, errno.EDQUOT):
        return "make room on its disk"
    return "make the file and its folder writable for the user of this service"
