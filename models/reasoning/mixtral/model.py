"""Mixtral with one linear layer per projection of each expert, so that each can be in 4 bits.

transformers keeps the experts of a layer as two 3-D parameters, which bitsandbytes leaves as they
are: 96.6 % of Mixtral 8x7B would stay in bf16. Attention, norms, cache and masks are transformers'
own; only the mixture of experts is replaced. Names of parameters are those of the checkpoint, but
that `block_sparse_moe` is called `mlp`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import MixtralConfig, MixtralForCausalLM

Linear = Callable[[int, int], nn.Linear]
"""Makes a linear layer without bias of so many inputs and outputs."""

Compute = Callable[[nn.ModuleList, Tensor, Tensor], Tensor]
"""Runs the chosen experts: the experts, states `[tokens, hidden]` and the numbers of the chosen
ones `[tokens, top_k]` to their outputs `[tokens, top_k, hidden]`."""

ACTIVATION = "silu"
_PROJECTIONS = ("w1", "w2", "w3")
_ATTENTION = ("q_proj", "k_proj", "v_proj", "o_proj")


class Expert(nn.Module):
    """One feed-forward network: `w2(silu(w1 x) * w3 x)`."""

    def __init__(self, config: MixtralConfig, linear: Linear) -> None:
        super().__init__()
        self.w1 = linear(config.hidden_size, config.intermediate_size)
        self.w2 = linear(config.intermediate_size, config.hidden_size)
        self.w3 = linear(config.hidden_size, config.intermediate_size)

    def forward(self, states: Tensor) -> Tensor:
        """`[tokens, hidden]` to the same shape."""
        out: Tensor = self.w2(functional.silu(self.w1(states)) * self.w3(states))
        return out


def one_by_one(experts: nn.ModuleList, states: Tensor, chosen: Tensor) -> Tensor:
    """A `Compute` that runs the experts that got tokens one after the other, each once.

    The device is asked once for how many tokens each expert got.
    """
    order = chosen.flatten().argsort(stable=True)
    counts = chosen.flatten().bincount(minlength=len(experts)).tolist()
    by_expert = states[order // chosen.shape[1]].split(counts)
    parts = [
        expert(part)
        for expert, part, count in zip(experts, by_expert, counts, strict=True)
        if count
    ]
    sorted_out = torch.cat(parts)
    out = torch.empty_like(sorted_out)
    out[order] = sorted_out
    return out.view(*chosen.shape, -1)


class SparseMoe(nn.Module):
    """Top-k routing (Mixtral of Experts, arXiv 2401.04088, section 2.1).

    Only the experts that got tokens are run, by `compute`. The outputs of a token are summed in a
    fixed order, so that the same input gives the same bits on a GPU too.
    """

    def __init__(self, config: MixtralConfig, linear: Linear) -> None:
        super().__init__()
        self.top_k = config.num_experts_per_tok
        self.compute: Compute = one_by_one
        self.gate = nn.Linear(config.hidden_size, config.num_local_experts, bias=False)
        self.experts = nn.ModuleList(
            Expert(config, linear) for _ in range(config.num_local_experts)
        )

    def forward(self, hidden_states: Tensor) -> Tensor:
        """`[batch, tokens, hidden]` to the same shape."""
        states = hidden_states.reshape(-1, hidden_states.shape[-1])
        chosen, weights = self._route(states)
        outputs = self.compute(self.experts, states, chosen)
        mixed = (outputs * weights.to(outputs.dtype).unsqueeze(-1)).sum(dim=1)
        return mixed.to(hidden_states.dtype).view(hidden_states.shape)

    def _route(self, states: Tensor) -> tuple[Tensor, Tensor]:
        """The experts of each token and their weights, `[tokens, top_k]`; softmax in float32."""
        probabilities = functional.softmax(self.gate(states).float(), dim=-1)
        weights, chosen = probabilities.topk(self.top_k, dim=-1)
        return chosen, weights / weights.sum(dim=-1, keepdim=True)


class Mixtral(MixtralForCausalLM):
    """A causal language model whose attention and experts are made by `linear`.

    Built on the meta device: it has no weights until a loader gives it some.
    """

    def __init__(self, config: MixtralConfig, linear: Linear) -> None:
        with torch.device("meta"):
            super().__init__(config)
            for layer in self.model.layers:
                layer.mlp = SparseMoe(config, linear)
                for name in _ATTENTION:
                    old = getattr(layer.self_attn, name)
                    setattr(layer.self_attn, name, linear(old.in_features, old.out_features))
        self.eval()

    def expert_layers(self) -> Iterator[tuple[str, nn.Linear]]:
        """Every projection of every expert with its name."""
        for name, module in self.named_modules():
            if isinstance(module, nn.Linear) and name.rpartition(".")[2] in _PROJECTIONS:
                yield name, module


def checkpoint_name(name: str) -> str:
    """The name in a standard checkpoint of the parameter that is called `name` here."""
    return name.replace(".mlp.", ".block_sparse_moe.")
