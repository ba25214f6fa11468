"""A loaded Mixtral as an engine: label scores from one prefill behind a cached prefix, and text.

The KV cache of each task's static part is kept and cut back to it after every call, so that a
decision depends on its incident alone, and costs only the incident's tokens.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from tokenizers import Tokenizer
from torch import Tensor
from transformers import DynamicCache

from hazard.errors import Interrupted, ReasonerError
from models.reasoning.chat import Chat
from models.reasoning.engine import Prompt, Scores, UnusableText, normalised
from models.reasoning.mixtral.decode import Decoder
from models.reasoning.mixtral.model import Mixtral
from models.reasoning.tokens import first_tokens

MAX_PREFIXES = 3
"""Static parts whose cache is kept; of Mixtral 8x7B one of 800 tokens takes 105 MB."""
CONTEXT_TOKENS = 2048
ANSWER_TOKENS = 128
"""Room for an answer behind the longest prompt."""
_ENDS = ('"', "\n", "<", ">", "{", "}", "[", "]", "\\")
"""A text ends at a quote or a new line; markup never gets into it."""


@dataclass(slots=True)
class _Prefix:
    ids: list[int]
    cache: DynamicCache


class MixtralEngine:
    """A `models.reasoning.engine.Engine`.

    Args:
        model: loaded, in evaluation mode.
        tokenizer: its tokenizer; special tokens are added by its post-processor.
        chat: how it wants turns written.
        device: where the model is.

    Attributes:
        decoding: `graph`, or `plain: ` and why each token's kernels are launched one by one.
    """

    def __init__(
        self, model: Mixtral, tokenizer: Tokenizer, chat: Chat, device: torch.device
    ) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.chat = chat
        self.device = device
        self._prefixes: dict[str, _Prefix] = {}
        self._labels: dict[tuple[str, tuple[str, ...]], tuple[int, ...]] = {}
        special = self._special_tokens()
        self._forbidden = torch.tensor(special, dtype=torch.long, device=device)
        self._decoder = Decoder(model, CONTEXT_TOKENS + ANSWER_TOKENS, special)
        self._decoder.record()
        self.decoding = self._decoder.how

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

        `cached=False` computes the static part too, to measure what the cache saves.
        """
        if time.monotonic() >= deadline_monotonic_s:
            raise ReasonerError("the deadline had passed before the model was asked")
        wanted = self._label_ids(prompt, tuple(labels))
        started_s = time.monotonic()
        prefix = self._prefix(prompt) if cached else _Prefix([], DynamicCache())
        rest = self._rest(prompt, text, prefix)
        try:
            logits = self._forward(rest, prefix.cache)
            chosen = logits[torch.tensor(wanted, device=self.device)].float().cpu().tolist()
        finally:
            self._cut(prompt, prefix)
        weights = normalised(dict(zip(labels, chosen, strict=True)))
        prefill_ms = (time.monotonic() - started_s) * 1000.0
        return Scores(weights, len(prefix.ids), len(rest), prefill_ms)

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
        prefix = self._prefix(prompt)
        rest = self._rest(prompt, text, prefix)
        written: list[int] = []
        try:
            _go_on(stop, deadline_monotonic_s)
            for token in self.continued(rest, prefix.cache, min(max_tokens, ANSWER_TOKENS)):
                written.append(token)
                found = self.tokenizer.decode(written)
                ends = [found.index(sign) for sign in _ENDS if sign in found]
                if ends:
                    return str(found[: min(ends)])
                _go_on(stop, deadline_monotonic_s)
        finally:
            self._cut(prompt, prefix)
        raise UnusableText(f"the text did not end within {max_tokens} tokens")

    def close(self) -> None:
        """Free the model and its caches."""
        self._prefixes.clear()
        del self.model, self._decoder
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

    def tokens(self, text: str) -> list[int]:
        """The ids of a text's tokens, nothing added."""
        return [int(token) for token in self.tokenizer.encode(text, add_special_tokens=False).ids]

    def continued(self, feed: Sequence[int], cache: DynamicCache, max_tokens: int) -> Iterator[int]:
        """The likeliest tokens behind `feed`, one by one."""
        recorded = self.decoding == "graph"
        for _ in range(1 if recorded else max_tokens):
            logits = self._forward(feed, cache)
            token = int(logits.index_fill(0, self._forbidden, -torch.inf).argmax())
            yield token
            feed = [token]
        if recorded:
            self._decoder.start(cache, token)
            yield from self._decoder.tokens(max_tokens - 1)

    def _label_ids(self, prompt: Prompt, labels: tuple[str, ...]) -> tuple[int, ...]:
        key = (prompt.task, labels)
        if key not in self._labels:
            self._labels[key] = first_tokens(self.tokens, self.chat.suffix(prompt), labels)
        return self._labels[key]

    def _prefix(self, prompt: Prompt) -> _Prefix:
        """The static part, computed once."""
        if prompt.sha256 not in self._prefixes:
            while len(self._prefixes) >= MAX_PREFIXES:
                self._prefixes.pop(next(reversed(self._prefixes)))
            # A space at its end goes with the text's first word: they may be one token (`▁area`).
            ids = list(self.tokenizer.encode(self.chat.prefix(prompt).rstrip(" ")).ids)
            prefix = _Prefix(ids, DynamicCache())
            self._forward(ids, prefix.cache)
            self._prefixes[prompt.sha256] = prefix
        return self._prefixes[prompt.sha256]

    def _rest(self, prompt: Prompt, text: str, prefix: _Prefix) -> list[int]:
        """The tokens behind the prefix: those of the whole text, so that no seam shows.

        Raises:
            ReasonerError: if the prefix's last token melts into the text, or it is too long.
        """
        before = self.chat.prefix(prompt)
        whole = list(self.tokenizer.encode(before + text + self.chat.suffix(prompt)).ids)
        if whole[: len(prefix.ids)] != prefix.ids:
            raise ReasonerError("the incident's first word melts into the prompt's last token")
        if len(whole) > CONTEXT_TOKENS:
            raise ReasonerError(f"the prompt has {len(whole)} tokens, at most {CONTEXT_TOKENS}")
        return whole[len(prefix.ids) :]

    @torch.inference_mode()
    def _forward(self, ids: Sequence[int], cache: DynamicCache) -> Tensor:
        """The logits after the last of `ids`, which join the cache."""
        tokens = torch.tensor([list(ids)], device=self.device)
        try:
            out = self.model(
                input_ids=tokens, past_key_values=cache, use_cache=True, logits_to_keep=1
            )
        except (RuntimeError, MemoryError) as error:
            raise ReasonerError(f"the model failed: {str(error)[:200]}") from error
        logits: Tensor = out.logits[0, -1]
        return logits

    def _cut(self, prompt: Prompt, prefix: _Prefix) -> None:
        """Bring the cache back to the static part; drop it if that fails."""
        if not prefix.ids:
            return  # a cache of this one call's own, thrown away with it
        extra = prefix.cache.get_seq_length() - len(prefix.ids)
        if extra > 0:
            prefix.cache.crop(-extra)
        if prefix.cache.get_seq_length() != len(prefix.ids):
            self._prefixes.pop(prompt.sha256, None)

    def _special_tokens(self) -> list[int]:
        """Control tokens, which no text may hold."""
        added = self.tokenizer.get_added_tokens_decoder()
        return [int(number) for number, token in added.items() if token.special]


def _go_on(stop: Callable[[], bool], deadline_monotonic_s: float) -> None:
    """Raise where a text must not be written on.

    Raises:
        Interrupted: if `stop` says so.
        ReasonerError: if the deadline has passed.
    """
    if stop():
        raise Interrupted("words gave way to a decision")
    if time.monotonic() >= deadline_monotonic_s:
        raise ReasonerError("out of time while writing")
