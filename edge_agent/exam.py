"""Running an exam on this box: the backend loaded as the plant loads it, progress, the outcome."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pydantic import JsonValue
from rich.box import SIMPLE
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn
from rich.table import Table

from edge_agent.exam_attacks import attack_reports, told
from edge_agent.reasoner.backends import load, subject_of, tests_allowed
from hazard.catalogue import found_by_rules
from hazard.errors import ConfigError
from hazard.ports import Reasoner
from hazard.site.loader import load_site
from hazard.site.reasoning import Reasoning
from hazard.triage.authority import Grant, grant
from hazard.types import Authority
from models.exam import asking, certificate, report
from models.exam.bank import packaged
from models.exam.papers import Papers, papers
from models.exam.policy_backend import PolicyReasoner
from models.exam.run import Result, ask, judge
from models.integrity import write_atomically

_PLAIN_STEPS = 10
"""Lines of progress where there is no terminal."""
_PLAIN_WIDTH = 100
"""Columns of the table there."""


@dataclass(frozen=True, slots=True)
class Order:
    """What `hazard exam` was asked for; the options of the command."""

    backend: str
    models_dir: Path
    model: str | None = None
    data: Path | None = None
    json_file: Path | None = None
    site: Path | None = None
    limit: int | None = None
    fresh: bool = False
    attacks: bool = True


def run_exam(order: Order) -> None:
    """Examine a backend, print and store the outcome; passed or not is no error.

    Raises:
        ConfigError: if backend, data or site file are wrong.
        WeightsError: if the model's files are missing or wrong.
        ReasonerError: if the backend does not load, or gives no answers.
    """
    config = _config(order)
    if order.json_file is not None and not order.json_file.absolute().parent.is_dir():
        raise ConfigError(f"--json {order.json_file}: there is no such folder; make it first")
    test_only = tests_allowed() and (order.data is not None or ":" in order.backend)
    asked = papers(order.data, test_only=test_only)
    if order.limit is not None:
        asked = asked.some(order.limit)
    reasoner = _reasoner(config, order.models_dir)
    try:
        result, provenance = _examined(reasoner, config, asked, order, test_only=test_only)
        grants = _grants(reasoner, result, config)
        path = _store(reasoner, result)
        _print(result, provenance, grants, path)
    finally:
        reasoner.close()
    outcome = report.as_json(result, provenance, grants, str(path) if path else None)
    if order.attacks and path is not None and order.data is None:
        outcome["attacks"] = _attacks(config, order, grants)
    _write(outcome, path, order)


def _config(order: Order) -> Reasoning:
    """The site's reasoning section, or the defaults, with the backend that is to be examined."""
    found = load_site(order.site).reasoning if order.site else Reasoning()
    own = found.model if order.site and found.backend == order.backend else None
    changes = {"backend": order.backend, "model": order.model or own}
    return found.model_copy(update=changes)


def _reasoner(config: Reasoning, models_dir: Path) -> Reasoner:
    if config.backend == PolicyReasoner.name:
        return PolicyReasoner(config, models_dir)
    return load(config, models_dir).reasoner


def _examined(
    reasoner: Reasoner, config: Reasoning, asked: Papers, order: Order, *, test_only: bool
) -> tuple[Result, dict[str, str]]:
    provenance = {str(key): str(value) for key, value in reasoner.provenance().items()}
    subject = subject_of(reasoner.name, provenance)
    with _progress(reasoner.name) as progress:
        answers = ask(
            reasoner,
            subject,
            asked,
            deadline_s=config.deadline_s,
            fresh=order.fresh,
            progress=progress,
        )
    result = judge(
        subject,
        asked,
        answers,
        deadline_s=config.deadline_s,
        at=datetime.now(UTC),
        minimums=config.exam,
        test_only=test_only,
    )
    return result, provenance


def _grants(reasoner: Reasoner, result: Result, config: Reasoning) -> dict[str, Grant]:
    """What the loader will give for each kind if a site asks for `decide`; as after a restart."""
    if result.certificate is None:
        return {}
    kinds = sorted({*found_by_rules(), *result.kinds})
    return {
        kind: grant(
            kind,
            backend_limit=reasoner.max_authority,
            uncertified=reasoner.uncertified,
            subject=result.subject,
            certificate=result.certificate,
            wishes=dict.fromkeys(kinds, Authority.DECIDE),
            minimums=config.exam.tightened(),
            allow_test_certificate=tests_allowed(),
        )
        for kind in kinds
    }


def _store(reasoner: Reasoner, result: Result) -> Path | None:
    """Calibration and certificate beside the weights, where the exam gives one."""
    if result.certificate is None:
        return None
    return certificate.store(reasoner.folder, result.calibration, result.certificate)


def _attacks(config: Reasoning, order: Order, grants: Mapping[str, Grant]) -> JsonValue:
    """Hostile texts put to the backend as it is from now on; the reports, printed too."""
    reasoner = _reasoner(config, order.models_dir)
    try:
        with _progress(f"{reasoner.name} under attack") as progress:
            authority = {kind: each.authority for kind, each in grants.items()}
            found = attack_reports(reasoner, packaged(), authority, progress)
    finally:
        reasoner.close()
    for each in found:
        print(told(each), flush=True)  # noqa: T201
    return {each.backend: each.model_dump(mode="json") for each in found}


def _write(outcome: dict[str, JsonValue], path: Path | None, order: Order) -> None:
    """The whole outcome beside the certificate, and where it was asked for."""
    content = json.dumps(outcome, indent=2, ensure_ascii=False).encode() + b"\n"
    if path is not None:
        write_atomically(path.with_name(certificate.REPORT_FILE), content)
    if order.json_file is not None:
        write_atomically(order.json_file, content)


def _print(
    result: Result, provenance: dict[str, str], grants: dict[str, Grant], path: Path | None
) -> None:
    """The table, the facts, the verdict in words."""
    console = Console(
        highlight=False, markup=False, width=None if sys.stdout.isatty() else _PLAIN_WIDTH
    )
    table = Table(box=SIMPLE)
    for name in report.COLUMNS:
        table.add_column(name, no_wrap=True)
    for row in report.rows(result):
        table.add_row(*row)
    console.print(table)
    for line in report.facts(result, provenance):
        console.print(line, soft_wrap=True)
    console.print(report.verdict(result, grants), soft_wrap=True)
    if path is not None:
        test = ", for tests only" if result.certificate and result.certificate.test_only else ""
        console.print(f"certificate{test}: {path}", soft_wrap=True)


@contextmanager
def _progress(name: str) -> Iterator[asking.Progress]:
    """A bar where standard error is a terminal, else a line now and then."""
    if not sys.stderr.isatty():
        yield _plain(name)
        return
    columns = (
        "{task.description}",
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task(f"exam of {name}", total=None)
        yield lambda done, total: bars.update(task, completed=done, total=total)


def _plain(name: str) -> asking.Progress:
    begun_s = time.monotonic()
    first: list[int] = []

    def tell(done: int, total: int) -> None:
        if not first:
            first.append(done)
        elif done != total and done * _PLAIN_STEPS // total == (done - 1) * _PLAIN_STEPS // total:
            return
        fresh = done - first[0]
        left_s = (time.monotonic() - begun_s) / fresh * (total - done) if fresh else None
        left = "" if left_s is None else f", about {left_s:.0f} s left"
        print(f"exam of {name}: {done} of {total}{left}", file=sys.stderr, flush=True)  # noqa: T201

    return tell
