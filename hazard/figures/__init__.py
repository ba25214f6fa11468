"""Figures of what happened at a plant over a period: models, and what is made of bare counts."""

from hazard.figures.build import figures
from hazard.figures.counts import Cell, Decided, Raw, Waited
from hazard.figures.models import (
    CauseCount,
    Day,
    Decisions,
    Durations,
    Group,
    KindDecisions,
    NearMisses,
    PlantFigures,
    Rate,
    Responses,
    ShiftGroup,
    Verdict,
    Week,
)
from hazard.figures.slots import DEFAULT_SHIFTS, NO_SHIFT, Slot, shifts_of, slots

__all__ = [
    "DEFAULT_SHIFTS",
    "NO_SHIFT",
    "CauseCount",
    "Cell",
    "Day",
    "Decided",
    "Decisions",
    "Durations",
    "Group",
    "KindDecisions",
    "NearMisses",
    "PlantFigures",
    "Rate",
    "Raw",
    "Responses",
    "ShiftGroup",
    "Slot",
    "Verdict",
    "Waited",
    "Week",
    "figures",
    "shifts_of",
    "slots",
]
