"""Mixtral in NF4 as a reasoner: from a local folder, or from a hub when the box is online."""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path

import structlog
import torch
from tokenizers import Tokenizer

from hazard.site.reasoning import Reasoning
from hazard.types import Authority
from models.fetch import artefact
from models.integrity import cached_sha256
from models.manifest import Manifest
from models.reasoning.chat import style_of
from models.reasoning.facts import Facts
from models.reasoning.judge import LanguageReasoner, Limits, limits_of
from models.reasoning.mixtral import nf4
from models.reasoning.mixtral.checkpoint import TOKENIZER_FILE, Checkpoint
from models.reasoning.mixtral.engine import MixtralEngine
from models.reasoning.mixtral.grouped import choose
from models.reasoning.mixtral.load import (
    compute_dtype,
    default_device,
    load,
    require_four_bit,
)
from models.reasoning.mixtral.memory import free_bytes, need_of, parameters, require_fit
from models.reasoning.mixtral.source import TEMPLATE_FILES, located
from models.reasoning.tokens import usable_threads

ALL_LANGUAGES = ("en", "fr", "de", "es", "it")
PACKAGED = "mixtral-tiny"

_log = structlog.get_logger()


class MixtralReasoner(LanguageReasoner):
    """The backend `mixtral`; certificate and calibration lie in the model's folder.

    Raises:
        ConfigError: if no model is named.
        WeightsError: if files are missing or wrong, the experts are not in 4 bits, or it does not
            fit; each with figures and the mend.
        ReasonerError: if the severity labels cannot be scored with it.
    """

    def __init__(self, config: Reasoning, models_dir: Path) -> None:
        del models_dir
        folder, origin = located(config.model)
        self._start("mixtral", config, folder, origin, None)

    def _start(
        self,
        name: str,
        config: Reasoning,
        folder: Path,
        origin: dict[str, str],
        limits: Limits | None,
    ) -> None:
        threads = usable_threads(config.threads)
        torch.set_num_threads(threads)
        checkpoint, device = Checkpoint(folder), default_device()
        files = {path.name: cached_sha256(path) for path in checkpoint.files}
        wanted = need_of(checkpoint.config, device)
        require_fit(checkpoint.config, wanted, free_bytes(device), str(device))
        model = load(checkpoint, device)
        sizes = require_four_bit(model)
        _log.info("mixtral.loaded", folder=str(folder), device=str(device), bytes=sizes)
        chat = style_of(_signs(folder))
        tokenizer = Tokenizer.from_file(str(folder / TOKENIZER_FILE))
        experts = choose(model)
        engine = MixtralEngine(model, tokenizer, chat, device)
        count = parameters(checkpoint.config)
        facts = Facts(
            files=files,
            quantization=nf4.QUANTIZATION,
            parameters=count.total,
            active_parameters=count.active,
            bytes_by_dtype=sizes,
            libraries={
                library: version(library) for library in ("torch", "transformers", "bitsandbytes")
            },
            settings={
                "device": str(device),
                "compute_dtype": str(compute_dtype(device)).removeprefix("torch."),
                "threads": str(threads),
                "chat": chat.name,
                "experts": experts,
                "decoding": engine.decoding,
                **origin,
            },
        )
        limits = limits or limits_of(facts, ALL_LANGUAGES)
        LanguageReasoner.__init__(self, name, engine, config, facts, limits, folder)


class MixtralTinyReasoner(MixtralReasoner):
    """SmolLM2 made a Mixtral of 4 experts: the production path on any box, and no better model.

    It judges at chance, so that without an exam it may only advise.
    """

    def __init__(self, config: Reasoning, models_dir: Path) -> None:
        path = artefact(Manifest.load()[PACKAGED], models_dir)
        limits = Limits(Authority.DECIDE, Authority.ADVISE, ("en",))
        self._start(PACKAGED, config, path.parent, {"source": PACKAGED}, limits)


def _signs(folder: Path) -> str:
    """What tells the style of turns: the chat template, and the vocabulary's added tokens."""
    present = [folder / name for name in TEMPLATE_FILES if (folder / name).is_file()]
    found = [path.read_text(encoding="utf-8", errors="replace") for path in present]
    tokens = json.loads((folder / TOKENIZER_FILE).read_text(encoding="utf-8"))
    found.extend(str(token.get("content")) for token in tokens.get("added_tokens", ()))
    return " ".join(found)
