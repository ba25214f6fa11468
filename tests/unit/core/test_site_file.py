"""The site file is written whole or not at all, and why not is said."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from edge_agent.core.site_file import write_site_file
from hazard.errors import ConfigError


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "site.yaml"
    path.write_text("old")
    path.chmod(0o640)
    return path


def test_what_is_written_has_the_mode_of_before_and_leaves_nothing_beside(file: Path) -> None:
    (file.parent / ".site.yaml.new").write_text("left by a core that was killed")
    write_site_file(file, "new")
    assert file.read_text() == "new"
    assert file.stat().st_mode & 0o777 == 0o640
    assert [each.name for each in file.parent.iterdir()] == ["site.yaml"]


@pytest.mark.parametrize(
    ("number", "mend"),
    [
        (errno.EBUSY, "mount the folder that holds it, not the file alone"),
        (errno.EROFS, "mount the folder that holds it writable"),
        (errno.ENOSPC, "make room on its disk"),
        (errno.EACCES, "writable for the user of this service"),
    ],
)
def test_a_file_that_cannot_be_replaced_stays_and_the_mend_is_said(
    file: Path, monkeypatch: pytest.MonkeyPatch, number: int, mend: str
) -> None:
    def refuse(_self: Path, _target: Path) -> Path:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(ConfigError, match=mend):
        write_site_file(file, "new")
    assert file.read_text() == "old"
    assert [each.name for each in file.parent.iterdir()] == ["site.yaml"]


def test_a_link_is_not_followed_where_the_new_content_is_prepared(
    file: Path, tmp_path: Path
) -> None:
    victim = tmp_path / "victim"
    victim.write_text("untouched")
    (tmp_path / ".site.yaml.new").symlink_to(victim)
    with pytest.raises(ConfigError, match="cannot be written"):
        write_site_file(file, "new")
    assert victim.read_text() == "untouched"
