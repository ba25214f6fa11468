"""A changed site file is taken over; a wrong one is refused and the old one goes on."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from edge_agent.core.reload import SiteWatcher
from hazard.errors import ConfigError
from hazard.site.diff import SiteDiff
from hazard.site.loader import load_site
from hazard.site.models import Site
from hazard.site.problems import Problem
from tests.unit.site.sites import GOOD

NEVER_S = 600.0
SOON_S = 20.0

Edit = Callable[[Path, str], None]


class Heard:
    """What the watcher has told."""

    def __init__(self) -> None:
        self.changes: asyncio.Queue[tuple[Site, SiteDiff]] = asyncio.Queue()
        self.problems: asyncio.Queue[tuple[Problem, ...]] = asyncio.Queue()
        self.refuse: str | None = None

    async def on_change(self, site: Site, diff: SiteDiff) -> None:
        if self.refuse is not None:
            raise ConfigError(self.refuse)
        self.changes.put_nowait((site, diff))


@contextlib.asynccontextmanager
async def watching(path: Path, *, poll_s: float = 0.05) -> AsyncIterator[tuple[SiteWatcher, Heard]]:
    heard = Heard()
    watcher = SiteWatcher(
        path,
        load_site(path),
        heard.on_change,
        heard.problems.put_nowait,
        debounce_s=0.02,
        poll_s=poll_s,
    )
    task = asyncio.create_task(watcher.run())
    try:
        yield watcher, heard
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def soon(queue: asyncio.Queue[Any]) -> Any:
    return await asyncio.wait_for(queue.get(), SOON_S)


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(test)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "site.yaml"
    file.write_text(GOOD)
    return file


def in_place(path: Path, text: str) -> None:
    path.write_text(text)


def renamed_into_place(path: Path, text: str) -> None:
    new = path.with_name("site.yaml.new")
    new.write_text(text)
    new.replace(path)


def remove(path: Path) -> None:
    path.unlink()


def removed_and_written_again(path: Path, text: str) -> None:
    path.unlink()
    path.write_text(text)


@pytest.mark.parametrize("edit", [in_place, renamed_into_place, removed_and_written_again])
def test_the_system_tells_of_a_change_however_the_editor_writes(path: Path, edit: Edit) -> None:
    async def test() -> None:
        async with watching(path, poll_s=NEVER_S) as (watcher, heard):
            # The watch starts in a thread of its own: an edit made before it is made again.
            for budget in range(11, 31):
                edit(path, GOOD.replace("fps_budget: 10", f"fps_budget: {budget}"))
                with contextlib.suppress(TimeoutError):
                    site, diff = await asyncio.wait_for(heard.changes.get(), 1.0)
                    assert site.cameras["gate"].fps_budget > 10
                    assert diff.summary() == "cameras.gate changed"
                    assert watcher.site == site
                    return
            pytest.fail("no change was noticed")

    run(test())


def test_a_swapped_link_as_in_a_config_map_is_taken_over(tmp_path: Path) -> None:
    for name, budget in (("one", 10), ("two", 20)):
        (tmp_path / name).mkdir()
        text = GOOD.replace("fps_budget: 10", f"fps_budget: {budget}")
        (tmp_path / name / "site.yaml").write_text(text)
    (tmp_path / "..data").symlink_to("one")
    (tmp_path / "site.yaml").symlink_to("..data/site.yaml")

    async def test() -> None:
        async with watching(tmp_path / "site.yaml") as (_, heard):
            (tmp_path / "new").symlink_to("two")
            (tmp_path / "new").rename(tmp_path / "..data")
            site, _ = await soon(heard.changes)
            assert site.cameras["gate"].fps_budget == 20

    run(test())


def test_where_the_system_tells_nothing_the_file_is_compared(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_watch(*_: object, **__: object) -> None:
        raise OSError(28, "inotify watch limit reached")

    monkeypatch.setattr("edge_agent.core.reload.awatch", no_watch)

    async def test() -> None:
        async with watching(path) as (_, heard):
            in_place(path, GOOD.replace("dwell_s: 1", "dwell_s: 3"))
            _, diff = await soon(heard.changes)
            assert diff.names("rules") == {"press"}

    run(test())


def test_a_wrong_file_is_refused_with_its_lines_and_the_old_one_goes_on(path: Path) -> None:
    async def test() -> None:
        async with watching(path) as (watcher, heard):
            before = watcher.site
            in_place(path, GOOD.replace("zone: press", "zone: pres"))
            (problem,) = await soon(heard.problems)
            assert str(problem).startswith("site.yaml:38:11 rules.press.zone: no zone 'pres'")
            assert watcher.site is before
            assert heard.changes.empty()
            in_place(path, GOOD)
            assert await soon(heard.problems) == ()
            assert heard.changes.empty()

    run(test())


def test_a_removed_file_is_a_problem_and_the_old_one_goes_on(path: Path) -> None:
    async def test() -> None:
        async with watching(path) as (watcher, heard):
            remove(path)
            (problem,) = await soon(heard.problems)
            assert "does not exist" in str(problem)
            assert watcher.site.site.id == "north"

    run(test())


def test_a_change_that_the_agent_refuses_leaves_the_old_file_in_force(path: Path) -> None:
    async def test() -> None:
        async with watching(path) as (watcher, heard):
            heard.refuse = "no more than 64 cameras: split the plant over two boxes"
            in_place(path, GOOD.replace("dwell_s: 1", "dwell_s: 3"))
            (problem,) = await soon(heard.problems)
            assert "no more than 64 cameras" in str(problem)
            heard.refuse = None
            watcher.request()
            site, _ = await soon(heard.changes)
            assert site == watcher.site

    run(test())


def test_a_request_loads_the_file_even_if_it_reads_the_same(path: Path) -> None:
    loads: asyncio.Queue[Path] = asyncio.Queue()

    async def test() -> None:
        heard = Heard()
        loop = asyncio.get_running_loop()

        def load(file: Path) -> Site:
            loop.call_soon_threadsafe(loads.put_nowait, file)
            return load_site(file)

        watcher = SiteWatcher(
            path,
            load_site(path),
            heard.on_change,
            heard.problems.put_nowait,
            load=load,
            debounce_s=0.02,
            poll_s=NEVER_S,
        )
        task = asyncio.create_task(watcher.run())
        await soon(loads)
        watcher.request()
        assert await soon(loads) == path
        assert heard.changes.empty()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    run(test())


def test_many_quick_writes_are_one_change(path: Path) -> None:
    async def test() -> None:
        async with watching(path, poll_s=NEVER_S) as (watcher, heard):
            for dwell in range(2, 12):
                in_place(path, GOOD.replace("dwell_s: 1", f"dwell_s: {dwell}"))
                watcher.request()
            site, _ = await soon(heard.changes)
            assert site.rules["press"].dwell_s == 11  # type: ignore[union-attr]
            assert heard.changes.empty()

    run(test())
