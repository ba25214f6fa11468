"""The policy, examined as if it were a backend: the mark that a model must beat."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from hazard.catalogue import catalogue
from hazard.site.models import Policy
from hazard.site.reasoning import Reasoning
from hazard.triage.policy import policy_hash
from hazard.triage.words import template
from hazard.types import Authority, Incident, Opinion, Severity, Verdict, Words


class PolicyReasoner:
    """`hazard.ports.Reasoner` that gives the policy's default as its opinion.

    It is known to the exam alone: in a plant the policy needs nobody to repeat it.

    Args:
        config: not used.
        models_dir: its certificate lies in `policy` below it.
    """

    name = "policy"
    max_authority = Authority.ADVISE
    uncertified = Authority.ADVISE

    def __init__(self, config: Reasoning, models_dir: Path) -> None:
        del config
        self.folder = models_dir / self.name

    def decide(self, incident: Incident, verdict: Verdict, deadline_monotonic_s: float) -> Opinion:
        """The verdict's default, with full confidence."""
        del incident, deadline_monotonic_s
        started_s = time.monotonic()
        return Opinion(
            backend=self.name,
            severity=verdict.default,
            probabilities={s: float(s is verdict.default) for s in Severity},
            answered_in_ms=(time.monotonic() - started_s) * 1000.0,
        )

    def write(
        self,
        incident: Incident,
        severity: str,
        languages: Sequence[str],
        deadline_monotonic_s: float,
    ) -> Words:
        """The catalogue's template."""
        del severity, deadline_monotonic_s
        return template(incident, languages, catalogue())

    def interrupt(self) -> None:
        """Nothing to interrupt: a template takes no time."""

    def provenance(self) -> Mapping[str, str]:
        """No files; the policy's hash stands where a model has its prompt's."""
        return {
            "quantization": "none",
            "prompt_hash": policy_hash(Policy(), catalogue()),
            "bytes": "0",
            "active_parameters": "0",
        }

    def close(self) -> None:
        """Nothing to free."""
