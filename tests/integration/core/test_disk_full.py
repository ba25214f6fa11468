"""A data folder that is really full: alarms go out, health says so, and nothing is lost later."""
# ruff: noqa: E731 - conditions to wait for are named by a lambda

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from edge_agent.cli.status import newest
from hazard.alarms.storage import CLEAR_AFTER_S, STORAGE_KIND
from hazard.types import (
    AlertMessage,
    DecidedBy,
    Health,
    ProcessCondition,
    Severity,
    StageHealth,
)
from tests.alert_builders import an_evidence, wait_until, write_alert
from tests.brokers import RunningBroker, subscribed
from tests.integration.core.node import Client, Node, a_site, run, until
from tests.integration.core.test_alerts import bodies

TMPFS_MB = 32
NO_ROOM_BYTES = 300_000
"""A file may grow to this: less than the database's write-ahead log needs, more than a fresh
journal (its bytes are allocated at the start, while there is room)."""


@dataclass
class Disk:
    """A data folder and how its disk is filled and freed while `pid` runs."""

    folder: Path
    fill: Callable[[int], None]
    free: Callable[[int], None]


@contextlib.contextmanager
def small_tmpfs(folder: Path) -> Iterator[Disk]:
    """A file system of a few megabytes, filled to the last byte by a file beside the database."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={TMPFS_MB}m", "tmpfs", str(folder)]
    if subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("mounting is not allowed here; the other way of filling runs")

    def fill(_pid: int) -> None:
        with (folder / "filler").open("wb", buffering=0) as filler, contextlib.suppress(OSError):
            for size in (65536, 1):
                while True:
                    with contextlib.suppress(OSError):
                        filler.write(bytes(size))
                        continue
                    break

    try:
        yield Disk(folder, fill, lambda _pid: (folder / "filler").unlink())
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@contextlib.contextmanager
def limited_files(folder: Path) -> Iterator[Disk]:
    """The kernel lets no file of the process grow: works without any rights."""

    def limit(pid: int, size: int) -> None:
        _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, hard))

    folder.mkdir()
    endless = resource.RLIM_INFINITY
    yield Disk(folder, lambda pid: limit(pid, NO_ROOM_BYTES), lambda pid: limit(pid, endless))


@contextlib.contextmanager
def core_process(node: Node) -> Iterator[int]:
    """`python -m edge_agent.core` for the block; its process id."""
    log = (node.paths.site_file.parent / "core.log").open("wb")
    process = subprocess.Popen(
        [sys.executable, "-m", "edge_agent.core"],
        env={**os.environ, **node.paths.environment()},
        stdout=log,
        stderr=log,
    )
    try:
        wait_until(node.paths.socket.exists, seconds=30, what="the core's socket")
        yield process.pid
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 0
    finally:
        process.kill()
        process.wait()
        log.close()


@pytest.mark.parametrize("kind", [limited_files, small_tmpfs])
def test_a_full_disk_costs_no_alert_is_said_and_all_is_stored_when_there_is_room(
    tmp_path: Path, kind: Callable[[Path], contextlib.AbstractContextManager[Disk]]
) -> None:
    broker = RunningBroker("iotcore", tmp_path)
    broker.start()
    try:
        with kind(tmp_path / "data") as disk:
            node = Node(tmp_path, a_site(broker.port), data_dir=disk.folder)
            try:
                with core_process(node) as pid, subscribed(broker.port, "hazard/v1/#") as heard:
                    run(_fill_and_free(node, disk, pid, lambda: bodies(heard, "/alert/")))
            finally:
                node.remove()
    finally:
        broker.kill()


async def _fill_and_free(
    node: Node, disk: Disk, pid: int, published: Callable[[], list[dict[str, object]]]
) -> None:
    store = lambda: _stages(node).get("store")
    async with Client.connected(node, "vision") as vision:
        await until(lambda: (s := store()) and s.health is Health.READY, "a healthy store")
        disk.fill(pid)
        seen = 0
        while not any(body["durability"] != "store" for body in published()):
            vision.observe(person=seen % 2 == 0)
            seen += 1
            number = vision.observe(person=True)
            await until(lambda n=number: vision.acked >= n, "the acknowledgement")
            assert seen < 2000, "the disk never filled up"
        await until(lambda: store().health is Health.DEGRADED, "the fault in health")
        assert "journal" in store().reason or "written" in store().reason
        disk.free(pid)
        await until(lambda: store().health is Health.READY, "a healthy store again", 30)
        wanted = {(body["alert_id"], body["revision"]) for body in published()}
        with node.store() as opened:
            stored = {
                (message.alert_id, message.revision)
                for alert in {alert_id for alert_id, _ in wanted}
                for message in opened.queries.get_alert(alert).revisions
            }
        assert wanted <= stored


def _stages(node: Node) -> dict[str, StageHealth]:
    return {stage.stage: stage for stage in newest(node.paths)}


def test_a_core_that_is_started_on_a_full_disk_raises_alarms_all_the_same(tmp_path: Path) -> None:
    broker = RunningBroker("iotcore", tmp_path)
    broker.start()
    try:
        with small_tmpfs(tmp_path / "data") as disk:
            node = Node(tmp_path, a_site(broker.port), data_dir=disk.folder)
            try:
                with core_process(node):
                    pass
                disk.fill(0)
                with core_process(node), subscribed(broker.port, "hazard/v1/#") as heard:
                    run(_one_alert(node, lambda: bodies(heard, "/alert/")))
            finally:
                node.remove()
    finally:
        broker.kill()


async def _one_alert(node: Node, published: Callable[[], list[dict[str, object]]]) -> None:
    async with Client.connected(node, "vision") as vision:
        vision.observe(person=True)
        await until(published, "the alert on MQTT")


def test_a_disk_that_runs_full_is_an_alarm_and_costs_evidence_before_it(tmp_path: Path) -> None:
    """The alarm is in the box's own area; it clears by itself when there is room again."""
    with small_tmpfs(tmp_path / "data") as disk:
        sections = {"site": {"id": "plant", "name": "Plant", "node": "edge-1", "area": "hall"}}
        node = Node(tmp_path, a_site(**sections), data_dir=disk.folder)
        try:
            evidence = an_evidence(size_bytes=4_000_000)
            file = node.paths.evidence / evidence.evidence_id[:2] / f"{evidence.evidence_id}.jpg"
            with node.store() as store:
                write_alert(store)  # its alarm is open: its evidence goes last
                with store.unit() as unit:
                    unit.save_evidence("i1", evidence)
                    unit.commit()
            file.parent.mkdir(parents=True)
            file.write_bytes(bytes(4_000_000))
            with core_process(node):
                run(_low(node, disk.folder, file))
        finally:
            node.remove()


async def _low(node: Node, folder: Path, file: Path) -> None:
    def storage() -> AlertMessage | None:
        found = [alert for alert in node.alerts() if alert.hazard == STORAGE_KIND]
        return found[0] if found else None

    filler = folder / "filler"
    free = shutil.disk_usage(folder).free
    with filler.open("wb") as out:
        os.posix_fallocate(out.fileno(), 0, free - 1_000_000)
    low = await until(storage, "the alarm")
    assert (low.area, low.severity, low.decided_by) == ("hall", Severity.LOW, DecidedBy.POLICY)
    assert low.words is not None
    assert "Storage nearly full" in low.words.summary["en"]
    await until(lambda: not file.exists(), "evidence given up")
    assert any(alert.alert_id == "a1" for alert in node.alerts())
    filler.unlink()
    cleared = lambda: (s := storage()) and s.condition is ProcessCondition.NORMAL
    await until(cleared, "the alarm's return to normal", CLEAR_AFTER_S + 30)
