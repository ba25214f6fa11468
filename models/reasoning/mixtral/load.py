"""Loading a Mixtral tensor by tensor, quantized on the way: never more than one is whole.

transformers' own loading is not used: it would merge the experts back into 3-D parameters, and it
fills what it does not find with random numbers.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from transformers import MixtralConfig
from transformers.models.mixtral.modeling_mixtral import MixtralRotaryEmbedding

from hazard.errors import WeightsError
from models.reasoning.mixtral import nf4
from models.reasoning.mixtral.checkpoint import Checkpoint
from models.reasoning.mixtral.model import Mixtral, checkpoint_name

_TIED = "lm_head.weight"
_TRIM = getattr(ctypes.CDLL(None), "malloc_trim", None)


def default_device() -> torch.device:
    """The GPU where there is one, else the CPU."""
    return torch.device("cuda", 0) if torch.cuda.is_available() else torch.device("cpu")


def compute_dtype(device: torch.device) -> torch.dtype:
    """bf16 on a GPU; float32 on a CPU.

    bf16 outside the 4-bit layers is several times slower on CPUs without AVX-512; where a CPU has
    AVX512-BF16, bitsandbytes' own kernel computes the 4-bit layers with it anyway.
    """
    return torch.bfloat16 if device.type == "cuda" else torch.float32


def empty(config: MixtralConfig, device: torch.device, *, four_bit: bool = True) -> Mixtral:
    """A model of this shape without weights, all on the meta device but the rotary tables."""
    dtype = compute_dtype(device)

    def linear(inputs: int, outputs: int) -> nn.Linear:
        if four_bit:
            layer: nn.Linear = nf4.empty_linear(inputs, outputs, dtype)
            return layer
        return nn.Linear(inputs, outputs, bias=False)

    model = Mixtral(config, linear)
    model.model.rotary_emb = MixtralRotaryEmbedding(config).to(device)
    return model


def load(checkpoint: Checkpoint, device: torch.device, *, four_bit: bool = True) -> Mixtral:
    """The model of a checkpoint on `device`; `four_bit=False` to compare with.

    Raises:
        WeightsError: if a key is missing or unexpected, a shape is wrong, or a shard is damaged.
    """
    if checkpoint.quantized and not four_bit:
        raise WeightsError(f"{checkpoint.folder}: it is quantized and cannot be had whole")
    model = empty(checkpoint.config, device, four_bit=four_bit)
    names = {checkpoint_name(name): name for name, _ in model.named_parameters()}
    if checkpoint.config.tie_word_embeddings:
        names.pop(_TIED, None)
    linear = {name for name, own in names.items() if is_four_bit(model, own)}
    checkpoint.require_keys(set(names) - linear, linear)
    for name, parts in checkpoint.tensors(names):
        try:
            fill(model, names[name], parts, device)
        except (ValueError, RuntimeError) as error:
            raise WeightsError(f"{checkpoint.folder}: {name}: {error}") from error
        parts.clear()
        _give_back(device)
    if checkpoint.config.tie_word_embeddings:
        model.lm_head.weight = model.model.embed_tokens.weight
    return model


def _give_back(device: torch.device) -> None:
    """Return freed memory of the C library to the system, where it has such a call.

    Without it the heap keeps the holes that each tensor's quantization leaves: five times the
    weights of a small model, as measured. A GPU's allocator reuses its blocks.
    """
    if device.type == "cpu" and _TRIM is not None:
        _TRIM(0)


def is_four_bit(model: Mixtral, name: str) -> bool:
    """Whether the parameter belongs to a layer that is in 4 bits."""
    return nf4.is_layer(model.get_submodule(name.rpartition(".")[0]))


def fill(model: Mixtral, name: str, parts: Mapping[str, Tensor], device: torch.device) -> None:
    """Give the parameter called `name` its values; quantized here unless they are already.

    Raises:
        ValueError: if the shape is not that of the parameter.
    """
    path, _, leaf = name.rpartition(".")
    module = model.get_submodule(path)
    dtype = compute_dtype(device)
    tensor, statistics = parts[""], {key: value for key, value in parts.items() if key}
    if statistics:
        packed = nf4.from_file(tensor, statistics, device, dtype, module)
        shape = tuple(packed.quant_state.shape)
        weight: nn.Parameter = packed
    elif nf4.is_layer(module):
        weight = nf4.quantize(tensor, device, dtype, module)
        shape = tuple(tensor.shape)
    else:
        whole = tensor.to(device=device, dtype=dtype, copy=True)
        weight = nn.Parameter(whole, requires_grad=False)
        shape = tuple(tensor.shape)
    wanted = tuple(getattr(module, leaf).shape)
    if shape != wanted:
        raise ValueError(f"its shape is {list(shape)}, the configuration wants {list(wanted)}")
    setattr(module, leaf, weight)


def require_four_bit(model: Mixtral) -> dict[str, int]:
    """Bytes by dtype of the whole model; refuse one whose experts are not all in 4 bits.

    Raises:
        WeightsError: with the bytes of the experts by dtype.
    """
    experts = nn.ModuleList(layer for _, layer in model.expert_layers())
    found = nf4.bytes_by_dtype(experts)
    if set(found) != {"nf4", "nf4 scales"}:
        text = ", ".join(f"{dtype} {size}" for dtype, size in sorted(found.items()))
        raise WeightsError(
            f"the experts are not in 4 bits (bytes by dtype: {text}); such a model would take "
            "nearly four times the memory. Load them through this backend, unmerged"
        )
    return nf4.bytes_by_dtype(model)
