"""The rubric by which the bank's incidents are labelled: consequence, likelihood, exposure.

A person judges the three from the evidence alone, without looking at the policy; the table gives
the severity. Consequence and likelihood are crossed as in a risk matrix (the method of ISO 12100
cl. 5.5 and MIL-STD-882E table III; the cells are this project's own), then exposure moves the
result by one: down where nobody can be hurt because nobody can be there, up where several people,
or somebody who cannot get away, are in it.
"""

from __future__ import annotations

from pydantic import Field

from hazard.types import Model, Severity

CONSEQUENCE = (
    "no injury and no loss of protection",
    "first aid, or protection weakened (a blind camera, a silent sensor)",
    "lost time, recovers fully",
    "permanent harm to one person",
    "death",
)
"""The worst credible outcome if nobody acts."""

LIKELIHOOD = (
    "not credible within the shift",
    "unlikely within the shift",
    "possible within the hour",
    "likely within minutes",
    "happening now",
)
"""Of that outcome, if nobody acts."""

EXPOSURE = (
    "nobody is there, or can come there, before it is dealt with",
    "people may be there, or come there",
    "a person is there",
    "several people are there, or somebody who cannot get away",
)

_I, _L, _M, _H, _C = Severity
_TABLE: tuple[tuple[Severity, ...], ...] = (
    (_I, _I, _I, _I, _I),
    (_I, _L, _L, _L, _M),
    (_L, _L, _M, _M, _H),
    (_L, _M, _M, _H, _H),
    (_L, _M, _H, _H, _C),
)
"""Severity by consequence (row) and likelihood (column)."""


class Judgement(Model):
    """What a person judged of one incident, each an index into its scale above."""

    consequence: int = Field(ge=0, le=4)
    likelihood: int = Field(ge=0, le=4)
    exposure: int = Field(ge=0, le=3)

    @property
    def severity(self) -> Severity:
        """The label that the rubric gives."""
        base = _TABLE[self.consequence][self.likelihood]
        if base is Severity.INFO:
            return base
        shift = {0: -1, len(EXPOSURE) - 1: 1}.get(self.exposure, 0)
        return Severity.from_rank(base.rank + shift)
