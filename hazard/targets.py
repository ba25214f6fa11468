"""What the standards ask of an alarm system, and how a figure is held against it.

A standard's "about" is read as a limit. Where it names a second, weaker figure (the most that an
operator can manage, or what is acceptable with a plan), a figure between the two is `manageable`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

ISA = "ANSI/ISA-18.2-2016 Table 7; IEC 62682 Table 7"
ISA_2009 = "ANSI/ISA-18.2-2009 Table 5"
EEMUA = "EEMUA 191"

LEAST_WINDOW_DAYS = 30.0
"""Shorter measurements say too little (ANSI/ISA-18.2-2016 Table 7: over at least 30 days)."""

CROWDED_HOUR = 30
"""More alarms than this make an hour count as overloaded (ANSI/ISA-18.2-2009 Table 5)."""

CROWDED_10_MIN = 10
"""More alarms than this make ten minutes count as overloaded (ANSI/ISA-18.2-2016 Table 7)."""

STALE_AFTER_H = 24.0
"""An alarm that is shown for longer is stale (ANSI/ISA-18.2-2016 Table 7)."""

BAD_ACTORS = 10
"""How many of the most frequent alarms the standard looks at (ANSI/ISA-18.2-2016 Table 7)."""


class Held(StrEnum):
    """A figure against its target."""

    MET = "met"
    MANAGEABLE = "manageable"
    MISSED = "missed"


@dataclass(frozen=True, slots=True)
class Target:
    """A target: a bound, and whether a figure on the bound meets it.

    Attributes:
        bound: in the unit of its figure.
        least: the figure must be at least the bound; else at most, or below if `strict`.
        strict: a figure on the bound misses it.
        manageable: weaker bound up to which a figure is still manageable.
        source: standard and clause.
    """

    bound: float
    source: str
    least: bool = False
    strict: bool = False
    manageable: float | None = None

    @property
    def text(self) -> str:
        """The target as people write it."""
        sign = ">=" if self.least else "<" if self.strict else "<="
        if self.manageable is None:
            return f"{sign} {self.bound:g}"
        return f"{sign} {self.bound:g} (manageable to {self.manageable:g})"

    def held(self, value: float) -> Held:
        """Whether the value meets it."""
        if self.least:
            return Held.MET if value >= self.bound else Held.MISSED
        if value < self.bound or (value == self.bound and not self.strict):
            return Held.MET
        if self.manageable is not None and value <= self.manageable:
            return Held.MANAGEABLE
        return Held.MISSED


TARGETS: Mapping[str, Target] = MappingProxyType(
    {
        "alarms_per_h_average": Target(6, ISA, manageable=12),
        "alarms_per_10_min_average": Target(1, ISA, manageable=2),
        "alarms_per_10_min_peak": Target(10, ISA),
        "hours_above_30_alarms_percent": Target(1, ISA_2009, strict=True),
        "periods_of_10_min_above_10_alarms_percent": Target(1, ISA, strict=True),
        "time_in_flood_percent": Target(1, ISA, strict=True),
        "bad_actors_share_percent": Target(1, ISA, strict=True, manageable=5),
        "chattering_points": Target(0, ISA),
        "fleeting_points": Target(0, ISA),
        "stale_alarms_on_the_worst_day": Target(5, ISA, strict=True),
        "standing_alarms_at_the_end": Target(10, EEMUA, strict=True),
        "shelved_alarms_at_the_end": Target(30, EEMUA, strict=True),
        "unauthorised_suppressions": Target(0, ISA),
        "priority_low_percent": Target(79, ISA, least=True),
        "priority_medium_percent": Target(15, ISA),
        "priority_high_percent": Target(5, ISA),
        "priority_critical_percent": Target(1, ISA, strict=True),
    }
)
"""By name of the figure. The standard's 80/15/5 stands for three priorities; critical, under 1 %,
is taken out of the 80 of low."""
