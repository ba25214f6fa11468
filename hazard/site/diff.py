"""What a changed site file changes, and which changes wait for a restart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from hazard.site.models import Site

_NAMED = ("areas", "cameras", "sensors", "rules")
_RESTART = {
    ("site", "id"): "topics and stored alerts carry it",
    ("site", "node"): "topics and stored alerts carry it",
    ("mqtt", "embedded"): "the embedded broker starts with the agent",
    ("mqtt", "embedded_port"): "the embedded broker starts with the agent",
    ("store", "replica_url"): "the connection to the replica is made at the start",
    ("reasoning", "enabled"): "the reasoning process starts with the agent",
    ("dashboard", "enabled"): "the dashboard starts with the agent",
    ("dashboard", "host"): "the dashboard listens from the start",
    ("dashboard", "port"): "the dashboard listens from the start",
}

_FIRST: dict[tuple[str, ...], str] = {
    ("cameras",): "the vision group starts with the agent where there is a camera",
    ("notify", "channels"): "the notifying process starts with the agent where there is a channel",
}
"""What is in force at once, but for the first of its kind: its process is not there yet."""


@dataclass(frozen=True, slots=True)
class Change:
    """One difference between two site files.

    Attributes:
        section: top-level key.
        name: entry of a section of named things, else the field.
        how: added, removed or changed.
        restart: why it takes effect only after a restart; empty if it takes effect at once.
    """

    section: str
    name: str
    how: Literal["added", "removed", "changed"]
    restart: str = ""

    def __str__(self) -> str:
        later = f" (after a restart: {self.restart})" if self.restart else ""
        return f"{self.section}.{self.name} {self.how}{later}"


@dataclass(frozen=True, slots=True)
class SiteDiff:
    """All differences between two site files, in the file's order."""

    changes: tuple[Change, ...]

    def __bool__(self) -> bool:
        return bool(self.changes)

    @property
    def restart(self) -> tuple[Change, ...]:
        """The changes that wait for a restart."""
        return tuple(change for change in self.changes if change.restart)

    def of(self, section: str) -> tuple[Change, ...]:
        """The changes of one section."""
        return tuple(change for change in self.changes if change.section == section)

    def names(self, section: str) -> frozenset[str]:
        """The entries of `section` that were added, removed or changed."""
        return frozenset(change.name for change in self.of(section))

    def summary(self) -> str:
        """The changes in one line."""
        return "; ".join(str(change) for change in self.changes) or "nothing changed"


def changed_sections(old: Site, new: Site) -> SiteDiff:
    """What `new` changes, entry by entry for areas, cameras, sensors and rules."""
    return SiteDiff(tuple(_changes(old, new)))


def _changes(old: Site, new: Site) -> Iterator[Change]:
    for section in type(old).model_fields:
        before, after = getattr(old, section), getattr(new, section)
        if section in _NAMED:
            yield from _entries(section, before, after)
        elif before != after:
            fields = getattr(type(before), "model_fields", None)
            for name in fields or ():
                if getattr(before, name) != getattr(after, name):
                    yield Change(section, name, "changed", _waits(section, name, before))


def _entries(section: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Change]:
    for name in before:
        if name not in after:
            yield Change(section, name, "removed")
        elif before[name] != after[name]:
            yield Change(section, name, "changed")
    for name in after:
        if name not in before:
            yield Change(section, name, "added", "" if before else _FIRST.get((section,), ""))


def _waits(section: str, name: str, before: Any) -> str:
    first = "" if getattr(before, name) else _FIRST.get((section, name), "")
    return _RESTART.get((section, name), first)


def until_restart(running: Site, new: Site) -> Site:
    """`new`, with what waits for a restart as it is in `running`."""
    sections: dict[str, Any] = {}
    for section, field in _RESTART:
        before, after = getattr(running, section), sections.get(section, getattr(new, section))
        sections[section] = after.model_copy(update={field: getattr(before, field)})
    return new.model_copy(update=sections)
