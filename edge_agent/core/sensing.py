"""Runs the sensor sources of a site and starts again what ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import structlog

from hazard.ports import SensorSource
from hazard.types import Reading

RETRY_S = 2.0

log = structlog.get_logger()


class Sensing:
    """The tasks of all sensor sources; a reload restarts those that changed."""

    def __init__(self, emit: Callable[[Reading], None]) -> None:
        self._emit = emit
        self._running: list[tuple[SensorSource, asyncio.Task[None]]] = []

    async def replace(self, sources: Sequence[SensorSource]) -> None:
        """Stop what is not among `sources` (they compare by configuration), start what is new."""
        kept = [(source, task) for source, task in self._running if source in sources]
        await _end([task for source, task in self._running if source not in sources])
        running = [source for source, _ in kept]
        new = [source for source in sources if source not in running]
        self._running = [
            *kept,
            *((source, asyncio.create_task(self._keep(source))) for source in new),
        ]

    async def stop(self) -> None:
        """End all sources."""
        await _end([task for _, task in self._running])
        self._running = []

    def problems(self) -> dict[str, str]:
        """Sources that are not connected, and why and what to do."""
        states = {source.name: source.status() for source, _ in self._running}
        return {name: reason for name, (connected, reason) in states.items() if not connected}

    async def _keep(self, source: SensorSource) -> None:
        while True:
            try:
                await source.run(self._emit)
            except Exception as error:  # noqa: BLE001 - one source must not stop the others
                log.warning("sensor_source.failed", source=source.name, error=str(error))
                await asyncio.sleep(RETRY_S)
            else:
                log.info("sensor_source.ended", source=source.name)
                return


async def _end(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
