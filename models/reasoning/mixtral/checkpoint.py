"""A folder with a Mixtral in standard layout: `config.json`, safetensors shards, tokenizer.

Two kinds are read: as published (bf16, experts as `block_sparse_moe.experts.E.w1.weight`), and
quantized already (`models.reasoning.mixtral.quantize`). Nothing else is: a checkpoint of which a
key is missing, or that has one too many, would load as a model with random parts.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from torch import Tensor
from transformers import MixtralConfig

from hazard.errors import WeightsError
from models.reasoning.mixtral.model import ACTIVATION
from models.reasoning.mixtral.nf4 import CONFIG, STATISTICS

CONFIG_FILE = "config.json"
TOKENIZER_FILE = "tokenizer.json"
_SHOWN = 3


class Checkpoint:
    """An open folder; tensors are read one by one.

    Raises:
        WeightsError: if it is no Mixtral, or files are missing or damaged.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config, self.quantized = _config(folder)
        self._shards = sorted(folder.glob("*.safetensors"))
        if not self._shards:
            raise WeightsError(
                f"{folder}: no *.safetensors in it; give a folder with the weights in that format"
            )
        self._shard_of: dict[str, Path] = {}
        for shard in self._shards:
            with _opened(shard) as reader:
                for key in reader.keys():  # noqa: SIM118 - it is no dictionary
                    if key in self._shard_of:
                        raise WeightsError(
                            f"{folder}: {key} is in {self._shard_of[key].name} and {shard.name}; "
                            "keep one copy of the weights in the folder"
                        )
                    self._shard_of[key] = shard

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that make the model what it is: configuration, tokenizer, shards."""
        tokenizer = self.folder / TOKENIZER_FILE
        if not tokenizer.is_file():
            raise WeightsError(
                f"{self.folder}: {TOKENIZER_FILE} is missing; copy it from where the model is from"
            )
        return (self.folder / CONFIG_FILE, tokenizer, *self._shards)

    def require_keys(self, whole: Iterable[str], four_bit: Iterable[str]) -> None:
        """Refuse a checkpoint that has not exactly these tensors.

        Args:
            whole: names of parameters that lie as they are.
            four_bit: names of weights that lie with their statistics, if quantized already.

        Raises:
            WeightsError: naming the missing and the unexpected.
        """
        wanted = set(whole)
        for name in four_bit:
            wanted.add(name)
            if self.quantized:
                wanted |= {f"{name}.{statistic}" for statistic in STATISTICS}
        missing, unexpected = wanted - set(self._shard_of), set(self._shard_of) - wanted
        if missing or unexpected:
            raise WeightsError(
                f"{self.folder}: not the weights of this configuration: missing "
                f"{_some(missing)}; unexpected {_some(unexpected)}. Get the checkpoint anew, as "
                "it was published"
            )

    def tensors(self, names: Iterable[str]) -> Iterator[tuple[str, dict[str, Tensor]]]:
        """Each named tensor as `{"": tensor}`, with its statistics if it has some.

        In the order of the shards, so that each is read once and closed.

        Raises:
            WeightsError: if a shard cannot be read.
        """
        by_shard: dict[Path, list[str]] = {}
        for name in names:
            by_shard.setdefault(self._shard_of[name], []).append(name)
        for shard, keys in sorted(by_shard.items()):
            with _opened(shard) as reader:
                for key in keys:
                    parts = {"": key} | {
                        statistic: f"{key}.{statistic}"
                        for statistic in STATISTICS
                        if f"{key}.{statistic}" in self._shard_of
                    }
                    try:
                        found = {part: reader.get_tensor(name) for part, name in parts.items()}
                    except SafetensorError as error:
                        raise WeightsError(f"{shard}: {key} cannot be read: {error}") from error
                    yield key, found


def _config(folder: Path) -> tuple[MixtralConfig, bool]:
    path = folder / CONFIG_FILE
    try:
        data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        kind = data.get("model_type")
    except (OSError, ValueError, AttributeError) as error:
        raise WeightsError(
            f"{path}: {error}; reasoning.model must name a folder with a Mixtral in it"
        ) from error
    if kind != "mixtral":
        raise WeightsError(f"{path}: model_type is {kind!r}, this backend reads 'mixtral'")
    found = data.pop("quantization_config", None)
    if found is not None and any(found.get(key) != value for key, value in CONFIG.items()):
        raise WeightsError(
            f"{path}: quantization_config is {found}; "
            f"read are unquantized weights and {dict(CONFIG)}"
        )
    config = MixtralConfig.from_dict(data)
    if config.hidden_act != ACTIVATION:
        raise WeightsError(f"{path}: hidden_act is {config.hidden_act!r}, read is {ACTIVATION!r}")
    return config, found is not None


def _opened(shard: Path) -> Any:
    try:
        return safe_open(shard, framework="pt")
    except (OSError, SafetensorError) as error:
        raise WeightsError(
            f"{shard}: it cannot be read ({error}); the download broke off, get it anew"
        ) from error


def _some(names: set[str]) -> str:
    if not names:
        return "none"
    shown = ", ".join(sorted(names)[:_SHOWN])
    more = len(names) - _SHOWN
    return f"{shown} and {more} more" if more > 0 else shown
