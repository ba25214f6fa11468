"""Which content of the site file is in force, and each one before it, as versions in the store."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import structlog

from edge_agent.core.revisions import Commit
from hazard.errors import ConfigError
from hazard.site.change import compare
from hazard.site.text import Content, read_content
from hazard.site.versions import BY_HAND, SiteVersion
from hazard.store.operations import SaveSiteVersion
from hazard.types import ActionRequest

MAX_TEXT = 2000

log = structlog.get_logger()


class Versions:
    """Numbers the versions; whatever is in force and was never recorded is recorded `by hand`.

    Args:
        node: name of this node, as it is now.
    """

    def __init__(self, site_file: Path, node: Callable[[], str], commit: Commit) -> None:
        self._file, self._node, self._commit = site_file, node, commit
        self.newest: SiteVersion | None = None
        self._expected = ""

    async def start(self, newest: SiteVersion | None, awaited: Callable[[Content], bool]) -> None:
        """Take up the stored versions, and record what was written while no agent ran.

        `awaited` says whether a request that was under way has written this content: then the
        request is carried out to its end, and it records the version with who asked, and why.
        """
        self.newest = newest
        content = await asyncio.to_thread(self._read)
        if content is not None and awaited(content):
            self._expected = content.sha256
        await self.seen()

    async def seen(self) -> None:
        """The content of the file is in force: record it, unless it is the newest version."""
        content = await asyncio.to_thread(self._read)
        if content is None or content.sha256 == self._expected:
            return
        if self.newest is None:
            self._by_hand(content, "as it was found at the first start")
        elif content.sha256 != self.newest.sha256:
            before = self.newest.text
            self._by_hand(content, await asyncio.to_thread(self._summary, before, content.text))

    def expect(self, sha256: str) -> None:
        """A request is about to write this content and records it itself; empty: no more."""
        self._expected = sha256

    def made(
        self, content: Content, request: ActionRequest, summary: str, restored: int | None
    ) -> SaveSiteVersion:
        """The newest version, by a request; to be stored with the request's outcome."""
        return self._next(content, request.actor, request.comment, summary, restored)

    def _by_hand(self, content: Content, summary: str) -> None:
        self._commit((self._next(content, BY_HAND, "", summary, None),))

    def _next(
        self, content: Content, actor: str, reason: str, summary: str, restored: int | None
    ) -> SaveSiteVersion:
        number = self.newest.version + 1 if self.newest is not None else 1
        self.newest = SiteVersion(
            version=number,
            node=self._node(),
            sha256=content.sha256,
            actor=actor,
            reason=reason[:MAX_TEXT],
            summary=summary[:MAX_TEXT],
            restored_from=restored,
            made_at=datetime.now(UTC),
            text=content.text,
        )
        log.info("site.version", version=number, actor=actor, sha256=content.sha256)
        return SaveSiteVersion(version=self.newest)

    def _summary(self, before: str, after: str) -> str:
        try:
            return compare(before, after, self._file).summary
        except ConfigError:
            # A version of an earlier release may not be valid for this one.
            return "cannot be compared with the version before"

    def _read(self) -> Content | None:
        try:
            return read_content(self._file)
        except ConfigError as error:
            log.warning("site.not_read", error=str(error)[:300])
            return None
