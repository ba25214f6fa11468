"""Carries out changes of the site file that people ask for: written, in force, and recorded.

The file is written first, then taken over, and then the version is stored with the request's
outcome in one transaction. Whoever dies in between finds the request still pending at the next
start: it is recognised by the content that the file then has, and carried out to its end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import structlog
from pydantic import JsonValue

from edge_agent.core.dispatch import SITE_VERBS, audit, finish_with
from edge_agent.core.reload import SiteWatcher
from edge_agent.core.revisions import Commit
from edge_agent.core.site_file import write_site_file
from edge_agent.core.site_versions import Versions
from edge_agent.core.store_thread import StoreThread
from hazard.alarms.arguments import ChangeSite, RestoreSite, arguments_as
from hazard.alarms.authorization import refuse_elsewhere, refuse_unauthorized
from hazard.errors import ConfigError, Conflict, Forbidden, HazardError, IllegalTransition
from hazard.site.change import Proposal, compare, propose
from hazard.site.loader import load_text
from hazard.site.problems import SiteFileError
from hazard.site.reach import areas_of_change, reserved_of_change
from hazard.site.text import Content, read_content
from hazard.site.versions import BY_HAND
from hazard.store.site_versions import SiteVersions
from hazard.types import ActionRequest, RequestOutcome, RequestState, Role, Verb

MAX_PROBLEMS = 50
"""Problems that the outcome of a refused change names."""
MAX_TEXT = 2000
FAILED = "the agent failed on this change: see its log; the site file is as it says it is"

log = structlog.get_logger()


class SiteChanges:
    """Changes the site file, one request after the other.

    Args:
        stored: reads of versions; used in the store's thread.
        watcher: takes the written file over.
    """

    def __init__(
        self,
        site_file: Path,
        versions: Versions,
        watcher: SiteWatcher,
        *,
        stored: SiteVersions,
        thread: StoreThread,
        commit: Commit,
    ) -> None:
        self._file, self._versions, self._watcher = site_file, versions, watcher
        self._stored, self._thread, self._commit = stored, thread, commit
        self._one_at_a_time = asyncio.Lock()

    async def start(self, pending: Iterable[ActionRequest]) -> None:
        """Take up the versions, and know again what was under way when the agent died."""
        requests = [request for request in pending if request.verb in SITE_VERBS]
        targets = [await self._target(request) for request in requests]
        newest = await self._thread.run(self._stored.newest)
        await self._versions.start(
            newest, lambda content: any(one and one.sha256 == content.sha256 for one in targets)
        )

    async def carry_out(self, request: ActionRequest) -> None:
        """Change the file, or refuse it; either way the outcome is stored."""
        async with self._one_at_a_time:
            try:
                await self._change(request)
            except Conflict as error:
                self._end(request, RequestState.CONFLICT, str(error))
            except SiteFileError as error:
                problems: list[JsonValue] = [
                    dict(problem.as_dict()) for problem in error.problems[:MAX_PROBLEMS]
                ]
                self._end(request, RequestState.REFUSED, str(error), problems=problems)
            except HazardError as error:
                self._end(request, RequestState.REFUSED, str(error))
            except Exception:
                log.exception("site.change_failed", request_id=request.request_id)
                self._end(request, RequestState.REFUSED, FAILED)
            finally:
                self._versions.expect("")
                await self._versions.seen()

    # ------------------------------------------------------------ one change

    async def _change(self, request: ActionRequest) -> None:
        arguments = _arguments(request)
        refuse_unauthorized(request, None)
        if not request.comment.strip():
            raise IllegalTransition("comment is empty: say why the site file is changed")
        now = await asyncio.to_thread(read_content, self._file)
        if now.sha256 != arguments.base_sha256:
            await self._already_written(request, now)
            return
        proposal, restored = await self._proposal(arguments, now)
        if proposal.text == now.text:
            raise IllegalTransition("the change changes nothing: the file says so already")
        _refuse_reserved(request, proposal)
        refuse_elsewhere(request, areas_of_change(proposal.old, proposal.site, proposal.diff))
        self._versions.expect(proposal.sha256)
        refused = await self._watcher.replace(partial(self._write, now, proposal.text))
        if refused:
            await self._watcher.replace(partial(write_site_file, self._file, now.text))
            raise ConfigError(f"the agent cannot run with it, and the file is as it was: {refused}")
        self._done(request, proposal, restored)

    def _write(self, looked_at: Content, text: str) -> None:
        """Write, unless somebody has saved the file by hand in this very moment."""
        if read_content(self._file).sha256 != looked_at.sha256:
            raise Conflict("the site file changed meanwhile by hand: load it again")
        write_site_file(self._file, text)

    async def _proposal(
        self, arguments: ChangeSite | RestoreSite, now: Content
    ) -> tuple[Proposal, int | None]:
        if isinstance(arguments, ChangeSite):
            work = partial(propose, now.text, arguments.patch, self._file)
            return await asyncio.to_thread(work), None
        version = await self._thread.run(partial(self._stored.get, arguments.version))
        if version is None:
            newest = self._versions.newest
            known = f"known are 1 to {newest.version}" if newest is not None else "there is none"
            raise IllegalTransition(f"there is no version {arguments.version}: {known}")
        work = partial(self._restored, now.text, version.text)
        return await asyncio.to_thread(work), version.version

    def _restored(self, now: str, text: str) -> Proposal:
        """What a version's text changes; a file that was broken by hand is passed over."""
        try:
            load_text(now, self._file)
        except SiteFileError:
            newest = self._versions.newest
            now = newest.text if newest is not None else text
        return compare(now, text, self._file)

    def _done(self, request: ActionRequest, proposal: Proposal, restored: int | None) -> None:
        content = Content(proposal.text, proposal.sha256)
        save = self._versions.made(content, request, proposal.summary, restored)
        later: list[JsonValue] = [str(change) for change in proposal.diff.restart]
        number = save.version.version
        text = f"version {number} of the site file is in force: {proposal.summary}"
        if restored is not None:
            text = f"version {number}, which is version {restored} again, is in force"
        if later:
            text = f"{text}; it waits for a restart of the agent: {'; '.join(map(str, later))}"
        values: dict[str, JsonValue] = {
            "version": number,
            "sha256": proposal.sha256,
            "restart": later,
        }
        outcome = RequestOutcome(state=RequestState.DONE, text=text[:MAX_TEXT], values=values)
        at = datetime.now(UTC)
        line = audit(in_audit(request), outcome, at)
        self._commit((save, line, finish_with(request, outcome, at)))

    # ------------------------------------------------------------ what was changed before

    async def _already_written(self, request: ActionRequest, now: Content) -> None:
        """The file is not the one that was looked at: by this request before a crash, or another's.

        Raises:
            Conflict: with who has changed it, and what.
        """
        newest = self._versions.newest
        target = await self._target(request)
        unrecorded = newest is None or newest.sha256 != now.sha256
        if target is not None and target.sha256 == now.sha256 and unrecorded:
            restored = request.arguments.get("version")
            self._done(request, target, restored if isinstance(restored, int) else None)
            return
        recorded = newest is not None and newest.sha256 == now.sha256
        if newest is not None and recorded and newest.actor != BY_HAND:
            raise Conflict(
                f"the site file changed meanwhile by {newest.actor} at "
                f"{newest.made_at:%Y-%m-%d %H:%M:%S} UTC (version {newest.version}: "
                f"{newest.summary[:500]}): load it again and repeat what you want of your change"
            )
        raise Conflict("the site file changed meanwhile by hand: load it again")

    async def _target(self, request: ActionRequest) -> Proposal | None:
        """What the request makes of the version that it names; None if that cannot be told."""
        try:
            arguments = _arguments(request)
            base = await self._thread.run(partial(self._stored.of_content, arguments.base_sha256))
            if base is None:
                return None
            proposal, _ = await self._proposal(arguments, Content(base.text, base.sha256))
        except HazardError:
            return None
        return proposal

    def _end(
        self, request: ActionRequest, state: RequestState, text: str, **values: JsonValue
    ) -> None:
        outcome = RequestOutcome(state=state, text=text[:MAX_TEXT], values=values)
        log.warning("site.not_changed", actor=request.actor, state=state.value, text=text[:300])
        at = datetime.now(UTC)
        told = outcome.model_copy(update={"values": {}})
        self._commit((audit(in_audit(request), told, at), finish_with(request, outcome, at)))


def _arguments(request: ActionRequest) -> ChangeSite | RestoreSite:
    if request.verb is Verb.CHANGE_SITE:
        return arguments_as(ChangeSite, request)
    return arguments_as(RestoreSite, request)


def in_audit(request: ActionRequest) -> ActionRequest:
    """The request without its patch, in which somebody may have written what is secret."""
    patch = request.arguments.get("patch")
    if not isinstance(patch, dict):
        return request
    arguments = {**request.arguments, "patch": sorted(str(section)[:64] for section in patch)}
    return request.model_copy(update={"arguments": arguments})


def _refuse_reserved(request: ActionRequest, proposal: Proposal) -> None:
    """Who may name users, or show people clear, is not everybody who may draw a zone."""
    for field, roles in reserved_of_change(proposal.diff).items():
        if request.role not in roles:
            allowed = ", ".join(role for role in Role if role in roles)
            raise Forbidden(
                f"{field} is not for {request.actor} as {request.role}: it takes one of {allowed}"
            )
