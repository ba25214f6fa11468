"""Reasoning backends for tests: each has one habit. Named in a site file as `module:Class`.

Only a worker with `HAZARD_ALLOW_TEST_CERTIFICATE=1` loads them. What a scripted backend says is
set by `reasoning.model`: a severity, or `unsure`.
"""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from pydantic import JsonValue

from hazard.catalogue import catalogue
from hazard.errors import Interrupted, ReasonerError, WeightsError
from hazard.site.reasoning import Reasoning
from hazard.triage.render import render
from hazard.triage.words import template
from hazard.types import Authority, Incident, Opinion, Severity, Verdict, Words

PROMPT_VERSION = "HAZARD_TEST_PROMPT_VERSION"
"""Variable that a test sets to give the scripted backends another prompt hash."""


class Scripted:
    """Says what `reasoning.model` names, at once; may decide, if a certificate allows it."""

    name = "scripted"
    max_authority = Authority.DECIDE
    uncertified = Authority.RAISE

    def __init__(self, config: Reasoning, models_dir: Path) -> None:
        self.config = config
        self.folder = models_dir / self.name

    def decide(self, incident: Incident, verdict: Verdict, deadline_monotonic_s: float) -> Opinion:
        del verdict, deadline_monotonic_s
        said = self.config.model or "high"
        severity = None if said == "unsure" else Severity(said)
        spread = dict.fromkeys(Severity, 0.2)
        sure = {item: 1.0 if item is severity else 0.0 for item in Severity}
        probabilities = spread if severity is None else sure
        return Opinion(
            backend=self.name,
            severity=severity,
            probabilities=probabilities,
            answered_in_ms=1.0,
            provenance={
                **self.provenance(),
                "prompt": render(incident, catalogue()),
                "label_logits": {
                    item.value: math.log(max(share, 1e-300))
                    for item, share in probabilities.items()
                },
                "prefill_ms": 1.0,
            },
        )

    def write(
        self,
        incident: Incident,
        severity: str,
        languages: Sequence[str],
        deadline_monotonic_s: float,
    ) -> Words:
        del severity, deadline_monotonic_s
        return template(incident, languages, catalogue())

    def interrupt(self) -> None:
        """Its words take no time."""

    def provenance(self) -> Mapping[str, str]:
        version = os.environ.get(PROMPT_VERSION, "1")
        examined = {"quantization": "none", "prompt_hash": f"scripted-{version}"}
        return {**examined, "sha256:scripted": "0" * 64, "says": self.config.model or "high"}

    def close(self) -> None:
        """Nothing to free."""


class Adviser(Scripted):
    """The same, judged to be at chance: it may only advise. It has figures of its own."""

    name = "adviser"
    max_authority = Authority.ADVISE

    def figures(self) -> Mapping[str, JsonValue]:
        return {"summaries_refused": 3, "procedures_skipped_why": "gas.pdf: it is encrypted"}


class Slow(Scripted):
    """Answers 0.4 s late for a deadline of 0.2 s."""

    name = "slow"

    def decide(self, incident: Incident, verdict: Verdict, deadline_monotonic_s: float) -> Opinion:
        _pause(deadline_monotonic_s - time.monotonic() + 0.2)
        return super().decide(incident, verdict, deadline_monotonic_s)


class Hanging(Scripted):
    """Never answers."""

    name = "hanging"

    def decide(self, incident: Incident, verdict: Verdict, deadline_monotonic_s: float) -> Opinion:
        _pause(3600)
        return super().decide(incident, verdict, deadline_monotonic_s)


class NeverLoaded(Scripted):
    """Hangs while it is loaded, as a driver or a network drive does."""

    name = "never-loaded"

    def __init__(self, config: Reasoning, models_dir: Path) -> None:
        _pause(3600)
        super().__init__(config, models_dir)


class NeverFreed(Scripted):
    """Hangs when the site file names other settings, and it is to be freed."""

    name = "never-freed"

    def close(self) -> None:
        _pause(3600)


class Crashing(Scripted):
    """Raises what no backend should raise."""

    name = "crashing"

    def decide(self, incident: Incident, verdict: Verdict, deadline_monotonic_s: float) -> Opinion:
        del incident, verdict, deadline_monotonic_s
        raise ZeroDivisionError("the model divided by zero")


class Refusing(Scripted):
    """Raises what a backend may raise."""

    name = "refusing"

    def decide(self, incident: Incident, verdict: Verdict, deadline_monotonic_s: float) -> Opinion:
        del incident, verdict, deadline_monotonic_s
        raise ReasonerError("no label among the answers")


class Lying(Scripted):
    """Gives probabilities that do not add up, to get its way."""

    name = "lying"

    def decide(self, incident: Incident, verdict: Verdict, deadline_monotonic_s: float) -> Opinion:
        opinion = super().decide(incident, verdict, deadline_monotonic_s)
        return opinion.model_copy(update={"probabilities": dict.fromkeys(Severity, 1.0)})


class Gated(Scripted):
    """Answers no decision before `opened` is set; notes what it was asked about."""

    name = "gated"
    opened = threading.Event()
    asked: ClassVar[list[tuple[str, int]]] = []
    """Incident and how many events it has, of each question."""

    def decide(self, incident: Incident, verdict: Verdict, deadline_monotonic_s: float) -> Opinion:
        self.asked.append((incident.incident_id, len(incident.events)))
        self.opened.wait(60)
        return super().decide(incident, verdict, deadline_monotonic_s)


class Punctual(Gated):
    """Works on a joint incident until the deadline, and then has no answer."""

    name = "punctual"

    def decide(self, incident: Incident, verdict: Verdict, deadline_monotonic_s: float) -> Opinion:
        if incident.incident_id.startswith("joint-"):
            _pause(deadline_monotonic_s - time.monotonic())
            raise ReasonerError("out of time")
        return super().decide(incident, verdict, deadline_monotonic_s)


class Longwinded(Scripted):
    """Writes for half a minute, unless it is interrupted; the second time it is brief."""

    name = "longwinded"

    def __init__(self, config: Reasoning, models_dir: Path) -> None:
        super().__init__(config, models_dir)
        self._interrupted = threading.Event()
        self.calls = 0

    def write(
        self,
        incident: Incident,
        severity: str,
        languages: Sequence[str],
        deadline_monotonic_s: float,
    ) -> Words:
        self.calls += 1
        if self.calls == 1 and self._interrupted.wait(30):
            raise Interrupted("words gave way to a decision")
        return super().write(incident, severity, languages, deadline_monotonic_s)

    def interrupt(self) -> None:
        self._interrupted.set()


class Loading(Scripted):
    """Loads until a file `loaded` lies among the models."""

    name = "loading"

    def __init__(self, config: Reasoning, models_dir: Path) -> None:
        super().__init__(config, models_dir)
        while not (models_dir / "loaded").exists():
            _pause(0.05)


class Unloadable(Scripted):
    """Its weights are wrong."""

    name = "unloadable"

    def __init__(self, config: Reasoning, models_dir: Path) -> None:
        super().__init__(config, models_dir)
        raise WeightsError("unloadable: sha256 is wrong; run `hazard models fetch unloadable`")


def _pause(seconds: float) -> None:
    time.sleep(max(seconds, 0.0))
