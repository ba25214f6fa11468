"""What a change of the site file would make of it: every fault beside its field, or the diff."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pydantic import Field, JsonValue

from dashboard.access import NotAllowed, Permission, Person, refuse_beyond
from dashboard.editing.document import SiteDocument
from dashboard.spoken import told
from hazard.errors import ConfigError
from hazard.site.change import Proposal, compare, propose
from hazard.site.problems import SiteFileError
from hazard.site.reach import areas_of_change
from hazard.types import Model

SHOWN = 100
"""Problems and differences that are shown; what exceeds them is counted."""


class Fault(Model):
    """One thing that is wrong: where, what, the value seen, and how to mend it."""

    path: str = Field(description="keys that lead there, e.g. rules.pit.dwell_s; empty: the file")
    what: str
    value: str = ""
    mend: str


class Step(Model):
    """One value that changes."""

    path: str
    how: str = Field(description="added, removed or changed")
    before: str = ""
    after: str = ""


class SiteCheck(Model):
    """What a change would do."""

    ok: bool = Field(description="it can be saved")
    sha256: str = Field(description="of the site file now")
    stale: bool = Field(description="the file is no longer the one that was looked at")
    problems: tuple[Fault, ...] = ()
    steps: tuple[Step, ...] = Field(default=(), description="what changes, value by value")
    more: int = Field(default=0, description="steps or problems that are not listed")
    restart: tuple[str, ...] = Field(default=(), description="what waits for a restart, and why")
    diff: str = Field(default="", description="of the text, unified")
    areas: tuple[str, ...] = Field(default=(), description="areas that it concerns")
    whole_plant: bool = Field(default=False, description="it concerns no area in particular")
    refused: str = Field(default="", description="why the asker may not save it; empty: they may")


def check(
    document: SiteDocument,
    path: Path,
    base_sha256: str,
    patch: dict[str, JsonValue],
    language: str = "en",
) -> SiteCheck:
    """Try a patch on the file as it is now; what is wrong is said in a language."""
    return _tried(
        document, path, base_sha256, lambda: propose(document.text, patch, path), language
    )


def check_text(document: SiteDocument, path: Path, base_sha256: str, text: str) -> SiteCheck:
    """What another text of the file, such as an earlier version, would make of it."""
    return _tried(document, path, base_sha256, lambda: compare(document.text, text, path), "en")


def _tried(
    document: SiteDocument,
    path: Path,
    base_sha256: str,
    work: Callable[[], Proposal],
    language: str,
) -> SiteCheck:
    stale = base_sha256 != document.sha256
    try:
        proposal = work()
    except SiteFileError as error:
        found = [
            Fault(
                path=one.path,
                what=told(one.what, language),
                value=one.value,
                mend=told(one.mend, language),
            )
            for one in error.problems
        ]
        return SiteCheck(
            ok=False,
            sha256=document.sha256,
            stale=stale,
            problems=tuple(found[:SHOWN]),
            more=max(0, len(found) - SHOWN),
        )
    except ConfigError as error:
        what, _, mend = str(error).partition(": ")
        fault = Fault(path="", what=told(what, language), mend=told(mend, language))
        return SiteCheck(ok=False, sha256=document.sha256, stale=stale, problems=(fault,))
    return _found(proposal, document, path, stale=stale, language=language)


def _found(
    proposal: Proposal, document: SiteDocument, path: Path, *, stale: bool, language: str
) -> SiteCheck:
    steps = [
        Step(path=one.path, how=one.how, before=one.before, after=one.after)
        for one in proposal.differences
    ]
    areas = areas_of_change(proposal.old, proposal.site, proposal.diff)
    return SiteCheck(
        ok=not stale and proposal.text != proposal.before,
        sha256=document.sha256,
        stale=stale,
        steps=tuple(steps[:SHOWN]),
        more=max(0, len(steps) - SHOWN),
        restart=tuple(told(str(change), language) for change in proposal.diff.restart),
        diff=proposal.unified(path.name),
        areas=tuple(sorted(areas or ())),
        whole_plant=areas is None,
    )


def refuse_reach(person: Person, permission: Permission, found: SiteCheck) -> None:
    """Refuse a change that concerns more than the areas in which the person's role holds.

    What is no valid site file reaches nobody knows where.

    Raises:
        NotAllowed: (an HTTPException) 403.
    """
    if person.areas:
        known = not found.whole_plant and not found.problems
        refuse_beyond(person, permission, (found.areas or person.areas) if known else ())


def beyond_reach(person: Person, found: SiteCheck, language: str) -> str:
    """Why the person may not save this, in a language, or nothing: known before they try."""
    if found.problems:
        return ""
    try:
        refuse_reach(person, Permission.EDIT_SITE, found)
    except NotAllowed as refusal:
        return refusal.told(language)
    return ""
