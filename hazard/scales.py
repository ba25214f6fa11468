"""The scales of the domain: severity, quality, who decided, what a model and a person may do."""

from __future__ import annotations

from enum import StrEnum


class Severity(StrEnum):
    """How bad it is, ordered: info < low < medium < high < critical.

    `info` goes to the journal and raises no alarm. Compare with `<`, `>`, `max`: the order is the
    rank, not the alphabet.
    """

    INFO = "info"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """Position in the order, 0 (info) to 4 (critical)."""
        return _SEVERITY_ORDER.index(self.value)

    @classmethod
    def from_rank(cls, rank: int) -> Severity:
        """The severity at `rank`, clipped to 0..4."""
        return cls(_SEVERITY_ORDER[max(0, min(4, rank))])

    def __lt__(self, other: str) -> bool:
        return self.rank < Severity(other).rank

    def __le__(self, other: str) -> bool:
        return self.rank <= Severity(other).rank

    def __gt__(self, other: str) -> bool:
        return self.rank > Severity(other).rank

    def __ge__(self, other: str) -> bool:
        return self.rank >= Severity(other).rank


_SEVERITY_ORDER = ("info", "low", "medium", "high", "critical")


class Quality(StrEnum):
    """Quality of a reading, in OPC UA's words."""

    GOOD = "good"
    UNCERTAIN = "uncertain"
    BAD = "bad"


class DecidedBy(StrEnum):
    """Who decided a severity."""

    POLICY = "policy"
    MODEL = "model"
    FALLBACK = "fallback"


class Authority(StrEnum):
    """What a reasoning backend may do with the severity of one hazard kind.

    `advise`: its opinion is stored and shown, the default stands. `raise`: it may lift the default
    by one level. `decide`: anywhere from the floor to critical, with a valid certificate only.
    """

    ADVISE = "advise"
    RAISE = "raise"
    DECIDE = "decide"


class Role(StrEnum):
    """What a person or program is to the plant; `hazard.alarms.authorization` says what each may.

    The first two are an order (an operator may all that a viewer may); the others are offices.
    """

    VIEWER = "viewer"
    OPERATOR = "operator"
    SAFETY_OFFICER = "safety_officer"
    INTEGRATOR = "integrator"
    ADMINISTRATOR = "administrator"
