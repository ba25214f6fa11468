"""`models.reasoning.engine.Engine` over HTTP: a decision is one token with its alternatives.

Every text that is sent has been vouched for: the prompt is one of the product's own (by its hash),
and the incident is one that `protecting` was given as redacted, proved again on the final text. A
caller that forgets to redact, or a redaction that leaks, gets an error, and no byte is sent.
"""

from __future__ import annotations

import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from string import ascii_uppercase

from hazard.errors import Interrupted, ReasonerError
from hazard.site.reasoning import Route
from hazard.types import Severity
from models.reasoning.engine import Prompt, Scores
from models.reasoning.remote import protocol
from models.reasoning.remote.background import Background
from models.reasoning.remote.protocol import Answered, Writing
from models.reasoning.remote.redact import Redacted
from models.reasoning.remote.transport import Link, Reply, ask, connect, whole

_LABELS = frozenset((*(severity.value for severity in Severity), *ascii_uppercase))
"""Severities, and the letters that stand for actions."""


class RemoteEngine:
    """The routes of a site as one engine.

    Args:
        routes: as the site file has them.
        allow_public: whether public ones may be asked.
        allowed_prompts: `sha256` of the prompts that are the product's own text alone; a prompt
            with the site's examples is none of them.
        allowed_texts: whole user texts of the product's own, e.g. incidents without content.
        longest_s: a question that waits longer has no answer, however late its deadline is.

    Raises:
        ConfigError: if no route may be asked, or one lacks its secret or certificate.
    """

    def __init__(
        self,
        routes: Sequence[Route],
        *,
        allow_public: bool,
        allowed_prompts: frozenset[str],
        allowed_texts: frozenset[str] = frozenset(),
        longest_s: float = 60.0,
    ) -> None:
        self._links = connect(routes, allow_public=allow_public)
        self._allowed_prompts = allowed_prompts
        self._allowed_texts = allowed_texts
        self._longest_s = longest_s
        self._own = threading.local()
        self._answered: Answered | None = None
        self._background = Background("hazard-remote-reasoning")

    @property
    def answered(self) -> Answered | None:
        """Who gave the last answer; None before the first."""
        return self._answered

    @contextmanager
    def protecting(self, redacted: Redacted) -> Iterator[None]:
        """Let this thread send texts of `redacted`, each checked, and no others."""
        before = getattr(self._own, "redacted", None)
        self._own.redacted = redacted
        try:
            yield
        finally:
            self._own.redacted = before

    def score(
        self, prompt: Prompt, text: str, labels: Sequence[str], *, deadline_monotonic_s: float
    ) -> Scores:
        """See `Engine.score`; `measured` is False where the server gives no probabilities.

        Raises:
            ReasonerError: if redaction cannot be guaranteed, or no route gave a usable answer.
        """
        self._vouch(prompt, text)
        deadline_s = min(deadline_monotonic_s, time.monotonic() + self._longest_s)
        if not set(labels) <= _LABELS:
            raise ReasonerError(
                "redaction cannot be guaranteed: a label is no severity and no letter"
            )
        turn = protocol.scoring_turn(text, labels)

        async def read(link: Link, reply: Reply) -> Scores:
            answer = protocol.parsed(await whole(reply))
            elapsed_ms = (time.monotonic() - reply.started_monotonic_s) * 1000.0
            scores = protocol.scores_of(answer, labels, elapsed_ms)
            self._note(link, answer)
            return scores

        asking = ask(
            self._links,
            lambda model, extras: protocol.scoring_body(model, prompt, turn, extras),
            read,
            deadline_s,
        )
        return self._background.run(asking, deadline_s)

    def write(
        self,
        prompt: Prompt,
        text: str,
        *,
        max_tokens: int,
        deadline_monotonic_s: float,
        stop: Callable[[], bool],
    ) -> str:
        """See `Engine.write`; `stop` is also heard while the server is silent.

        Raises:
            Interrupted: if `stop` said so.
            UnusableText: if it did not end within `max_tokens`.
            ReasonerError: if redaction cannot be guaranteed, or no route gave a usable text.
        """
        self._vouch(prompt, text)
        deadline_s = min(deadline_monotonic_s, time.monotonic() + self._longest_s)

        async def read(link: Link, reply: Reply) -> str:
            writing = Writing(prompt)
            async for chunk in _events(reply):
                self._note(link, chunk)
                ended = writing.take(chunk)
                if stop():
                    raise Interrupted("words gave way to a decision")
                if ended:
                    break
            return writing.text()

        asking = ask(
            self._links,
            lambda model, extras: protocol.writing_body(model, prompt, text, max_tokens, extras),
            read,
            deadline_s,
        )
        return self._background.run(asking, deadline_s, stop)

    def close(self) -> None:
        """Cancel what is asked and close the connections."""
        self._background.close(self._close_links())

    async def _close_links(self) -> None:
        for link in self._links:
            await link.client.aclose()

    def _note(self, link: Link, answer: dict[str, object]) -> None:
        route = link.route
        self._answered = protocol.answered(route.name, route.model, answer, public=route.public)

    def _vouch(self, prompt: Prompt, text: str) -> None:
        """Refuse whatever is not known to be free of the site's own text.

        Raises:
            ReasonerError: naming what it was; the text itself is not in it.
        """
        if prompt.sha256 not in self._allowed_prompts:
            raise ReasonerError(
                f"redaction cannot be guaranteed: the prompt {prompt.task!r} is not the product's "
                "own text (it may hold the site's examples); nothing was sent"
            )
        if text in self._allowed_texts:
            return
        redacted: Redacted | None = getattr(self._own, "redacted", None)
        if redacted is None:
            raise ReasonerError(
                "redaction cannot be guaranteed: the incident was not redacted; nothing was sent"
            )
        examples = [part for pair in prompt.examples for part in pair]
        redacted.check(text, (prompt.system, *examples))


async def _events(reply: Reply) -> AsyncIterator[dict[str, object]]:
    """The chunks of a stream of server-sent events; a whole answer is one chunk."""
    if reply.media_type == "application/json":
        yield protocol.parsed(await whole(reply))
        return
    kept = b""
    async for data in reply.chunks:
        *lines, kept = (kept + data).split(b"\n")
        for line in lines:
            value = line.removeprefix(b"data:").strip()
            if not line.startswith(b"data:") or not value:
                continue
            if value == b"[DONE]":
                return
            yield protocol.parsed(value)
