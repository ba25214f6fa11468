"""llama.cpp in this process, through `xllamacpp`: label scores from one prefill, bounded text.

The engine opens a listener of its own; it is put on a Unix socket in a private folder, with a
random key, so that nobody else can ask it. Each task has a slot with its own KV cache: the static
prefix of its prompt is computed once and reused.
"""

from __future__ import annotations

import json
import math
import secrets
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import xllamacpp

from hazard.errors import Interrupted, ReasonerError, WeightsError

LABEL_BIAS = 100.0
"""Added to the logits of all labels alike: they become the most likely tokens, and their
probabilities among each other stay what the model gave them."""

_MARGIN = 8
"""Tokens asked for beyond the labels, to see that nothing else got weight."""


class UnusableText(ReasonerError):  # noqa: N818 - named for what it says
    """The model wrote in time, but no whole JSON object: it rambled."""


@dataclass(frozen=True, slots=True)
class Scores:
    """Probabilities of the labels among each other, and what the prefill cost.

    Attributes:
        probabilities: by label, summing to one.
        cached_tokens: tokens of the prompt that were taken from the KV cache.
        new_tokens: tokens that had to be computed.
        prefill_ms: time of the prefill.
    """

    probabilities: dict[str, float]
    cached_tokens: int
    new_tokens: int
    prefill_ms: float


class LlamaCpp:
    """A GGUF model, loaded.

    Args:
        path: the GGUF file.
        threads: CPU threads for prefill and decode.
        slots: tasks with a KV cache of their own.
        context_tokens: context of each slot.

    Raises:
        WeightsError: if the engine does not load the file.
    """

    def __init__(
        self, path: Path, *, threads: int, slots: int = 1, context_tokens: int = 1024
    ) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="hazard-llama-")
        params = xllamacpp.CommonParams()
        params.model.path = str(path)
        params.n_ctx = context_tokens * slots
        params.n_parallel = slots
        params.n_batch = 512
        params.cpuparams.n_threads = threads
        params.cpuparams_batch.n_threads = threads
        params.cpuparams.poll = params.cpuparams_batch.poll = 0  # waiting threads burn no core
        params.cache_ram_mib = 0
        params.warmup = False
        params.verbosity = -1
        params.ui = False
        params.endpoint_slots = False
        params.hostnames = [f"{self._folder.name}/llama.sock"]
        params.api_keys = [secrets.token_hex(16)]
        try:
            self._server: Any = xllamacpp.Server(params)
        except (RuntimeError, ValueError) as error:
            self._folder.cleanup()
            raise WeightsError(
                f"{path}: llama.cpp does not load it ({error}); delete it and run "
                "`hazard models fetch`, or free memory"
            ) from error

    def score(self, prefix: str, rest: str, labels: Sequence[str], *, slot: int = 0) -> Scores:
        """Probabilities of `labels` as the token after the prompt: one prefill of `rest`.

        The KV cache is first cut back to `prefix`, at the cost of one token: what is computed in
        one batch depends on where the cache ends (by up to two per cent, as measured), and a
        decision must not depend on the incident that came before it.

        Raises:
            ReasonerError: if a label is not one token of this model, or the engine fails.
        """
        self._complete({"prompt": prefix, "id_slot": slot, "max_tokens": 0})
        answer = self._complete(
            {
                "prompt": prefix + rest,
                "id_slot": slot,
                "max_tokens": 1,
                "temperature": 1.0,
                "top_k": 0,
                "top_p": 1.0,
                "min_p": 0.0,
                "seed": 1,
                "logprobs": len(labels) + _MARGIN,
                "n_probs": len(labels) + _MARGIN,
                "post_sampling_probs": True,
                "logit_bias": [[label, LABEL_BIAS] for label in labels],
            }
        )
        try:
            top = answer["choices"][0]["logprobs"]["content"][0]["top_probs"]
            found = {str(item["token"]): float(item["prob"]) for item in top}
            timings = answer["timings"]
            cost = int(timings["cache_n"]), int(timings["prompt_n"]), float(timings["prompt_ms"])
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise ReasonerError(f"llama.cpp gave no label probabilities: {error!r}") from error
        return Scores(_among(found, labels), *cost)

    def generate(
        self,
        prompt: str,
        schema: Mapping[str, Any],
        *,
        max_tokens: int,
        deadline_monotonic_s: float,
        stop: Callable[[], bool] = lambda: False,
        slot: int = 0,
    ) -> dict[str, Any]:
        """A JSON object under the grammar of `schema`, greedily; stopped at the deadline.

        `stop` is asked after each token.

        Raises:
            Interrupted: if `stop` said so.
            UnusableText: if it is no whole object within `max_tokens`.
            ReasonerError: if it is not whole by the deadline, or the engine fails.
        """
        pieces: list[str] = []
        late = stopped = False

        def take(chunk: Mapping[str, Any]) -> bool:
            nonlocal late, stopped
            pieces.extend(str(choice.get("text", "")) for choice in chunk.get("choices", ()))
            late, stopped = time.monotonic() >= deadline_monotonic_s, stop()
            return late or stopped

        self._complete(
            {
                "prompt": prompt,
                "id_slot": slot,
                "max_tokens": max_tokens,
                "temperature": 0.0,
                "json_schema": dict(schema),
                "stream": True,
            },
            take,
        )
        if stopped:
            raise Interrupted("words gave way to a decision")
        if late:
            raise ReasonerError("out of time while writing")
        try:
            value = json.loads("".join(pieces))
        except ValueError as error:
            raise UnusableText(f"the text did not end within {max_tokens} tokens") from error
        if not isinstance(value, dict):
            raise UnusableText("the text is no JSON object")
        return value

    def close(self) -> None:
        """Free the model and its socket."""
        self._server = None
        self._folder.cleanup()

    def _complete(self, request: Mapping[str, Any], *callback: Any) -> Any:
        if self._server is None:
            raise ReasonerError("the model has been closed")
        try:
            answer = self._server.handle_completions({**request, "cache_prompt": True}, *callback)
        except (RuntimeError, ValueError) as error:
            raise ReasonerError(f"llama.cpp failed: {str(error)[:200]}") from error
        if isinstance(answer, dict) and "error" in answer:
            raise ReasonerError(f"llama.cpp refused: {str(answer['error'])[:200]}")
        return answer


def _among(found: Mapping[str, float], labels: Sequence[str]) -> dict[str, float]:
    missing = [label for label in labels if label not in found]
    if missing:
        raise ReasonerError(f"no probability for {missing}: each label must be one token")
    values = [found[label] for label in labels]
    total = math.fsum(values)
    if not math.isfinite(total) or total <= 0.0:
        raise ReasonerError(f"the label probabilities sum to {total}")
    return {label: value / total for label, value in zip(labels, values, strict=True)}
