"""The grouped kernels in the interpreter, on a CPU; a program, since triton reads its mode once.

Prints JSON: differences to the dequantized reference, and what a damaged scale does.
"""

from __future__ import annotations

import json
import os
from typing import Any

os.environ["TRITON_INTERPRET"] = "1"

import torch
from bitsandbytes.functional import dequantize_4bit
from torch.nn.functional import silu
from transformers import MixtralConfig

from models.reasoning.mixtral import grouped
from models.reasoning.mixtral.model import one_by_one
from models.reasoning.mixtral.random import build

EXPERTS = 4


def main() -> None:
    config = MixtralConfig(
        vocab_size=64,
        hidden_size=128,
        intermediate_size=320,  # neither a multiple of a chunk's inputs nor of a tile's rows
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        num_local_experts=EXPERTS,
        num_experts_per_tok=2,
        max_position_embeddings=64,
    )
    model = build(config, torch.device("cpu")).model
    moe = model.model.layers[0].mlp
    weights = [
        [_whole(getattr(expert, name)) for name in ("w1", "w2", "w3")] for expert in moe.experts
    ]
    compute = grouped.Grouped(moe)
    random = torch.Generator().manual_seed(5)
    found: dict[str, Any] = {"differences": {}}
    for tokens in (1, 3, 5, 70):
        states = torch.randn(tokens, 128, generator=random)
        chosen = torch.rand(tokens, EXPERTS, generator=random).topk(2).indices
        if tokens == 5:
            chosen[:] = torch.tensor([3, 1])  # two experts got all, two got nothing
        ours = compute(moe.experts, states, chosen)
        reference = torch.stack(
            [
                torch.stack([_expert(states[row], weights[number]) for number in numbers])
                for row, numbers in enumerate(chosen.tolist())
            ]
        )
        off = ((ours - reference).square().mean() / reference.square().mean()).sqrt()
        found["differences"][tokens] = off.item()
    found["accepted"] = grouped.use(model)
    found["in_use"] = all(layer.mlp.compute is not one_by_one for layer in model.model.layers)
    found["damaged"] = _damaged(moe, compute)
    print(json.dumps(found))  # noqa: T201


def _damaged(moe: Any, compute: grouped.Grouped) -> str:
    """What the check says of a kernel that reads the wrong scales."""
    compute._up.offsets.add_(3.0)
    try:
        grouped.check(moe, compute)
    except ValueError as error:
        return str(error)
    return ""


def _whole(layer: Any) -> torch.Tensor:
    weight: torch.Tensor = dequantize_4bit(layer.weight.data, layer.weight.quant_state).float()
    return weight


def _expert(state: torch.Tensor, weights: list[torch.Tensor]) -> torch.Tensor:
    gate, down, up = weights
    return down @ (silu(gate @ state) * (up @ state))


if __name__ == "__main__":
    main()
