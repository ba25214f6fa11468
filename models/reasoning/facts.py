"""What is known of a model's weights before, and without, running it: for records and refusals."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType

from models.integrity import cached_sha256
from models.reasoning.gguf import Gguf

LARGE = 40_000_000_000
"""Parameters from which on a model may raise a severity without an exam (Mixtral 8x7B: 46.7e9)."""

_GGML = MappingProxyType(
    {
        0: ("f32", 1, 4),
        1: ("f16", 1, 2),
        2: ("q4_0", 32, 18),
        3: ("q4_1", 32, 20),
        6: ("q5_0", 32, 22),
        7: ("q5_1", 32, 24),
        8: ("q8_0", 32, 34),
        10: ("q2_k", 256, 84),
        11: ("q3_k", 256, 110),
        12: ("q4_k", 256, 144),
        13: ("q5_k", 256, 176),
        14: ("q6_k", 256, 210),
        16: ("iq2_xxs", 256, 66),
        17: ("iq2_xs", 256, 74),
        18: ("iq3_xxs", 256, 98),
        19: ("iq1_s", 256, 50),
        20: ("iq4_nl", 32, 18),
        21: ("iq3_s", 256, 110),
        22: ("iq2_s", 256, 82),
        23: ("iq4_xs", 256, 136),
        29: ("iq1_m", 256, 56),
        30: ("bf16", 1, 2),
        39: ("mxfp4", 32, 17),
    }
)
"""ggml's tensor types: name, weights per block, bytes per block (ggml.h and ggml-common.h)."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a model is made of.

    Attributes:
        files: name to sha256 of every file that makes it what it is.
        quantization: in the words of its format, e.g. `Q4_1`, `nf4-double`.
        parameters: all of them; 0 where nobody says.
        active_parameters: those that one token meets.
        bytes_by_dtype: bytes of its tensors.
        libraries: name to version of what computes it.
        settings: what else changes the answer, e.g. threads and device.
    """

    files: Mapping[str, str]
    quantization: str
    parameters: int = 0
    active_parameters: int = 0
    bytes_by_dtype: Mapping[str, int] = field(default_factory=dict)
    libraries: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def size_bytes(self) -> int:
        """Bytes of all tensors."""
        return sum(self.bytes_by_dtype.values())

    def with_settings(self, *, libraries: Mapping[str, str], settings: Mapping[str, str]) -> Facts:
        """The same with what computes it."""
        return replace(self, libraries=dict(libraries), settings=dict(settings))

    def provenance(self) -> dict[str, str]:
        """As texts for a record; files under `sha256:NAME`."""
        return {
            **{f"sha256:{name}": digest for name, digest in self.files.items()},
            "quantization": self.quantization,
            "parameters": str(self.parameters),
            "active_parameters": str(self.active_parameters),
            "bytes": str(self.size_bytes),
            **self.libraries,
            **self.settings,
        }


def gguf_facts(path: Path) -> Facts:
    """What a GGUF file says of itself in its header.

    Raises:
        WeightsError: if it cannot be read or is no GGUF.
    """
    gguf = Gguf(path)
    by_dtype: dict[str, int] = {}
    weights_by_type: dict[str, int] = {}
    parameters = active = 0
    used, experts = (_whole(gguf, key) for key in ("expert_used_count", "expert_count"))
    for name in gguf.names:
        shape, type_id = gguf.layout(name)
        count = math.prod(shape)
        dtype, block, size_bytes = _GGML.get(type_id, (f"ggml type {type_id}", 1, 0))
        by_dtype[dtype] = by_dtype.get(dtype, 0) + count // block * size_bytes
        weights_by_type[dtype] = weights_by_type.get(dtype, 0) + count
        parameters += count
        active += count * used // experts if experts and "_exps" in name else count
    largest = max(weights_by_type, key=lambda dtype: weights_by_type[dtype], default="none")
    return Facts(
        files={path.name: cached_sha256(path)},
        quantization=largest.upper(),
        parameters=parameters,
        active_parameters=active,
        bytes_by_dtype=by_dtype,
    )


def chat_signs(path: Path) -> str:
    """The chat template of a GGUF and its first tokens, by which the style of turns is told."""
    gguf = Gguf(path)
    tokens = gguf.metadata.get("tokenizer.ggml.tokens")
    first = tokens[:50] if isinstance(tokens, list) else []
    template = gguf.metadata.get("tokenizer.chat_template", "")
    return " ".join([str(template), *(str(token) for token in first)])


def _whole(gguf: Gguf, key: str) -> int:
    architecture = gguf.metadata.get("general.architecture", "llama")
    return int(str(gguf.metadata.get(f"{architecture}.{key}", 0)))
