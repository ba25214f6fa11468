"""A Mixtral of any shape with random weights in NF4: the same bytes and kernels as a real one.

For benchmarks where no weights are at hand. Made tensor by tensor on the device: of Mixtral 8x7B,
93 GB in bf16, at most one table (262 MB) is whole at a time. What it says means nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from transformers import MixtralConfig

from hazard.errors import WeightsError
from models.reasoning.mixtral import nf4
from models.reasoning.mixtral.load import compute_dtype, empty, fill, require_four_bit
from models.reasoning.mixtral.model import Mixtral

_STD = 0.02
"""Of every weight but the norms', which are one: transformers' own for a new Mixtral."""
_WHOLE_AT_ONCE = 4
"""Whole tensors of the largest size that may be there beside the model while it is made."""
_CPU_SLACK_BYTES = 128 << 20
"""What libraries and the allocator take on a CPU meanwhile: it is the process that is measured,
freed memory that was not given back included."""


@dataclass(frozen=True, slots=True)
class Built:
    """A model and what making it took, in bytes."""

    model: Mixtral
    weights_bytes: int
    peak_bytes: int
    limit_bytes: int


def mixtral_8x7b(*, layers: int = 32) -> MixtralConfig:
    """The shape of Mixtral 8x7B (arXiv 2401.04088, table 1), of all or fewer layers."""
    return MixtralConfig(
        vocab_size=32_000,
        hidden_size=4096,
        intermediate_size=14_336,
        num_hidden_layers=layers,
        num_attention_heads=32,
        num_key_value_heads=8,
        head_dim=128,
        num_local_experts=8,
        num_experts_per_tok=2,
        max_position_embeddings=32_768,
        rms_norm_eps=1e-5,
        rope_parameters={"rope_type": "default", "rope_theta": 1e6},
    )


def build(config: MixtralConfig, device: torch.device, *, seed: int = 7) -> Built:
    """A model of this shape on `device`, every linear layer of it in 4 bits.

    Raises:
        WeightsError: if making it took more memory than the model and four of its largest tensors
            (on a CPU, 134 MB more), or an expert is not in 4 bits.
    """
    model = empty(config, device)
    names = [
        name
        for name, _ in model.named_parameters()
        if not (config.tie_word_embeddings and name == "lm_head.weight")
    ]
    random = torch.Generator(device).manual_seed(seed)
    dtype = compute_dtype(device)
    before_bytes = _begin(device)
    for name in names:
        shape = _shape(model, name)
        fill(model, name, {"": _values(name, shape, random, dtype)}, device)
    if config.tie_word_embeddings:
        model.lm_head.weight = model.model.embed_tokens.weight
    peak_bytes = max(0, _peak(device) - before_bytes)
    weights_bytes = sum(require_four_bit(model).values())
    limit_bytes = weights_bytes + _WHOLE_AT_ONCE * _largest(config) * dtype.itemsize
    if device.type != "cuda":
        limit_bytes += _CPU_SLACK_BYTES
    if peak_bytes > limit_bytes:
        raise WeightsError(
            f"making a random model took {peak_bytes} bytes, at most {limit_bytes} were expected: "
            "more than a few tensors of it were whole at a time"
        )
    return Built(model, weights_bytes, peak_bytes, limit_bytes)


def whole_bytes(model: Mixtral) -> int:
    """What the same model takes in bf16."""
    return 2 * sum(_size(_shape(model, name)) for name, _ in model.named_parameters())


def _values(
    name: str, shape: tuple[int, ...], random: torch.Generator, dtype: torch.dtype
) -> Tensor:
    if "norm" in name:
        return torch.ones(shape, device=random.device, dtype=dtype)
    return torch.randn(shape, generator=random, device=random.device, dtype=dtype).mul_(_STD)


def _shape(model: Mixtral, name: str) -> tuple[int, ...]:
    path, _, leaf = name.rpartition(".")
    module = model.get_submodule(path)
    if nf4.is_layer(module):
        return (module.out_features, module.in_features)
    return tuple(getattr(module, leaf).shape)


def _largest(config: MixtralConfig) -> int:
    sides: tuple[int, int] = (config.vocab_size, config.intermediate_size)
    return int(config.hidden_size) * max(sides)


def _size(shape: Iterable[int]) -> int:
    size = 1
    for side in shape:
        size *= side
    return size


def _begin(device: torch.device) -> int:
    """Start to watch the peak; what is taken already."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        return int(torch.cuda.memory_allocated(device))
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    return _status_bytes("VmRSS")


def _peak(device: torch.device) -> int:
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    return _status_bytes("VmHWM")


def _status_bytes(key: str) -> int:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(key)) * 1024
