"""Small random Mixtrals as they are published: standard names, two shards, a real tokenizer."""

# ruff: noqa: PLC0415 - torch and what needs it are there only with the reasoning extra

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

VOCABULARY = 800
SPECIAL = ("<s>", "</s>", "<|im_start|>", "<|im_end|>")


def a_config(**changes: Any) -> Any:
    """The shape of a tiny Mixtral; `changes` replace its fields."""
    from transformers import MixtralConfig

    fields = {
        "vocab_size": 97,
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "num_local_experts": 4,
        "num_experts_per_tok": 2,
        "max_position_embeddings": 4096,
    }
    return MixtralConfig(**(fields | changes))


def publish(path: Path, config: Any, *, dtype: str = "float32") -> Path:
    """Write a random checkpoint of this shape to the folder `path`."""
    import torch
    from safetensors.torch import save_file

    from models.reasoning.mixtral.load import empty
    from models.reasoning.mixtral.model import checkpoint_name

    path.mkdir(parents=True, exist_ok=True)
    random = torch.Generator().manual_seed(3)
    tensors = {}
    for name, parameter in empty(config, torch.device("cpu"), four_bit=False).named_parameters():
        values = torch.randn(tuple(parameter.shape), generator=random) * 0.1
        values = values + 1.0 if "norm" in name else values
        tensors[checkpoint_name(name)] = values.to(getattr(torch, dtype))
    names = sorted(tensors)
    for number, part in enumerate((names[::2], names[1::2]), 1):
        save_file({n: tensors[n] for n in part}, path / f"model-{number}.safetensors")
    where = {n: f"model-{1 + (place % 2)}.safetensors" for place, n in enumerate(names)}
    index = {"metadata": {}, "weight_map": where}
    (path / "model.safetensors.index.json").write_text(json.dumps(index))
    (path / "config.json").write_text(json.dumps(config.to_dict()))
    a_tokenizer().save(str(path / "tokenizer.json"))
    return path


def a_tokenizer() -> Any:
    """Byte pairs of the product's own prompt, and ChatML's signs."""
    from tokenizers import Tokenizer, decoders, pre_tokenizers
    from tokenizers.models import BPE
    from tokenizers.trainers import BpeTrainer

    from hazard.catalogue import catalogue
    from models.reasoning.prompt import decide_prompt

    made = Tokenizer(BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    trainer = BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=list(SPECIAL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    text = decide_prompt(catalogue()).system
    made.train_from_iterator([text, " info low medium high critical" * 9], trainer)
    return made


def a_mistral_tokenizer() -> Any:
    """The same in the manner of SentencePiece, as Mistral's is: `▁area` is one token."""
    from tokenizers import Tokenizer, decoders, pre_tokenizers, processors
    from tokenizers.models import BPE
    from tokenizers.trainers import BpeTrainer

    from hazard.catalogue import catalogue
    from models.reasoning.prompt import LABELS, decide_prompt

    made = Tokenizer(BPE())
    made.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
    made.decoder = decoders.Metaspace(prepend_scheme="first")
    signs = [chr(code) for code in range(33, 127)]
    trainer = BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=["<unk>", "<s>", "</s>"],
        initial_alphabet=signs,
        show_progress=False,
    )
    words = " ".join(("[INST] area [/INST]", *LABELS)) + " "
    made.train_from_iterator([decide_prompt(catalogue()).system, words * 9], trainer)
    made.post_processor = processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", 1)]
    )
    return made
