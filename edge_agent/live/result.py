"""The outcome of one live check."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum

from hazard.site.problems import printable


class Outcome(StrEnum):
    """Only `failed` makes the whole check fail."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


_MARKS = {Outcome.OK: ("✓", "OK  "), Outcome.WARNING: ("!", "WARN"), Outcome.FAILED: ("✗", "FAIL")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that was tried.

    Attributes:
        name: what was tried, e.g. `camera gate`.
        outcome: how it went.
        found: what was seen.
        mend: what to do; empty where nothing is wrong.
    """

    name: str
    outcome: Outcome
    found: str
    mend: str = ""

    def line(self, *, ascii_only: bool = False) -> str:
        """One line for a person."""
        mark = _MARKS[self.outcome][1 if ascii_only else 0]
        dash = "-" if ascii_only else "—"
        mend = f" {dash} {self.mend}" if self.mend else ""
        text = f"{mark} {self.name}: {printable(self.found, 300)}{mend}"
        return text.encode("ascii", "replace").decode("ascii") if ascii_only else text

    def as_dict(self) -> dict[str, str]:
        """The fields, for JSON."""
        return asdict(self)


def ok(name: str, found: str) -> Check:
    """A check that went well."""
    return Check(name=name, outcome=Outcome.OK, found=found)


def warning(name: str, found: str, mend: str) -> Check:
    """A check that went well enough to go on."""
    return Check(name=name, outcome=Outcome.WARNING, found=found, mend=mend)


def failed(name: str, found: str, mend: str) -> Check:
    """A check that went wrong."""
    return Check(name=name, outcome=Outcome.FAILED, found=found, mend=mend)
