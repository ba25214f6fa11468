"""Labelled incidents: how they lie in a file, and as the incidents that the pipeline makes of them.

A bank is a folder of YAML files, or one such file: a list of cases. The packaged one lies under
`models/exam/bank`, a file per hazard kind. `docs/exam.md` describes the format.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Self

from pydantic import Field, ValidationError, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from hazard.errors import ConfigError
from hazard.types import Condition, HazardEvent, Incident, Measured, Model, Name, Severity
from models.exam.rubric import Judgement

EPOCH = datetime(2026, 1, 5, 6, 0, tzinfo=UTC)
"""When every incident of a bank opens: its time of day must not matter."""
MAX_CASES = 20_000


class Finding(Model):
    """One rule's finding within a case, in the words of `hazard.types.HazardEvent`."""

    hazard: Name
    subject: str = Field(max_length=200)
    condition: Condition = Condition.ACTIVE
    level: str = Field(default="", max_length=32)
    confidence: float = Field(default=0.8, ge=0.0, le=1.0)
    occupied: bool | None = None
    measured: tuple[Measured, ...] = ()
    sources: tuple[str, ...] = ()


class Case(Model):
    """One labelled incident.

    `acceptable` is the lowest and the highest severity that a careful person could also have given.
    Cases of one `family` are variations of one scenario: they are never split between fitting and
    judging.
    """

    id: Name
    family: Name
    hazard: Name = Field(description="the leading hazard kind")
    area: Name
    lasting_s: float = Field(ge=0)
    grouped: int = Field(default=0, ge=0, description="repeats that were counted")
    findings: tuple[Finding, ...] = Field(min_length=1)
    judged: Judgement | None = Field(default=None, description="by the rubric; the bank has it")
    label: Severity
    acceptable: tuple[Severity, Severity]
    why: str = Field(min_length=20, max_length=600)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        low, high = self.acceptable
        if not low <= self.label <= high:
            raise ValueError(f"label {self.label} is outside acceptable {low}..{high}")
        if self.judged is not None and self.judged.severity is not self.label:
            raise ValueError(f"label {self.label}, the rubric gives {self.judged.severity}")
        if self.hazard not in {finding.hazard for finding in self.findings}:
            raise ValueError(f"no finding is of the leading hazard {self.hazard}")
        return self

    def incident(self) -> Incident:
        """The incident as the pipeline would hand it to triage."""
        ends = EPOCH + timedelta(seconds=self.lasting_s)
        return Incident(
            incident_id=f"exam-{self.id}",
            area=self.area,
            opened_at=EPOCH,
            updated_at=ends,
            hazard=self.hazard,
            events=tuple(
                HazardEvent(
                    event_id=f"{self.id}-{number}",
                    rule_id="exam",
                    area=self.area,
                    started_at=EPOCH,
                    updated_at=ends,
                    updated_monotonic_s=self.lasting_s,
                    captured_at=EPOCH,
                    detected_at=EPOCH,
                    detected_monotonic_s=0.0,
                    **{name: getattr(finding, name) for name in Finding.model_fields},
                )
                for number, finding in enumerate(self.findings, 1)
            ),
            grouped=self.grouped,
        )


def packaged() -> tuple[Case, ...]:
    """The project's own bank."""
    return load(Path(str(files(__package__).joinpath("bank"))))


def load(path: Path) -> tuple[Case, ...]:
    """The cases of a YAML file, or of all `*.yaml` in a folder.

    Raises:
        ConfigError: naming the file, the case and the field that is wrong.
    """
    sources = sorted(path.glob("*.yaml")) if path.is_dir() else [path]
    cases: dict[str, Case] = {}
    for source in sources:
        for number, entry in enumerate(_entries(source), 1):
            try:
                case = Case.model_validate(entry)
            except ValidationError as error:
                name = entry.get("id") if isinstance(entry, dict) else None
                faults = "; ".join(
                    f"{'.'.join(str(part) for part in fault['loc'])}: {fault['msg']}"
                    for fault in error.errors()[:5]
                )
                raise ConfigError(f"{source}: case {name or number}: {faults}") from error
            if case.id in cases:
                raise ConfigError(f"{source}: case {case.id} is there twice; give it another id")
            cases[case.id] = case
    if not cases:
        raise ConfigError(f"{path}: no cases in it; docs/exam.md shows the format")
    return tuple(cases.values())


def data_hash(cases: Iterable[Case]) -> str:
    """sha256 over the cases, whatever file each stands in."""
    lines = sorted(json.dumps(case.model_dump(mode="json"), sort_keys=True) for case in cases)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _entries(source: Path) -> list[object]:
    try:
        found = YAML(typ="safe", pure=True).load(source.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, YAMLError) as error:
        raise ConfigError(f"{source}: cannot be read: {error}") from error
    if not isinstance(found, list):
        raise ConfigError(f"{source}: not a list of cases; docs/exam.md shows the format")
    if len(found) > MAX_CASES:
        raise ConfigError(f"{source}: {len(found)} cases, at most {MAX_CASES} are read")
    return list(found)
