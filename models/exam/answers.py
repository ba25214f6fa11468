"""What a backend answered, kept on disk as it comes: an exam that was killed goes on there.

One JSON object a line, each fsynced. The file's name is made of what was asked of whom (files,
quantization, prompt, incidents): answers of another model or another bank are never mixed in.
"""

from __future__ import annotations

import fcntl
import hashlib
import math
import os
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

import structlog
from pydantic import Field, TypeAdapter, ValidationError

from hazard.errors import ConfigError
from hazard.triage.authority import Subject
from hazard.triage.calibration import LogWeights, without_prior
from hazard.types import Authority, Model, Opinion, Severity

_log = structlog.get_logger()

_FORMAT = 1
"""Grows when old answers can no longer be read as new ones."""


class Answer(Model):
    """One backend's answer to one incident, or why there is none."""

    case: str
    wall_ms: float = Field(description="from the question to the answer, as the exam measured it")
    severity: Severity | None = None
    probabilities: dict[Severity, float] = Field(default_factory=dict)
    label_logits: dict[Severity, float] | None = None
    label_prior: dict[Severity, float] | None = None
    measured: bool = Field(default=True, description="False: the answer itself may only advise")
    note: str = Field(default="", max_length=300)
    error: str = Field(default="", max_length=300, description="why there is no answer")

    @property
    def log_weights(self) -> LogWeights | None:
        """What can be calibrated: the labels' log-probabilities with the prior divided out."""
        logits, prior = self.label_logits, self.label_prior
        if self.error or not self.measured or logits is None or prior is None:
            return None
        if set(logits) != set(Severity) or set(prior) != set(Severity):
            return None
        if not all(math.isfinite(value) for value in (*logits.values(), *prior.values())):
            return None
        return without_prior(logits, prior)


_BY_SEVERITY = TypeAdapter(dict[Severity, float])


def answer_of(case: str, opinion: Opinion, wall_ms: float) -> Answer:
    """What of an opinion the exam needs."""
    return Answer(
        case=case,
        wall_ms=wall_ms,
        severity=opinion.severity,
        probabilities=opinion.probabilities,
        label_logits=_by_severity(opinion.provenance.get("label_logits")),
        label_prior=_by_severity(opinion.provenance.get("label_prior")),
        measured=opinion.authority_limit is not Authority.ADVISE,
        note=opinion.note,
    )


def _by_severity(value: object) -> dict[Severity, float] | None:
    if value is None:
        return None
    try:
        return _BY_SEVERITY.validate_python(value)
    except ValidationError:
        return None


class AnswerBook:
    """The answers of one backend to one set of incidents; a context manager that locks the file.

    Args:
        folder: where the certificate lies, beside the weights; it is made.
        subject: what is examined, without its calibration.
        data_hash: sha256 of the labelled incidents.
        fresh: throw old answers away.

    Raises:
        ConfigError: if another exam of the same backend and incidents is running.
    """

    def __init__(
        self, folder: Path, subject: Subject, data_hash: str, *, fresh: bool = False
    ) -> None:
        key = f"{_FORMAT}|{subject.model_dump_json()}|{data_hash}"
        self.path = folder / f"exam-{hashlib.sha256(key.encode()).hexdigest()[:16]}.jsonl"
        self._fresh = fresh
        self._found: dict[str, Answer] = {}

    def __enter__(self) -> Self:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self.path.open("ab+")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._file.close()
            raise ConfigError(
                f"{self.path}: another exam of this backend is running; wait for it or end it"
            ) from error
        if self._fresh:
            self._file.truncate(0)
        else:
            self._read()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    @property
    def answers(self) -> dict[str, Answer]:
        """What was answered so far, by the incident's id."""
        return dict(self._found)

    def add(self, answers: Iterable[Answer]) -> None:
        """Keep answers: they are on disk when this returns."""
        for answer in answers:
            self._file.write(answer.model_dump_json().encode() + b"\n")
            self._found[answer.case] = answer
        self._file.flush()
        os.fsync(self._file.fileno())

    def _read(self) -> None:
        """Take over what is whole; what was being written at a power cut is cut off."""
        self._file.seek(0)
        content = self._file.read()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            self._file.truncate(whole)
        for line in content[:whole].splitlines():
            try:
                answer = Answer.model_validate_json(line)
            except ValidationError as error:
                _log.warning("exam.answer_unreadable", path=str(self.path), reason=str(error)[:200])
            else:
                self._found[answer.case] = answer
