"""The packaged small model: SmolLM2-135M-Instruct, Q4_1, through llama.cpp.

It judges severity no better than a constant answer does, so that its authority is `advise`: its
opinion is stored and shown, and decides nothing. It writes the English summary, which stands only
if it passes the check against the evidence. It is here so that a box without a GPU runs the same
path, deadline and protocol as with a large model.
"""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType

from hazard.catalogue import catalogue
from hazard.errors import ReasonerError
from hazard.site.models import Reasoning
from hazard.triage.evidence import refused
from hazard.triage.render import render
from hazard.triage.words import template
from hazard.types import Authority, Incident, Opinion, Severity, Verdict, Words
from models.fetch import artefact
from models.integrity import cached_sha256
from models.manifest import Manifest
from models.reasoning import prompt
from models.reasoning.llamacpp import LlamaCpp, Scores, UnusableText

QUANTIZATION = "Q4_1"
DECIDE_SLOT, WRITE_SLOT = 0, 1
SUMMARY_TOKENS = 90
"""At most, for 60 words in JSON."""


class SmolLM2Reasoner:
    """`hazard.ports.Reasoner` with the packaged GGUF.

    Args:
        config: the site's reasoning section; `model` may name another entry of the manifest.
        models_dir: where fetched weights lie.

    Raises:
        ConfigError: if the manifest has no such model.
        WeightsError: if the file is missing, has a wrong hash or does not load.
        ReasonerError: if the severity labels cannot be scored with it.
    """

    name = "smollm2"
    max_authority = Authority.ADVISE
    uncertified = Authority.ADVISE

    def __init__(self, config: Reasoning, models_dir: Path) -> None:
        path = artefact(Manifest.load()[config.model or self.name], models_dir)
        self._interrupted = threading.Event()
        self.folder = path.parent
        threads = usable_threads(config.threads)
        self._provenance = MappingProxyType(
            {
                f"sha256:{path.name}": cached_sha256(path),
                "quantization": QUANTIZATION,
                "prompt_hash": prompt.prompt_hash(),
                "xllamacpp": version("xllamacpp"),
                "threads": str(threads),
            }
        )
        self._model = LlamaCpp(path, threads=threads, slots=2)
        try:
            self._prior = self._prejudice()
        except ReasonerError:
            self._model.close()
            raise

    def decide(self, incident: Incident, verdict: Verdict, deadline_monotonic_s: float) -> Opinion:
        """Score the five labels after one prefill over the cached prefix; the likeliest is given.

        The verdict is not shown to the model. See `hazard.ports.Reasoner.decide`.
        """
        del verdict
        started_s = time.monotonic()
        if started_s >= deadline_monotonic_s:
            raise ReasonerError("the deadline had passed before the model was asked")
        scores = self._scores(render(incident, catalogue()))
        raw = _by_severity(scores)
        calibrated = _normalised({s: raw[s] / self._prior[s] for s in Severity})
        return Opinion(
            backend=self.name,
            severity=max(Severity, key=lambda s: (calibrated[s], s.rank)),
            probabilities=calibrated,
            answered_in_ms=(time.monotonic() - started_s) * 1000.0,
            provenance={
                **self._provenance,
                "label_logits": {s.value: math.log(max(raw[s], 1e-300)) for s in Severity},
                "label_prior": {s.value: self._prior[s] for s in Severity},
                "cached_tokens": scores.cached_tokens,
                "new_tokens": scores.new_tokens,
                "prefill_ms": scores.prefill_ms,
            },
        )

    def write(
        self,
        incident: Incident,
        severity: str,
        languages: Sequence[str],
        deadline_monotonic_s: float,
    ) -> Words:
        """English by the model where it passes the check, all else by template.

        See `hazard.ports.Reasoner.write`.
        """
        del severity
        words = template(incident, languages, catalogue(), "this model writes English only")
        if "en" not in words.summary:
            return words
        text, fault = self._summary(incident, deadline_monotonic_s)
        if fault:
            note = f"the model's summary was refused: {fault}"
            return words.model_copy(update={"note": note[:500]})
        return words.model_copy(
            update={"summary": {**words.summary, "en": text}, "source": "model", "note": ""}
        )

    def interrupt(self) -> None:
        """Make `write` give way after the token that it is at."""
        self._interrupted.set()

    def _summary(self, incident: Incident, deadline_monotonic_s: float) -> tuple[str, str]:
        """The model's text, and why it must not be shown (else empty)."""
        try:
            answer = self._model.generate(
                prompt.write_prompt(render(incident, catalogue())),
                prompt.SUMMARY_SCHEMA,
                max_tokens=SUMMARY_TOKENS,
                deadline_monotonic_s=deadline_monotonic_s,
                stop=self._interrupted.is_set,
                slot=WRITE_SLOT,
            )
        except UnusableText as error:
            return "", str(error)
        finally:
            self._interrupted.clear()
        text = " ".join(str(answer.get("summary", "")).split())
        return text, refused(text, incident, "en", catalogue())

    def provenance(self) -> Mapping[str, str]:
        """The file's sha256, quantization, prompt hash, engine's version, threads."""
        return self._provenance

    def close(self) -> None:
        """Free the model."""
        self._model.close()

    def _scores(self, rendered: str) -> Scores:
        return self._model.score(
            prompt.DECIDE_PREFIX,
            rendered + prompt.DECIDE_SUFFIX,
            tuple(prompt.LABELS.values()),
            slot=DECIDE_SLOT,
        )

    def _prejudice(self) -> dict[Severity, float]:
        """What the model says of incidents without content; also fills the prefix's KV cache."""
        answers = [_by_severity(self._scores(text)) for text in prompt.NEUTRAL]
        mean = {s: math.fsum(a[s] for a in answers) / len(answers) for s in Severity}
        return {s: max(value, 1e-6) for s, value in mean.items()}


def usable_threads(wanted: int) -> int:
    """The threads to use: one core is left to the cameras.

    Two busy processes with two threads each on two cores wait for one another: a decision took
    3.8 s there, and 0.8 s with one thread.
    """
    return max(1, min(wanted, len(os.sched_getaffinity(0)) - 1))


def _by_severity(scores: Scores) -> dict[Severity, float]:
    return {s: scores.probabilities[label] for s, label in prompt.LABELS.items()}


def _normalised(weights: Mapping[Severity, float]) -> dict[Severity, float]:
    total = math.fsum(weights.values())
    return {s: weight / total for s, weight in weights.items()}
