"""The copying process beside a core: PostgreSQL hangs, is killed, is away; alarms go on."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, func, select

from edge_agent.bootstrap import child_specs
from edge_agent.core.app import Core
from edge_agent.paths import Paths
from hazard.site.models import Site
from hazard.store.engine import store_url
from hazard.store.tables import RevisionRow
from hazard.types import Health, StageHealth
from tests.integration.core.node import Client, Node, a_site, run, until
from tests.integration.replica.plant import feed, open_node, rows, write_everything
from tests.postgres import Postgres

pytestmark = [pytest.mark.postgres, pytest.mark.timeout(600)]

CATCHES_UP_WITHIN_S = 180.0
"""The longest back-off is 30 s, and the machine may be slow."""


@contextlib.contextmanager
def copying(paths: Paths) -> Iterator[subprocess.Popen[bytes]]:
    """The process as the supervisor starts it; killed at the end."""
    log = paths.data_dir.with_name("replica.log")
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "edge_agent.launch", "replica", "edge_agent.replica"],
            env={**os.environ, **paths.environment()},
            stdout=output,
            stderr=output,
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait(10)


@pytest.fixture
def node(tmp_path: Path, replica_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Node]:
    monkeypatch.setenv("REPLICA_URL", replica_url)
    made = Node(tmp_path, a_site(store={"replica_url": "${REPLICA_URL}"}))
    yield made
    made.remove()


@contextlib.asynccontextmanager
async def watching(node: Node) -> AsyncIterator[tuple[Core, Client]]:
    """A core that sees what a camera tells it."""
    async with node.running() as core, Client.connected(node, "vision") as vision:
        vision.report()
        yield core, vision


def copied(url: str) -> int:
    """Revisions on the replica; -1 while it cannot be asked."""
    engine = create_engine(store_url(url), connect_args={"connect_timeout": 2})
    try:
        with engine.connect() as connection:
            return int(
                connection.execute(select(func.count()).select_from(RevisionRow)).scalar_one()
            )
    except Exception:  # noqa: BLE001 - it is away, or has no tables yet
        return -1
    finally:
        engine.dispose()


async def stage(node: Node, true: Callable[[StageHealth], Any], what: str) -> StageHealth:
    """The stage `replica` as soon as it is so."""

    def found() -> StageHealth | None:
        said = node.stages().get("replica")
        return said if said is not None and true(said) else None

    return await until(found, what, CATCHES_UP_WITHIN_S)


def up_to_date(said: StageHealth) -> bool:
    return said.health is Health.READY and said.figures.get("behind_revisions") == 0


async def people(node: Node, vision: Client, count: int) -> None:
    """One person after the other in the pit: each is durable, with a revision, before the next."""
    for _ in range(count):
        known = sequence(node)
        number = vision.observe(person=True, track=known + 1)
        await until(lambda known=known: sequence(node) > known, "a revision")
        await until(lambda number=number: vision.acked >= number, "the acknowledgement")


def sequence(node: Node) -> int:
    """The newest revision's number."""
    with node.store() as store:
        newest: dict[str, int] = store.queries.changes_after(None)[0]
    return newest.get("edge-1", 0)


def same(node: Node, url: str) -> bool:
    return rows(url) == rows(node.paths.database, "edge-1")


def test_alarms_go_on_while_postgresql_hangs_and_is_killed(
    node: Node, replica_url: str, postgres: Postgres
) -> None:
    async def scene() -> None:
        async with watching(node) as (core, vision):
            with copying(node.paths):
                await people(node, vision, 2)
                await stage(node, up_to_date, "a replica that is up to date")
                with postgres.frozen():
                    await people(node, vision, 2)
                    said = await stage(node, lambda s: s.health is Health.OFFLINE, "the hang")
                    assert "has not answered" in said.reason
                    assert core._store.health().health is Health.READY
                await stage(node, up_to_date, "what came meanwhile")
                postgres.kill()
                await people(node, vision, 2)
                said = await stage(node, lambda s: s.health is Health.OFFLINE, "the fault")
                assert "start PostgreSQL" in said.reason
                assert said.figures["behind_revisions"] > 0
                postgres.start()
                await stage(node, up_to_date, "what came meanwhile")
                assert all(each.durability == "store" for each in node.alerts())
                assert core._store.journal_waiting == 0

    run(scene())
    feed(node.paths.database, replica_url)  # what the core wrote at its end
    assert same(node, replica_url)


def test_a_feeder_killed_in_the_middle_goes_on_and_nothing_is_missing(
    node: Node, replica_url: str
) -> None:
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")  # noqa: T201 - shown if it fails
    chance = random.Random(seed)
    with open_node(node.paths.database) as store:
        write_everything(store, count=400)

    async def scene() -> None:
        async with node.running():
            for _ in range(4):
                with copying(node.paths) as process:
                    before = copied(replica_url)
                    with contextlib.suppress(AssertionError):
                        await until(lambda before=before: copied(replica_url) > before, within_s=8)
                    await asyncio.sleep(chance.uniform(0.0, 0.1))
                    process.kill()
                    print(f"killed with {copied(replica_url)} revisions copied")  # noqa: T201
            with copying(node.paths):
                await stage(node, up_to_date, "everything copied")

    run(scene())
    feed(node.paths.database, replica_url)  # what the core wrote at its end
    assert copied(replica_url) >= 800
    assert same(node, replica_url)


def test_without_a_replica_there_is_neither_process_nor_stage(tmp_path: Path) -> None:
    node = Node(tmp_path, a_site())

    async def scene() -> None:
        async with node.running():
            await until(lambda: "store" in node.stages(), "the stages")
            assert "replica" not in node.stages()

    try:
        run(scene())
    finally:
        node.remove()
    assert "replica" not in {spec.name for spec in child_specs(Site.model_validate(a_site()))}


def test_a_site_with_a_replica_has_its_process_and_yields_to_the_core() -> None:
    site = Site.model_validate(a_site(store={"replica_url": "${REPLICA_URL}"}))
    (spec,) = (spec for spec in child_specs(site) if spec.name == "replica")
    assert spec.module == "edge_agent.replica"
    assert spec.nice > 0


def test_a_stop_ends_the_process_also_while_postgresql_hangs(
    node: Node, postgres: Postgres
) -> None:
    async def scene() -> None:
        async with node.running():
            with copying(node.paths) as process:
                await stage(node, up_to_date, "a replica that is up to date")
                with postgres.frozen():
                    await stage(node, lambda s: s.health is Health.OFFLINE, "the hang")
                    process.terminate()
                    assert await asyncio.to_thread(process.wait, 20) == 0

    run(scene())
