"""The experts of a layer computed together: a launch for gate and up, one for down.

`models.reasoning.mixtral.model.one_by_one` asks the device how many tokens each expert got and
then runs them one after the other; for a prefill bitsandbytes unpacks each to bf16 in memory first,
nine times the bytes. Here the device is not asked, and weights are unpacked where they are used.

Only a checked thing is used: at load the kernels' output for random input is compared with
bitsandbytes' own, in the first layer. Where there is no triton or no GPU, or they disagree, the
loop stands, and the reason is logged and part of the provenance.
"""

from __future__ import annotations

import importlib.util
import logging
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from models.reasoning.mixtral.model import Mixtral, SparseMoe, one_by_one
from models.reasoning.mixtral.nf4 import BLOCK

FEW_TOKENS = 4
"""Up to so many tokens each pair reads its expert's weights by itself; above, tiles share them."""
TOLERANCE = 0.02
"""Root mean square of the difference to bitsandbytes' output, in units of that of the output. Ours
sums in float32 what theirs rounds to bf16 between (2^-8, four times); a wrong nibble, scale or
expert gives 0.3 or more."""

_NESTED_BLOCK = 256
_CHECKED_TOKENS = (1, 3, 16, 160)
_ROWS_FEW, _CHUNK, _ROWS_MANY = 16, 256, 64
_SMALL_TILE, _LARGE_TILE = 16, 64
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Stack:
    """One projection of all experts, each tensor one after the other."""

    packed: Tensor
    steps: Tensor
    nested: Tensor
    offsets: Tensor
    outputs: int
    inputs: int

    @property
    def tensors(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        return self.packed, self.steps, self.nested, self.offsets


class Grouped:
    """A layer's experts, their weights moved next to each other; called instead of the loop.

    The layers' own weights become views of the moved ones, so that nothing is there twice.

    Raises:
        ValueError: if the weights are not in NF4 with scales quantized twice, or their inputs are
            no multiple of 64.
    """

    def __init__(self, moe: SparseMoe) -> None:
        experts: list[Any] = list(moe.experts)
        self._gate = _stack([expert.w1 for expert in experts])
        self._up = _stack([expert.w3 for expert in experts])
        self._down = _stack([expert.w2 for expert in experts])
        state = experts[0].w1.weight.quant_state
        self._tables = (state.code, state.state2.code)
        self._experts = len(experts)

    def __call__(self, experts: nn.ModuleList, states: Tensor, chosen: Tensor) -> Tensor:
        """As `one_by_one`; the device is not asked for anything."""
        del experts
        tokens, top_k = chosen.shape
        states, pairs = states.contiguous(), chosen.flatten()
        if tokens <= FEW_TOKENS:
            inner = self._few(states, pairs, top_k, self._gate, self._up)
            out = self._few(inner, pairs, 1, self._down, None)
        else:
            tiles = _tiles(pairs, self._experts)
            inner = self._many(states, tiles, top_k, self._gate, self._up)
            out = self._many(inner, tiles, 1, self._down, None)
        return out.view(tokens, top_k, -1)

    def _few(
        self, states: Tensor, pairs: Tensor, shared_by: int, first: _Stack, other: _Stack | None
    ) -> Tensor:
        from models.reasoning.mixtral import kernels  # noqa: PLC0415 - needs triton

        out = states.new_empty(len(pairs), first.outputs)
        kernels.few[len(pairs), -(-first.outputs // _ROWS_FEW)](
            states,
            pairs,
            out,
            *first.tensors,
            *(other or first).tensors,
            *self._tables,
            first.outputs,
            first.nested.shape[1],
            INPUTS=first.inputs,
            SHARED_BY=shared_by,
            GATED=other is not None,
            ROWS=_ROWS_FEW,
            CHUNK=_CHUNK,
        )
        return out

    def _many(
        self, states: Tensor, tiles: _Tiles, shared_by: int, first: _Stack, other: _Stack | None
    ) -> Tensor:
        from models.reasoning.mixtral import kernels  # noqa: PLC0415 - needs triton

        out = states.new_empty(len(tiles.order), first.outputs)
        halves = states.view(len(states), -1, 2).permute(2, 0, 1).contiguous()
        kernels.many[-(-first.outputs // _ROWS_MANY), len(tiles.expert)](
            halves,
            halves.stride(0),
            tiles.order,
            tiles.expert,
            tiles.first,
            tiles.end,
            out,
            *first.tensors,
            *(other or first).tensors,
            *self._tables,
            first.outputs,
            first.nested.shape[1],
            self._experts,
            INPUTS=first.inputs,
            SHARED_BY=shared_by,
            GATED=other is not None,
            TOKENS=tiles.size,
            ROWS=_ROWS_MANY,
        )
        return out


@dataclass(frozen=True, slots=True)
class _Tiles:
    """Pairs sorted by expert and cut into tiles of one expert each, all on the device."""

    order: Tensor
    expert: Tensor
    first: Tensor
    end: Tensor
    size: int


def _tiles(pairs: Tensor, experts: int) -> _Tiles:
    """As many tiles as there can be at most; those that are not needed have no expert."""
    size = _SMALL_TILE if len(pairs) <= _SMALL_TILE * experts else _LARGE_TILE
    most = min(len(pairs), -(-len(pairs) // size) + experts - 1)
    numbers = torch.arange(experts, device=pairs.device)
    counts = (pairs.unsqueeze(1) == numbers).sum(dim=0)
    ends, tile_ends = counts.cumsum(0), ((counts + size - 1) // size).cumsum(0)
    tile = torch.arange(most, device=pairs.device)
    expert = torch.searchsorted(tile_ends, tile, right=True)
    known = expert.clamp(max=experts - 1)
    before = torch.where(known > 0, tile_ends[known - 1], 0)
    first = ends[known] - counts[known] + (tile - before) * size
    return _Tiles(pairs.argsort(stable=True), expert, first, ends[known], size)


def choose(model: Mixtral) -> str:
    """Let the experts of a loaded model be computed together where that is checked; say how.

    Returns:
        `grouped`, or `loop: ` and the reason.
    """
    device = model.model.embed_tokens.weight.device
    if device.type != "cuda":
        reason = f"the kernels are for GPUs, this runs on {device.type}"
    elif importlib.util.find_spec("triton") is None:
        reason = "triton is not installed"
    else:
        reason = use(model)
    if reason:
        level = logging.WARNING if device.type == "cuda" else logging.INFO
        _log.log(level, "the experts are computed one after the other: %s", reason)
        return f"loop: {reason}"
    return "grouped"


def use(model: Mixtral) -> str:
    """Put the kernels into every layer. Where a check fails the loop stays: why, else empty."""
    layers: list[SparseMoe] = [layer.mlp for layer in model.model.layers]
    try:
        for number, moe in enumerate(layers):
            grouped = Grouped(moe)
            if number == 0:
                check(moe, grouped)
            moe.compute = grouped
    except Exception as error:  # noqa: BLE001 - whatever a compiler or a driver raises
        for moe in layers:
            moe.compute = one_by_one
        return f"{type(error).__name__}: {str(error)[:200]}"
    return ""


def check(moe: SparseMoe, grouped: Grouped) -> None:
    """Compare with bitsandbytes on random input: one token, a few, and prefills of both tiles.

    Raises:
        ValueError: if they differ by more than `TOLERANCE`.
    """
    gate = moe.gate.weight
    random = torch.Generator(gate.device).manual_seed(1)
    with torch.inference_mode():
        for tokens in _CHECKED_TOKENS:
            shape = (tokens, gate.shape[1])
            states = torch.randn(shape, generator=random, device=gate.device).to(gate.dtype)
            scores = torch.rand(tokens, len(moe.experts), generator=random, device=gate.device)
            chosen = scores.topk(moe.top_k).indices
            ours = grouped(moe.experts, states, chosen).float()
            theirs = one_by_one(moe.experts, states, chosen).float()
            off = ((ours - theirs).square().mean() / theirs.square().mean()).sqrt().item()
            if not off <= TOLERANCE:
                raise ValueError(
                    f"with {tokens} tokens the kernels differ from bitsandbytes by {off:.3f} of "
                    f"the output, at most {TOLERANCE} is accepted"
                )


def _stack(layers: list[Any]) -> _Stack:
    states = [layer.weight.quant_state for layer in layers]
    first = states[0]
    outputs, inputs = first.shape
    for state in states:
        fits = (
            state.quant_type == "nf4"
            and state.nested
            and (state.blocksize, state.state2.blocksize) == (BLOCK, _NESTED_BLOCK)
            and tuple(state.shape) == (outputs, inputs)
            and torch.equal(state.code, first.code)
            and torch.equal(state.state2.code, first.state2.code)
        )
        if not fits or inputs % BLOCK:
            raise ValueError(
                f"a weight {list(state.shape)} in {state.quant_type}, blocks of {state.blocksize}: "
                f"the kernels read nf4, scales in 8 bits, inputs a multiple of {BLOCK}"
            )
    packed = torch.stack([layer.weight.data.view(-1) for layer in layers])
    steps = torch.stack([state.absmax.view(-1) for state in states])
    nested = torch.stack([state.state2.absmax.view(-1) for state in states])
    offsets = torch.stack([state.offset.view(()) for state in states]).float()
    for number, (layer, state) in enumerate(zip(layers, states, strict=True)):
        layer.weight.data = packed[number].view(layer.weight.shape)
        state.absmax = steps[number].view(state.absmax.shape)
        state.state2.absmax = nested[number].view(state.state2.absmax.shape)
    return _Stack(packed, steps, nested, offsets, outputs, inputs)
