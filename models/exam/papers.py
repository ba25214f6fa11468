"""What is asked in an exam, and whether a certificate may come of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from hazard.catalogue import catalogue
from hazard.site.models import Policy
from hazard.triage.policy import assess
from hazard.types import Verdict
from models.exam import bank, narratives
from models.exam.bank import Case
from models.exam.narratives import Narrative


@dataclass(frozen=True, slots=True)
class Papers:
    """Labelled incidents, and what may become of an exam on them.

    Attributes:
        items: the incidents of a bank, or narratives.
        data_hash: sha256 of all of them, also where only some are asked.
        certifies: whether a certificate may come of it; else figures only.
        why_not: why it may not, in words.
        packaged: ids of the packaged bank, where incidents of one's own stand beside it.
    """

    items: tuple[Case | Narrative, ...]
    data_hash: str
    certifies: bool
    why_not: str = ""
    packaged: frozenset[str] = frozenset()

    def some(self, limit: int) -> Papers:
        """At most `limit` of them, spread over the whole; no certificate comes of that."""
        if limit >= len(self.items):
            return self
        places = [number * len(self.items) // limit for number in range(limit)]
        return replace(
            self,
            items=tuple(self.items[place] for place in places),
            certifies=False,
            why_not=f"only {limit} of {len(self.items)} incidents were asked",
        )

    def verdicts(self) -> dict[str, Verdict]:
        """The catalogue's policy on each incident, by id; nothing on narratives.

        A site's own severities have no part in it: a certificate lies beside the weights and must
        say the same everywhere.
        """
        return {
            item.id: assess(item.incident(), Policy(), catalogue())
            for item in self.items
            if isinstance(item, Case)
        }


def papers(data: Path | None, *, test_only: bool = False) -> Papers:
    """The packaged bank, a bank of one's own (YAML), or narratives (CSV).

    Raises:
        ConfigError: naming the file and what is wrong in it.
    """
    if data is None:
        return of_bank(bank.packaged(), test_only=test_only)
    if data.suffix.lower() == ".csv":
        return of_narratives(narratives.load(data))
    return of_bank(bank.load(data), test_only=test_only)


def of_bank(cases: Sequence[Case], *, test_only: bool = False) -> Papers:
    """A bank's incidents. A certificate comes of the whole packaged bank only.

    One's own incidents may stand beside it. `test_only` lets any bank give a certificate, which
    then counts in tests alone.
    """
    given, known = {case.id: case for case in cases}, bank.packaged()
    held = all(given.get(case.id) == case for case in known)
    why_not = "" if held or test_only else "these incidents do not hold the whole packaged bank"
    apart = held and len(given) > len(known)
    return Papers(
        tuple(cases),
        bank.data_hash(cases),
        certifies=held or test_only,
        why_not=why_not,
        packaged=frozenset(case.id for case in known) if apart else frozenset(),
    )


def of_narratives(told: Sequence[Narrative]) -> Papers:
    """Narratives: figures only."""
    return Papers(
        tuple(told),
        narratives.data_hash(told),
        certifies=False,
        why_not="narratives have no policy verdict and no floor",
    )
