"""What comes of a dry run: exact counts, and examples up to a bound."""

from __future__ import annotations

from pydantic import Field

from hazard.types import Model, Severity, UtcTime

MAX_EXAMPLES = 100
"""Incidents that each list holds; the counts are of all."""
MAX_GAPS = 50


class WouldBe(Model):
    """One incident that would have raised an alarm."""

    hazard: str
    area: str
    zone: str | None = Field(default=None, description="of a camera; null: of a sensor or camera")
    line: str | None = Field(default=None, description="of a camera; null: none was crossed")
    rule_id: str
    sources: tuple[str, ...] = Field(description="cameras and sensors, the evidence")
    started_at: UtcTime
    ended_at: UtcTime | None = Field(description="null: it still stood at the end")
    floor: Severity = Field(description="by the policy, the highest that it had")
    default: Severity


class Pair(Model):
    """One incident that both site files raise, as each of them rates it."""

    before: WouldBe
    after: WouldBe


class Tally(Model):
    """How many, by hazard kind, and examples: the worst first, then the latest."""

    total: int = 0
    kinds: dict[str, int] = Field(default_factory=dict)
    examples: tuple[WouldBe, ...] = ()


class Rerated(Model):
    """Incidents that both raise, and rate differently."""

    total: int = 0
    kinds: dict[str, int] = Field(default_factory=dict)
    examples: tuple[Pair, ...] = ()


class Span(Model):
    """A time from one moment to another."""

    from_at: UtcTime
    to_at: UtcTime


class Coverage(Model):
    """For how long there is data: what was not seen then is not known now.

    `sources` are the hours in which each camera or sensor of either site file gave data; 0 where
    it gave none. `gaps` are the times without data of any of them, the longest ones.
    """

    asked: Span
    covered_h: float = Field(ge=0)
    sources: dict[str, float]
    gaps: tuple[Span, ...] = ()
    gaps_left_out: int = 0


class DryRun(Model):
    """What the change would have made of the stored time."""

    coverage: Coverage
    raised: Tally = Field(description="incidents that only the changed site file raises")
    no_longer: Tally = Field(description="incidents that only the present site file raises")
    rerated: Rerated
    unchanged: int = Field(ge=0, description="incidents that both raise with the same severities")
    not_tried: tuple[str, ...] = Field(description="what stored data cannot tell, in words")
