"""What health and audit say of the site file: in force, changed, or refused."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from edge_agent.core.health import HealthBoard
from edge_agent.core.revisions import AGENT, Commit
from hazard.site.diff import Change, SiteDiff
from hazard.site.problems import Problem
from hazard.store.operations import WriteAudit
from hazard.types import Health


class SiteRecord:
    """Puts the stage `site` on the board, and lines about the site file into the audit."""

    def __init__(self, site_id: str, board: HealthBoard, commit: Commit) -> None:
        self._site_id, self._board, self._commit = site_id, board, commit
        self._note = ""
        board.put("site", Health.READY)

    def changed(self, diff: SiteDiff) -> None:
        """A new site file is taken over."""
        self._audit("site.changed", diff.summary())

    def in_force(self, later: Sequence[Change]) -> None:
        """The new site file is in force, but for what waits for a restart."""
        waits = "; ".join(str(change) for change in later)
        self._note = f"in force, but: {waits}" if waits else ""
        self._board.put("site", Health.READY, self._note)

    def refused(self, problems: tuple[Problem, ...]) -> None:
        """A new site file is refused; without problems: it is right again."""
        told = "; ".join(str(problem) for problem in problems[:3])
        if problems:
            self._audit("site.refused", told)
        reason = (
            f"the new site file is refused and the old one goes on: {told}" if told else self._note
        )
        self._board.put("site", Health.DEGRADED if problems else Health.READY, reason)

    def _audit(self, verb: str, what: str) -> None:
        line = WriteAudit(
            at=datetime.now(UTC),
            actor=AGENT,
            verb=verb,
            subject=self._site_id,
            details={"what": what[:2000]},
        )
        self._commit((line,))
