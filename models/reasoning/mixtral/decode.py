"""One token after another without Python between the kernels: a static cache, and a CUDA graph.

A step of Mixtral is about a thousand kernels. Launched one by one from Python they take longer
than the weights take to be read; recorded once as a graph they are launched together. What a graph
replays must not ask the device for anything and must find its tensors where they were, so that the
KV cache has its full size from the start and the position is a tensor.

Only a checked thing is used: the graph's first logits are compared with those of the step that was
recorded, and of the plain model.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor
from transformers import DynamicCache, StaticCache

from models.reasoning.mixtral.model import Mixtral, one_by_one

TOLERANCE = 0.2
"""Root mean square of the difference of the logits to the plain model's, in units of their spread.
Another kernel of attention sums in another order, and in bf16 over 32 layers a few tokens near a
tie then go to another expert; logits of another token or position differ by more than 1."""
REPLAY_TOLERANCE = 0.01
"""The same between the graph and the very step that was recorded."""

_WARM_UP = 3
_SAMPLE_TOKENS = 8
_log = logging.getLogger(__name__)


class Decoder:
    """Greedy decoding behind a filled cache.

    Args:
        model: loaded.
        context_tokens: room of the cache.
        forbidden: tokens that are never written.

    Attributes:
        how: `graph`, or `plain: ` and why there is none.
    """

    def __init__(self, model: Mixtral, context_tokens: int, forbidden: Sequence[int] = ()) -> None:
        self._model = model
        self._context = context_tokens
        self._device = model.model.embed_tokens.weight.device
        self._cache = StaticCache(config=model.config, max_cache_len=context_tokens)
        self._token = torch.zeros(1, 1, dtype=torch.long, device=self._device)
        self._position = torch.zeros(1, 1, dtype=torch.long, device=self._device)
        self._columns = torch.arange(context_tokens, device=self._device)
        self._barred = torch.zeros(model.config.vocab_size, dtype=torch.bool, device=self._device)
        self._barred[list(forbidden)] = True
        self._logits = torch.zeros(model.config.vocab_size, device=self._device)
        self._graph: torch.cuda.CUDAGraph | None = None
        self.how = "plain: not recorded yet"

    @torch.inference_mode()
    def start(self, filled: DynamicCache, token: int) -> None:
        """Take over the KV cache of a prompt, and the token that comes after it.

        Raises:
            ValueError: if the prompt leaves no room.
        """
        length = filled.get_seq_length()
        if length >= self._context:
            raise ValueError(f"the prompt has {length} tokens, there is room for {self._context}")
        for own, other in zip(self._cache.layers, filled.layers, strict=True):
            if not own.is_initialized:
                own.lazy_initialization(other.keys, other.values)
            own.keys[:, :, :length].copy_(other.keys)
            own.values[:, :, :length].copy_(other.values)
        self._rewind(length, token)

    def tokens(self, count: int) -> Iterator[int]:
        """`count` tokens after the first one, each as soon as it is there."""
        for _ in range(count):
            self._advance()
            yield int(self._token)

    def record(self) -> None:
        """Record the step, if the device can and the result is right; `how` says it."""
        reason = self._unfit()
        if not reason:
            try:
                filled, token = self._sample()
                self._capture(filled, token)
                self.check(filled, token)
            except Exception as error:  # noqa: BLE001 - whatever a driver or a library raises
                reason = f"{type(error).__name__}: {str(error)[:200]}"
        if reason:
            self._graph = None
            level = logging.WARNING if self._device.type == "cuda" else logging.INFO
            _log.log(level, "tokens are decoded without a CUDA graph: %s", reason)
        self.how = f"plain: {reason}" if reason else "graph"

    @torch.inference_mode()
    def check(self, filled: DynamicCache, token: int) -> None:
        """Compare the first step behind a prompt with the plain model's.

        Raises:
            ValueError: if the logits differ by more than `TOLERANCE`.
        """
        length = filled.get_seq_length()
        first = torch.tensor([[token]], device=self._device)
        out = self._model(input_ids=first, past_key_values=filled, use_cache=True)
        filled.crop(length - filled.get_seq_length())
        self.start(filled, token)
        self._step()
        step = self._logits.clone()
        _compare(step, out.logits[0, -1].float(), TOLERANCE)
        if self._graph is not None:
            self.start(filled, token)
            self._graph.replay()
            _compare(self._logits, step, REPLAY_TOLERANCE)

    @torch.inference_mode()
    def _sample(self) -> tuple[DynamicCache, int]:
        """A short prompt's cache, and the token after it."""
        filled = DynamicCache()
        ids = torch.arange(1, 1 + _SAMPLE_TOKENS, device=self._device).view(1, -1)
        out = self._model(input_ids=ids, past_key_values=filled, use_cache=True)
        return filled, int(out.logits[0, -1].argmax())

    def _unfit(self) -> str:
        if self._device.type != "cuda":
            return f"CUDA graphs are for GPUs, this runs on {self._device.type}"
        if any(layer.mlp.compute is one_by_one for layer in self._model.model.layers):
            return "the experts run one by one, which asks the device how many tokens each got"
        return ""

    def _rewind(self, length: int, token: int) -> None:
        for layer in self._cache.layers:
            layer.cumulative_length.fill_(length)
        self._position.fill_(length)
        self._token.fill_(token)

    @torch.inference_mode()
    def _advance(self) -> None:
        if self._graph is None:
            self._step()
        else:
            self._graph.replay()

    def _step(self) -> None:
        """One token in, one out; nothing here asks the device."""
        seen = (self._columns <= self._position[0]).view(1, 1, 1, -1)
        out = self._model(
            input_ids=self._token,
            position_ids=self._position,
            attention_mask=seen,
            past_key_values=self._cache,
            use_cache=True,
        )
        self._logits.copy_(out.logits[0, -1])
        allowed = self._logits.masked_fill(self._barred, -torch.inf)
        self._token.copy_(allowed.argmax().view(1, 1))
        self._position.add_(1)

    @torch.inference_mode()
    def _capture(self, filled: DynamicCache, token: int) -> None:
        self._graph = None
        stream = torch.cuda.Stream(self._device)
        stream.wait_stream(torch.cuda.current_stream(self._device))
        with torch.cuda.stream(stream):
            self.start(filled, token)
            for _ in range(_WARM_UP):
                self._step()
        torch.cuda.current_stream(self._device).wait_stream(stream)
        self.start(filled, token)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self._step()
        self._graph = graph


def _compare(found: Tensor, wanted: Tensor, tolerance: float) -> None:
    off = ((found - wanted).square().mean().sqrt() / wanted.std()).item()
    if not off <= tolerance:
        raise ValueError(
            f"the static step's logits differ by {off:.3f} of their spread, at most {tolerance} is "
            "accepted"
        )
