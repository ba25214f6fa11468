"""Judges again what an assessment was about: the policy always, the model where it had answered."""

from __future__ import annotations

import time
from pathlib import Path

from edge_agent.reasoner.backends import installed, load
from hazard.catalogue import catalogue
from hazard.errors import HazardError
from hazard.site.models import Site
from hazard.site.reasoning import Reasoning
from hazard.triage.policy import assess
from hazard.triage.replay import TOLERANCE, Replay, compare, question
from hazard.types import Assessment, DecidedBy, Opinion

WITHIN_S = 600.0
"""How long today's answer may take: a replay has no alarm that waits."""


def judge_again(
    stored: Assessment,
    site: Site,
    models_dir: Path,
    *,
    backend: str | None = None,
    model: str | None = None,
    tolerance: float | None = None,
) -> Replay:
    """What is answered today, beside what was stored. Loads a model; may take minutes.

    Args:
        stored: what was decided.
        site: the site file as it is now.
        models_dir: where the weights lie.
        backend: asks this one; that of the assessment by default.
        model: its model; the site's by default.
        tolerance: absolute, per probability.

    Raises:
        HazardError: if the assessment cannot be judged again, or the backend not be loaded.
    """
    if stored.incident is None:
        raise HazardError(
            f"assessment {stored.assessment_id} was stored without its incident by an earlier "
            "release and cannot be judged again: replay a newer one"
        )
    opinion, note = None, _why_not_asked(stored)
    if stored.opinion is not None:
        config = _config(site.reasoning, stored.opinion, backend, model)
        if config.backend != site.reasoning.backend:
            note = f"asked {config.backend}, not the site's {site.reasoning.backend}"
        opinion = _ask(config, models_dir, stored)
    return compare(
        stored,
        assess(stored.incident, site.policy, catalogue()),
        opinion,
        tolerance=TOLERANCE if tolerance is None else tolerance,
        note=note,
    )


def _why_not_asked(stored: Assessment) -> str:
    """Why there is no opinion to compare with; empty if there is one."""
    if stored.opinion is not None:
        return ""
    if stored.decided_by is DecidedBy.FALLBACK:
        return f"the model had given no answer ({stored.reason}): only the policy is judged again"
    return "decided by the policy at once: no model had been asked"


def _config(site: Reasoning, opinion: Opinion, backend: str | None, model: str | None) -> Reasoning:
    """The site's configuration, turned to the backend that gave the opinion."""
    wanted = backend or site.backend
    if backend is None and opinion.backend in installed():
        wanted = opinion.backend
    kept = site.model if wanted == site.backend else None
    return site.model_copy(update={"backend": wanted, "model": model or kept})


def _ask(config: Reasoning, models_dir: Path, stored: Assessment) -> Opinion:
    """Today's opinion about what the stored assessment was about."""
    asked = question(stored)
    if asked is None:
        raise HazardError(f"assessment {stored.assessment_id} has no incident: replay a newer one")
    loaded = load(config, models_dir)
    try:
        return loaded.reasoner.decide(*asked, time.monotonic() + WITHIN_S)
    finally:
        loaded.reasoner.close()
