"""A change of the site file: a JSON Merge Patch (RFC 7396) of its data, carried into its text.

The text keeps its comments, its order and its way of writing wherever nothing changes. The result
is validated by the same models as a file that was written by hand, and told as a diff of the text
and as a list of what changes.
"""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import JsonValue

from hazard.errors import ConfigError
from hazard.site.diff import SiteDiff, changed_sections
from hazard.site.loader import load_data, load_text
from hazard.site.models import Site
from hazard.site.problems import KeyPath, SiteFileError, redact, render_path, show
from hazard.site.text import MAX_BYTES
from hazard.site.yaml_edit import edit, merge_patch
from hazard.site.yaml_write import json_text

MAX_SUMMARY = 2000
"""Characters of a summary; what is left out is counted."""

_CONTEXT = 3


@dataclass(frozen=True, slots=True)
class Difference:
    """One value that differs between two site files.

    Attributes:
        path: keys that lead there, e.g. `rules.pit.dwell_s`.
        how: added, removed or changed.
        before: the old value as it may be shown; empty for a collection, and where it is added.
        after: the new value likewise.
    """

    path: str
    how: Literal["added", "removed", "changed"]
    before: str = ""
    after: str = ""

    def __str__(self) -> str:
        if self.how == "changed" and self.before and self.after:
            return f"{self.path}: {self.before} → {self.after}"
        value = self.after if self.how == "added" else ""
        return f"{self.path} {self.how}" + (f": {value}" if value else "")


@dataclass(frozen=True, slots=True)
class Proposal:
    """A site file as it would be.

    Attributes:
        before: text of the file that was looked at.
        text: the new text.
        old: the site before.
        site: the site after; valid.
        differences: what changes, value by value, in the file's order.
        diff: what changes section by section, and what of it waits for a restart.
    """

    before: str
    text: str
    old: Site
    site: Site
    differences: tuple[Difference, ...]
    diff: SiteDiff

    @property
    def sha256(self) -> str:
        """Of the new text as it is written."""
        return text_sha256(self.text)

    @property
    def summary(self) -> str:
        """The differences in one line."""
        return summary(self.differences)

    def unified(self, name: str = "site.yaml") -> str:
        """The change of the text as a unified diff, without secrets of addresses."""
        return unified(self.before, self.text, name)


def text_sha256(text: str) -> str:
    """The hash by which a content of the site file is named."""
    return hashlib.sha256(text.encode()).hexdigest()


def patched(text: str, patch: dict[str, JsonValue], path: Path) -> str:
    """The text of the file `path` with the patch applied, readable as YAML; not yet validated.

    Raises:
        SiteFileError: if the text, or what becomes of it, cannot be read.
        ConfigError: if a part that changes is written in a way that cannot be edited in place.
    """
    data = load_data(text, path)
    wanted = merge_patch(data, patch)
    new = edit(text, data, patch)
    if len(new.encode()) > MAX_BYTES:
        raise ConfigError("the changed site file would be larger than 1 MiB: change less")
    try:
        same = load_data(new, path) == wanted
    except SiteFileError:
        same = False
        # What is too deep or too large is so in any way of writing.
        load_data(json_text(wanted), path)
    if not same:
        raise ConfigError(
            "the file uses anchors (&name, *name, <<) where it changes, or is written in a way "
            "that cannot be edited in place: write that part out by hand, one key a line, and "
            "change it again"
        )
    return new


def propose(text: str, patch: dict[str, JsonValue], path: Path) -> Proposal:
    """What a patch makes of the site file `path`, whose text this is.

    Raises:
        SiteFileError: (a ConfigError) with everything that is wrong as `problems`.
        ConfigError: if a part that changes is written in a way that cannot be edited in place.
    """
    return compare(text, patched(text, patch, path), path)


def compare(before: str, after: str, path: Path) -> Proposal:
    """Two texts of the site file `path`.

    Raises:
        SiteFileError: (a ConfigError) with everything that is wrong with either as `problems`.
    """
    new = load_text(after, path)
    old = load_text(before, path)
    found = differences(load_data(before, path), load_data(after, path))
    return Proposal(before, after, old, new, found, changed_sections(old, new))


def differences(before: JsonValue, after: JsonValue) -> tuple[Difference, ...]:
    """What differs between the data of two site files, value by value."""
    return tuple(_differences(before, after, ()))


def _differences(before: Any, after: Any, path: KeyPath) -> Iterator[Difference]:
    if not isinstance(before, dict) or not isinstance(after, dict):
        if before != after or type(before) is not type(after):
            shown = show(before, path), show(after, path)
            yield Difference(render_path(path), "changed", *shown)
        return
    for key, value in before.items():
        here = (*path, key)
        if key not in after:
            yield Difference(render_path(here), "removed", before=show(value, here))
        else:
            yield from _differences(value, after[key], here)
    for key, value in after.items():
        if key not in before:
            here = (*path, key)
            yield Difference(render_path(here), "added", after=show(value, here))


def summary(found: tuple[Difference, ...]) -> str:
    """The differences in one line of at most `MAX_SUMMARY` characters."""
    told, length = list[str](), 0
    for at, each in enumerate(found):
        text = str(each)
        if length + len(text) > MAX_SUMMARY - 20:
            told.append(f"and {len(found) - at} more")
            break
        told.append(text)
        length += len(text) + 2
    return "; ".join(told) or "comments or spelling only"


def unified(before: str, after: str, name: str = "site.yaml") -> str:
    """Two texts as a unified diff, without secrets of addresses; empty if they are equal."""
    lines = difflib.unified_diff(
        before.splitlines(), after.splitlines(), f"a/{name}", f"b/{name}", lineterm="", n=_CONTEXT
    )
    return redact("\n".join(lines))
