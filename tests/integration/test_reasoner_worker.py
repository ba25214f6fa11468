"""The reasoning process through a real socket: quick, slow, hanging, crashing, lying backends."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from edge_agent.core.reasoning import GRACE_S
from edge_agent.ipc import DecideReply, WorkerReport, WriteReply
from edge_agent.reasoner.backends import CERTIFICATE_FILE, TEST_FLAG, subject_of
from hazard.catalogue import catalogue
from hazard.site.models import Policy
from hazard.triage.authority import Certificate, KindResult
from hazard.triage.ladder import Failure, decide
from hazard.triage.policy import assess
from hazard.types import Assessment, DecidedBy, Health, Incident, Opinion, Severity, Words
from tests.incidents import START, an_event, an_incident, gas
from tests.integration.reasoning_core import FakeCore, a_running, a_site, soon, until
from tests.reasoners import Gated, Scripted

CROWD = an_incident(an_event("crowding"))
VERDICT = assess(CROWD, Policy(), catalogue())


@pytest.fixture(autouse=True)
def _tests_are_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TEST_FLAG, "1")


@pytest.fixture
def socket(tmp_path: Path) -> Path:
    return tmp_path / "core.sock"


def run(test: Coroutine[None, None, None]) -> None:
    asyncio.run(test)


async def asked(core: FakeCore, seconds: float = 2.0) -> Opinion | Failure:
    return await core.client.decide(CROWD, VERDICT, soon(seconds))


def certify(
    models_dir: Path, *, name: str = "scripted", test_only: bool = True, passed: bool = True
) -> None:
    provenance = dict(Scripted(a_site("Scripted").reasoning, models_dir).provenance())
    certificate = Certificate(
        subject=subject_of(name, provenance),
        data_hash="d",
        figures={"kappa": 0.9},
        passed=passed,
        kinds={"crowding": KindResult(incidents=20, missed_high=0)},
        issued_at=START,
        test_only=test_only,
    )
    folder = models_dir / name
    folder.mkdir()
    (folder / CERTIFICATE_FILE).write_text(certificate.model_dump_json())


async def ladder(core: FakeCore) -> Assessment:
    """From the question to the assessment, as the core does it."""
    answer = await asked(core)
    return decide("incident-1", VERDICT, answer, core.client.authority("crowding"), START)


@dataclass(frozen=True)
class Row:
    """A backend, whether it has a certificate, the site's wish, what it says; what becomes."""

    backend: str
    certified: bool
    wish: str | None
    says: str
    severity: str
    by: str


@pytest.mark.parametrize(
    "row",
    [
        Row("Adviser", False, "decide", "critical", "medium", "policy"),
        Row("Scripted", False, None, "critical", "high", "model"),
        Row("Scripted", False, "advise", "critical", "medium", "policy"),
        Row("Scripted", False, "decide", "critical", "high", "model"),
        Row("Scripted", True, "decide", "critical", "critical", "model"),
        Row("Scripted", True, "decide", "info", "low", "model"),
        Row("Scripted", True, "raise", "info", "medium", "policy"),
        Row("Scripted", True, "decide", "unsure", "medium", "fallback"),
        Row("Lying", False, "decide", "critical", "medium", "fallback"),
    ],
    ids=str,
)
def test_each_authority_goes_through_the_process_down_to_the_assessment(
    socket: Path, tmp_path: Path, row: Row
) -> None:
    if row.certified:
        certify(tmp_path)
    wishes = {"crowding": row.wish} if row.wish else {}
    site = a_site(row.backend, model=row.says, authority=wishes)

    async def test() -> None:
        async with a_running(socket, site, tmp_path) as core:
            said = await ladder(core)
            assert (said.severity, said.decided_by) == (row.severity, row.by)
            assert core.client.figures()["decisions"] == 1

    run(test())


def test_a_test_certificate_decides_nothing_without_the_flag(
    socket: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certify(tmp_path)
    monkeypatch.setattr(
        "edge_agent.reasoner.backends.BUILT_IN", {"scripted": "tests.reasoners:Scripted"}
    )
    monkeypatch.delenv(TEST_FLAG)
    site = a_site("scripted", model="critical", authority={"crowding": "decide"})

    async def test() -> None:
        async with a_running(socket, site, tmp_path) as core:
            assert (await ladder(core)).severity is Severity.HIGH
            assert core.client.authority("crowding") == "raise"

    run(test())


def test_a_class_named_in_the_site_file_is_not_imported_without_the_flag(
    socket: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(TEST_FLAG)

    async def test() -> None:
        async with a_running(socket, a_site("Scripted"), tmp_path, Health.DEGRADED) as core:
            assert "only tests may do that" in core.client.health(START).reason

    run(test())


def test_a_slow_model_is_not_waited_for_and_its_late_answer_changes_nothing(
    socket: Path, tmp_path: Path
) -> None:
    async def test() -> None:
        async with a_running(socket, a_site("Slow"), tmp_path) as core:
            started_s = time.monotonic()
            answer = await asked(core, 0.2)
            waited_s = time.monotonic() - started_s
            assert isinstance(answer, Failure)
            assert answer.kind == "late"
            assert waited_s < 0.35
            await until(lambda: any(isinstance(m, DecideReply) for m in core.received))
            assert core.client.counts.late == 1
            assert core.client.counts.decided == 0
            assert core.client.hung(time.monotonic() + 60) is None

    run(test())


@pytest.mark.parametrize("backend", ["Crashing", "Refusing"])
def test_a_backend_that_breaks_is_a_fallback_with_its_words(
    socket: Path, tmp_path: Path, backend: str
) -> None:
    async def test() -> None:
        async with a_running(socket, a_site(backend), tmp_path) as core:
            said = await ladder(core)
            assert said.decided_by is DecidedBy.FALLBACK
            assert "zero" in said.reason or "no label" in said.reason
            assert core.client.counts.failed == 1

    run(test())


def test_a_backend_that_breaks_three_times_is_degraded_and_says_why(
    socket: Path, tmp_path: Path
) -> None:
    async def test() -> None:
        async with a_running(socket, a_site("Crashing"), tmp_path) as core:
            for _ in range(3):
                await asked(core)
            await until(core.is_(Health.DEGRADED))
            answer = await asked(core)
            assert isinstance(answer, Failure)
            assert answer.kind == "absent"
            assert "3 times in a row" in answer.reason

    run(test())


def test_missing_weights_are_degraded_with_the_mend_and_nobody_waits(
    socket: Path, tmp_path: Path
) -> None:
    async def test() -> None:
        async with a_running(socket, a_site("Unloadable"), tmp_path, Health.DEGRADED) as core:
            started_s = time.monotonic()
            answer = await asked(core)
            assert isinstance(answer, Failure)
            assert answer.kind == "absent"
            assert "hazard models fetch" in answer.reason
            assert time.monotonic() - started_s < 0.5

    run(test())


def test_a_switched_off_reasoner_is_offline_and_says_so(socket: Path, tmp_path: Path) -> None:
    async def test() -> None:
        site = a_site("Scripted", enabled=False)
        async with a_running(socket, site, tmp_path, Health.OFFLINE) as core:
            await until(lambda: "reasoning.enabled" in core.client.health(START).reason)

    run(test())


def test_decisions_go_before_words_and_the_earliest_deadline_first(
    socket: Path, tmp_path: Path
) -> None:
    async def test() -> None:
        async with a_running(socket, a_site("Slow", model="high"), tmp_path) as core:
            client = core.client
            first = asyncio.create_task(client.decide(CROWD, VERDICT, soon(0.3)))
            await until(lambda: bool(client._worker and client._worker.owed))
            words = asyncio.create_task(client.write(CROWD, Severity.LOW, ("en",), soon(9)))
            later = asyncio.create_task(client.decide(CROWD, VERDICT, soon(1.4)))
            sooner = asyncio.create_task(client.decide(CROWD, VERDICT, soon(1.0)))
            await asyncio.gather(first, words, later, sooner)
            replies = [m for m in core.received if isinstance(m, DecideReply | WriteReply)]
            await until(lambda: not (client._worker and client._worker.owed))
            assert isinstance(words.result(), Words)
            assert isinstance(replies[-1], WriteReply)

    run(test())


def crowded(name: str, area: str = "tank-farm") -> Incident:
    return CROWD.model_copy(update={"incident_id": name, "area": area})


async def held_up(core: FakeCore) -> asyncio.Task[Opinion | Failure]:
    """A decision of another area that the model is at work on, so that others wait."""
    busy = core.client.decide(crowded("first", "yard"), VERDICT, soon(20))
    task = asyncio.create_task(busy)
    await until(lambda: core.client.figures().get("busy_with") == "decide_request")
    return task


def test_decisions_of_one_area_that_wait_are_answered_by_one_question(
    socket: Path, tmp_path: Path
) -> None:
    certify(tmp_path, name="gated")
    site = a_site("Gated", model="info", authority={"crowding": "decide"})

    async def test() -> None:
        async with a_running(socket, site, tmp_path) as core:
            client = core.client
            first = await held_up(core)
            asked = [
                asyncio.create_task(client.decide(crowded(name), VERDICT, soon(seconds)))
                for name, seconds in (("a", 30), ("b", 25), ("c", 40))
            ]
            await until(lambda: client.figures().get("queue") == 3)
            Gated.opened.set()
            alone, *answers = await asyncio.gather(first, *asked)
            assert isinstance(alone, Opinion)
            assert "coalesced" not in alone.provenance
            for answer in answers:
                assert isinstance(answer, Opinion)
                assert answer.provenance["coalesced"] == ["b", "a", "c"]
                said = decide("b", VERDICT, answer, client.authority("crowding"), START)
                assert (said.severity, said.decided_by) == ("medium", "policy")
            assert client.authority("crowding") == "decide"
            assert client.figures()["coalesced"] == 3
            assert client.figures()["decisions"] == 4
            await until(lambda: client.figures()["worker_coalesced"] == 3)
            assert Gated.asked == [
                ("first", 1),
                (answers[0].provenance["asked_about"]["incident_id"], 3),
            ]

    Gated.opened.clear()
    Gated.asked.clear()
    run(test())


def test_one_that_is_cancelled_does_not_lose_the_others_that_wait_with_it(
    socket: Path, tmp_path: Path
) -> None:
    async def test() -> None:
        async with a_running(socket, a_site("Gated"), tmp_path) as core:
            client = core.client
            first = await held_up(core)
            asked = {
                name: asyncio.create_task(client.decide(crowded(name), VERDICT, soon(30)))
                for name in "abc"
            }
            await until(lambda: client.figures().get("queue") == 3)
            asked["b"].cancel()
            await until(lambda: client.figures().get("queue") == 2)
            Gated.opened.set()
            await first
            for name in "ac":
                answer = await asked[name]
                assert isinstance(answer, Opinion)
                assert answer.provenance["coalesced"] == ["a", "c"]
            replies = [m.request_id for m in core.received if isinstance(m, DecideReply)]
            assert len(replies) == len(set(replies)) == 4
            assert client._worker is not None
            assert not client._worker.owed

    Gated.opened.clear()
    run(test())


def test_when_the_earliest_deadline_passes_within_the_question_the_others_are_asked_again(
    socket: Path, tmp_path: Path
) -> None:
    async def test() -> None:
        async with a_running(socket, a_site("Punctual"), tmp_path) as core:
            client = core.client
            first = await held_up(core)
            sooner = asyncio.create_task(client.decide(crowded("a"), VERDICT, soon(1.5)))
            later = asyncio.create_task(client.decide(crowded("b"), VERDICT, soon(60)))
            await until(lambda: client.figures().get("queue") == 2)
            Gated.opened.set()
            await first
            late, answer = await sooner, await later
            assert isinstance(late, Failure)
            assert late.kind == "late"
            assert isinstance(answer, Opinion)
            assert "coalesced" not in answer.provenance

    Gated.opened.clear()
    run(test())


def test_all_that_were_asked_together_hear_at_once_when_the_worker_goes_away(
    socket: Path, tmp_path: Path
) -> None:
    async def test() -> None:
        async with a_running(socket, a_site("Gated"), tmp_path) as core:
            first = await held_up(core)
            asked = [
                asyncio.create_task(core.client.decide(crowded(name), VERDICT, soon(30)))
                for name in "abc"
            ]
            await until(lambda: core.client.figures().get("queue") == 3)
            core.client.detach()
            for answer in await asyncio.gather(first, *asked):
                assert isinstance(answer, Failure)
                assert answer.kind == "broken"
            Gated.opened.set()

    Gated.opened.clear()
    run(test())


def test_words_that_are_being_written_give_way_to_a_decision_and_come_after_it(
    socket: Path, tmp_path: Path
) -> None:
    async def test() -> None:
        async with a_running(socket, a_site("Longwinded"), tmp_path) as core:
            client = core.client
            words = asyncio.create_task(client.write(CROWD, Severity.LOW, ("en",), soon(20)))
            await until(lambda: client._worker is not None and bool(client._worker.owed))
            await until(lambda: client.figures().get("busy_with") == "write_request")
            assert isinstance(await asked(core), Opinion)
            assert isinstance(await words, Words)

    run(test())


def test_with_a_critical_floor_the_model_is_not_asked(socket: Path, tmp_path: Path) -> None:
    incident = an_incident(gas(150.0, "idlh"))
    verdict = assess(incident, Policy(), catalogue())

    async def test() -> None:
        async with a_running(socket, a_site("Crashing"), tmp_path) as core:
            answer = await core.client.decide(incident, verdict, soon())
            assert isinstance(answer, Failure)
            assert core.client.counts.failed == 0

    run(test())


def test_the_worker_reports_ready_with_backend_authority_and_hashes(
    socket: Path, tmp_path: Path
) -> None:
    async def test() -> None:
        async with a_running(socket, a_site("Adviser"), tmp_path) as core:
            figures = core.client.health(START).figures
            assert figures["backend"] == "adviser"
            assert set(figures["authority"].values()) == {"advise"}  # type: ignore[union-attr]
            assert "sha256:scripted" in str(figures["provenance"])
            assert figures["ready"] is True
            assert figures["procedures_skipped_why"] == "gas.pdf: it is encrypted"
            assert figures["summaries_refused"] == 3

    run(test())


def test_the_worker_comes_back_after_the_core_was_killed_and_keeps_its_model(
    socket: Path, tmp_path: Path
) -> None:
    async def test() -> None:
        async with a_running(socket, a_site("Scripted"), tmp_path) as core:
            await core.stop()
            assert isinstance(await asked(core), Failure)
            again = FakeCore(socket, core.site)
            await again.start()
            await until(again.is_(Health.READY))
            assert isinstance(await asked(again), Opinion)
            healths = [m.health for m in again.received if isinstance(m, WorkerReport)]
            assert Health.STARTING not in healths
            await again.stop()

    run(test())


def test_who_waits_hears_at_once_when_the_worker_goes_away(socket: Path, tmp_path: Path) -> None:
    async def test() -> None:
        async with a_running(socket, a_site("Slow"), tmp_path) as core:
            question = asyncio.create_task(core.client.decide(CROWD, VERDICT, soon(1.5)))
            await until(lambda: bool(core.client._waiting))
            core.client.detach()
            answer = await question
            assert isinstance(answer, Failure)
            assert answer.kind == "broken"

    run(test())


@pytest.fixture
def process(socket: Path, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    environment = os.environ | {
        "HAZARD_SITE_FILE": "unused",
        "HAZARD_DATA_DIR": str(tmp_path),
        "HAZARD_RUN_DIR": str(socket.parent),
        "HAZARD_MODELS_DIR": str(tmp_path),
    }
    child = subprocess.Popen([sys.executable, "-m", "edge_agent.reasoner"], env=environment)
    yield child
    child.kill()
    child.wait()


def test_a_hung_worker_is_named_for_the_core_to_kill_while_its_reports_go_on(
    socket: Path, process: subprocess.Popen[bytes]
) -> None:
    async def test() -> None:
        core = FakeCore(socket, a_site("Hanging"))
        await core.start()
        await until(core.is_(Health.READY), 20)
        answer = await asked(core, 0.2)
        assert isinstance(answer, Failure)
        assert answer.kind == "late"
        await until(lambda: "busy_since" in core.client.figures())
        now_s = time.monotonic()
        assert core.client.hung(now_s) is None
        pid = core.client.hung(now_s + GRACE_S + 1)
        assert pid == process.pid
        os.kill(pid, signal.SIGKILL)
        await until(core.is_(Health.OFFLINE))
        await core.stop()

    run(test())
    assert process.wait(5) == -signal.SIGKILL


def test_a_hung_model_does_not_keep_the_process_from_ending(
    socket: Path, process: subprocess.Popen[bytes]
) -> None:
    async def test() -> None:
        core = FakeCore(socket, a_site("Hanging"))
        await core.start()
        await until(core.is_(Health.READY), 20)
        await asked(core, 0.1)
        process.send_signal(signal.SIGTERM)
        await until(lambda: process.poll() is not None, 5)
        await core.stop()

    run(test())
    assert process.returncode == 0


@pytest.mark.parametrize("backend", ["NeverLoaded", "NeverFreed"])
def test_a_model_that_hangs_in_loading_or_freeing_ends_the_process_to_start_anew(
    socket: Path, tmp_path: Path, backend: str
) -> None:
    """Nobody is owed an answer meanwhile, so that the core would never find it hung."""
    code = (
        "from edge_agent.reasoner import __main__, worker; "
        "worker.LOADED_WITHIN_S = worker.FREED_WITHIN_S = 1.0; __main__.main()"
    )
    environment = os.environ | {
        "HAZARD_SITE_FILE": "unused",
        "HAZARD_DATA_DIR": str(tmp_path),
        "HAZARD_RUN_DIR": str(socket.parent),
        "HAZARD_MODELS_DIR": str(tmp_path),
    }

    async def test() -> None:
        core = FakeCore(socket, a_site(backend))
        await core.start()
        if backend == "NeverFreed":
            await until(core.is_(Health.READY), 20)
            core.configure(a_site(backend, deadline_s=3.0))
            await until(core.is_(Health.STARTING))
        await until(lambda: child.poll() is not None, 20)
        await core.stop()

    child = subprocess.Popen([sys.executable, "-c", code], env=environment)
    try:
        run(test())
        assert child.returncode == 1
    finally:
        child.kill()
        child.wait()
