"""Verifies the audit's chains beside the pages, one check at a time, with its progress."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from pydantic import JsonValue
from sqlalchemy.exc import SQLAlchemyError

from hazard.errors import StoreError
from hazard.store.anchors import FILE_NAME, ChainHead, read_anchors
from hazard.store.audit_reading import AuditReader
from hazard.store.desk import Desk


@dataclass(frozen=True, slots=True)
class AuditCheck:
    """How a check stands.

    Attributes:
        checked: lines so far; of how many there were when it began: `total`.
        finished_at: None while it runs.
        fault: the first fault in words; None: the chains are whole, as far as it got.
        failed: why it could not be carried out; empty: it could.
        noted: heads in the file beside the database that had to occur.
        heads: how far each chain is; worth keeping elsewhere.
    """

    by: str
    started_at: datetime
    total: int
    checked: int = 0
    finished_at: datetime | None = None
    fault: str | None = None
    failed: str = ""
    noted: int = 0
    heads: Sequence[ChainHead] = ()

    @property
    def whole(self) -> bool:
        """Whether every line was checked and none was changed."""
        return self.finished_at is not None and self.fault is None and not self.failed


class Verifier:
    """Runs a check in a thread of its own. Safe to call from any thread."""

    def __init__(
        self, audit: AuditReader, desk: Desk, data_dir: Path, now: Callable[[], datetime]
    ) -> None:
        self._audit, self._desk, self._now = audit, desk, now
        self._heads_file = data_dir / FILE_NAME
        self._guard = threading.Lock()
        self._thread: threading.Thread | None = None
        self.last: AuditCheck | None = None

    def start(self, by: str) -> AuditCheck:
        """Begin a check, or give the one that is running."""
        with self._guard:
            running = self.last is not None and self.last.finished_at is None
            if not running or self.last is None:
                self.last = AuditCheck(by=by, started_at=self._now(), total=self._audit.count())
                self._thread = threading.Thread(target=self._run, args=(self.last,), daemon=True)
                self._thread.start()
            return self.last

    def wait(self, timeout_s: float) -> AuditCheck | None:
        """Wait until the check that runs has ended; gives how it stands."""
        thread = self._thread
        if thread is not None:
            thread.join(timeout_s)
        return self.last

    def _run(self, check: AuditCheck) -> None:
        def tell(checked: int) -> None:
            self.last = replace(check, checked=checked)

        try:
            noted, unreadable = read_anchors(self._heads_file)
            checked, fault = self._audit.verify(noted, tell)
            if fault is None and unreadable:
                fault = f"{unreadable} lines of {self._heads_file.name} cannot be read"
            heads = self._audit.heads(self._now())
            done = replace(check, checked=checked, fault=fault, noted=len(noted), heads=heads)
            details: dict[str, JsonValue] = {"lines": checked, "fault": fault}
            self._desk.audit(self._now(), check.by, "audit_verified", "audit", details)
        except (OSError, SQLAlchemyError, StoreError) as error:
            done = replace(self.last or check, failed=str(error)[:300] or type(error).__name__)
        self.last = replace(done, finished_at=self._now())
