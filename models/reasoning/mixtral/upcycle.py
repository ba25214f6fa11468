"""A Mixtral out of the packaged SmolLM2: the same language, in the shape of a mixture of experts.

"Sparse upcycling" (arXiv 2212.05055): each of four experts is a copy of the dense feed-forward
network, and the router is random. Since all experts say the same, and the weights of those chosen
sum to one, the model says what the dense one says, for any routing. It is no better a model: it
is what the Mixtral backend runs where no Mixtral fits, and in tests.

Written is a folder that is quantized already: an expert is quantized once, not four times.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from tokenizers import AddedToken, Tokenizer, decoders, pre_tokenizers
from tokenizers.models import BPE
from torch import Tensor
from transformers import MixtralConfig

from hazard.errors import WeightsError
from models.manifest import Entry
from models.reasoning.gguf import Floats, Gguf
from models.reasoning.mixtral import nf4
from models.reasoning.mixtral.checkpoint import CONFIG_FILE, TOKENIZER_FILE
from models.reasoning.mixtral.quantize import config_text, on_disk

EXPERTS = 4
_SEED = 7
_ROUTER_STD = 0.02
_CONTROL = 3
"""GGUF's type of a token that is a control token."""

_FEED_FORWARD = (("ffn_gate", "w1"), ("ffn_down", "w2"), ("ffn_up", "w3"))
_NORMS = (("attn_norm", "input_layernorm"), ("ffn_norm", "post_attention_layernorm"))
_CPU = torch.device("cpu")


def build(entry: Entry, folder: Path, target: Path) -> None:
    """Write the upcycled model's weights to `target`, configuration and tokenizer beside it.

    Raises:
        WeightsError: if the fetched GGUF is not the Llama that this was written for.
    """
    gguf = Gguf(folder / entry.files[0].name)
    config = configuration(gguf)
    stored: dict[str, Tensor] = {}
    for name, weight, copies in weights(gguf, config):
        if copies:
            parts = nf4.to_file(nf4.quantize(weight, _CPU, torch.float32))
            for copy in copies:
                stored |= on_disk(copy, {part: tensor.clone() for part, tensor in parts.items()})
        else:
            stored[name] = weight.to(torch.bfloat16)
    save_file(stored, target, {"format": "pt"})
    target.with_name(CONFIG_FILE).write_text(config_text(config), encoding="utf-8")
    tokenizer(gguf).save(str(target.with_name(TOKENIZER_FILE)))


def configuration(gguf: Gguf) -> MixtralConfig:
    """The shape of the Mixtral that a dense Llama in GGUF becomes.

    Raises:
        WeightsError: if it is no Llama.
    """
    if gguf.metadata.get("general.architecture") != "llama":
        raise WeightsError("only a GGUF of the llama architecture can be upcycled")

    def whole(key: str) -> int:
        return int(str(gguf.metadata[f"llama.{key}"]))

    return MixtralConfig(
        vocab_size=whole("vocab_size"),
        hidden_size=whole("embedding_length"),
        intermediate_size=whole("feed_forward_length"),
        num_hidden_layers=whole("block_count"),
        num_attention_heads=whole("attention.head_count"),
        num_key_value_heads=whole("attention.head_count_kv"),
        head_dim=whole("rope.dimension_count"),
        max_position_embeddings=whole("context_length"),
        rms_norm_eps=float(str(gguf.metadata["llama.attention.layer_norm_rms_epsilon"])),
        rope_parameters={
            "rope_type": "default",
            "rope_theta": float(str(gguf.metadata["llama.rope.freq_base"])),
        },
        num_local_experts=EXPERTS,
        num_experts_per_tok=2,
        tie_word_embeddings=True,
        bos_token_id=int(str(gguf.metadata["tokenizer.ggml.bos_token_id"])),
        eos_token_id=int(str(gguf.metadata["tokenizer.ggml.eos_token_id"])),
    )


def weights(gguf: Gguf, config: MixtralConfig) -> Iterator[tuple[str, Tensor, tuple[str, ...]]]:
    """Name, weight, and the names under which it lies in 4 bits (none: it lies as it is)."""
    router = torch.Generator().manual_seed(_SEED)
    yield "model.embed_tokens.weight", _tensor(gguf.tensor("token_embd.weight")), ()
    yield "model.norm.weight", _tensor(gguf.tensor("output_norm.weight")), ()
    for number in range(config.num_hidden_layers):
        source, layer = f"blk.{number}", f"model.layers.{number}"
        for theirs, ours in _NORMS:
            yield f"{layer}.{ours}.weight", _tensor(gguf.tensor(f"{source}.{theirs}.weight")), ()
        for name, weight in _attention(gguf, source, config):
            yield (full := f"{layer}.self_attn.{name}.weight"), _tensor(weight), (full,)
        moe = f"{layer}.block_sparse_moe"
        shape = (config.num_local_experts, config.hidden_size)
        yield f"{moe}.gate.weight", torch.randn(shape, generator=router) * _ROUTER_STD, ()
        for theirs, ours in _FEED_FORWARD:
            copies = tuple(f"{moe}.experts.{expert}.{ours}.weight" for expert in range(EXPERTS))
            yield copies[0], _tensor(gguf.tensor(f"{source}.{theirs}.weight")), copies


def tokenizer(gguf: Gguf) -> Tokenizer:
    """SmolLM2's tokenizer: byte-level BPE that keeps digits apart."""
    tokens = _texts(gguf, "tokenizer.ggml.tokens")
    pairs = (merge.partition(" ") for merge in _texts(gguf, "tokenizer.ggml.merges"))
    merges = [(left, right) for left, _, right in pairs]
    kinds = _texts(gguf, "tokenizer.ggml.token_type")
    made = Tokenizer(BPE({token: number for number, token in enumerate(tokens)}, merges))
    made.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
        ]
    )
    made.decoder = decoders.ByteLevel()
    control = [t for t, kind in zip(tokens, kinds, strict=True) if kind == str(_CONTROL)]
    made.add_special_tokens(
        [AddedToken(token, special=True, normalized=False) for token in control]
    )
    return made


def _attention(gguf: Gguf, source: str, config: MixtralConfig) -> Iterator[tuple[str, Floats]]:
    heads, groups = config.num_attention_heads, config.num_key_value_heads
    yield "q_proj", _rows(gguf.tensor(f"{source}.attn_q.weight"), heads)
    yield "k_proj", _rows(gguf.tensor(f"{source}.attn_k.weight"), groups)
    yield "v_proj", gguf.tensor(f"{source}.attn_v.weight")
    yield "o_proj", gguf.tensor(f"{source}.attn_output.weight")


def _rows(weight: Floats, heads: int) -> Floats:
    """Rows in the order of rotary halves: llama.cpp's converter pairs neighbours instead."""
    rows, columns = weight.shape
    paired = weight.reshape(heads, rows // heads // 2, 2, columns)
    return np.ascontiguousarray(paired.swapaxes(1, 2).reshape(rows, columns))


def _tensor(values: Floats) -> Tensor:
    return torch.from_numpy(values)


def _texts(gguf: Gguf, key: str) -> list[str]:
    values = gguf.metadata.get(key)
    if not isinstance(values, list):
        raise WeightsError(f"the GGUF has no {key}")
    return [str(value) for value in values]
