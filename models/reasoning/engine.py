"""What every reasoning backend is made of: something that scores labels and continues a text.

An engine knows how its model wants turns written, keeps the KV cache of each task's static part,
and knows nothing of hazards. `models.reasoning.judge` makes a `hazard.ports.Reasoner` of one.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from hazard.errors import ReasonerError


@dataclass(frozen=True, slots=True)
class Prompt:
    """The static part of a task; what comes from an incident is given beside it, as one user turn.

    Attributes:
        task: a short name; an engine keeps one KV cache per task.
        system: role, rules, rubric.
        examples: pairs of a user's turn and the answer to it.
        answer_begins: the first words of the answer; the model goes on from there.
    """

    task: str
    system: str
    examples: tuple[tuple[str, str], ...] = ()
    answer_begins: str = ""

    @property
    def sha256(self) -> str:
        """Hash of everything in it."""
        parts = [self.task, self.system, [list(pair) for pair in self.examples], self.answer_begins]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Scores:
    """Labels scored together from the last position of one prefill.

    Attributes:
        log_probabilities: by label, natural logarithm, normalised among the labels.
        cached_tokens: tokens of the prompt that came from the KV cache.
        new_tokens: tokens that had to be computed.
        prefill_ms: time of the prefill.
        measured: False where the server gave one word and no probabilities: it may only advise.
    """

    log_probabilities: Mapping[str, float]
    cached_tokens: int
    new_tokens: int
    prefill_ms: float
    measured: bool = True


class Engine(Protocol):
    """A model, loaded or reachable. Calls block; deadlines are absolute CLOCK_MONOTONIC seconds."""

    def score(
        self, prompt: Prompt, text: str, labels: Sequence[str], *, deadline_monotonic_s: float
    ) -> Scores:
        """The labels (plain words, e.g. `high`) as the first word that the model would answer.

        Raises:
            ReasonerError: if there is no usable answer.
        """
        ...

    def write(
        self,
        prompt: Prompt,
        text: str,
        *,
        max_tokens: int,
        deadline_monotonic_s: float,
        stop: Callable[[], bool],
    ) -> str:
        """The answer after `answer_begins`, greedily, up to a double quote or the end of the line.

        `stop` is asked after each token.

        Raises:
            Interrupted: if `stop` said so.
            UnusableText: if it did not end within `max_tokens`.
            ReasonerError: if it is not whole by the deadline, or the model fails.
        """
        ...

    def close(self) -> None:
        """Free the model."""
        ...


class UnusableText(ReasonerError):  # noqa: N818 - named for what it says
    """The model wrote in time, but nothing that ends: it rambled."""


def normalised(log_weights: Mapping[str, float]) -> dict[str, float]:
    """Log-probabilities of the same labels, summing to one.

    Raises:
        ReasonerError: if a weight is not a number, or all are nothing.
    """
    if any(math.isnan(value) or value == math.inf for value in log_weights.values()):
        raise ReasonerError("the model gave label scores that are no numbers")
    top = max(log_weights.values(), default=-math.inf)
    if top == -math.inf:
        raise ReasonerError("the model gave no label any probability")
    total = top + math.log(math.fsum(math.exp(v - top) for v in log_weights.values()))
    return {label: max(value - total, -700.0) for label, value in log_weights.items()}
