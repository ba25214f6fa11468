"""The worker: connects to the core, loads the backend, answers what it is asked, reports.

Every request is answered exactly once: with an opinion or words, or with `late: …`, `absent: …`
(no backend) or `broken: …`. One question at a time; decisions before words; the decisions of one
area that wait together are one question. The core may die and come back: the model stays loaded.
The model may hang: reports go on and name since when, and the core kills the process.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import structlog
from pydantic import JsonValue, ValidationError

from edge_agent.ipc import (
    Cancel,
    Configure,
    DecideReply,
    DecideRequest,
    Hello,
    Message,
    WorkerReport,
    WriteReply,
    WriteRequest,
    connect,
    encode,
    receive,
)
from edge_agent.reasoner.backends import Loaded, load, tests_allowed
from edge_agent.reasoner.question import Batch, ask
from edge_agent.reasoner.queue import Request, WorkQueue
from edge_agent.reasoner.thread import ModelThread
from hazard.errors import HazardError, Interrupted
from hazard.ports import Figures, Reasoner
from hazard.site.reasoning import Reasoning
from hazard.triage.together import COALESCED
from hazard.types import Health, Opinion, Words

REPORT_EVERY_S = 1.0
RECONNECT_S = (0.1, 2.0)
"""Back-off of the connection to the core: first and longest wait."""
RELOAD_S = (2.0, 60.0)
"""Back-off after a backend that did not load or broke: first and longest wait."""
MAX_BROKEN = 3
"""Broken answers in a row after which the backend is loaded anew."""
LOADED_WITHIN_S = 3600.0
"""Longest loading; a broken fetch from a hub goes on where it was when the process starts anew."""
FREED_WITHIN_S = 30.0
"""Longest freeing of a model that is no longer wanted."""
WAITED = "late: it waited until its deadline"

T = TypeVar("T")

_log = structlog.get_logger()


class Hung(HazardError):  # noqa: N818 - named for what happened
    """The model does not come back from loading or freeing: this process must end."""


@dataclass(slots=True)
class _Counts:
    decided: int = 0
    late: int = 0
    failed: int = 0
    written: int = 0
    words_by_template: int = 0
    coalesced: int = 0


class Worker:
    """The reasoning process.

    Args:
        socket: the core's Unix socket.
        models_dir: where the weights lie.
        clock: CLOCK_MONOTONIC in seconds.
    """

    def __init__(
        self, socket: Path, models_dir: Path, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._socket = socket
        self._models_dir = models_dir
        self._clock = clock
        self._queue = WorkQueue()
        self._writer: asyncio.StreamWriter | None = None
        self._config: Reasoning | None = None
        self._changed = asyncio.Event()
        self._work = asyncio.Event()
        self._health, self._reason = Health.STARTING, "waiting for the core"
        self._loaded: Loaded | None = None
        self._load_s = 0.0
        self._busy: tuple[Batch, float] | None = None
        self._counts = _Counts()
        self._thread = ModelThread(asyncio.get_running_loop())

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._stay_connected())
            tasks.create_task(self._keep_reporting())
            tasks.create_task(self._keep_working())

    def end(self, timeout_s: float) -> bool:
        """Free the model; False if a call hangs in it."""
        last = self._loaded.reasoner.close if self._loaded is not None else None
        return self._thread.end(timeout_s, last)

    # ------------------------------------------------------------ the connection

    async def _stay_connected(self) -> None:
        wait_s = RECONNECT_S[0]
        while True:
            try:
                reader, self._writer = await connect(self._socket)
            except OSError:
                await asyncio.sleep(wait_s)
                wait_s = min(wait_s * 2, RECONNECT_S[1])
                continue
            wait_s = RECONNECT_S[0]
            try:
                self._send(Hello(role="reasoner", pid=os.getpid()))
                self._report()
                await self._listen(reader)
            except (OSError, ValidationError, ValueError) as error:
                _log.warning("reasoner.connection_lost", reason=str(error)[:200])
            finally:
                self._writer.close()
                self._writer = None
                self._queue.clear()
            await asyncio.sleep(wait_s)

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        while (message := await receive(reader)) is not None:
            if isinstance(message, Configure):
                self._configure(message.site.reasoning)
            elif isinstance(message, DecideRequest | WriteRequest):
                self._accept(message)
            elif isinstance(message, Cancel):
                cancelled = self._queue.cancel(message.request_id)
                if cancelled is not None:
                    self._refuse(cancelled, "late: cancelled by the core")

    def _configure(self, config: Reasoning) -> None:
        if config != self._config:
            self._config = config
            self._changed.set()
            self._work.set()
        self._report()

    def _accept(self, request: Request) -> None:
        if self._health in (Health.DEGRADED, Health.OFFLINE):
            self._refuse(request, f"absent: {self._reason}")
        elif self._queue.put(request):
            self._work.set()
            if isinstance(request, DecideRequest):
                self._interrupt_words()
        else:
            self._refuse(request, "broken: too many requests wait")

    def _interrupt_words(self) -> None:
        """A decision does not wait for words that are being written; they are written again."""
        if self._loaded and self._busy and isinstance(self._busy[0][0], WriteRequest):
            self._loaded.reasoner.interrupt()

    def _refuse(self, request: Request, error: str) -> None:
        if isinstance(request, DecideRequest):
            self._counts.late += error.startswith("late")
            self._counts.failed += error.startswith("broken")
            self._send(DecideReply(request_id=request.request_id, error=error[:500]))
        else:
            self._send(WriteReply(request_id=request.request_id, error=error[:500]))

    def _refuse_all(self, requests: Sequence[Request], error: str) -> None:
        for request in requests:
            self._refuse(request, error)

    def _send(self, message: Message) -> None:
        if self._writer is not None and not self._writer.is_closing():
            self._writer.write(encode(message))

    # ------------------------------------------------------------ the reports

    async def _keep_reporting(self) -> None:
        while True:
            self._refuse_all(self._queue.prune(self._clock()), WAITED)
            self._report()
            await asyncio.sleep(REPORT_EVERY_S)

    def _set(self, health: Health, reason: str) -> None:
        self._health, self._reason = health, reason[:500]
        if health in (Health.DEGRADED, Health.OFFLINE):
            while batch := self._queue.pop():
                self._refuse_all(batch, f"absent: {self._reason}")
        self._report()

    def _report(self) -> None:
        self._send(
            WorkerReport(
                role="reasoner",
                health=self._health,
                reason=self._reason,
                at=datetime.now(UTC),
                figures=self._figures(),
            )
        )

    def _figures(self) -> dict[str, JsonValue]:
        counts = self._counts
        figures: dict[str, JsonValue] = {
            "backend": self._config.backend if self._config else None,
            "queue": len(self._queue),
            "worker_decided": counts.decided,
            "worker_late": counts.late,
            "worker_failed": counts.failed,
            "worker_written": counts.written,
            "worker_coalesced": counts.coalesced,
            "words_by_template": counts.words_by_template,
            "test_certificates_accepted": tests_allowed(),
        }
        if self._loaded is not None:
            figures["backend"] = self._loaded.reasoner.name
            figures["authority"] = {k: str(v) for k, v in self._loaded.authority.items()}
            figures["certificate"] = self._loaded.certificate
            figures["certified_at"] = self._loaded.certified_at
            figures["provenance"] = {**self._loaded.provenance}
            figures["load_s"] = round(self._load_s, 3)
            if isinstance(self._loaded.reasoner, Figures):
                figures.update(self._loaded.reasoner.figures())
        if self._busy is not None:
            batch, since_s = self._busy
            figures["busy_with"] = batch[0].type
            figures["busy_since"] = since_s
            figures["deadline"] = batch[0].deadline_monotonic_s
        return figures

    # ------------------------------------------------------------ the work

    async def _keep_working(self) -> None:
        wait_s = RELOAD_S[0]
        while True:
            await self._changed.wait()
            self._changed.clear()
            trouble = await self._load_and_answer()
            if trouble:
                _log.error("reasoner.degraded", reason=trouble, again_in_s=wait_s)
                self._set(Health.DEGRADED, trouble)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(wait_s):
                        await self._changed.wait()
                self._changed.set()
                wait_s = min(wait_s * 2, RELOAD_S[1])
            else:
                wait_s = RELOAD_S[0]

    async def _load_and_answer(self) -> str:
        """Load the backend, answer until the configuration changes; or the trouble, with a mend."""
        config = self._config
        if config is None or not config.enabled:
            self._set(Health.OFFLINE, "switched off in the site file: reasoning.enabled is false")
            return ""
        self._set(Health.STARTING, f"loading {config.backend}")
        started_s = self._clock()
        try:
            self._loaded = await self._in_time(
                lambda: load(config, self._models_dir), LOADED_WITHIN_S, f"loading {config.backend}"
            )
        except Hung:
            raise
        except HazardError as error:
            return str(error) or type(error).__name__
        except Exception as error:  # noqa: BLE001 - whatever a backend raises is its health
            _log.exception("reasoner.load_failed")
            return f"{config.backend} did not load: {type(error).__name__}: {error}"[:500]
        self._load_s = self._clock() - started_s
        self._set(Health.READY, "")
        _log.info("reasoner.ready", backend=config.backend, load_s=round(self._load_s, 3))
        reasoner = self._loaded.reasoner
        trouble = await self._answer_until_changed(reasoner)
        self._loaded = None
        self._set(Health.STARTING, f"freeing {reasoner.name}")
        await self._in_time(reasoner.close, FREED_WITHIN_S, f"freeing {reasoner.name}")
        return trouble

    async def _in_time(self, call: Callable[[], T], limit_s: float, what: str) -> T:
        """The result of a call into the model that answers no request: nobody would miss it.

        Raises:
            Hung: if it takes longer, for the process to end and to be started anew.
        """
        task = asyncio.ensure_future(self._thread.call(call))
        try:
            done, _ = await asyncio.wait({task}, timeout=limit_s)
        finally:
            task.cancel()
        if not done:
            raise Hung(f"{what} took more than {limit_s:.0f} s")
        return task.result()

    async def _answer_until_changed(self, reasoner: Reasoner) -> str:
        broken = 0
        while not self._changed.is_set():
            now_s = self._clock()
            waiting = self._queue.pop()
            batch = tuple(each for each in waiting if each.deadline_monotonic_s > now_s)
            self._refuse_all([each for each in waiting if each not in batch], WAITED)
            if not waiting:
                self._work.clear()
                await self._work.wait()
            if not batch:
                continue
            error = await self._answer(reasoner, batch)
            broken = broken + 1 if error else 0
            if broken >= MAX_BROKEN:
                return f"{reasoner.name} broke {broken} times in a row, last: {error}"
        return ""

    async def _answer(self, reasoner: Reasoner, batch: Batch) -> str:
        """Ask the model and reply to each; what broke, if anything did."""
        self._busy = (batch, self._clock())
        try:
            answer = await self._thread.call(lambda: ask(reasoner, batch))
        except Interrupted:
            self._again(batch)
            return ""
        except HazardError as error:
            return self._fail(batch, str(error))
        except Exception as error:  # noqa: BLE001 - whatever a backend raises is its health
            _log.exception("reasoner.backend_broke", request=batch[0].type)
            return self._fail(batch, f"{type(error).__name__}: {error}")
        finally:
            self._busy = None
        if not isinstance(answer, Opinion if isinstance(batch[0], DecideRequest) else Words):
            return self._fail(batch, f"the backend gave a {type(answer).__name__}")
        for request in batch:
            self._reply(request, answer)
        return ""

    def _reply(self, request: Request, answer: Opinion | Words) -> None:
        late_s = self._clock() - request.deadline_monotonic_s
        if late_s > 0:
            self._refuse(request, f"late: answered {late_s * 1000:.0f} ms after the deadline")
        elif isinstance(answer, Opinion):
            self._counts.decided += 1
            self._counts.coalesced += COALESCED in answer.provenance
            self._send(DecideReply(request_id=request.request_id, opinion=answer))
        else:
            self._counts.written += 1
            self._counts.words_by_template += answer.source == "template"
            self._send(WriteReply(request_id=request.request_id, words=answer))

    def _again(self, batch: Sequence[Request]) -> None:
        """Put back what is still to be answered."""
        for request in batch:
            if not self._queue.put(request):
                self._refuse(request, "broken: too many requests wait")

    def _fail(self, batch: Batch, error: str) -> str:
        """Reply that the backend failed; the error, unless it was only out of time.

        A question is put with the earliest deadline of its requests: where that has passed, those
        that have time left are asked again.
        """
        now_s = self._clock()
        late = [each for each in batch if each.deadline_monotonic_s <= now_s]
        if late:
            self._refuse_all(late, f"late: {error}")
            self._again([each for each in batch if each not in late])
            return ""
        self._refuse_all(batch, f"broken: {error}")
        return error or "an error without words"
