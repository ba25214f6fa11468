"""The state diagrams of docs/alarms.md, drawn from the tables (Mermaid)."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from hazard.alarms.parts import (
    ATTENTION_TRANSITIONS,
    PROCESS_TRANSITIONS,
    SUPPRESSION_TRANSITIONS,
    Attention,
    isa_state,
)
from hazard.types import ProcessCondition


def mermaid(table: Mapping[tuple[StrEnum, StrEnum], StrEnum]) -> str:
    """One table as a Mermaid state diagram; transitions that lead nowhere are left out."""
    lines = ["```mermaid", "stateDiagram-v2"]
    lines += [
        f"    {state.value} --> {following.value}: {event.value}"
        for (state, event), following in table.items()
        if following is not state
    ]
    return "\n".join([*lines, "```"])


def derived() -> str:
    """The state of ISA-18.2 for each pair of condition and attention, as a Markdown table."""
    lines = [
        "| attention | active | held | normal |",
        "| --- | --- | --- | --- |",
    ]
    for attention in Attention:
        states = (isa_state(condition, attention).value for condition in ProcessCondition)
        lines.append(f"| {attention.value} | {' | '.join(states)} |")
    return "\n".join(lines)


def drawings() -> dict[str, str]:
    """Each drawing by its name in the page."""
    return {
        "process": mermaid(PROCESS_TRANSITIONS),  # type: ignore[arg-type] # enums of the part
        "attention": mermaid(ATTENTION_TRANSITIONS),  # type: ignore[arg-type] # enums of the part
        "suppression": mermaid(SUPPRESSION_TRANSITIONS),  # type: ignore[arg-type] # the same
        "derived": derived(),
    }


def redraw(page: str) -> str:
    """The page with everything between `<!-- NAME -->` and `<!-- /NAME -->` drawn anew."""
    for name, drawing in drawings().items():
        start, end = f"<!-- {name} -->", f"<!-- /{name} -->"
        before, _, rest = page.partition(start)
        _, _, after = rest.partition(end)
        page = f"{before}{start}\n{drawing}\n{end}{after}"
    return page
