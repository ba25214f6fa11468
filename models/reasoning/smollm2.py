"""The packaged small model: SmolLM2-135M-Instruct, Q4_1, through llama.cpp.

It judges severity no better than a constant answer does, so that its authority is `advise`: its
opinion is stored and shown, and decides nothing. It writes the English summary, which stands only
if it passes the check against the evidence. It is here so that a box without a GPU runs the same
path, deadline and protocol as with a large model.
"""

from __future__ import annotations

from pathlib import Path

from hazard.site.reasoning import Reasoning
from hazard.types import Authority
from models.fetch import artefact
from models.manifest import Manifest
from models.reasoning.gguf_backend import GgufReasoner
from models.reasoning.judge import Limits

LIMITS = Limits(Authority.ADVISE, Authority.ADVISE, ("en",))


class SmolLM2Reasoner(GgufReasoner):
    """`hazard.ports.Reasoner` with the packaged GGUF.

    Args:
        config: the site's reasoning section; `model` may name another entry of the manifest.
        models_dir: where fetched weights lie.

    Raises:
        ConfigError: if the manifest has no such model.
        WeightsError: if the file is missing, has a wrong hash or does not load.
        ReasonerError: if the severity labels cannot be scored with it.
    """

    def __init__(self, config: Reasoning, models_dir: Path) -> None:
        path = artefact(Manifest.load()[config.model or "smollm2"], models_dir)
        super().__init__("smollm2", path, config, LIMITS)
