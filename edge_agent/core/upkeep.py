"""What the core does by the clock beside alarms: health and readings out, old things away."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial

import structlog

from edge_agent.core.reserve import Reserve
from edge_agent.core.store_thread import StoreThread
from edge_agent.paths import Paths
from edge_agent.publish.gaps import gap_renderer
from hazard.alarms.storage import STORAGE_RULE, Room, StorageWatch, low_bytes
from hazard.errors import HazardError
from hazard.ports import Tick
from hazard.site.models import Site
from hazard.store.anchors import Anchors
from hazard.store.store import Store
from hazard.types import HazardEvent, Observation, Reading, StageHealth

HEALTH_S = 1.0
PRUNE_S = 60.0
ANCHOR_S = 60.0
"""How often at most the heads of the audit's chains are noted."""
MAX_UNSTORED_READINGS = 10_000
MAX_UNSTORED_OBSERVATIONS = 3000
BUSY_COMMITS = 4
"""Commits of alarms that wait: then observations are given up, first of all."""
FAILED_IN_ROW = 2
"""Writes that fail before it is shown: a single one may have met a short lock."""

log = structlog.get_logger()


class Upkeep:
    """Writes stage health and readings every second, and prunes every minute or when disk is low.

    Args:
        stages: gives all stages as they are now, and tells the publisher and the metrics.
        gave_up: counts what was given up, by kind.
        replicated: up to which sequence the replica has everything; 0 while it has not said so.
        found: takes the finding that the disk is nearly full, as another comes from a rule.
    """

    def __init__(
        self,
        store: Store,
        thread: StoreThread,
        paths: Paths,
        reserve: Reserve,
        *,
        site: Callable[[], Site],
        stages: Callable[[], list[StageHealth]],
        gave_up: Callable[[str, int], None],
        replicated: Callable[[], int],
        found: Callable[[HazardEvent], None],
    ) -> None:
        self._store, self._thread, self._paths = store, thread, paths
        self._reserve, self._site, self._stages = reserve, site, stages
        self._gave_up, self._replicated, self._found = gave_up, replicated, found
        self._storage = StorageWatch()
        self._anchors, self._anchored_s = Anchors(paths.audit_heads), -ANCHOR_S
        self._readings: list[Reading] = []
        self._observations: list[Observation] = []
        self._prune_now = asyncio.Event()
        self.dropped_readings = self.dropped_observations = 0
        self._failed_in_row, self._why = 0, ""

    def reading(self, reading: Reading) -> None:
        """Keep a reading until the next write; beyond `MAX_UNSTORED_READINGS` it is dropped."""
        if len(self._readings) < MAX_UNSTORED_READINGS:
            self._readings.append(reading)
        else:
            self.dropped_readings += 1

    def observation(self, seen: Observation) -> None:
        """Keep what a camera saw until the next write; beyond a bound it is dropped."""
        if len(self._observations) < MAX_UNSTORED_OBSERVATIONS:
            self._observations.append(seen)
        else:
            self.dropped_observations += 1

    def resume(self, events: Sequence[HazardEvent]) -> None:
        """Go on with a finding that stood before a restart."""
        mine = [event for event in events if event.rule_id == STORAGE_RULE]
        self._storage = StorageWatch(max(mine, key=lambda each: each.updated_at, default=None))

    def watch_disk(self, now: Tick) -> None:
        """Tell of a disk that is nearly full, and that it is well again; call it in the loop."""
        site = self._site().site
        area = site.area or next(iter(self._site().areas))
        event = self._storage.step(now, self._room(), node=site.node, area=area)
        if event is not None:
            self._found(event)

    def _room(self) -> Room | None:
        try:
            usage = shutil.disk_usage(self._paths.data_dir)
        except OSError:
            return None
        return Room(usage.free, usage.total)

    @property
    def fault(self) -> str:
        """Why the database takes no rows, if it took none twice in a row; with the mend."""
        return self._why if self._failed_in_row >= FAILED_IN_ROW else ""

    def disk(self) -> tuple[int, str]:
        """Free bytes on the disk of the data folder, and what to do if they are few."""
        try:
            usage = shutil.disk_usage(self._paths.data_dir)
        except OSError as error:
            return 0, f"the data folder {self._paths.data_dir} is gone ({error.strerror})"
        if usage.free >= low_bytes(usage.total):
            return usage.free, ""
        self._prune_now.set()
        return usage.free, (
            f"only {usage.free / 1e6:.1f} MB free: make room on the disk of the data folder; "
            "the oldest evidence is given up first"
        )

    async def report_for_ever(self) -> None:
        """Write health and readings once a second; what could not be written comes again."""
        while True:
            try:
                self.watch_disk(Tick(datetime.now(UTC), time.monotonic()))
                await self.report()
            except Exception as error:  # noqa: BLE001 - the next second tries again
                log.warning("health.not_stored", error=str(error)[:500])
            await asyncio.sleep(HEALTH_S)

    async def report(self) -> None:
        """Write once.

        Raises:
            StoreError: if the database did not take it; the file for `hazard status` is written.
        """
        stages = self._stages()
        readings, self._readings = self._readings, []
        await asyncio.to_thread(self._write_file, stages)
        try:
            await self._thread.run(lambda: self._record(stages, readings))
        except HazardError as error:
            kept = (readings + self._readings)[:MAX_UNSTORED_READINGS]
            self.dropped_readings += len(readings) + len(self._readings) - len(kept)
            self._readings = kept
            self._failed_in_row += 1
            self._why = str(error)
            self.dropped_observations += len(self._observations)
            self._observations = []
            raise
        self._failed_in_row = 0
        await self._record_observations()

    async def _record_observations(self) -> None:
        """Nothing waits for these: what the store does not take at once is dropped and counted."""
        seen, self._observations = self._observations, []
        if self._thread.waiting > BUSY_COMMITS:
            self.dropped_observations += len(seen)
            return
        try:
            await self._thread.run(partial(self._store.observations.record, seen))
        except HazardError as error:
            self.dropped_observations += len(seen)
            log.warning("observations.dropped", count=len(seen), error=str(error)[:300])

    def _record(self, stages: Sequence[StageHealth], readings: Sequence[Reading]) -> None:
        if self._store.journal_waiting:
            self._store.load_journal()
        self._store.bulk.record_health(self._site().site.node, stages)
        self._store.bulk.record_readings(readings)

    def _write_file(self, stages: Sequence[StageHealth]) -> None:
        """On tmpfs: `hazard status` sees a full disk or a locked database here."""
        temporary = self._paths.health_state.with_suffix(".tmp")
        try:
            text = json.dumps([stage.model_dump(mode="json") for stage in stages])
            temporary.write_text(text, encoding="utf-8")
            temporary.replace(self._paths.health_state)
        except OSError as error:
            log.warning("health.file_not_written", error=str(error))

    async def prune_for_ever(self) -> None:
        """Prune each minute, and at once when the disk is low; never in the way of an alarm."""
        while True:
            self._prune_now.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._prune_now.wait(), PRUNE_S)
            try:
                await asyncio.to_thread(self._prune)
            except Exception as error:  # noqa: BLE001 - the next minute tries again
                log.warning("prune.failed", error=str(error)[:500])
            await asyncio.sleep(HEALTH_S)

    def _prune(self) -> None:
        site = self._site()
        usage = shutil.disk_usage(self._paths.data_dir)
        node = site.site.node
        if position := self._replicated():
            self._store.bulk.note_replica(node, position, datetime.now(UTC))
        pruned = self._store.bulk.prune(
            datetime.now(UTC),
            site.retention,
            evidence_dir=self._paths.evidence,
            brokers=tuple(site.brokers()),
            free_bytes=max(0, low_bytes(usage.total) - usage.free),
            replica_of=node if site.store.replica_url is not None else None,
        )
        self._store.observations.prune(datetime.now(UTC), site.retention)
        self._bound_outbox(site)
        if time.monotonic() - self._anchored_s >= ANCHOR_S:
            self.anchor()
        self._reserve.keep()
        if pruned.evidence_files:
            log.info("evidence.pruned", files=pruned.evidence_files, bytes=pruned.evidence_bytes)

    def anchor(self) -> None:
        """Note how far the audit's chains are: each minute, and at a clean stop."""
        self._anchored_s = time.monotonic()
        try:
            noted = self._anchors.note(self._store.audit_heads())
        except (OSError, HazardError) as error:
            log.warning("audit.heads_not_noted", error=str(error)[:500])
            return
        if noted:
            log.info("audit.heads", heads=[str(head) for head in noted])

    def _bound_outbox(self, site: Site) -> None:
        missed = self._store.bounds.keep(
            datetime.now(UTC),
            site.mqtt.outbox,
            tuple(site.brokers()),
            gap_renderer(site.site.id, site.site.node),
        )
        if missed:
            self._gave_up("outbox", missed)
            log.error("outbox.given_up", messages=missed)
