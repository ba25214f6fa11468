"""The core's end of the reasoning process: ask, wait until the deadline and not longer.

The worker answers every request exactly once, with an opinion or with the reason why there is
none. A request that stays unanswered `GRACE_S` beyond its deadline means that the worker hangs:
`hung()` then names its process, for the core to kill. Everything here runs in the core's loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from pydantic import JsonValue

from edge_agent.ipc import (
    Cancel,
    DecideReply,
    DecideRequest,
    Message,
    WorkerReport,
    WriteReply,
    WriteRequest,
    encode,
)
from hazard.triage.ladder import Failure, FailureKind
from hazard.triage.together import COALESCED
from hazard.types import (
    Authority,
    Health,
    Incident,
    Opinion,
    Severity,
    StageHealth,
    Verdict,
    Words,
)

GRACE_S = 5.0
"""How long beyond its deadline a request may stay unanswered before the worker counts as hung."""

LOADING_GRACE_S = 300.0
"""The same while the model is being loaded, which may keep the worker from answering at all."""

SILENT_AFTER_S = 3.0
"""Reports come every second; older ones say nothing about now."""

MAX_UNSENT_BYTES = 4 * 1024 * 1024
"""What may wait in the socket of a worker that does not read."""

_KINDS: tuple[FailureKind, ...] = ("late", "broken", "absent")

_Reply = DecideReply | WriteReply


@dataclass(slots=True)
class Counts:
    """Decisions and words since the core's start; `decided` are answers in time.

    `coalesced` are those of them that shared a question with others of their area;
    `words_by_template` are words for which the template stands.
    """

    decided: int = 0
    late: int = 0
    failed: int = 0
    agreed: int = 0
    written: int = 0
    write_failed: int = 0
    coalesced: int = 0
    words_by_template: int = 0


@dataclass(slots=True)
class _Worker:
    """One connection of the worker."""

    writer: asyncio.StreamWriter
    pid: int
    report: WorkerReport | None = None
    reported_s: float = 0.0
    owed: dict[str, float] = field(default_factory=dict)


class ReasoningClient:
    """Asks the reasoning process; never waits past a deadline.

    Args:
        clock: CLOCK_MONOTONIC in seconds, the same in every process.
        wishes: the site's wish per hazard kind, an upper bound of what the worker reports.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        wishes: Mapping[str, Authority] | None = None,
    ) -> None:
        self.counts = Counts()
        self.wishes: Mapping[str, Authority] = wishes or {}
        self._clock = clock
        self._worker: _Worker | None = None
        self._waiting: dict[str, asyncio.Future[_Reply]] = {}

    # ------------------------------------------------------------ the connection

    def attach(self, writer: asyncio.StreamWriter, pid: int) -> None:
        """A worker has said Hello on this connection; an older one is forgotten."""
        self.detach()
        self._worker = _Worker(writer, pid, reported_s=self._clock())

    def detach(self) -> None:
        """The connection has ended: whoever waits hears at once that there is no answer."""
        self._worker = None
        waiting, self._waiting = self._waiting, {}
        for future in waiting.values():
            if not future.done():
                future.set_exception(ConnectionResetError())

    def on_message(self, message: Message) -> None:
        """Take a message of the worker; others than reports and replies are ignored."""
        worker = self._worker
        if worker is None:
            return
        if isinstance(message, WorkerReport):
            worker.report, worker.reported_s = message, self._clock()
        elif isinstance(message, DecideReply | WriteReply):
            worker.owed.pop(message.request_id, None)
            future = self._waiting.pop(message.request_id, None)
            if future is not None and not future.done():
                future.set_result(message)

    # ------------------------------------------------------------ the questions

    async def decide(
        self, incident: Incident, verdict: Verdict, deadline_monotonic_s: float
    ) -> Opinion | Failure:
        """An opinion by the deadline, or why there is none."""
        if verdict.floor is Severity.CRITICAL:
            return Failure("absent", "the floor is critical: nothing to decide")
        request = DecideRequest(
            request_id=uuid.uuid4().hex,
            incident=incident,
            verdict=verdict,
            deadline_monotonic_s=deadline_monotonic_s,
        )
        answer = await self._ask(request)
        if isinstance(answer, DecideReply) and answer.opinion is not None:
            self.counts.decided += 1
            self.counts.agreed += answer.opinion.severity is verdict.default
            self.counts.coalesced += COALESCED in answer.opinion.provenance
            return answer.opinion
        failure = answer if isinstance(answer, Failure) else _failure(answer.error)
        if failure.kind == "late":
            self.counts.late += 1
        else:
            self.counts.failed += 1
        return failure

    async def write(
        self,
        incident: Incident,
        severity: Severity,
        languages: Sequence[str],
        deadline_monotonic_s: float,
    ) -> Words | Failure:
        """Summary and actions by the deadline, or why there are none."""
        request = WriteRequest(
            request_id=uuid.uuid4().hex,
            incident=incident,
            severity=severity,
            languages=tuple(languages),
            deadline_monotonic_s=deadline_monotonic_s,
        )
        answer = await self._ask(request)
        if isinstance(answer, WriteReply) and answer.words is not None:
            self.counts.written += 1
            self.counts.words_by_template += answer.words.source == "template"
            return answer.words
        self.counts.write_failed += 1
        return answer if isinstance(answer, Failure) else _failure(answer.error)

    async def _ask(self, request: DecideRequest | WriteRequest) -> _Reply | Failure:
        worker = self._worker
        unable = self._unable(worker)
        if worker is None or unable is not None:
            return unable or Failure("absent", "the reasoning process is not connected")
        left_s = request.deadline_monotonic_s - self._clock()
        if left_s <= 0:
            return Failure("late", "the deadline had passed before the question was asked")
        future: asyncio.Future[_Reply] = asyncio.get_running_loop().create_future()
        self._waiting[request.request_id] = future
        worker.owed[request.request_id] = request.deadline_monotonic_s
        worker.writer.write(encode(request))
        try:
            async with asyncio.timeout(left_s):
                return await future
        except TimeoutError:
            self._cancel(worker, request.request_id)
            return self._too_late(worker)
        except asyncio.CancelledError:
            self._cancel(worker, request.request_id)  # a newer question has taken its place
            raise
        except ConnectionResetError:
            return Failure("broken", "the reasoning process went away before it answered")
        finally:
            self._waiting.pop(request.request_id, None)

    def _unable(self, worker: _Worker | None) -> Failure | None:
        """Why there is no point in asking; a worker that still loads may be in time."""
        if worker is None:
            return Failure("absent", "the reasoning process is not connected")
        if worker.writer.transport.get_write_buffer_size() > MAX_UNSENT_BYTES:
            return Failure("broken", "the reasoning process does not read its requests")
        report = worker.report
        if report is not None and report.health in (Health.DEGRADED, Health.OFFLINE):
            return Failure("absent", report.reason)
        return None

    def _too_late(self, worker: _Worker) -> Failure:
        report = worker.report
        if report is None or report.health is Health.STARTING:
            return Failure("absent", "the model was still loading at the deadline")
        return Failure("late", "no answer by the deadline")

    def _cancel(self, worker: _Worker, request_id: str) -> None:
        if worker is self._worker:
            with contextlib.suppress(OSError, RuntimeError):
                worker.writer.write(encode(Cancel(request_id=request_id)))

    # ------------------------------------------------------------ what it says of itself

    @property
    def pid(self) -> int | None:
        """The worker's process, while it is connected."""
        return self._worker.pid if self._worker else None

    def authority(self, hazard: str) -> Authority:
        """What the loaded backend may do for a hazard kind; `advise` while nothing is known."""
        report = self._worker.report if self._worker else None
        granted = report.figures.get("authority") if report else None
        if not isinstance(granted, dict) or report is None or report.health is not Health.READY:
            return Authority.ADVISE
        try:
            authority = Authority(str(granted.get(hazard, Authority.ADVISE)))
        except ValueError:
            return Authority.ADVISE
        return min(authority, self.wishes.get(hazard, authority), key=list(Authority).index)

    def hung(self, now_monotonic_s: float) -> int | None:
        """The worker's process id, if an answer is overdue by more than the grace."""
        worker = self._worker
        if worker is None or not worker.owed:
            return None
        loading = worker.report is not None and worker.report.health is Health.STARTING
        overdue_s = now_monotonic_s - min(worker.owed.values())
        return worker.pid if overdue_s > (LOADING_GRACE_S if loading else GRACE_S) else None

    def health(self, at: datetime) -> StageHealth:
        """The stage `reasoner`: the worker's last report, and what the core has counted."""
        health, reason = self._state()
        return StageHealth(
            stage="reasoner", health=health, reason=reason[:500], at=at, figures=self.figures()
        )

    def _state(self) -> tuple[Health, str]:
        worker = self._worker
        if worker is None:
            return Health.OFFLINE, "the reasoning process is not connected; defaults stand"
        silent_s = self._clock() - worker.reported_s
        if silent_s > SILENT_AFTER_S:
            return Health.UNKNOWN, f"no report for {silent_s:.0f} s; defaults stand"
        if worker.report is None:
            return Health.STARTING, "connected, not yet configured"
        return worker.report.health, worker.report.reason

    def figures(self) -> dict[str, JsonValue]:
        """The worker's figures with the core's counts, for health, metrics and the report."""
        report = self._worker.report if self._worker else None
        counts = self.counts
        share = round(counts.agreed / counts.decided, 4) if counts.decided else None
        return {
            **(report.figures if report else {}),
            "ready": report is not None and report.health is Health.READY,
            "decisions": counts.decided,
            "late": counts.late,
            "failed": counts.failed,
            "coalesced": counts.coalesced,
            "agreement_with_policy": share,
            "words": counts.written,
            "words_failed": counts.write_failed,
            "words_by_template": counts.words_by_template,
        }


def _failure(error: str) -> Failure:
    """The failure that a reply's error text names: `late: …`, `absent: …`, else broken."""
    for kind in _KINDS:
        if error == kind or error.startswith(f"{kind}:"):
            return Failure(kind, error[len(kind) :].lstrip(": "))
    return Failure("broken", error or "the answer was empty")
