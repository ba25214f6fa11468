"""Linear layers in NF4 with double quantization, and how they lie in a file.

The figures are those of QLoRA (arXiv 2305.14314, section 3): blocks of 64 weights, whose scales
are themselves quantized to 8 bits in blocks of 256: 4.127 bits a weight. bitsandbytes' own
defaults (fp4, float32 compute) are not used. The file layout is bitsandbytes' own.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from types import MappingProxyType

import torch
from torch import Tensor, nn

logging.getLogger("bitsandbytes").setLevel(logging.ERROR)  # it advertises a package at import

from bitsandbytes.nn import Linear4bit, Params4bit  # noqa: E402 - after it was silenced

QUANTIZATION = "nf4-double"
BLOCK = 64
CONFIG = MappingProxyType(
    {
        "quant_method": "bitsandbytes",
        "load_in_4bit": True,
        "bnb_4bit_quant_type": "nf4",
        "bnb_4bit_use_double_quant": True,
        "bnb_4bit_quant_storage": "uint8",
    }
)
"""What stands in the `config.json` of a folder that is quantized already."""

STATISTICS = (
    "absmax",
    "quant_map",
    "nested_absmax",
    "nested_quant_map",
    "quant_state.bitsandbytes__nf4",
)
"""What lies in a file beside each quantized weight, as `NAME.STATISTIC`."""


def empty_linear(inputs: int, outputs: int, dtype: torch.dtype) -> Linear4bit:
    """A layer without weights, for `fill` to give it some; it computes in `dtype`."""
    return Linear4bit(
        inputs,
        outputs,
        bias=False,
        compute_dtype=dtype,
        compress_statistics=True,
        quant_type="nf4",
        device=torch.device("meta"),
    )


def is_layer(module: nn.Module) -> bool:
    """Whether it is a layer whose weight is, or will be, in 4 bits."""
    return isinstance(module, Linear4bit)


def quantize(
    weight: Tensor, device: torch.device, dtype: torch.dtype, layer: nn.Module | None = None
) -> Params4bit:
    """A weight `[outputs, inputs]` in NF4 on `device`, to be computed with in `dtype`."""
    whole = Params4bit(
        weight.to(device=device, dtype=dtype),
        requires_grad=False,
        quant_type="nf4",
        compress_statistics=True,
        blocksize=BLOCK,
        module=layer,
    )
    return whole.to(device)


def from_file(
    packed: Tensor,
    statistics: Mapping[str, Tensor],
    device: torch.device,
    dtype: torch.dtype,
    layer: nn.Module,
) -> Params4bit:
    """A weight that lies in a file in NF4; `statistics` by the names of `STATISTICS`."""
    copied = {name: value.to(device, copy=True) for name, value in statistics.items()}
    weight = Params4bit.from_prequantized(
        packed.to(device, copy=True), copied, device=device, module=layer
    )
    weight.quant_state.dtype = dtype
    return weight


def to_file(weight: Params4bit) -> dict[str, Tensor]:
    """What `from_file` wants, on the CPU: the packed weight under the empty name."""
    found = {"": weight.data.cpu()}
    state: Mapping[str, Tensor] = weight.quant_state.as_dict(packed=True)
    return found | {name: value.cpu().contiguous() for name, value in state.items()}


def bytes_by_dtype(module: nn.Module) -> dict[str, int]:
    """Bytes of all parameters by dtype, scales of 4-bit weights under `nf4 scales`.

    Shared (tied) parameters count once; 4-bit weights stand under `nf4`.
    """
    found: dict[str, int] = {}

    def add(name: str, size_bytes: int) -> None:
        found[name] = found.get(name, 0) + size_bytes

    for parameter in module.parameters():
        size_bytes = parameter.numel() * parameter.element_size()
        if isinstance(parameter, Params4bit) and parameter.quant_state is not None:
            add("nf4", size_bytes)
            add("nf4 scales", scale_bytes(parameter))
        else:
            add(str(parameter.dtype).removeprefix("torch."), size_bytes)
    return found


def scale_bytes(weight: Params4bit) -> int:
    """Bytes of the scales of one 4-bit weight."""
    state = weight.quant_state
    tensors = [state.absmax]
    if state.nested:
        tensors += [state.state2.absmax, state.offset]
    return sum(t.numel() * t.element_size() for t in tensors)
