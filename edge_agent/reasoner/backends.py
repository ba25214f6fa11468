"""Finding and loading a reasoning backend, and the authority that it gets.

A backend is named in the site file (`reasoning.backend`) and found by the entry point group
`hazard.reasoners`. Its class is called as `Backend(config: Reasoning, models_dir: Path)`, loads
the model and gives a `hazard.ports.Reasoner`.

For tests only, and only with `HAZARD_ALLOW_TEST_CERTIFICATE=1` in the environment, a name with a
colon (`module:Class`) is imported as it stands, and certificates marked `test_only` count. Both
are logged as errors: neither belongs in a plant.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

import structlog
from pydantic import ValidationError

from hazard.catalogue import found_by_rules
from hazard.errors import ConfigError
from hazard.ports import Reasoner
from hazard.site.reasoning import Reasoning
from hazard.triage.authority import Certificate, Subject, grant
from hazard.types import Authority

GROUP = "hazard.reasoners"
BUILT_IN = {
    "llamacpp": "models.reasoning.gguf_backend:LlamaCppReasoner",
    "mixtral": "models.reasoning.mixtral.backend:MixtralReasoner",
    "mixtral-tiny": "models.reasoning.mixtral.backend:MixtralTinyReasoner",
    "openai": "models.reasoning.remote.reasoner:RemoteReasoner",
    "smollm2": "models.reasoning.smollm2:SmolLM2Reasoner",
}
"""What is found even from a checkout that was never installed."""

TEST_FLAG = "HAZARD_ALLOW_TEST_CERTIFICATE"
CERTIFICATE_FILE = "certificate.json"

_log = structlog.get_logger()

Factory = Callable[[Reasoning, Path], Reasoner]


@dataclass(frozen=True, slots=True)
class Loaded:
    """A backend that is ready, and what it may do per hazard kind.

    `certified_at` is when its exam was held, ISO 8601; empty without a certificate.
    """

    reasoner: Reasoner
    authority: dict[str, Authority]
    provenance: dict[str, str]
    certificate: str
    certified_at: str = ""


def tests_allowed() -> bool:
    """Whether this process accepts test certificates and test backends."""
    return os.environ.get(TEST_FLAG) == "1"


def load(config: Reasoning, models_dir: Path) -> Loaded:
    """Load the backend that the site names. Blocks; may take minutes.

    Raises:
        ConfigError: if there is no such backend.
        WeightsError: if its files are missing or wrong.
        ReasonerError: if the model does not load.
    """
    reasoner = _factory(config.backend)(config, models_dir)
    certificate = _certificate(reasoner.folder / CERTIFICATE_FILE)
    provenance = {str(key): str(value) for key, value in reasoner.provenance().items()}
    authority, notes = {}, set()
    for hazard in sorted({*found_by_rules(), *config.authority}):
        granted = grant(
            hazard,
            backend_limit=reasoner.max_authority,
            uncertified=reasoner.uncertified,
            subject=subject_of(reasoner.name, provenance),
            certificate=certificate,
            wishes=config.authority,
            minimums=config.exam.tightened(),
            allow_test_certificate=tests_allowed(),
        )
        authority[hazard] = granted.authority
        notes |= {granted.why} - {""}
    for note in sorted(notes):
        _log.error("reasoner.authority_reduced", backend=reasoner.name, reason=note)
    issued_at = certificate.issued_at.isoformat() if certificate is not None else ""
    return Loaded(reasoner, authority, provenance, _standing(certificate), issued_at)


def subject_of(name: str, provenance: dict[str, str]) -> Subject:
    """What a certificate for this backend must name; files are the keys `sha256:FILE`."""
    prefix = "sha256:"
    return Subject(
        backend=name,
        files={k.removeprefix(prefix): v for k, v in provenance.items() if k.startswith(prefix)},
        quantization=provenance.get("quantization", ""),
        prompt_hash=provenance.get("prompt_hash", ""),
        calibration=provenance.get("calibration", ""),
    )


def _factory(name: str) -> Factory:
    if ":" in name:
        if not tests_allowed():
            raise ConfigError(
                f"reasoning.backend: {name!r} names a class; only tests may do that "
                f"({TEST_FLAG}=1). Name an installed backend: {', '.join(sorted(installed()))}"
            )
        _log.error("reasoner.test_backend", backend=name, reason="not for use in a plant")
        point = EntryPoint(name, name, GROUP)
    elif (known := installed().get(name)) is None:
        raise ConfigError(
            f"reasoning.backend: no backend {name!r}: "
            f"installed are {', '.join(sorted(installed()))}"
        )
    else:
        point = known
    try:
        module, _, attribute = point.value.partition(":")
        factory: Factory = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise ConfigError(
            f"reasoning.backend: {name!r} ({point.value}) cannot be loaded: {error}; "
            "install the package that brings it"
        ) from error
    return factory


def installed() -> dict[str, EntryPoint]:
    """The backends that a site file may name, by name."""
    built_in = {name: EntryPoint(name, value, GROUP) for name, value in BUILT_IN.items()}
    return built_in | {point.name: point for point in entry_points(group=GROUP)}


def _certificate(path: Path) -> Certificate | None:
    """The certificate beside the weights. One that cannot be read counts as none, loudly."""
    try:
        certificate = Certificate.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        _log.error("reasoner.certificate_unreadable", path=str(path), reason=str(error)[:500])
        return None
    if certificate.test_only:
        _log.error(
            "reasoner.test_certificate", path=str(path), accepted=tests_allowed(), flag=TEST_FLAG
        )
    return certificate


def _standing(certificate: Certificate | None) -> str:
    if certificate is None:
        return "none"
    kind = "test only, " if certificate.test_only else ""
    return f"{kind}{'passed' if certificate.passed else 'failed'}"
