"""A `hazard.ports.Reasoner` made of an engine: prompt, calibration, opinion, words.

The engine knows the model, this module knows hazards. Decisions come from one prefill; words come
after, and every one of them is checked.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType

from pydantic import JsonValue, ValidationError

from hazard.catalogue import catalogue
from hazard.errors import ReasonerError
from hazard.site.reasoning import Reasoning
from hazard.triage.authority import Subject
from hazard.triage.calibration import (
    Calibration,
    answer,
    entropy_bits,
    probabilities,
    without_prior,
)
from hazard.triage.render import is_withheld, render
from hazard.types import (
    Authority,
    Condition,
    HazardEvent,
    Incident,
    Measured,
    Opinion,
    Severity,
    Verdict,
    Words,
)
from models.reasoning import prompt
from models.reasoning.engine import Engine, Scores
from models.reasoning.facts import LARGE, Facts
from models.reasoning.procedures import Procedures
from models.reasoning.words import Redacted, Writer

CALIBRATION_FILE = "calibration.json"
LOADING_S = 600.0
"""How long the first prefill of the static prompt may take, on the slowest box."""
LOGIT_FLOOR = 1e-6
TEXT_WITHHELD = "text from outside was withheld: this answer may raise, and brings nothing down"


@dataclass(frozen=True, slots=True)
class Limits:
    """What a backend may do at most, with and without an exam, and which languages it writes."""

    max_authority: Authority
    uncertified: Authority
    languages: tuple[str, ...]


def limits_of(facts: Facts, languages: tuple[str, ...]) -> Limits:
    """The limits of a local model by its size: a large one may raise before it was examined."""
    large = facts.parameters >= LARGE
    return Limits(Authority.DECIDE, Authority.RAISE if large else Authority.ADVISE, languages)


class LanguageReasoner:
    """A language model that gives opinions and words.

    Args:
        name: the backend's name.
        engine: the model; closed with this object, and if this does not start.
        config: the site's reasoning section.
        facts: what the model is made of.
        limits: what it may do at most.
        folder: where certificate and calibration lie.
        redact: takes the plant's names out of what is written about, for a model elsewhere.

    Raises:
        ReasonerError: if the severity labels cannot be scored with it.
    """

    def __init__(  # noqa: PLR0917 - a wiring function
        self,
        name: str,
        engine: Engine,
        config: Reasoning,
        facts: Facts,
        limits: Limits,
        folder: Path,
        redact: Callable[[Incident], Redacted] | None = None,
    ) -> None:
        self.name = name
        self.folder = folder
        self.facts = facts
        self.max_authority, self.uncertified = limits.max_authority, limits.uncertified
        self._engine = engine
        procedures = Procedures(config.procedures) if config.procedures else None
        self._writer = Writer(engine, limits.languages, procedures, redact)
        self._interrupted = threading.Event()
        self._decide_prompt = prompt.decide_prompt(catalogue(), config.examples)
        sample = render(_sample(), catalogue())
        hashed = prompt.prompt_hash(self._decide_prompt, facts.settings.get("chat", ""), sample)
        basis = {**facts.provenance(), "prompt_hash": hashed}
        self._calibration, self.calibration_note = self._fitted(facts, hashed)
        fitted = self._calibration.sha256 if self._calibration else ""
        self._provenance = MappingProxyType({**basis, "calibration": fitted})
        try:
            self._prior = self._prejudice()
        except ReasonerError:
            engine.close()
            raise

    @property
    def engine(self) -> Engine:
        """The model itself, for benches."""
        return self._engine

    def decide(self, incident: Incident, verdict: Verdict, deadline_monotonic_s: float) -> Opinion:
        """Score the five labels after one prefill over the cached static part.

        The verdict is not shown to the model. See `hazard.ports.Reasoner.decide`.
        """
        del verdict
        return self.decide_text(render(incident, catalogue()), deadline_monotonic_s)

    def decide_text(self, text: str, deadline_monotonic_s: float) -> Opinion:
        """The opinion on a text: an incident as rendered, or a narrative of an exam.

        Raises:
            ReasonerError: if there is no usable answer.
        """
        started_s = time.monotonic()
        if started_s >= deadline_monotonic_s:
            raise ReasonerError("the deadline had passed before the model was asked")
        scores = self._scores(text, deadline_monotonic_s)
        raw = {s: scores.log_probabilities[s.value] for s in Severity}
        record: dict[str, JsonValue] = {
            **self._provenance,
            "prompt": text,
            "label_logits": {s.value: raw[s] for s in Severity},
            "label_prior": {s.value: self._prior[s] for s in Severity},
            "cached_tokens": scores.cached_tokens,
            "new_tokens": scores.new_tokens,
            "prefill_ms": scores.prefill_ms,
        }
        if not scores.measured:
            return self._advice(raw, record, started_s)
        weights = without_prior(raw, self._prior)
        distribution = probabilities(weights, self._calibration)
        severity, found, note = answer(distribution, self._calibration)
        limit = Authority.DECIDE
        if is_withheld(text):
            limit, note = Authority.RAISE, note or TEXT_WITHHELD
        return Opinion(
            backend=self.name,
            severity=severity,
            probabilities=distribution,
            conformal_set=found,
            entropy_bits=entropy_bits(distribution),
            authority_limit=limit,
            note=note,
            answered_in_ms=(time.monotonic() - started_s) * 1000.0,
            provenance=record,
        )

    def _advice(
        self, raw: Mapping[Severity, float], record: dict[str, JsonValue], started_s: float
    ) -> Opinion:
        """One word without probabilities: it is shown, and decides nothing."""
        distribution = probabilities(raw)
        return Opinion(
            backend=self.name,
            severity=max(Severity, key=lambda s: (distribution[s], s.rank)),
            probabilities=distribution,
            authority_limit=Authority.ADVISE,
            note="the server gave no probabilities of the labels: its answer is advice",
            answered_in_ms=(time.monotonic() - started_s) * 1000.0,
            provenance=record,
        )

    def write(
        self,
        incident: Incident,
        severity: str,
        languages: Sequence[str],
        deadline_monotonic_s: float,
    ) -> Words:
        """Summary, order of actions and citations; see `hazard.ports.Reasoner.write`."""
        try:
            return self._writer.write(
                incident, severity, languages, deadline_monotonic_s, self._interrupted.is_set
            )
        finally:
            self._interrupted.clear()

    def figures(self) -> dict[str, JsonValue]:
        """What was written and refused, and whether it is calibrated, for the health."""
        note = {"calibration_note": self.calibration_note} if self.calibration_note else {}
        return {**self._writer.figures(), **note}

    def interrupt(self) -> None:
        """Make `write` give way after the token that it is at."""
        self._interrupted.set()

    def provenance(self) -> Mapping[str, str]:
        """Files by sha256, quantization, parameters, prompt and calibration, libraries."""
        return self._provenance

    def close(self) -> None:
        """Free the model."""
        self._engine.close()

    def _scores(self, text: str, deadline_monotonic_s: float) -> Scores:
        return self._engine.score(
            self._decide_prompt, text, prompt.LABELS, deadline_monotonic_s=deadline_monotonic_s
        )

    def _prejudice(self) -> dict[Severity, float]:
        """What the model says of incidents without content; also fills the prefix's KV cache."""
        limit_s = time.monotonic() + LOADING_S
        answers = [self._scores(text, limit_s).log_probabilities for text in prompt.NEUTRAL]
        mean = {
            s: math.fsum(math.exp(a[s.value]) for a in answers) / len(answers) for s in Severity
        }
        return {s: max(value, LOGIT_FLOOR) for s, value in mean.items()}

    def _fitted(self, facts: Facts, prompt_hash: str) -> tuple[Calibration | None, str]:
        """The calibration beside the weights if it was fitted on this very model, else why not."""
        path = self.folder / CALIBRATION_FILE
        try:
            found = Calibration.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            return None, "there is none: run the exam"
        except (OSError, ValidationError) as error:
            return None, f"{path} cannot be read ({str(error)[:200]}): run the exam anew"
        own = Subject(
            backend=self.name,
            files=dict(facts.files),
            quantization=facts.quantization,
            prompt_hash=prompt_hash,
        )
        if found.subject != own:
            return None, f"{path} is for another file, quantization or prompt: run the exam anew"
        return found, ""


def _sample() -> Incident:
    """A fixed incident: how it is rendered is part of the prompt's hash."""
    at = datetime(2026, 1, 1, tzinfo=UTC)
    finding = HazardEvent(
        event_id="sample",
        rule_id="sample",
        hazard="toxic_gas",
        area="area-1",
        subject="track 7 in zone-1",
        condition=Condition.HELD,
        started_at=at,
        updated_at=at,
        updated_monotonic_s=0.0,
        confidence=1.0,
        measured=(Measured(name="h2s", value=12.25, unit="ppm", threshold=10.0),),
        level="alarm",
        captured_at=at,
        detected_at=at,
        detected_monotonic_s=0.0,
    )
    return Incident(
        incident_id="sample",
        area="area-1",
        opened_at=at,
        updated_at=at,
        hazard="toxic_gas",
        events=(finding,),
        grouped=2,
    )
