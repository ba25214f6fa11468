"""Runs the demo: the product under its supervisor, the plant around it, and one who watches."""

from __future__ import annotations

import asyncio
import re
import shutil
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy.exc import OperationalError

from edge_agent.bootstrap import build_supervisor, only_instance, paths_for
from edge_agent.demo.floor_plan import hang_plan
from edge_agent.demo.plant import demo_site, write_site
from edge_agent.demo.ports import Ports
from edge_agent.demo.probe import Probe
from edge_agent.demo.report import BROKER, build_report
from edge_agent.demo.simulation import SensorSimulation
from edge_agent.paths import Paths
from edge_agent.supervisor import Supervisor
from hazard.errors import HazardError
from hazard.site.loader import load_site
from hazard.site.models import Site
from hazard.store.engine import make_engine, store_url
from hazard.store.ledger import incidents, revisions
from hazard.store.queries import Queries
from hazard.store.store import Store
from hazard.types import CameraState, StageHealth
from models.manifest import Manifest

MARKER = ".hazard-demo"
"""Lies in a folder that the demo made and may delete; a folder without it is never touched."""
SETTLE_S = 90.0
"""How long after the footage's end the demo waits for words and for the broker."""
POLL_S = 0.5
INVITE_POLL_S = 0.1
INVITATION = re.compile(r"^Dashboard: (http://\S+)  one-time code: (\S+)$", re.MULTILINE)
"""What the dashboard's process says once it listens."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class DemoSettings:
    """What the demo runs on.

    Attributes:
        folder: where site file, data and logs of the demo go; made, and replaced at each start.
        footage: the video file.
        footage_entry: its name in the manifest.
        once: one pass over the footage, then a report.
    """

    folder: Path
    footage: Path
    footage_entry: str
    once: bool


class Demo:
    """One run of the demo plant."""

    def __init__(self, settings: DemoSettings, say: Callable[[str], None]) -> None:
        self._settings = settings
        self._say = say
        self._ports = Ports()
        self.site, self.paths = self._prepare()

    def _prepare(self) -> tuple[Site, Paths]:
        folder = self._settings.folder
        if folder.exists() and any(folder.iterdir()) and not (folder / MARKER).exists():
            raise HazardError(
                f"{folder} is not a folder of the demo and is not deleted: give another --folder"
            )
        site_file = folder / "site.yaml"
        paths = paths_for(site_file)
        dashboard_port = self._ports.dashboard(8080)
        with only_instance(paths):
            shutil.rmtree(folder, ignore_errors=True)
            for stale in (paths.positions, paths.previews):
                shutil.rmtree(stale, ignore_errors=True)
            folder.mkdir(parents=True)
            (folder / MARKER).touch()
        plan = demo_site(
            self._settings.footage,
            loop=not self._settings.once,
            broker_port=self._ports.choose(1883, span=2),
            dashboard_port=dashboard_port,
            metrics_port=self._ports.choose(9464),
        )
        write_site(site_file, plan)
        paths.create()
        with Store.open(paths.database) as store:
            hang_plan(store)
        return load_site(site_file), paths

    async def run(self, on_alert: Callable[[dict[str, Any]], None]) -> dict[str, Any] | None:
        """Run until Ctrl-C, or for one pass; the report of a pass, else None."""
        with self._ports, only_instance(self.paths):
            supervisor = build_supervisor(
                self.site, self.paths, log_dir=self._settings.folder / "logs"
            )
            interrupted = asyncio.Event()
            loop = asyncio.get_running_loop()
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(number, interrupted.set)
            running = asyncio.create_task(supervisor.run())
            broker = self.site.brokers()[BROKER]
            probe = Probe(broker.host, broker.port, on_alert)
            simulation = SensorSimulation(broker.host, broker.port)
            simulation.start()
            inviting = asyncio.create_task(self._invite())
            try:
                return await self._watch(supervisor, running, probe, interrupted)
            finally:
                inviting.cancel()
                supervisor.stop()
                # All at once: a client that has lost its broker takes a second longer.
                ends = (asyncio.to_thread(simulation.stop), asyncio.to_thread(probe.close))
                await asyncio.gather(running, *ends)

    async def _invite(self) -> None:
        """Pass on the address and the one-time code that the dashboard's own process says.

        Whether somebody answers at a port would not tell who does.
        """
        log_file, told = self._settings.folder / "logs" / "dashboard.log", ""
        while True:
            said = await asyncio.to_thread(_read, log_file)
            found = INVITATION.findall(said)
            if found:
                address, code = found[-1]
                self._say(f"  Dashboard:  {address}  one-time code: {code}")
                return
            refused = [line for line in said.splitlines() if " is taken by another " in line]
            if refused and refused[-1] != told:
                told = refused[-1]
                self._say(f"  Dashboard:  it tries again: {told}")
            await asyncio.sleep(INVITE_POLL_S)

    async def _watch(
        self,
        supervisor: Supervisor,
        running: asyncio.Task[None],
        probe: Probe,
        interrupted: asyncio.Event,
    ) -> dict[str, Any] | None:
        stop = asyncio.create_task(interrupted.wait())
        if not self._settings.once:
            await asyncio.wait({running, stop}, return_when=asyncio.FIRST_COMPLETED)
            return None
        watcher = asyncio.create_task(self._pass_is_over(probe))
        await asyncio.wait({running, watcher, stop}, return_when=asyncio.FIRST_COMPLETED)
        if not watcher.done():
            watcher.cancel()
            raise KeyboardInterrupt
        stages = watcher.result()
        received = await self._settled(probe)
        supervisor.stop()
        await running
        return self._report(stages, received)

    async def _pass_is_over(self, probe: Probe) -> list[StageHealth]:
        """Wait until every camera has ended and nothing is under way; the stages' last words."""
        ended_monotonic_s = None
        while True:
            await asyncio.sleep(POLL_S)
            stages = await asyncio.to_thread(self._stages)
            figures = {stage.stage: stage.figures for stage in stages}
            cameras = [figures.get(f"camera/{name}", {}) for name in self.site.cameras]
            if not all(camera.get("state") == CameraState.ENDED.value for camera in cameras):
                continue
            ended_monotonic_s = ended_monotonic_s or time.monotonic()
            waiting = figures.get("core", {}).get("waiting", 1)
            depth = figures.get(f"mqtt/{BROKER}", {}).get("outbox_depth", 1)
            if waiting == 0 and depth == 0 and probe.received():
                return stages
            if time.monotonic() - ended_monotonic_s > SETTLE_S:
                self._say(f"not settled {SETTLE_S:.0f} s after the end: {waiting=} {depth=}")
                return stages

    async def _settled(self, probe: Probe) -> set[tuple[str, int]]:
        """What the probe has, once nothing new has come for a second."""
        before = -1
        while probe.messages != before:
            before = probe.messages
            await asyncio.sleep(1.0)
        return probe.received()

    def _stages(self) -> list[StageHealth]:
        if not self.paths.database.exists():
            return []
        engine = make_engine(store_url(self.paths.database), busy_ms=1000, sync="NORMAL")
        try:
            return list(Queries(engine).stage_health())
        except OperationalError as error:
            # Between the file's making and its first tables, and while a restarted core brings
            # the write-ahead log back, there is nothing to read yet: asked again half a second on.
            log.info("demo.store_not_readable", error=str(error.orig))
            return []
        finally:
            engine.dispose()

    def _report(self, stages: list[StageHealth], received: set[tuple[str, int]]) -> dict[str, Any]:
        engine = make_engine(store_url(self.paths.database), busy_ms=1000, sync="NORMAL")
        try:
            with engine.connect() as connection:
                return build_report(
                    lines=revisions(connection, BROKER),
                    incidents=incidents(connection),
                    stages=stages,
                    received=received,
                    weights=used_weights(self._settings.footage_entry),
                    footage=self._settings.footage.name,
                )
        finally:
            engine.dispose()


def _read(log_file: Path) -> str:
    try:
        return log_file.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:  # its process is not started yet
        return ""


def used_weights(footage_entry: str) -> list[dict[str, str]]:
    """Name, sha256 and licence of each file that the demo uses."""
    manifest = Manifest.load()
    found = []
    for name in ("nanodet", "smollm2", footage_entry):
        entry = manifest[name]
        found += [
            {"name": f"{name}/{file.name}", "sha256": file.sha256, "licence": entry.licence}
            for file in entry.files
        ]
    return found
