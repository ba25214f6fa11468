"""What health and audit say of the agent's life and its site file: in force, changed, refused."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from pydantic import JsonValue

from edge_agent.core.health import HealthBoard
from edge_agent.core.revisions import AGENT, Commit
from hazard.site.diff import Change, SiteDiff
from hazard.site.problems import Problem
from hazard.store.operations import WriteAudit
from hazard.store.schema import head
from hazard.types import Health

MAX_WORDS = 2000


class SiteRecord:
    """Puts the stage `site` on the board, and lines about the site file into the audit."""

    def __init__(self, site_id: str, site_file: Path, board: HealthBoard, commit: Commit) -> None:
        self._site_id, self._site_file = site_id, site_file
        self._board, self._commit = board, commit
        self._note = ""
        board.put("site", Health.READY)

    def started(self) -> None:
        """The agent has started: with which schema, and which site file."""
        self._audit("agent.started", {"schema": head(), "site_sha256": self._hash()})

    def stopped(self) -> None:
        """The agent ends because it was asked to; after a crash this line is missing."""
        self._audit("agent.stopped", {})

    def changed(self, diff: SiteDiff) -> None:
        """A new site file is taken over."""
        what = diff.summary()[:MAX_WORDS]
        self._audit("site.changed", {"what": what, "site_sha256": self._hash()})

    def in_force(self, later: Sequence[Change]) -> None:
        """The new site file is in force, but for what waits for a restart."""
        waits = "; ".join(str(change) for change in later)
        self._note = f"in force, but: {waits}" if waits else ""
        self._board.put("site", Health.READY, self._note)

    def refused(self, problems: tuple[Problem, ...]) -> None:
        """A new site file is refused; without problems: it is right again."""
        told = "; ".join(str(problem) for problem in problems[:3])
        if problems:
            self._audit("site.refused", {"what": told[:MAX_WORDS]})
        reason = (
            f"the new site file is refused and the old one goes on: {told}" if told else self._note
        )
        self._board.put("site", Health.DEGRADED if problems else Health.READY, reason)

    def _hash(self) -> str:
        """Of the site file: shows a change that was made while no agent ran."""
        try:
            return hashlib.sha256(self._site_file.read_bytes()).hexdigest()
        except OSError as error:
            return f"not readable: {error.strerror}"

    def _audit(self, verb: str, details: dict[str, JsonValue]) -> None:
        line = WriteAudit(
            at=datetime.now(UTC),
            actor=AGENT,
            verb=verb,
            subject=self._site_id,
            details=details,
        )
        self._commit((line,))
