"""One agent core in this process, and what stands at the other ends of its socket.

The store, the socket and the publisher are the real ones. The vision group and the reasoner are
small clients that say what a test tells them to.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import time
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from edge_agent.core.app import Core
from edge_agent.ipc import (
    Ack,
    Hello,
    Message,
    Observed,
    Reported,
    WorkerReport,
    connect,
    encode,
    receive,
)
from edge_agent.paths import Paths, runtime_dir
from hazard.site.loader import load_site
from hazard.store.store import Store
from hazard.types import (
    ActionRequest,
    CameraReport,
    CameraState,
    Health,
    Observation,
    StageHealth,
    Track,
    Verb,
)

SOON_S = 20.0
CLOSED_PORT = 9
"""The discard port: nobody listens there on a machine of today."""

Condition = Callable[[], Any]


async def until(condition: Condition, what: str = "it", within_s: float = SOON_S) -> Any:
    """What `condition` gives as soon as that is true; fails with `what` after a while."""
    deadline_s = time.monotonic() + within_s
    while not (found := condition()):
        assert time.monotonic() < deadline_s, f"{what} did not happen in {within_s:.0f} s"
        await asyncio.sleep(0.02)
    return found


def run(test: Coroutine[Any, Any, None]) -> None:
    """Run a test's coroutine."""
    asyncio.run(test)


def a_site(broker_port: int = CLOSED_PORT, **sections: Any) -> dict[str, Any]:
    """A site with one camera and its zone, one gas sensor, and no reasoner."""
    site: dict[str, Any] = {
        "version": 1,
        "site": {"id": "plant", "name": "Plant", "node": "edge-1"},
        "areas": {"yard": {"name": "Yard"}, "hall": {"name": "Hall"}},
        "cameras": {
            "gate": {
                "area": "yard",
                "source": {"kind": "folder", "path": "."},
                "zones": {"pit": {"polygon": [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0]]}},
            }
        },
        "rules": {
            "pit": {"kind": "restricted_zone", "camera": "gate", "zone": "pit", "dwell_s": 0},
            "eyes": {"kind": "camera_health", "cameras": ["gate"], "offline_after_s": 1},
        },
        "mqtt": {"brokers": {"plant": {"host": "127.0.0.1", "port": broker_port}}},
        "reasoning": {"enabled": False},
        "dashboard": {"enabled": False},
        "observe": {"metrics_port": 0},
    }
    for name, section in sections.items():
        site[name] = {**site.get(name, {}), **section} if isinstance(section, dict) else section
    return site


class Node:
    """The folders of one node and the cores that run there, one after the other.

    Without `site` the folder's own site.yaml counts.
    """

    def __init__(
        self, folder: Path, site: dict[str, Any] | None, *, data_dir: Path | None = None
    ) -> None:
        self.paths = Paths(
            site_file=folder / "site.yaml",
            data_dir=data_dir or folder / "data",
            run_dir=runtime_dir(uuid.uuid4().hex[:8]),
            models_dir=folder / "models",
        )
        if site is not None:
            self.write_site(site)
        self.paths.create()

    def write_site(self, site: dict[str, Any]) -> None:
        """Put a site file in place as an editor does."""
        new = self.paths.site_file.with_suffix(".new")
        new.write_text(json.dumps(site, indent=1))
        new.replace(self.paths.site_file)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Core]:
        """A core for the block, ended cleanly."""
        core = Core(load_site(self.paths.site_file), self.paths)
        task = asyncio.create_task(core.run())
        try:
            await until(lambda: task.done() or self.paths.socket.exists(), "the core's socket")
            yield core
        finally:
            core.stop()
            await asyncio.wait_for(task, SOON_S)

    def remove(self) -> None:
        """Take the run folder away."""
        shutil.rmtree(self.paths.run_dir, ignore_errors=True)

    @contextlib.contextmanager
    def store(self) -> Any:
        """The store as the dashboard opens it."""
        with Store.open(self.paths.database) as store:
            yield store

    def alerts(self) -> list[Any]:
        """The newest revision of each alert in the database, as the core would read them."""
        with self.store() as store:
            return [alert.message for alert in store.open_alerts()]

    def stages(self) -> dict[str, StageHealth]:
        """Stage health as it is in the database."""
        with self.store() as store:
            return {stage.stage: stage for stage in store.queries.stage_health()}

    def ask(self, verb: Verb, alert_id: str, revision: int, **more: Any) -> str:
        """Hand in a request as the dashboard does; its id."""
        request = ActionRequest(
            request_id=uuid.uuid4().hex,
            alert_id=alert_id,
            verb=verb,
            actor="ada",
            expected_revision=revision,
            requested_at=datetime.now(UTC),
            **more,
        )
        with self.store() as store:
            store.desk.submit_request(request)
        return request.request_id

    def outcome(self, request_id: str) -> tuple[str, str]:
        """State and outcome of a request."""
        with self.store() as store:
            status = store.queries.request_state(request_id)
        return (status.state.value, status.outcome)


class Client:
    """A process at the other end of the socket."""

    def __init__(self, role: Literal["vision", "reasoner"]) -> None:
        self.role = role
        self.heard: list[Message] = []
        self.gone = asyncio.Event()
        self._number = 0

    @classmethod
    @contextlib.asynccontextmanager
    async def connected(
        cls, node: Node, role: Literal["vision", "reasoner"], *, instance: str = ""
    ) -> AsyncIterator[Any]:
        """A client that has said Hello."""
        client = cls(role)
        client.reader, client.writer = await connect(node.paths.socket)  # type: ignore[attr-defined]
        client.send(Hello(role=role, pid=os.getpid(), instance=instance))
        listening = asyncio.create_task(client._listen())
        try:
            await until(lambda: client.of("configure"), "the site's configuration")
            yield client
        finally:
            listening.cancel()
            client.writer.close()  # type: ignore[attr-defined]
            with contextlib.suppress(OSError):
                await client.writer.wait_closed()  # type: ignore[attr-defined]

    async def _listen(self) -> None:
        with contextlib.suppress(OSError):
            while (message := await receive(self.reader)) is not None:  # type: ignore[attr-defined]
                self.heard.append(message)
        self.gone.set()

    def send(self, message: Message) -> None:
        """Say something."""
        self.write(encode(message))

    def write(self, line: bytes) -> None:
        """Say something that need not be a message."""
        self.writer.write(line)  # type: ignore[attr-defined]

    def of(self, kind: str) -> list[Any]:
        """What was heard of one type."""
        return [message for message in self.heard if message.type == kind]

    @property
    def acked(self) -> int:
        """The highest number that the core has taken over."""
        return max((m.number for m in self.heard if isinstance(m, Ack)), default=0)

    def observe(
        self,
        *,
        person: bool,
        state: CameraState = CameraState.OK,
        track: int = 1,
        zones: tuple[str, ...] = ("pit",),
    ) -> int:
        """What camera `gate` sees now; the number of the observation."""
        self._number += 1
        now, now_s = datetime.now(UTC), time.monotonic()
        track = Track(
            track_id=track,
            label="person",
            confidence=0.9,
            xyxy=(10.0, 10.0, 30.0, 60.0),
            foot=(0.6, 0.3),
            zones=zones,
        )
        observation = Observation(
            camera_id="gate",
            area="yard",
            sequence=self._number,
            captured_at=now,
            captured_monotonic_s=now_s,
            detected_at=now,
            detected_monotonic_s=now_s,
            width_px=100,
            height_px=100,
            camera_state=state,
            tracks=(track,) if person else (),
        )
        self.send(Observed(number=self._number, observation=observation))
        return self._number

    def report(self, state: CameraState = CameraState.OK, reason: str = "") -> None:
        """The health of camera `gate`."""
        self.send(
            Reported(
                report=CameraReport(
                    camera_id="gate",
                    area="yard",
                    at=datetime.now(UTC),
                    at_monotonic_s=time.monotonic(),
                    state=state,
                    reason=reason,
                )
            )
        )

    def say_ready(self) -> None:
        """The process is well."""
        self.send(WorkerReport(role=self.role, health=Health.READY, at=datetime.now(UTC)))
