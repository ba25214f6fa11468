"""Who must be beaten: the policy alone, a constant, counted words, and the model without floor."""

from __future__ import annotations

from collections.abc import Sequence

from hazard.catalogue import catalogue
from hazard.triage.render import render
from hazard.types import Severity
from models.exam import ridge
from models.exam.bank import Case
from models.exam.judging import Outcome
from models.exam.metrics import Figures, Judged, measure
from models.exam.narratives import Narrative

FLOORLESS = "model without floor"
POLICY = "policy only"
ALWAYS_CRITICAL = "always critical"
RIDGE = "TF-IDF ridge"


def baselines(items: Sequence[Case | Narrative], outcomes: Sequence[Outcome]) -> dict[str, Figures]:
    """Their figures on the same incidents; without a policy there is no row of it."""
    texts = [
        item.text if isinstance(item, Narrative) else render(item.incident(), catalogue())
        for item in items
    ]
    counted = ridge.judge(texts, [item.label for item in items], [item.family for item in items])
    found: dict[str, list[Judged]] = {
        FLOORLESS: [one.judged(one.without_floor) for one in outcomes],
        POLICY: [one.judged(one.default) for one in outcomes if one.default is not None],
        ALWAYS_CRITICAL: [one.judged(Severity.CRITICAL) for one in outcomes],
        RIDGE: [one.judged(severity) for one, severity in zip(outcomes, counted, strict=True)],
    }
    return {name: measure(judged) for name, judged in found.items() if judged}
