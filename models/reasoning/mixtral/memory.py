"""Whether a Mixtral fits before it is loaded, and what to do where it does not."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import MixtralConfig

from hazard.errors import WeightsError
from models.inspection import main_memory_bytes
from models.reasoning.mixtral.checkpoint import Checkpoint
from models.reasoning.mixtral.engine import CONTEXT_TOKENS, MAX_PREFIXES
from models.reasoning.mixtral.load import compute_dtype, default_device
from models.reasoning.mixtral.nf4 import BLOCK

GPU_HEADROOM_BYTES = 1 << 30
"""For one dequantized projection, activations, logits and the libraries' workspaces."""
CPU_HEADROOM_BYTES = 1 << 28

_NESTED_BLOCK = 256
_GGUF_BITS = 4.6
"""Bits a weight of Mixtral in Q4_K_M: the published 26.44 GB for 46.7e9 parameters, rounded up."""


@dataclass(frozen=True, slots=True)
class Need:
    """What a loaded model takes, in bytes."""

    weights_bytes: int
    cache_bytes: int
    headroom_bytes: int

    @property
    def total_bytes(self) -> int:
        """All of it."""
        return self.weights_bytes + self.cache_bytes + self.headroom_bytes


@dataclass(frozen=True, slots=True)
class Parameters:
    """Parameters of a Mixtral by what becomes of them; `active` ones are met by one token."""

    four_bit: int
    whole: int
    active: int = 0

    @property
    def total(self) -> int:
        """All of them, each tied one once."""
        return self.four_bit + self.whole


def parameters(config: MixtralConfig) -> Parameters:
    """The parameters of a model of this shape: attention and experts apart from the rest."""
    hidden, experts = config.hidden_size, config.num_local_experts
    head = config.head_dim or hidden // config.num_attention_heads
    heads = 2 * config.num_attention_heads + 2 * config.num_key_value_heads
    expert = 3 * hidden * config.intermediate_size
    attention = hidden * head * heads
    layer = attention + expert * experts
    kept = hidden * experts + 2 * hidden
    tables = 1 if config.tie_word_embeddings else 2
    whole = config.num_hidden_layers * kept + hidden + tables * config.vocab_size * hidden
    used = attention + expert * config.num_experts_per_tok
    return Parameters(
        config.num_hidden_layers * layer, whole, config.num_hidden_layers * used + whole
    )


def need(
    config: MixtralConfig, *, device: torch.device, dtype: torch.dtype, cache_tokens: int
) -> Need:
    """What a model of this shape takes in NF4, with `cache_tokens` in its KV caches together."""
    count = parameters(config)
    scales = 1 / BLOCK + 4 / (BLOCK * _NESTED_BLOCK)
    head = config.head_dim or config.hidden_size // config.num_attention_heads
    per_token = 2 * config.num_hidden_layers * config.num_key_value_heads * head * dtype.itemsize
    return Need(
        int(count.four_bit * (0.5 + scales)) + count.whole * dtype.itemsize,
        per_token * cache_tokens,
        GPU_HEADROOM_BYTES if device.type == "cuda" else CPU_HEADROOM_BYTES,
    )


def free_bytes(device: torch.device) -> int:
    """Bytes that are free on the device now.

    Raises:
        WeightsError: if the system does not say.
    """
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    return main_memory_bytes()


def need_of(config: MixtralConfig, device: torch.device) -> Need:
    """What a model of this shape takes on `device` as the backend runs it."""
    tokens = MAX_PREFIXES * CONTEXT_TOKENS
    return need(config, device=device, dtype=compute_dtype(device), cache_tokens=tokens)


def need_here(folder: Path) -> tuple[int, int, str]:
    """What the model of a folder needs on this box, what is free, and where, in bytes.

    Raises:
        WeightsError: if the folder holds no Mixtral.
    """
    device = default_device()
    wanted = need_of(Checkpoint(folder).config, device)
    where = str(device) if device.type == "cuda" else "main memory"
    return wanted.total_bytes, free_bytes(device), where


def require_fit(config: MixtralConfig, wanted: Need, found_bytes: int, where: str) -> None:
    """Refuse a model that does not fit into `found_bytes` on `where`.

    Raises:
        WeightsError: with what is missing, and which alternative fits.
    """
    missing = wanted.total_bytes - found_bytes
    if missing <= 0:
        return
    gguf_bytes = parameters(config).total * _GGUF_BITS / 8
    room = found_bytes - wanted.cache_bytes - wanted.headroom_bytes
    layers = max(
        0, min(config.num_hidden_layers, int(room / gguf_bytes * config.num_hidden_layers))
    )
    raise WeightsError(
        f"Mixtral does not fit on {where}: it needs {_gb(wanted.weights_bytes)} for weights, "
        f"{_gb(wanted.cache_bytes)} for KV caches and {_gb(wanted.headroom_bytes)} head-room; "
        f"{_gb(found_bytes)} are free, {_gb(missing)} are missing. What fits: the same model as "
        f"GGUF in Q4_K_M (about {_gb(int(gguf_bytes))}) through llama.cpp with about {layers} of "
        f"{config.num_hidden_layers} layers here and the rest in main memory; or free memory"
    )


def _gb(size_bytes: int) -> str:
    return f"{size_bytes / 1e9:.1f} GB"
