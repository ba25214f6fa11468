"""What is asked: incidents of the exam's bank, and the JSON that a peer writes instead.

Both sides get the same role, rubric, catalogue and incident. Ours scores the severity's word from
one prefill; the peers write an object with severity, confidence and a summary.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

from hazard.catalogue import catalogue
from hazard.errors import HazardError
from hazard.triage.render import render
from hazard.types import Incident, Severity
from models.exam.bank import packaged
from models.reasoning.engine import Prompt
from models.reasoning.prompt import decide_prompt

MIN_TOKENS = 100
"""Of an incident as rendered: shorter ones are not asked."""
JSON_TOKENS = 40
"""Of the object that peers write."""
DEADLINE_S = 600.0

SCHEMA = MappingProxyType(
    {
        "type": "object",
        "properties": {
            "severity": {"enum": [severity.value for severity in Severity]},
            "confidence": {"type": "number"},
            "summary": {"type": "string"},
        },
        "required": ["severity", "confidence", "summary"],
        "additionalProperties": False,
    }
)
DECIDE = decide_prompt(catalogue())
BEGUN = '{"severity": "'
_ANSWER = (
    "\nYou answer with one JSON object with three keys: severity is one of the five, confidence is "
    "from 0 to 1, summary says in about fifteen words what happens, where, and the numbers."
)
JSON = Prompt("json", DECIDE.system + _ANSWER)
"""The prompt of the peer with a grammar: ours, and a line about the object."""
JSON_BEGUN = Prompt("json", DECIDE.system + _ANSWER, (), BEGUN)
"""The same for the peer without: it is given the object's first signs, which count as written by
it, since a small model would begin with prose."""


@dataclass(frozen=True, slots=True)
class Question:
    """An incident as the model gets it."""

    case: str
    text: str
    tokens: int


class Peer(Protocol):
    """The same model object, written with instead of scored."""

    notes: tuple[str, ...]
    grammar: bool

    def prepare(self) -> None:
        """Bring the KV cache to the static part; not timed."""
        ...

    def generate(self, text: str, *, grammar: bool, cached: bool) -> tuple[str, int]:
        """The object, and how many tokens it has.

        Under the grammar it ends where it ends, at most with `JSON_TOKENS`; without, it has
        exactly so many, `BEGUN` among them.
        """
        ...


def questions(tokens: Callable[[str], Sequence[int]], count: int) -> tuple[Question, ...]:
    """`count` incidents of at least `MIN_TOKENS` tokens, in the order of the bank, spread over it.

    Raises:
        HazardError: if the bank has not so many.
    """
    found: list[Question] = []
    for case in packaged():
        text = render(case.incident(), catalogue())
        length = len(tokens(text))
        if length >= MIN_TOKENS:
            found.append(Question(case.id, text, length))
    if len(found) < count:
        raise HazardError(
            f"the bank has {len(found)} incidents of {MIN_TOKENS} tokens or more for this model, "
            f"{count} are asked for: ask for fewer rounds"
        )
    return tuple(found[number * len(found) // count] for number in range(count))


def worded(count: int) -> tuple[Incident, ...]:
    """`count` incidents of the bank, spread over its kinds of hazards."""
    cases = packaged()
    return tuple(cases[number * len(cases) // count].incident() for number in range(count))
