"""Reads a site file: every error at once, each with its line, its value and its mend."""

from __future__ import annotations

import copy
import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from hazard.site.checks import Detectors, Finding, consistency
from hazard.site.explain import explain, locate
from hazard.site.models import Site
from hazard.site.problems import MAX_PROBLEMS, KeyPath, Problem, Reporter, SiteFileError
from hazard.site.surroundings import rebase, surroundings
from hazard.site.text import read_text
from hazard.site.yaml_tree import Document, parse

_ROUNDS = 8
_STUBS: dict[str, Any] = {
    "site": {"id": "site", "name": "site"},
    "areas": {"area": {"name": "area"}},
    "mqtt": {"embedded": True},
}
_NO_SUCH = {
    "no area ": "areas",
    "no camera ": "cameras",
    "no zone ": "cameras",
    "no sensor ": "sensors",
    "no broker ": "mqtt",
}
_ENTRY_DEPTH = 3
_NAME_ONE = "name one that this file defines"


@dataclass(frozen=True, slots=True)
class _Partial:
    """What is right in a file that is not: a site, and the paths that were taken out."""

    site: Site | None
    dropped: frozenset[KeyPath] = frozenset()


@dataclass(slots=True)
class _Read:
    site: Site | None
    partial: Site | None
    document: Document | None
    problems: list[Problem]
    reporter: Reporter


def load_site(
    path: Path,
    *,
    known_detectors: Detectors | None = None,
    known_backends: Collection[str] | None = None,
) -> Site:
    """The site that a file describes; relative paths start at the file's folder.

    What the file names outside itself (recordings, certificates, `${VARIABLES}`) may be missing:
    each part reports that in its health, and `check_site` beforehand.

    Raises:
        SiteFileError: (a ConfigError) with everything that is wrong as `problems`.
    """
    return _valid(_read(path, known_detectors, known_backends))


def load_text(text: str, path: Path) -> Site:
    """The site that the text describes, as if it stood in the file `path`.

    Raises:
        SiteFileError: (a ConfigError) with everything that is wrong as `problems`.
    """
    reporter = Reporter.of(path)
    return _valid(_understand(_Read(None, None, None, [], reporter), text, path))


def load_data(text: str, path: Path) -> dict[str, Any]:
    """What the text of a site file says, as plain data, valid or not.

    Raises:
        SiteFileError: if it cannot be read as YAML, or is no mapping of sections.
    """
    reporter = Reporter.of(path)
    document, problems = parse(text, reporter)
    if document is None or problems:
        raise SiteFileError(sorted(set(problems)))
    if not isinstance(document.data, dict):
        raise SiteFileError(_validate(document, reporter)[1])
    return document.data


def _valid(read: _Read) -> Site:
    if read.problems or read.site is None:
        raise SiteFileError(sorted(set(read.problems)))
    return read.site


def check_site(
    path: Path,
    *,
    known_detectors: Detectors | None = None,
    known_backends: Collection[str] | None = None,
) -> list[Problem]:
    """Everything that is wrong with a site file, and with what it names outside itself."""
    read = _read(path, known_detectors, known_backends)
    if read.partial is not None and read.document is not None:
        found = surroundings(read.partial)
        read.problems.extend(_place(found, read.document, read.reporter))
    return sorted(set(read.problems))


def _read(
    path: Path, known_detectors: Detectors | None, known_backends: Collection[str] | None
) -> _Read:
    reporter = Reporter.of(path)
    text, problems = read_text(path, reporter)
    read = _Read(None, None, None, problems, reporter)
    if text is None:
        return read
    return _understand(read, text, path, known_detectors, known_backends)


def _understand(
    read: _Read,
    text: str,
    path: Path,
    known_detectors: Detectors | None = None,
    known_backends: Collection[str] | None = None,
) -> _Read:
    problems, reporter = read.problems, read.reporter
    read.document, found = parse(text, reporter)
    problems.extend(found)
    if read.document is None:
        return read
    partial, found = _validate(read.document, reporter)
    partial = replace(partial, dropped=partial.dropped | read.document.refused)
    if partial.site is not None:
        findings = consistency(
            partial.site, known_detectors=known_detectors, known_backends=known_backends
        )
        kept = _true_ones(findings, partial, areas_known=("areas",) not in partial.dropped)
        found.extend(_place(kept if found or problems else findings, read.document, reporter))
        read.partial = rebase(partial.site, path.absolute().parent)
    problems.extend(found)
    read.site = None if problems else read.partial
    return read


def _validate(document: Document, reporter: Reporter) -> tuple[_Partial, list[Problem]]:
    """The site, or what is right of it; and what the models say is wrong."""
    if not isinstance(document.data, dict):
        what = "want a mapping of sections"
        place = document.value_place(())
        return _Partial(None), [reporter.problem(place, (), what, "start with site:, areas:, …")]
    try:
        return _Partial(_parse(document.data)), []
    except ValidationError as error:
        errors = error.errors(include_url=False)
        problems = explain(errors[:MAX_PROBLEMS], document, reporter)
        if len(errors) > MAX_PROBLEMS:
            what = f"has {len(errors) - MAX_PROBLEMS} more problems"
            return _Partial(None), [*problems, reporter.whole(what, "mend the others first")]
        paths = [locate(one, document.data) for one in errors]
        return _without(document.data, paths), problems


def _parse(data: dict[str, Any]) -> Site:
    """Strict: numbers as text, or 1 for true, are refused."""
    return Site.model_validate_json(json.dumps(data), strict=True)


def _without(data: dict[str, Any], paths: list[KeyPath]) -> _Partial:
    """A site of the parts that are right, so that the rest can be checked all the same.

    What is wrong is taken out, then what lacks it, until the rest is valid.
    """
    kept = copy.deepcopy(data)
    dropped: set[KeyPath] = set()
    for _ in range(_ROUNDS):
        now: set[KeyPath] = set()
        for path in paths:
            if not any(path[: len(gone)] == gone for gone in now):
                now.add(_drop(kept, path))
        dropped |= now
        for section, stub in _STUBS.items():
            if (section,) in dropped:
                kept.setdefault(section, stub)
        try:
            return _Partial(_parse(kept), frozenset(dropped))
        except ValidationError as error:
            paths = [locate(one, kept) for one in error.errors(include_url=False)]
    return _Partial(None, frozenset(dropped))


def _drop(data: dict[str, Any], path: KeyPath) -> KeyPath:
    """Remove what stands at `path`, or its nearest parent that exists; returns what it was."""
    holders: list[Any] = [data]
    for key in path[:-1]:
        try:
            holders.append(holders[-1][key])
        except (KeyError, IndexError, TypeError):
            break
    for at in range(len(holders) - 1, -1, -1):
        holder, key = holders[at], path[at] if path else ""
        if isinstance(holder, dict) and key in holder:
            del holder[key]
            return path[: at + 1]
    return path


def _true_ones(
    findings: Iterator[Finding], partial: _Partial, *, areas_known: bool
) -> Iterator[Finding]:
    """The findings that do not come from a part that was taken out for being wrong."""
    lost = {path[-1] for path in partial.dropped if path}
    for path, what, mend in findings:
        if any(path == gone[: len(path)] for gone in partial.dropped):
            continue
        if path[:2] == ("mqtt", "brokers") and any(
            path[:3] == gone[:3] for gone in partial.dropped
        ):
            continue
        if any(f"'{name}'" in what for name in lost) or (
            path[-1:] == ("area",) and not areas_known
        ):
            continue
        yield path, what, _NAME_ONE if _names_incomplete(what, partial) else mend


def _names_incomplete(what: str, partial: _Partial) -> bool:
    """Whether the names that a mend would list lack some that were taken out."""
    section = next((at for start, at in _NO_SUCH.items() if what.startswith(start)), None)
    return any(gone[:1] == (section,) and len(gone) <= _ENTRY_DEPTH for gone in partial.dropped)


def _place(
    findings: Iterator[Finding], document: Document, reporter: Reporter
) -> Iterator[Problem]:
    for path, what, mend in findings:
        exists = path in document.values
        place = document.value_place(path) if exists else document.key_place(path)
        yield reporter.problem(place, path, what, mend)
