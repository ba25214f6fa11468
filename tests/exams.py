"""Small banks of labelled incidents, and backends that sit an exam; each has one habit.

The backends are named `tests.exams:Class`; they find the right answers in the bank that
`HAZARD_TEST_BANK` names.
"""

from __future__ import annotations

import json
import math
import os
import threading
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from hazard.catalogue import catalogue, found_by_rules
from hazard.errors import ReasonerError
from hazard.site.models import Policy
from hazard.site.reasoning import Reasoning
from hazard.triage.calibration import Calibration
from hazard.triage.policy import assess
from hazard.types import Authority, Incident, Opinion, Severity, Verdict
from models.exam import bank
from models.exam.bank import Case
from tests.reasoners import Scripted

BANK = "HAZARD_TEST_BANK"
ASKED = "HAZARD_TEST_ASKED"
"""A file that gets a line per question."""
STOP = "HAZARD_TEST_STOP"
"""`COUNT:FIFO`: after so many questions write to the FIFO and answer no more."""

PER_KIND = 12
PER_FAMILY = 3


def a_case(number: int = 1, hazard: str = "fire", **changes: Any) -> Case:
    """A case of `hazard`, labelled high."""
    fields: dict[str, Any] = {
        "id": f"{hazard}-{number}",
        "family": f"{hazard}-family-{number // PER_FAMILY}",
        "hazard": hazard,
        "area": f"hall-{number % 4}",
        "lasting_s": 5 + number,
        "findings": [{"hazard": hazard, "subject": f"place {number}", "occupied": False}],
        "label": Severity.HIGH,
        "acceptable": [Severity.HIGH, Severity.CRITICAL],
        "why": "Made for a test, so that there is a case with a label.",
    }
    return Case.model_validate(fields | changes)


def a_bank(per_kind: int = PER_KIND) -> tuple[Case, ...]:
    """Cases of all kinds; labels go round from each floor to critical, whatever the default is."""
    return tuple(
        _labelled(a_case(number, hazard))
        for hazard in sorted(found_by_rules())
        for number in range(per_kind)
    )


def verdict_of(case: Case) -> Verdict:
    """What the catalogue's policy says of it."""
    return assess(case.incident(), Policy(), catalogue())


def _labelled(case: Case) -> Case:
    floor = max(verdict_of(case).floor, Severity.LOW).rank
    place = int(case.id.rpartition("-")[2])
    label = Severity.from_rank(floor + place % (Severity.CRITICAL.rank - floor + 1))
    return a_case(place, case.hazard, label=label, acceptable=[label, label])


def write_bank(path: Path, cases: tuple[Case, ...]) -> Path:
    """The bank as a file; JSON is YAML."""
    path.write_text(json.dumps([case.model_dump(mode="json") for case in cases]))
    return path


@cache
def _labels(path: str) -> Mapping[str, Severity]:
    return {f"exam-{case.id}": case.label for case in bank.load(Path(path))}


def right_answer(incident: Incident) -> Severity:
    """The label of an incident of the bank under test."""
    return _labels(os.environ[BANK])[incident.incident_id]


class Oracle(Scripted):
    """Gives the right label most of its probability, as label logits that can be calibrated."""

    name = "oracle"

    def __init__(self, config: Reasoning, models_dir: Path) -> None:
        super().__init__(config, models_dir)
        self._count = 0

    def decide(self, incident: Incident, verdict: Verdict, deadline_monotonic_s: float) -> Opinion:
        del deadline_monotonic_s
        self._note(incident)
        return self.opinion(self.says(incident, verdict))

    def says(self, incident: Incident, verdict: Verdict) -> Severity:
        del verdict
        return right_answer(incident)

    def opinion(self, severity: Severity) -> Opinion:
        given = {s: 0.9 if s is severity else 0.025 for s in Severity}
        measured: dict[str, JsonValue] = {
            "label_logits": {s.value: math.log(p) for s, p in given.items()},
            "label_prior": {s.value: 0.2 for s in Severity},
        }
        return Opinion(
            backend=self.name,
            severity=None,
            probabilities=given,
            answered_in_ms=1.0,
            provenance={**self.provenance(), **measured},
        )

    def provenance(self) -> Mapping[str, str]:
        own = {"bytes": "1234567", "active_parameters": "1000"}
        try:
            stored = (self.folder / "calibration.json").read_bytes()
        except FileNotFoundError:
            return {**super().provenance(), **own}
        fitted = Calibration.model_validate_json(stored)
        return {**super().provenance(), **own, "calibration": fitted.sha256}

    def _note(self, incident: Incident) -> None:
        self._count += 1
        count, _, fifo = os.environ.get(STOP, "").partition(":")
        if fifo and self._count > int(count):
            Path(fifo).write_text("stopped")
            threading.Event().wait()
        if ASKED in os.environ:
            with Path(os.environ[ASKED]).open("a") as stream:
                stream.write(f"{incident.incident_id}\n")


class Parrot(Oracle):
    """Says the policy's default."""

    name = "parrot"

    def says(self, incident: Incident, verdict: Verdict) -> Severity:
        del incident
        return verdict.default


class Plain(Oracle):
    """Right, and gives no label logits."""

    name = "plain"

    def opinion(self, severity: Severity) -> Opinion:
        return Opinion(
            backend=self.name,
            severity=severity,
            probabilities={s: float(s is severity) for s in Severity},
            answered_in_ms=1.0,
        )


class Worded(Plain):
    """Right, from a server that gives words without probabilities: such an answer may advise."""

    name = "worded"

    def opinion(self, severity: Severity) -> Opinion:
        limit = {"authority_limit": Authority.ADVISE}
        return super().opinion(severity).model_copy(update=limit)


class Tardy(Plain):
    """Right, a little after the site's deadline."""

    name = "tardy"

    def decide(self, incident: Incident, verdict: Verdict, deadline_monotonic_s: float) -> Opinion:
        threading.Event().wait(self.config.deadline_s * 1.2)
        return super().decide(incident, verdict, deadline_monotonic_s)


class Broken(Plain):
    """Gives no answer at all."""

    name = "broken"

    def decide(self, incident: Incident, verdict: Verdict, deadline_monotonic_s: float) -> Opinion:
        del incident, verdict, deadline_monotonic_s
        raise ReasonerError("the GPU has fallen off the bus")


class Reader(Oracle):
    """Judges texts: high where somebody is hurt, low elsewhere."""

    name = "reader"

    def decide_text(self, text: str, deadline_monotonic_s: float) -> Opinion:
        del deadline_monotonic_s
        if ASKED in os.environ:
            with Path(os.environ[ASKED]).open("a") as stream:
                stream.write(f"{text}\n")
        return self.opinion(Severity.HIGH if "injur" in text else Severity.LOW)
