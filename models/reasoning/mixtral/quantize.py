"""A checkpoint in NF4 on disk: a quarter of the bytes to carry to a box and to read at start."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor
from transformers import MixtralConfig

from hazard.errors import WeightsError
from models.reasoning.mixtral import nf4
from models.reasoning.mixtral.checkpoint import CONFIG_FILE, TOKENIZER_FILE, Checkpoint
from models.reasoning.mixtral.load import compute_dtype, empty, is_four_bit
from models.reasoning.mixtral.model import checkpoint_name

SHARD_BYTES = 4_000_000_000


def quantize_folder(
    source: Path, target: Path, device: torch.device, say: Callable[[str], None]
) -> None:
    """Write the checkpoint in `source` to the new folder `target`, in 4 bits.

    What is loaded from either folder on the same kind of device is the same, bit for bit.

    Raises:
        WeightsError: if the source is no whole Mixtral, is quantized already, or `target` exists.
    """
    checkpoint = Checkpoint(source)
    if checkpoint.quantized:
        raise WeightsError(f"{source}: it is quantized already")
    tokenizer = checkpoint.files[1]
    model = empty(checkpoint.config, device)
    names = {checkpoint_name(name): name for name, _ in model.named_parameters()}
    if checkpoint.config.tie_word_embeddings:
        names.pop("lm_head.weight", None)
    checkpoint.require_keys(names, ())
    try:
        target.mkdir(parents=True)
    except OSError as error:
        raise WeightsError(f"{target}: {error}; name a folder that does not exist") from error
    shard: dict[str, Tensor] = {}
    written = 0
    for done, (name, parts) in enumerate(checkpoint.tensors(names), 1):
        if is_four_bit(model, names[name]):
            weight = nf4.quantize(parts[""], device, compute_dtype(device))
            shard |= on_disk(name, nf4.to_file(weight))
        else:
            shard[name] = parts[""].clone()
        if sum(t.nbytes for t in shard.values()) >= SHARD_BYTES or done == len(names):
            written += 1
            save_file(shard, target / f"model-{written:05d}.safetensors", {"format": "pt"})
            shard = {}
            say(f"{done} of {len(names)} tensors, {written} shards written")
    (target / TOKENIZER_FILE).write_bytes(tokenizer.read_bytes())
    (target / CONFIG_FILE).write_text(config_text(checkpoint.config), encoding="utf-8")


def on_disk(name: str, parts: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of `nf4.to_file` under their names in a file."""
    return {f"{name}.{part}" if part else name: tensor for part, tensor in parts.items()}


def config_text(config: MixtralConfig) -> str:
    """`config.json` of a folder that is quantized."""
    data: dict[str, Any] = {**config.to_dict(), "quantization_config": dict(nf4.CONFIG)}
    return json.dumps(data, indent=1, sort_keys=True) + "\n"
