"""The backend `openai`: `hazard.ports.Reasoner` on other machines.

Each incident is redacted before the engine sees it, and names are put back into the words that
come. A certificate is bound to what the server says that it serves; an answer of another model or
route than the one that was asked at the start may only advise, since neither an exam nor the prior
that is divided out belongs to it.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import JsonValue

from hazard.catalogue import catalogue
from hazard.errors import ReasonerError
from hazard.site.reasoning import Reasoning
from hazard.types import Authority, Incident, Opinion, Verdict, Words
from models.reasoning import prompt, words
from models.reasoning.engine import Prompt
from models.reasoning.facts import Facts
from models.reasoning.judge import LanguageReasoner, Limits
from models.reasoning.remote.engine import RemoteEngine
from models.reasoning.remote.protocol import Answered
from models.reasoning.remote.redact import Redacted, redacted

NAME = "openai"
FIRST_ANSWER_S = 30.0
"""How long the first answer may take: a server may still load the model, or have to be woken."""

LIMITS = Limits(Authority.DECIDE, Authority.ADVISE, ("en", "fr", "de", "es", "it"))
"""Nobody knows how large a model on another machine is: without an exam it advises."""


class RemoteReasoner:
    """The servers of `reasoning.routes`. The site's examples are not sent: they are free text.

    Args:
        config: the site's reasoning section.
        models_dir: certificate and calibration lie in its folder `openai`.

    Raises:
        ConfigError: if no route may be asked, or one lacks its secret or certificate.
        ReasonerError: if no route answers.
    """

    name = NAME

    def __init__(self, config: Reasoning, models_dir: Path) -> None:
        decide = prompt.decide_prompt(catalogue())
        self._engine = RemoteEngine(
            config.routes,
            allow_public=config.allow_public,
            allowed_prompts=frozenset({decide.sha256, words.WRITE.sha256, words.ORDER.sha256}),
            allowed_texts=frozenset(prompt.NEUTRAL),
        )
        try:
            self._first = self._ask_first(decide)
            self._inner = LanguageReasoner(
                NAME,
                self._engine,
                config.model_copy(update={"examples": ()}),
                Facts(
                    files={f"{self._first.route}:{self._first.model}": self._first.same_model},
                    quantization="as served",
                    settings=self._first.provenance(),
                ),
                LIMITS,
                models_dir / NAME,
                redact=_redacted,
            )
        except BaseException:
            self._engine.close()
            raise
        self.max_authority = self._inner.max_authority
        self.uncertified = self._inner.uncertified
        self.folder = self._inner.folder

    def decide(self, incident: Incident, verdict: Verdict, deadline_monotonic_s: float) -> Opinion:
        """See `hazard.ports.Reasoner.decide`; the provenance names the route that answered."""
        found = _redacted(incident)
        with self._engine.protecting(found):
            opinion = self._inner.decide(found.incident, verdict, deadline_monotonic_s)
        return self._limited(opinion)

    def write(
        self,
        incident: Incident,
        severity: str,
        languages: Sequence[str],
        deadline_monotonic_s: float,
    ) -> Words:
        """See `hazard.ports.Reasoner.write`; what the model wrote gets its names back."""
        with self._engine.protecting(_redacted(incident)):
            return self._inner.write(incident, severity, languages, deadline_monotonic_s)

    def interrupt(self) -> None:
        """Make `write` give way."""
        self._inner.interrupt()

    def decide_text(self, text: str, deadline_monotonic_s: float) -> Opinion:
        """A narrative of an exam is free text: it is refused, and nothing is sent.

        Raises:
            ReasonerError: always but for a text that is the product's own.
        """
        return self._inner.decide_text(text, deadline_monotonic_s)

    def figures(self) -> dict[str, JsonValue]:
        """What was written and refused, for the health."""
        return self._inner.figures()

    def provenance(self) -> Mapping[str, str]:
        """The route that answered first, its model, what the server says of it, prompt hash."""
        return self._inner.provenance()

    def close(self) -> None:
        """Close the connections."""
        self._inner.close()

    def _ask_first(self, decide: Prompt) -> Answered:
        deadline_s = time.monotonic() + FIRST_ANSWER_S
        self._engine.score(
            decide, prompt.NEUTRAL[0], prompt.LABELS, deadline_monotonic_s=deadline_s
        )
        if self._engine.answered is None:
            raise ReasonerError("no route has answered")
        return self._engine.answered

    def _limited(self, opinion: Opinion) -> Opinion:
        """With the route that gave it; advice if that is another one than at the start."""
        now = self._engine.answered or self._first
        changes: dict[str, object] = {"provenance": {**opinion.provenance, **now.provenance()}}
        if now.same_model != self._first.same_model:
            changes["authority_limit"] = Authority.ADVISE
            why = (
                f"answered by {now.route} ({now.served_model}), not by {self._first.route} "
                f"({self._first.served_model}) as at the start: its answer is advice"
            )
            changes["note"] = "; ".join(part for part in (why, opinion.note) if part)[:300]
        return opinion.model_copy(update=changes)


def _redacted(incident: Incident) -> Redacted:
    return redacted(incident, catalogue())
