"""The thread that copies, for ever: what it waits for, nobody else does."""

from __future__ import annotations

import random
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import structlog
from pydantic import JsonValue
from sqlalchemy.exc import SQLAlchemyError

from edge_agent.replica.words import told
from hazard.errors import HazardError
from hazard.site.sources import Secret
from hazard.store.replica import Feeder, Source, Target
from hazard.types import Health

IDLE_S = 0.5
"""How often the node's database is looked at while the replica has everything."""
AGAIN_S = (1.0, 30.0)
"""First and longest wait after a failure; each is drawn from its upper half, so that many nodes do
not come back to a PostgreSQL at the same moment."""
REST_SHARE = 0.5
"""Rest after each portion, as a share of the time that it took: a replica that has days to catch
up leaves the machine and the PostgreSQL room for others."""
HEALTH_EVERY_S = 5.0
SILENT_AFTER_S = 10.0
"""Without an answer for so long, PostgreSQL is said to hang."""
LATE_AFTER_S = 10.0
"""A revision that is not copied within this time is said to be behind."""

log = structlog.get_logger()


@dataclass(slots=True)
class _Tally:
    copied: int = 0
    failures: int = 0
    connected: bool = False
    error: str = ""
    busy_since_s: float | None = None
    refused: list[str] = field(default_factory=list)


class Copier:
    """Copies until it is stopped, whatever happens to PostgreSQL.

    Args:
        database: the node's SQLite file.
        node: the name of this box.
        url: where to; read anew before each connection.
    """

    def __init__(self, database: Path, node: str, url: Secret) -> None:
        self._source = Source(database, node)
        self._url = url
        self._feeder: Feeder | None = None
        self._tally = _Tally()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="copier", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, within_s: float) -> bool:
        """End after the portion under way; False if PostgreSQL does not answer in time."""
        self._stopping.set()
        self._thread.join(within_s)
        return not self._thread.is_alive()

    # ------------------------------------------------------------ the thread

    def _run(self) -> None:
        failed = 0
        while not self._stopping.is_set():
            before = self._tally.copied
            try:
                self._copy()
            except Exception as error:  # noqa: BLE001 - whatever it is, it is said and tried again
                failed = 1 if self._tally.copied > before else failed + 1
                self._failed(error)
            longest_s = min(AGAIN_S[1], AGAIN_S[0] * 2 ** min(failed - 1, 10))
            self._stopping.wait(longest_s * random.uniform(0.5, 1.0))  # noqa: S311 - no secret

    def _failed(self, error: Exception) -> None:
        self._tally.failures += 1
        self._tally.connected = False
        self._tally.busy_since_s = None
        self._tally.error = told(error)
        if isinstance(error, HazardError | SQLAlchemyError | ModuleNotFoundError):
            log.warning("replica.failed", error=self._tally.error)
        else:
            log.error("replica.failed", error=self._tally.error, exc_info=error)

    def _copy(self) -> None:
        """Connect, and copy until stopped or until it fails."""
        self._busy()
        target = Target(self._url.resolve())
        feeder = Feeder(self._source, target)
        if self._feeder is not None:
            feeder.positions, feeder.position = self._feeder.positions, self._feeder.position
        self._feeder = feeder
        try:
            feeder.connect()
            log.info("replica.connected", position=feeder.positions)
            health_at_s = 0.0
            while not self._stopping.is_set():
                began_s = self._busy()
                progress = feeder.step()
                if began_s >= health_at_s:
                    feeder.copy_health()
                    health_at_s = began_s + HEALTH_EVERY_S
                self._tally.copied += progress.revisions
                self._note_refused(target.refused)
                self._tally.connected, self._tally.error = True, ""
                self._tally.busy_since_s = None
                took_s = time.monotonic() - began_s
                self._stopping.wait(IDLE_S if progress.complete else took_s * REST_SHARE)
        finally:
            target.close()

    def _busy(self) -> float:
        """From now on something is awaited of PostgreSQL."""
        self._tally.busy_since_s = time.monotonic()
        return self._tally.busy_since_s

    def _note_refused(self, refused: list[str]) -> None:
        for row in refused:
            log.error("replica.row_refused", row=row)
        self._tally.refused += refused
        refused.clear()

    # ------------------------------------------------------------ how it is

    def health(self) -> tuple[Health, str, dict[str, JsonValue]]:
        """Health, the reason where it is not ready, and figures."""
        feeder, tally = self._feeder, self._tally
        figures: dict[str, JsonValue] = {
            "position": feeder.position if feeder is not None else 0,
            "copied_revisions": tally.copied,
            "failures": tally.failures,
            "refused_rows": len(tally.refused),
        }
        late = self._behind(feeder, figures)
        waited_s = time.monotonic() - (tally.busy_since_s or time.monotonic())
        if waited_s > SILENT_AFTER_S:
            hangs = f"PostgreSQL has not answered for {waited_s:.0f} s: see its log and its disk"
            return Health.OFFLINE, f"{hangs}; {late}".removesuffix("; "), figures
        if tally.error:
            return Health.OFFLINE, f"{tally.error}; {late}".removesuffix("; "), figures
        if not tally.connected:
            return Health.STARTING, "connecting", figures
        if tally.refused:
            late = f"PostgreSQL refused {len(tally.refused)} rows, last {tally.refused[-1]}; {late}"
        return Health.DEGRADED if late else Health.READY, late.removesuffix("; "), figures

    def _behind(self, feeder: Feeder | None, figures: dict[str, JsonValue]) -> str:
        """Add how far the replica is behind; in words where that is worth them."""
        if feeder is None or not feeder.positions:
            return ""
        try:
            behind = self._source.behind(feeder.positions)
        except HazardError as error:
            return str(error)
        age_s = 0.0
        if behind.oldest_at is not None:
            age_s = max(0.0, (datetime.now(UTC) - behind.oldest_at).total_seconds())
        figures["behind_revisions"] = behind.revisions
        figures["behind_audit_lines"] = behind.audit_lines
        figures["behind_changes"] = behind.changes
        figures["oldest_age_s"] = round(age_s, 1)
        if age_s <= LATE_AFTER_S:
            return ""
        return f"{behind.revisions} revisions behind, the oldest {age_s:.0f} s old"
