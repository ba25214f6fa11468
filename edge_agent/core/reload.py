"""Takes over a changed site file while the agent runs; a wrong one is refused.

The folder is watched, not the file: editors rename a new file into place, and a Kubernetes
ConfigMap swaps a symbolic link beside it. Where the system gives no notice of changes (network
file systems, inotify's limits) the file is compared every few seconds all the same.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import Awaitable, Callable
from pathlib import Path

import structlog
from watchfiles import awatch

from hazard.errors import ConfigError
from hazard.site.diff import SiteDiff, changed_sections
from hazard.site.loader import load_site
from hazard.site.models import Site
from hazard.site.problems import Problem, Reporter, SiteFileError
from hazard.site.text import MAX_BYTES

log = structlog.get_logger(__name__)

OnChange = Callable[[Site, SiteDiff], Awaitable[None]]
OnProblems = Callable[[tuple[Problem, ...]], None]
Load = Callable[[Path], Site]


async def _nothing() -> None:
    """Nobody wants to know."""


class SiteWatcher:
    """Watches one site file.

    `on_change` is awaited with each valid file that differs, and what it changes; it may refuse
    with a ConfigError, and then the old file goes on. `on_problems` is told of each refusal, and
    with an empty tuple once the file is right again: it is for health. `on_taken` is awaited
    after each content that is in force, also where it differs in comments only.
    """

    def __init__(
        self,
        path: Path,
        site: Site,
        on_change: OnChange,
        on_problems: OnProblems,
        *,
        on_taken: Callable[[], Awaitable[None]] = _nothing,
        load: Load = load_site,
        debounce_s: float = 0.3,
        poll_s: float = 5.0,
    ) -> None:
        self.site = site
        self._path = path.absolute()
        self._on_change = on_change
        self._on_problems = on_problems
        self._on_taken = on_taken
        self._load = load
        self._debounce_s = debounce_s
        self._poll_s = poll_s
        self._wake = asyncio.Event()
        self._looking = asyncio.Lock()
        self._forced = False
        self._digest: bytes | None = None
        self._refused = False

    def request(self) -> None:
        """Load the file again even if nothing seems changed (SIGHUP). Call it in the loop."""
        self._forced = True
        self._wake.set()

    async def run(self) -> None:
        """Watch until cancelled."""
        # The file may have changed since it was loaded: it is compared once at the start.
        self._wake.set()
        noticing = asyncio.create_task(self._notice(), name="site-file-watch")
        try:
            while True:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), self._poll_s)
                if self._wake.is_set():
                    await self._settle()
                async with self._looking:
                    await self._look()
        finally:
            noticing.cancel()
            await asyncio.gather(noticing, return_exceptions=True)

    async def replace(self, write: Callable[[], None]) -> str:
        """Have the file written and take it over at once; empty, or why it was refused.

        Nobody takes the file over while it is written and after, before this returns.

        Raises:
            OSError: what `write` raises, which runs in a thread.
        """
        async with self._looking:
            await asyncio.to_thread(write)
            return await self._look()

    async def _notice(self) -> None:
        """Wake the loop when something in the folder changes."""
        try:
            async for _ in awatch(
                self._path.parent,
                watch_filter=None,
                debounce=200,
                recursive=False,
                raise_interrupt=False,
            ):
                self._wake.set()
        except OSError as error:
            log.warning("site.watch_failed", reason=str(error), compared_every_s=self._poll_s)

    async def _settle(self) -> None:
        """Wait until the folder has been quiet for the debounce time, at most ten times it."""
        for _ in range(10):
            self._wake.clear()
            try:
                await asyncio.wait_for(self._wake.wait(), self._debounce_s)
            except TimeoutError:
                return
        self._wake.clear()

    async def _look(self) -> str:
        digest = await asyncio.to_thread(_digest, self._path)
        if digest == self._digest and not self._forced:
            return ""
        asked, self._forced = self._forced, False
        self._digest = digest
        try:
            new = await asyncio.to_thread(self._load, self._path)
            diff = changed_sections(self.site, new)
            if diff:
                await self._on_change(new, diff)
                self.site = new
                log.info("site.reloaded", file=str(self._path), changes=diff.summary()[:2000])
            elif asked:
                log.info("site.unchanged", file=str(self._path))
        except ConfigError as error:
            self._refuse(error)
            return str(error)
        if self._refused:
            self._refused = False
            self._on_problems(())
        await self._on_taken()
        return ""

    def _refuse(self, error: ConfigError) -> None:
        problems = (
            error.problems
            if isinstance(error, SiteFileError)
            else (Reporter.of(self._path).whole(str(error), "mend the file"),)
        )
        self._refused = True
        log.error(
            "site.refused",
            file=str(self._path),
            problems=[str(problem) for problem in problems[:20]],
            count=len(problems),
            mend="the old file goes on; mend this one",
        )
        self._on_problems(tuple(problems))


def _digest(path: Path) -> bytes:
    """What tells two contents of the file apart; also where it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.sha256(file.read(MAX_BYTES + 1)).digest()
    except OSError as error:
        return f"errno {error.errno}".encode()
