"""What the memory of a device allows: its copy bandwidth, and the bytes that a forward touches.

Counted are bytes that must be read at least once: the weights of attention, routers, norms and
output, of those experts that tokens were sent to, and the KV cache. Activations are not: what a
kernel writes and reads again in between counts against it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor, nn

from models.reasoning.mixtral.model import Mixtral, one_by_one
from models.reasoning.mixtral.nf4 import bytes_by_dtype

_COPIES = 10
_REPEATS = 5


def synchronize(device: torch.device) -> None:
    """Wait until the device has done everything."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def copy_bandwidth(device: torch.device, size_bytes: int) -> float:
    """Bytes per second of large copies within the device, read and write counted; the best of 5."""
    source = torch.ones(size_bytes, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    target.copy_(source)
    best = 0.0
    for _ in range(_REPEATS):
        synchronize(device)
        began = time.perf_counter()
        for _ in range(_COPIES):
            target.copy_(source)
        synchronize(device)
        best = max(best, 2 * size_bytes * _COPIES / (time.perf_counter() - began))
    return best


@dataclass(frozen=True, slots=True)
class Touched:
    """Bytes of a model by what makes a forward read them."""

    always: int
    expert: int
    token: int

    @classmethod
    def of(cls, model: Mixtral) -> Touched:
        """Of a loaded model; all experts have the same size."""
        experts = [expert for layer in model.model.layers for expert in layer.mlp.experts]
        all_experts = sum(sum(bytes_by_dtype(expert).values()) for expert in experts)
        embedding = model.model.embed_tokens.weight
        always = sum(bytes_by_dtype(model).values()) - all_experts
        if model.lm_head.weight is not embedding:
            always -= embedding.nbytes
        config: Any = model.config
        head = config.head_dim or config.hidden_size // config.num_attention_heads
        values = 2 * config.num_hidden_layers * config.num_key_value_heads * head
        return cls(always, all_experts // len(experts), values * embedding.element_size())

    def forward(self, *, experts: int, context_tokens: int) -> int:
        """Bytes of one forward that hits so many experts (over all layers).

        Args:
            experts: how many are hit, summed over the layers.
            context_tokens: tokens in the KV cache afterwards.
        """
        return self.always + experts * self.expert + context_tokens * self.token


class Hits:
    """Counts the experts that a forward sends tokens to, while it is used in the layers' place."""

    def __init__(self, model: Mixtral) -> None:
        self._layers = [layer.mlp for layer in model.model.layers]
        self._before = [moe.compute for moe in self._layers]
        self.count = 0

    def __enter__(self) -> Self:
        for moe in self._layers:
            moe.compute = self._counted
        return self

    def __exit__(self, *_: object) -> None:
        for moe, compute in zip(self._layers, self._before, strict=True):
            moe.compute = compute

    def _counted(self, experts: nn.ModuleList, states: Tensor, chosen: Tensor) -> Tensor:
        self.count += int(chosen.flatten().bincount().count_nonzero())
        return one_by_one(experts, states, chosen)
