"""Any GGUF through llama.cpp: Mixtral in Q4_K_M and its like, with some layers on a GPU."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

from hazard.errors import ConfigError
from hazard.site.reasoning import Reasoning
from models.fetch import artefact
from models.manifest import Manifest
from models.reasoning.facts import gguf_facts
from models.reasoning.judge import LanguageReasoner, Limits, limits_of
from models.reasoning.llamacpp import LlamaCpp
from models.reasoning.tokens import usable_threads

ALL_LANGUAGES = ("en", "fr", "de", "es", "it")


class GgufReasoner(LanguageReasoner):
    """A GGUF file as a reasoner; certificate and calibration lie beside the file.

    Raises:
        WeightsError: if the file is missing or does not load.
        ReasonerError: if the severity labels cannot be scored with it.
    """

    def __init__(self, name: str, path: Path, config: Reasoning, limits: Limits | None) -> None:
        facts = gguf_facts(path)
        threads = usable_threads(config.threads)
        engine = LlamaCpp(path, threads=threads, gpu_layers=config.gpu_layers)
        facts = facts.with_settings(
            libraries={"xllamacpp": version("xllamacpp")},
            settings={
                "threads": str(threads),
                "gpu_layers": "auto" if config.gpu_layers is None else str(config.gpu_layers),
                "chat": engine.chat.name,
            },
        )
        super().__init__(
            name,
            engine,
            config,
            facts,
            limits or limits_of(facts, ALL_LANGUAGES),
            path.parent,
        )


class LlamaCppReasoner(GgufReasoner):
    """The backend `llamacpp`: `reasoning.model` is the path of a GGUF, or a manifest's entry.

    Raises:
        ConfigError: if no model is named.
        WeightsError: if the file is missing or does not load.
        ReasonerError: if the severity labels cannot be scored with it.
    """

    def __init__(self, config: Reasoning, models_dir: Path) -> None:
        if not config.model:
            raise ConfigError(
                "reasoning.model: the backend llamacpp needs the path of a GGUF file, such as "
                "/models/mixtral-8x7b-instruct-v0.1.Q4_K_M.gguf, or a name of the manifest"
            )
        path = Path(config.model)
        if path.suffix != ".gguf":
            path = artefact(Manifest.load()[config.model], models_dir)
        super().__init__("llamacpp", path, config, None)
