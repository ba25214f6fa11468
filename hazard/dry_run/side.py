"""One of the two site files of a dry run: its rules and its incidents, as they would have been."""

from __future__ import annotations

import itertools
from datetime import datetime

from hazard.catalogue import HazardKind
from hazard.dry_run.refit import Refit
from hazard.dry_run.result import WouldBe
from hazard.errors import HazardError
from hazard.incidents import ChangeKind, IncidentBook
from hazard.ports import Rule, RuleInput, Tick
from hazard.rules import build_rules
from hazard.rules.engine import RuleEngine
from hazard.site.models import Site
from hazard.triage.policy import assess
from hazard.types import Incident, Observation, Reading, Severity

MOST_INCIDENTS = 100_000
"""Incidents of one site file; a change that raises more has its answer."""


class TooMany(HazardError):  # noqa: N818 - named for what it says
    """A site file would have raised more incidents than anybody can use."""


class Side:
    """Steps the rules of one site file and keeps what they would have raised.

    Rules that judge silence are left out: that nothing was stored does not say that nothing came.

    Raises:
        ConfigError: if a rule has no implementation.
    """

    def __init__(self, site: Site, refit: Refit, kinds: dict[str, HazardKind]) -> None:
        self.site = site
        self._refit, self._kinds = refit, kinds
        built = build_rules(site)
        self._rules = [rule for rule in built if not judges_silence(rule)]
        self.left_out = [rule.rule_id for rule in built if judges_silence(rule)]
        self._numbers = itertools.count(1)
        self._open: dict[str, WouldBe] = {}
        self.found: list[WouldBe] = []
        self._begin()

    def _begin(self) -> None:
        self._engine = RuleEngine(self._rules)
        self._book = IncidentBook(self._kinds, window_s=self.site.policy.incident_window_s)

    def take(self, item: Observation | Reading) -> None:
        """What a camera saw or a sensor said."""
        seen = (
            self._refit.observation(item)
            if isinstance(item, Observation)
            else self._refit.reading(item)
        )
        if seen is not None:
            self._apply(seen)

    def tick(self, now: Tick) -> None:
        """Time has passed."""
        self._apply(now)
        for change in self._book.tick(now.at):
            self._end(change.incident.incident_id, change.incident.updated_at)

    def forget(self, at: datetime | None) -> None:
        """A time without data begins, or the end is reached: nothing goes on over it.

        `at` is when what stands ended; None: it still stands.
        """
        for incident in self._book.incidents:
            self._end(incident.incident_id, at if incident.active else incident.updated_at)
        self._begin()

    def _apply(self, item: RuleInput) -> None:
        for event in self._engine.apply(item):
            change = self._book.apply(event, lambda: str(next(self._numbers)))
            if change.kind is not ChangeKind.CLOSED:
                self._rate(change.incident)

    def _rate(self, incident: Incident) -> None:
        """Keep the incident if it raises an alarm, with the highest severities that it had."""
        before = self._open.get(incident.incident_id)
        if before is None and not incident.active:
            return
        verdict = assess(incident, self.site.policy, self._kinds)
        if before is None and verdict.default is Severity.INFO:
            return
        if before is None and len(self.found) + len(self._open) >= MOST_INCIDENTS:
            raise TooMany(
                f"more than {MOST_INCIDENTS} incidents would have been raised up to "
                f"{incident.updated_at:%Y-%m-%d %H:%M} UTC: look at fewer hours, or set limits "
                "that are met less often"
            )
        leading = next(e for e in incident.events if e.hazard == incident.hazard)
        rule = self.site.rules.get(leading.rule_id)
        floors = [verdict.floor, *([before.floor] if before else [])]
        defaults = [verdict.default, *([before.default] if before else [])]
        self._open[incident.incident_id] = WouldBe(
            hazard=incident.hazard,
            area=incident.area,
            zone=getattr(rule, "zone", None),
            line=getattr(rule, "line", None),
            rule_id=leading.rule_id,
            sources=tuple(sorted({each for e in incident.events for each in e.sources})),
            started_at=incident.opened_at,
            ended_at=None,
            floor=max(floors, key=lambda each: each.rank),
            default=max(defaults, key=lambda each: each.rank),
        )

    def _end(self, incident_id: str, at: datetime | None) -> None:
        known = self._open.pop(incident_id, None)
        if known is not None:
            self.found.append(known.model_copy(update={"ended_at": at}))


def judges_silence(rule: Rule) -> bool:
    """Whether the rule finds that something says nothing."""
    return bool(getattr(rule, "judges_silence", False))
