"""The section `reasoning` of the site file: which model gives an opinion, and what it may do."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from pydantic import Field, ValidationInfo, field_validator, model_validator

from hazard.site.sources import SecretRef
from hazard.triage.authority import MIN_KAPPA, MIN_RECALL_LOWER
from hazard.types import Authority, Model, Name, Severity


class SeverityExample(Model):
    """A finding of this site and the severity that its people give it; stands in the prompt."""

    finding: str = Field(min_length=3, max_length=200, description="in plain words, in English")
    severity: Severity = Field(description="what it is at this site")


class Exam(Model):
    """What the exam must show before a model may decide; the built-in minimums can only rise."""

    minimum_kappa: float = Field(
        default=MIN_KAPPA, le=1, description="quadratic weighted kappa; 0.75 or more"
    )
    minimum_recall_lower: float = Field(
        default=MIN_RECALL_LOWER,
        lt=1,
        description="lower bound of the recall of high and critical (Wilson, 95 %); 0.9 or more",
    )

    @field_validator("minimum_kappa", "minimum_recall_lower")
    @classmethod
    def _not_below_built_in(cls, value: float, info: ValidationInfo) -> float:
        built_in = MIN_KAPPA if info.field_name == "minimum_kappa" else MIN_RECALL_LOWER
        if not value >= built_in:
            raise ValueError(
                f"is below the built-in minimum {built_in:g}, which can only be raised"
            )
        return value

    def tightened(self) -> dict[str, float]:
        """What this site asks for beyond the built-in minimums, by a certificate's figure names."""
        asked = {
            "kappa": (self.minimum_kappa, MIN_KAPPA),
            "recall_high_lower": (self.minimum_recall_lower, MIN_RECALL_LOWER),
        }
        return {name: least for name, (least, built_in) in asked.items() if least > built_in}


class Route(Model):
    """A server that speaks OpenAI's protocol: vLLM, llama.cpp, Ollama, Mistral's API."""

    name: Name = Field(description="what logs and records call it")
    url: str = Field(
        max_length=300, description="where its API starts, e.g. http://10.0.0.5:8000/v1"
    )
    model: str = Field(min_length=1, max_length=200, description="the model's name on that server")
    public: bool = Field(
        default=False, description="true: it is not the plant's own; wants https and allow_public"
    )
    api_key: SecretRef | None = Field(
        default=None, description="secret that it asks for: ${VARIABLE}, or file: PATH"
    )
    ca_file: Path | None = Field(
        default=None, description="certificates to trust; absent: those of the system"
    )

    @field_validator("url")
    @classmethod
    def _plain_base(cls, value: str) -> str:
        try:
            parts = urlsplit(value)
            host, _ = parts.hostname, parts.port
        except ValueError as error:
            raise ValueError(f"is no address ({error}): write http://HOST:PORT/v1") from error
        if parts.scheme not in ("http", "https") or not host or not value.isprintable():
            raise ValueError("want http:// or https://: e.g. http://10.0.0.5:8000/v1")
        if "@" in parts.netloc:
            raise ValueError("a user or password stands in the address: give it as api_key")
        if parts.query or parts.fragment or any(char.isspace() for char in value):
            raise ValueError("want the API's base: without spaces, ? and #")
        return value.rstrip("/")

    @model_validator(mode="after")
    def _public_is_encrypted(self) -> Self:
        parts = urlsplit(self.url)
        if self.public and parts.scheme != "https":
            raise ValueError("a public route without https: write https:// in its url")
        if not self.public and _is_global(parts.hostname or ""):
            raise ValueError("its address is on the internet: write public: true")
        if self.ca_file is not None and parts.scheme != "https":
            raise ValueError("ca_file is given but url is not https: remove it, or write https://")
        return self


class Reasoning(Model):
    """The language model that gives an opinion on severity and writes the words."""

    enabled: bool = True
    backend: str = Field(default="smollm2", description="entry point of hazard.reasoners")
    model: str | None = Field(default=None, description="manifest name, path or id; backend's own")
    deadline_s: float = Field(default=2.0, gt=0, le=600, description="after raised")
    words_deadline_s: float = Field(default=30.0, gt=0, le=3600)
    authority: dict[Name, Authority] = Field(
        default_factory=dict, description="per hazard kind; never above what the exam allows"
    )
    threads: int = Field(
        default=2, ge=1, le=1024, description="CPU threads; one core is left to cameras"
    )
    gpu_layers: int | None = Field(
        default=None, ge=0, le=10_000, description="GGUF layers on the GPU; empty: as many as fit"
    )
    examples: tuple[SeverityExample, ...] = Field(
        default=(), max_length=20, description="the site's own, for the prompt: run the exam anew"
    )
    routes: tuple[Route, ...] = Field(
        default=(), max_length=8, description="servers of backend openai; private ones come first"
    )
    allow_public: bool = Field(
        default=False, description="true lets public routes be asked, after the private ones"
    )
    exam: Exam = Field(default_factory=Exam)
    procedures: Path | None = Field(
        default=None,
        description="folder of the site's procedures, Markdown or PDF, that actions may cite",
    )


def _is_global(host: str) -> bool:
    """Whether `host` is an address (not a name) on the internet."""
    try:
        return ipaddress.ip_address(host).is_global
    except ValueError:
        return False
