"""The core as a whole: builds its parts, connects them, and runs them until it is stopped."""

from __future__ import annotations

import asyncio
import signal
import time
from datetime import UTC, datetime
from functools import partial
from typing import Any

import structlog

from edge_agent.core.alerts import Alerts
from edge_agent.core.cases import Case
from edge_agent.core.dispatch import Dispatcher
from edge_agent.core.floods import LONGEST_WINDOW, Floods
from edge_agent.core.guard import Guard
from edge_agent.core.health import HealthBoard
from edge_agent.core.hung import kill_if_hung
from edge_agent.core.ids import new_id
from edge_agent.core.job_desk import JobDesk
from edge_agent.core.ladder import Ladder
from edge_agent.core.opening import open_store
from edge_agent.core.reasoning import ReasoningClient
from edge_agent.core.reload import SiteWatcher
from edge_agent.core.requests import Requests
from edge_agent.core.reserve import Reserve
from edge_agent.core.sensing import Sensing
from edge_agent.core.server import Connection, Handlers, Server
from edge_agent.core.site_changes import SiteChanges
from edge_agent.core.site_record import SiteRecord
from edge_agent.core.site_versions import Versions
from edge_agent.core.snapshots import Snapshots
from edge_agent.core.stages import Sources, Stages
from edge_agent.core.store_thread import StoreThread
from edge_agent.core.suppression import Register
from edge_agent.core.taken import Taken
from edge_agent.core.upkeep import Upkeep
from edge_agent.ipc import (
    Ack,
    Configure,
    Message,
    Observed,
    Reported,
    SnapshotTaken,
    WorkerReport,
)
from edge_agent.observe import Metrics
from edge_agent.paths import Paths
from edge_agent.publish.publisher import Publisher
from edge_agent.publish.voice import HandedOver
from edge_agent.sensors import build_sensor_sources
from hazard.catalogue import catalogue
from hazard.ports import Tick
from hazard.rules import build_rules
from hazard.rules.engine import RuleEngine
from hazard.site.diff import SiteDiff, changed_sections, until_restart
from hazard.site.models import Site
from hazard.store.operations import Operation
from hazard.types import (
    Evidence,
    HazardEvent,
    Health,
    Observation,
    Reading,
    StageHealth,
)

TICK_S = 0.2

log = structlog.get_logger()


class Core:
    """One node's agent core.

    Raises:
        StoreError: if the database cannot be opened, upgraded or is newer than this program.
    """

    def __init__(self, site: Site, paths: Paths) -> None:
        self.site = self._started_with = site
        self._paths = paths
        self._kinds = catalogue()
        self._metrics = Metrics()
        self._board = HealthBoard()
        self._reserve = Reserve(paths.data_dir)
        self._store = open_store(site, paths, self._reserve)
        self._guard = Guard(self._metrics)
        self._publisher = Publisher(self._store, site, on_change=self._handed_over)
        self._thread = StoreThread(
            self._store, committed=self._publisher.wake, stored=self._metrics.stored
        )
        self._taken = Taken(self._store, self._thread)
        self._record = SiteRecord(site.site.id, paths.site_file, self._board, self._commit)
        self._reasoning = ReasoningClient(wishes=site.reasoning.authority)
        self._ladder = Ladder(
            self._reasoning, site, self._kinds, authority=self._reasoning.authority
        )
        self._snapshots = Snapshots(new_id, self._picture_taken, self._picture_failed)
        self._alerts = Alerts(
            site,
            self._kinds,
            new_id=new_id,
            commit=self._commit,
            climb=self._ladder.climb,
            picture=self._picture,
            authority=self._reasoning.authority,
        )
        self._register = Register(site, self._kinds, commit=self._commit, new_id=new_id)
        self._alerts.settler.sources.append(self._register)
        self._floods = Floods(self._alerts, site, self._kinds, tell=self._publisher.set_floods)
        self._versions = Versions(paths.site_file, lambda: self.site.site.node, self._commit)
        self._watcher = SiteWatcher(
            paths.site_file,
            site,
            self._reconfigure,
            self._record.refused,
            on_taken=self._versions.seen,
        )
        self._site_changes = SiteChanges(
            paths.site_file,
            self._versions,
            self._watcher,
            stored=self._store.versions,
            thread=self._thread,
            commit=self._commit,
        )
        self._dispatcher = Dispatcher(
            self._alerts,
            self._register,
            store=self._store,
            thread=self._thread,
            publisher=self._publisher,
            guard=self._guard,
            change_site=self._site_changes.carry_out,
            jobs=JobDesk(self._store, self._thread, self._commit, paths.site_file).carry_out,
        )
        self._ladder.connect(self._alerts.decided, self._alerts.worded)
        self._engine: RuleEngine | None = None
        self._sensing = Sensing(self._read)
        self._server = Server(
            paths.socket, Handlers(joined=self._joined, said=self._said, left=self._left)
        )
        self._requests = Requests(self._thread, self._store, self._dispatcher.carry_out)
        self._upkeep = Upkeep(
            self._store,
            self._thread,
            paths,
            self._reserve,
            site=lambda: self.site,
            stages=self._report,
            gave_up=self._metrics.gave_up,
            replicated=self._board.replicated,
            found=self._found,
        )
        self._stages = Stages(
            Sources(
                site=lambda: self.site,
                board=self._board,
                store=self._store,
                thread=self._thread,
                upkeep=self._upkeep,
                sensing=self._sensing,
                reasoning=self._reasoning,
                publisher=self._publisher,
                paths=paths,
                reasons=self._reasons,
                waiting=lambda: self._ladder.waiting + self._thread.waiting,
                bad_messages=lambda: self._server.bad_messages,
            ),
            self._metrics,
        )
        self._stopping = asyncio.Event()

    # ------------------------------------------------------------ life

    async def run(self) -> None:
        """Take up what was stored, run until SIGTERM, and end cleanly."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)
        loop.add_signal_handler(signal.SIGHUP, self._watcher.request)
        await self._resume()
        self._publisher.start()
        await self._server.start()
        await self._sensing.replace(build_sensor_sources(self.site))
        self._stages.serve_metrics()
        tasks = [
            asyncio.create_task(each)
            for each in (
                self._tick_for_ever(),
                self._upkeep.report_for_ever(),
                self._upkeep.prune_for_ever(),
                self._requests.run(),
                self._watcher.run(),
            )
        ]
        log.info("core.ready", site=self.site.site.id, node=self.site.site.node)
        stopped = asyncio.create_task(self._stopping.wait())
        done, _ = await asyncio.wait({stopped, *tasks}, return_when=asyncio.FIRST_COMPLETED)
        for task in (*tasks, stopped):
            task.cancel()
        await self._stop()
        for task in done - {stopped}:
            task.result()

    def stop(self) -> None:
        """Ask for a clean end; call it in the loop."""
        self._stopping.set()

    async def _stop(self) -> None:
        await self._sensing.stop()
        await self._ladder.stop()
        await self._dispatcher.stop()
        await self._server.stop()
        self._record.stopped()
        await self._thread.stop()
        await asyncio.to_thread(self._upkeep.anchor)
        await asyncio.to_thread(self._metrics.stop)
        await asyncio.to_thread(self._publisher.stop, 2.0)
        self._store.close()

    async def _resume(self) -> None:
        alerts = await self._thread.run(self._store.open_alerts)
        incidents = await self._thread.run(self._store.open_incidents)
        orders = await self._thread.run(self._store.standing_orders)
        now = datetime.now(UTC)
        asked = await self._thread.run(partial(self._store.asked_since, now - LONGEST_WINDOW))
        self._register.restore(orders, now)
        self._floods.restore(alerts, asked)
        events = [event for incident in incidents for event in incident.events]
        self._engine = RuleEngine(build_rules(self.site), resume=events)
        self._upkeep.resume(events)
        self._record.started()
        await self._site_changes.start(await self._thread.run(self._store.pending_requests))
        self._alerts.resume(alerts, incidents)
        log.info("core.resumed", alerts=len(alerts), incidents=len(incidents))

    # ------------------------------------------------------------ in

    def _joined(self, connection: Connection) -> None:
        connection.send(Configure(site=self.site))
        if connection.role == "reasoner":
            self._reasoning.attach(connection.writer, connection.pid)

    def _left(self, connection: Connection) -> None:
        self._board.worker_left(connection.role)
        if connection.role == "reasoner":
            self._reasoning.detach()

    def _said(self, connection: Connection, message: Message) -> None:
        match message:
            case Observed(number=number, observation=observation):
                self._metrics.observed(observation.camera_id)
                work = partial(self._observed, observation)
                self._taken.once(connection.instance, number, work)
                self._thread.after(partial(_acknowledge, connection, number))
            case Reported(report=report):
                self._board.camera(report)
                self._input(report)
            case SnapshotTaken():
                self._guard("snapshots", partial(self._snapshots.answered, message))
            case WorkerReport():
                self._board.worker(message)
                if connection.role == "reasoner":
                    self._reasoning.on_message(message)
            case _:
                self._reasoning.on_message(message)

    def _observed(self, observation: Observation) -> None:
        self._upkeep.observation(observation)
        self._input(observation)

    def _read(self, reading: Reading) -> None:
        self._stages.read(reading)
        self._metrics.read(reading)
        self._board.sensor(reading)
        self._upkeep.reading(reading)
        self._input(reading)
        if self._register.read(reading):
            self._guard("alerts", self._turned)

    def _turned(self) -> None:
        """A machine has turned to another state."""
        now = datetime.now(UTC)
        self._register.tick(now)
        self._alerts.settle_all(now)

    def _input(self, item: Any) -> None:
        if self._engine is None:
            return
        for event in self._engine.apply(item):
            self._found(event)

    def _found(self, event: HazardEvent) -> None:
        self._metrics.found(event)
        self._guard("alerts", partial(self._alerts.found, event))

    # ------------------------------------------------------------ out

    def _commit(self, operations: tuple[Operation, ...]) -> None:
        self._thread.commit(operations)

    def _handed_over(self, handed: HandedOver) -> None:
        """Called by a relay's thread: metrics only, which are safe there."""
        self._metrics.handed_over(handed.published_at, handed.acked_at)

    def _picture(self, case: Case, event: HazardEvent) -> None:
        vision = self._server.get("vision")
        self._snapshots.ask(vision, case.incident.incident_id, event, set(self.site.cameras))

    def _picture_taken(self, incident_id: str, evidence: Evidence) -> None:
        self._board.put("evidence", Health.READY)
        self._alerts.evidence(incident_id, evidence)

    def _picture_failed(self, camera_id: str, error: str) -> None:
        self._board.put("evidence", Health.DEGRADED, f"{camera_id}: {error}")

    # ------------------------------------------------------------ site file

    async def _reconfigure(self, wanted: Site, diff: SiteDiff) -> None:
        site = until_restart(self._started_with, wanted)
        rules, sources = build_rules(site), build_sensor_sources(site)
        later = changed_sections(site, wanted).restart
        self._record.changed(diff)
        self.site = site
        self._ladder.site = site
        self._store.set_commit_timeout(site.store.commit_timeout_ms)
        self._reasoning.wishes = site.reasoning.authority
        if self._engine is not None:
            now = Tick(datetime.now(UTC), time.monotonic())
            for event in self._engine.replace(rules, now):
                self._found(event)
        self._guard("suppressions", partial(self._register.reconfigure, site, datetime.now(UTC)))
        self._guard("alerts", partial(self._alerts.reconfigure, site))
        self._guard("floods", partial(self._floods.reconfigure, site, datetime.now(UTC)))
        self._board.keep(cameras=set(site.cameras), sensors=set(site.sensors))
        for role in ("vision", "reasoner"):
            connection = self._server.get(role)
            if connection is not None:
                connection.send(Configure(site=site))
        await asyncio.to_thread(self._publisher.reconfigure, site)
        await self._sensing.replace(sources)
        await asyncio.to_thread(self._stages.serve_metrics)
        self._record.in_force(later)

    # ------------------------------------------------------------ by the clock

    async def _tick_for_ever(self) -> None:
        while True:
            started_s = time.monotonic()
            now = datetime.now(UTC)
            self._metrics.probes.beat()
            self._input(Tick(now, started_s))
            self._guard("suppressions", partial(self._register.tick, now))
            self._guard("alerts", partial(self._alerts.tick, now))
            self._guard("floods", partial(self._floods.tick, now))
            kill_if_hung(self._reasoning, self._server.get("reasoner"), self._metrics, started_s)
            await asyncio.sleep(TICK_S)

    def _report(self) -> list[StageHealth]:
        return self._stages.report()

    def _reasons(self) -> list[str]:
        """What is wrong in the core itself."""
        faults = self._engine.faults() if self._engine else ()
        reasons = [f"rule {f.rule_id}: {f.last_error}" for f in faults]
        reasons += [self._guard.reason, self._requests.fault]
        return [reason for reason in reasons if reason]


def _acknowledge(connection: Connection, number: int) -> None:
    connection.send(Ack(number=number))
