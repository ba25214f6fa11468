"""llama.cpp in this process, through `xllamacpp`: label scores from one prefill, bounded text.

The engine opens a listener of its own; it is put on a Unix socket in a private folder, with a
random key, so that nobody else can ask it. Each task has a slot with its own KV cache: the static
prefix of its prompt is computed once and reused.
"""

from __future__ import annotations

import math
import secrets
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx2
import xllamacpp

from hazard.errors import Interrupted, ReasonerError, WeightsError
from models.reasoning.chat import style_of
from models.reasoning.engine import Prompt, Scores, UnusableText, normalised
from models.reasoning.facts import chat_signs
from models.reasoning.tokens import first_tokens

LABEL_BIAS = 100.0
"""Added to the logits of all labels alike: they become the most likely tokens, and their
probabilities among each other stay what the model gave them."""

CONTEXT_TOKENS = 2048
"""Of each slot: the static part has about 800 tokens, an incident at most 250."""
SLOTS = 3
"""Tasks with a KV cache of their own."""

_MARGIN = 8
"""Tokens asked for beyond the labels, to see that nothing else got weight."""
_TEXT_GRAMMAR = r'root ::= [^"\\<>{}\[\]\x00-\x1f]+ "\""'
"""A line without quotes and markup, then the quote that ends it. Length is bounded by tokens: a
bounded repetition costs this grammar's parser seconds."""


class LlamaCpp:
    """A GGUF model, loaded: a `models.reasoning.engine.Engine`.

    Args:
        path: the GGUF file.
        threads: CPU threads for prefill and decode.
        gpu_layers: layers on the GPU; None: as many as fit.

    Raises:
        WeightsError: if the engine does not load the file.
    """

    def __init__(self, path: Path, *, threads: int, gpu_layers: int | None = None) -> None:
        self.chat = style_of(chat_signs(path))
        self._folder = tempfile.TemporaryDirectory(prefix="hazard-llama-")
        self._socket = f"{self._folder.name}/llama.sock"
        self._key = secrets.token_hex(16)
        self._slots: dict[str, int] = {}
        self._labels: dict[tuple[str, tuple[str, ...]], tuple[int, ...]] = {}
        try:
            self._server: Any = xllamacpp.Server(self._params(path, threads, gpu_layers))
        except (RuntimeError, ValueError) as error:
            self._folder.cleanup()
            raise WeightsError(
                f"{path}: llama.cpp does not load it ({error}); delete it and run "
                "`hazard models fetch`, or free memory"
            ) from error

    def _params(self, path: Path, threads: int, gpu_layers: int | None) -> Any:
        params = xllamacpp.CommonParams()
        params.model.path = str(path)
        params.n_ctx = CONTEXT_TOKENS * SLOTS
        params.n_parallel = SLOTS
        params.n_batch = 512
        params.cpuparams.n_threads = threads
        params.cpuparams_batch.n_threads = threads
        params.cpuparams.poll = params.cpuparams_batch.poll = 0  # waiting threads burn no core
        if gpu_layers is not None:
            params.n_gpu_layers = gpu_layers
        params.cache_ram_mib = 0
        params.warmup = False
        params.verbosity = -1
        params.ui = False
        params.endpoint_slots = False
        params.hostnames = [self._socket]
        params.api_keys = [self._key]
        return params

    def score(
        self,
        prompt: Prompt,
        text: str,
        labels: Sequence[str],
        *,
        deadline_monotonic_s: float,
        cached: bool = True,
    ) -> Scores:
        """See `models.reasoning.engine.Engine.score`.

        The KV cache is first cut back to the static part, at the cost of one token: what is
        computed in one batch depends on where the cache ends (by up to two per cent, as measured),
        and a decision must not depend on the incident that came before it. `cached=False` computes
        the static part too, to measure what the cache saves.
        """
        if time.monotonic() >= deadline_monotonic_s:
            raise ReasonerError("the deadline had passed before the model was asked")
        ids = self._label_ids(prompt, tuple(labels))
        if cached:
            self.rewind(prompt)
        answer = self._complete(
            {
                "prompt": self.chat.prefix(prompt) + text + self.chat.suffix(prompt),
                "id_slot": self._slot(prompt),
                "max_tokens": 1,
                "temperature": 1.0,
                "top_k": 0,
                "top_p": 1.0,
                "min_p": 0.0,
                "seed": 1,
                "logprobs": len(labels) + _MARGIN,
                "n_probs": len(labels) + _MARGIN,
                "post_sampling_probs": True,
                "logit_bias": [[token, LABEL_BIAS] for token in ids],
                "cache_prompt": cached,
            }
        )
        try:
            top = answer["choices"][0]["logprobs"]["content"][0]["top_probs"]
            found = {int(item["id"]): float(item["prob"]) for item in top}
            timings = answer["timings"]
            cost = int(timings["cache_n"]), int(timings["prompt_n"]), float(timings["prompt_ms"])
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise ReasonerError(f"llama.cpp gave no label probabilities: {error!r}") from error
        missing = [label for label, token in zip(labels, ids, strict=True) if token not in found]
        if missing:
            raise ReasonerError(f"llama.cpp gave no probability for {missing}")
        weights = {
            label: math.log(found[token]) if found[token] > 0.0 else -math.inf
            for label, token in zip(labels, ids, strict=True)
        }
        return Scores(normalised(weights), *cost)

    def write(
        self,
        prompt: Prompt,
        text: str,
        *,
        max_tokens: int,
        deadline_monotonic_s: float,
        stop: Callable[[], bool],
    ) -> str:
        """See `models.reasoning.engine.Engine.write`."""
        pieces: list[str] = []
        late = stopped = False

        def take(chunk: Mapping[str, Any]) -> bool:
            nonlocal late, stopped
            pieces.extend(str(choice.get("text", "")) for choice in chunk.get("choices", ()))
            late, stopped = time.monotonic() >= deadline_monotonic_s, stop()
            return late or stopped

        self._complete(
            {
                "prompt": self.chat.prefix(prompt) + text + self.chat.suffix(prompt),
                "id_slot": self._slot(prompt),
                "max_tokens": max_tokens,
                "temperature": 0.0,
                "grammar": _TEXT_GRAMMAR,
                "stream": True,
            },
            take,
        )
        if stopped:
            raise Interrupted("words gave way to a decision")
        if late:
            raise ReasonerError("out of time while writing")
        written, quote, _ = "".join(pieces).partition('"')
        if not quote:
            raise UnusableText(f"the text did not end within {max_tokens} tokens")
        return written

    def rewind(self, prompt: Prompt) -> None:
        """Cut the task's KV cache back to the static part, or fill it.

        Raises:
            ReasonerError: if the engine fails.
        """
        self._complete(
            {"prompt": self.chat.prefix(prompt), "id_slot": self._slot(prompt), "max_tokens": 0}
        )

    def generate(
        self,
        prompt: Prompt,
        text: str,
        *,
        tokens: int,
        schema: Mapping[str, Any] | None = None,
        cached: bool = True,
    ) -> tuple[str, int]:
        """What a decision from one prefill is measured against: an answer that is written out.

        Args:
            prompt: the static part.
            text: the user's turn.
            tokens: as many are written, whatever they are; with a `schema`, at most.
            schema: JSON schema whose grammar the answer obeys.
            cached: whether what the KV cache holds of the prompt is used.

        Returns:
            The text and its number of tokens.

        Raises:
            ReasonerError: if the engine fails.
        """
        request = {
            "prompt": self.chat.prefix(prompt) + text + self.chat.suffix(prompt),
            "id_slot": self._slot(prompt),
            "max_tokens": tokens,
            "temperature": 0.0,
            "cache_prompt": cached,
        }
        if schema is None:
            request["ignore_eos"] = True
        else:
            request["json_schema"] = dict(schema)
        answer = self._complete(request)
        try:
            return str(answer["choices"][0]["text"]), int(answer["timings"]["predicted_n"])
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise ReasonerError(f"llama.cpp gave no text: {error!r}") from error

    def close(self) -> None:
        """Free the model and its socket."""
        self._server = None
        self._folder.cleanup()

    def tokens(self, text: str) -> list[int]:
        """The ids of a text's tokens, template signs as such.

        Raises:
            ReasonerError: if the engine fails.
        """
        with httpx2.Client(transport=httpx2.HTTPTransport(uds=self._socket)) as client:
            try:
                answer = client.post(
                    "http://llama/tokenize",
                    json={"content": text, "parse_special": True, "add_special": False},
                    headers={"Authorization": f"Bearer {self._key}"},
                )
                answer.raise_for_status()
                return [int(token) for token in answer.json()["tokens"]]
            except (httpx2.HTTPError, KeyError, TypeError, ValueError) as error:
                raise ReasonerError(f"llama.cpp does not tokenize: {error!r}") from error

    def _label_ids(self, prompt: Prompt, labels: tuple[str, ...]) -> tuple[int, ...]:
        key = (prompt.task, labels)
        if key not in self._labels:
            self._labels[key] = first_tokens(self.tokens, self.chat.suffix(prompt), labels)
        return self._labels[key]

    def _slot(self, prompt: Prompt) -> int:
        """The slot of a task; the last one is shared by those that came late."""
        return self._slots.setdefault(prompt.task, min(len(self._slots), SLOTS - 1))

    def _complete(self, request: Mapping[str, Any], *callback: Any) -> Any:
        if self._server is None:
            raise ReasonerError("the model has been closed")
        try:
            answer = self._server.handle_completions({"cache_prompt": True, **request}, *callback)
        except (RuntimeError, ValueError) as error:
            raise ReasonerError(f"llama.cpp failed: {str(error)[:200]}") from error
        if isinstance(answer, dict) and "error" in answer:
            raise ReasonerError(f"llama.cpp refused: {str(answer['error'])[:200]}")
        return answer
