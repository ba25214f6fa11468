"""The rungs after revision 1: the model before its deadline, then the words."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime

import structlog

from edge_agent.core.cases import Case, authority_over
from edge_agent.core.reasoning import ReasoningClient
from hazard.catalogue import HazardKind
from hazard.site.models import Site
from hazard.triage.ladder import Failure, decide
from hazard.triage.words import template
from hazard.types import Assessment, Authority, Severity, Words

Decided = Callable[[Case, int, Assessment], bool]
Worded = Callable[[Case, int, Words], None]

log = structlog.get_logger()


class Ladder:
    """Runs one climb per case; a newer climb of the same case ends the older one.

    `waiting` is how many climbs are under way.
    """

    def __init__(
        self,
        client: ReasoningClient,
        site: Site,
        catalogue: dict[str, HazardKind],
        *,
        authority: Callable[[str], Authority],
    ) -> None:
        self._client = client
        self.site = site
        self._catalogue = catalogue
        self._authority = authority
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._decided: Decided | None = None
        self._worded: Worded | None = None

    def connect(self, decided: Decided, worded: Worded) -> None:
        """Say who takes the answers."""
        self._decided, self._worded = decided, worded

    @property
    def waiting(self) -> int:
        """Climbs under way."""
        return len(self._tasks)

    def climb(self, case: Case) -> None:
        """Start (again) for the case as it is now."""
        key = case.incident.incident_id
        old = self._tasks.pop(key, None)
        if old is not None:
            old.cancel()
        task = asyncio.get_running_loop().create_task(self._climb(case, case.ladder))
        self._tasks[key] = task
        task.add_done_callback(lambda done: self._ended(key, done))

    async def stop(self) -> None:
        """End all climbs; their defaults stand, and a restart takes them up again."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _ended(self, key: str, task: asyncio.Task[None]) -> None:
        if self._tasks.get(key) is task:
            del self._tasks[key]
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("ladder.failed", incident_id=key, error=f"{type(error).__name__}: {error}")

    async def _climb(self, case: Case, number: int) -> None:
        reasoning = self.site.reasoning
        decidable = case.verdict.floor is not Severity.CRITICAL and not self._about_alarms(case)
        if reasoning.enabled and decidable:
            incident, verdict = case.incident, case.verdict  # as asked: it may change meanwhile
            answer = await self._client.decide(
                incident, verdict, case.asked_since_s + reasoning.deadline_s
            )
            assessment = decide(
                incident.incident_id,
                verdict,
                answer,
                authority_over(incident, self._authority),
                datetime.now(UTC),
                incident=incident,
            )
            if self._decided is None or not self._decided(case, number, assessment):
                return
        words = await self._words(case, time.monotonic() + reasoning.words_deadline_s)
        if self._worded is not None:
            self._worded(case, number, words)

    def _about_alarms(self, case: Case) -> bool:
        """Whether it is no hazard but the agent's own alert about alarms: nothing to reason on."""
        kind = self._catalogue.get(case.incident.hazard)
        return kind is not None and kind.about_alarms

    async def _words(self, case: Case, deadline_monotonic_s: float) -> Words:
        languages = self.site.site.languages
        if self._about_alarms(case):
            note = "an alert about alarms: its words are the catalogue's"
        elif self.site.reasoning.enabled:
            answer = await self._client.write(
                case.incident, case.alarm.severity, languages, deadline_monotonic_s
            )
            if not isinstance(answer, Failure):
                return answer
            note = str(answer)
        else:
            note = "reasoning is switched off in the site file"
        return template(case.incident, languages, self._catalogue, note)
