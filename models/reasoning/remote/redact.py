"""What is left of an incident before it may leave the box, and the check that nothing else goes.

Only structured fields survive, and each is put together anew from a closed list: hazard kinds,
conditions, levels, quantities, units, numbers, occupancy, counts. Areas, subjects, cameras,
sensors and zones are names that people gave: they become `area-1`, `item-1`, `source-1`, the same
within one incident, and are put back into a summary afterwards. Free text from people never goes.

Before something is sent, `Redacted.check` proves it on the very text: each line must be a sentence
of the grammar in `vocabulary`, and no free text of the incident may stand in it. What cannot be
proved is refused, and nothing is sent.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from hazard.catalogue import HazardKind
from hazard.errors import ReasonerError
from hazard.triage.render import clean
from hazard.types import HazardEvent, Incident, Measured, Track
from models.reasoning.remote.vocabulary import (
    OTHER,
    PSEUDONYM,
    Vocabulary,
    known_quantity,
    known_unit,
)

MIN_FREE = 3
"""Shorter free texts say nothing, and occur in any text."""


NAME_SIGNS = 80
"""Of a name that is put back, as in the templates; cleaned, for it comes from outside."""


@dataclass(frozen=True, slots=True)
class Redacted:
    """An incident that may leave the box.

    Attributes:
        incident: with nothing in it but listed words, numbers and pseudonyms.
        names: pseudonym to the name that it stands for, cleaned.
        free: every free text of the original, and its words, case-folded.
        vocabulary: what may be said.
    """

    incident: Incident
    names: Mapping[str, str]
    free: frozenset[str]
    vocabulary: Vocabulary

    def restore(self, text: str) -> str:
        """`text` with each pseudonym replaced by the name that it stands for."""
        return PSEUDONYM.sub(
            lambda found: self.names.get(found.group().casefold(), found.group()), text
        )

    def check(self, rendered: str, static: Iterable[str] = ()) -> None:
        """Prove that `rendered`, sent beside the `static` texts of the product, tells no free text.

        A free text that is one word of the lists, or one word of the static texts, may stand in
        them: it says nothing there that the product would not have said without it.

        Raises:
            ReasonerError: if it cannot be proved. Nothing of the text stands in the message.
        """
        for number, line in enumerate(rendered.split("\n"), start=1):
            if self.vocabulary.line.fullmatch(line) is None:
                raise ReasonerError(
                    f"redaction cannot be guaranteed: line {number} of the incident has words that "
                    "are on no list; nothing was sent, the default severity stands"
                )
        product = list(static)
        words = {word for text in product for word in re.findall(r"\w+", text.casefold())}
        for text in (rendered, *product):
            folded = text.casefold()
            for free in self.free:
                if free in words or self.vocabulary.said(free):
                    continue
                if re.search(rf"(?<!\w){re.escape(free)}(?!\w)", folded):
                    raise ReasonerError(
                        "redaction cannot be guaranteed: a free text of the incident stands in "
                        "what would be sent; nothing was sent, the default severity stands"
                    )


class _Names:
    """Pseudonyms in the order in which names come up."""

    def __init__(self) -> None:
        self.real: dict[str, str] = {}
        self._given: dict[tuple[str, str], str] = {}

    def of(self, role: str, name: str) -> str:
        key = (role, name)
        if key not in self._given:
            number = sum(1 for other, _ in self._given if other == role) + 1
            self._given[key] = f"{role}-{number}"
            self.real[self._given[key]] = clean(name, NAME_SIGNS, latin=False)
        return self._given[key]


def redacted(incident: Incident, catalogue: Mapping[str, HazardKind]) -> Redacted:
    """The incident as it may leave the box, with the names to put back."""
    vocabulary = Vocabulary.of(catalogue)
    names = _Names()
    area = names.of("area", incident.area)
    events = tuple(
        _event(number, event, names, vocabulary)
        for number, event in enumerate(incident.events, start=1)
    )
    return Redacted(
        incident=Incident(
            incident_id="incident-1",
            area=area,
            opened_at=incident.opened_at,
            updated_at=incident.updated_at,
            closed_at=incident.closed_at,
            hazard=_listed(incident.hazard, vocabulary.hazards),
            events=events,
            grouped=incident.grouped,
        ),
        names=names.real,
        free=frozenset(_pieces(_free_texts(incident))),
        vocabulary=vocabulary,
    )


def _event(number: int, event: HazardEvent, names: _Names, vocabulary: Vocabulary) -> HazardEvent:
    return HazardEvent(
        event_id=f"event-{number}",
        rule_id=f"rule-{number}",
        hazard=_listed(event.hazard, vocabulary.hazards),
        area=names.of("area", event.area),
        subject=names.of("item", event.subject),
        condition=event.condition,
        started_at=event.started_at,
        updated_at=event.updated_at,
        updated_monotonic_s=event.updated_monotonic_s,
        ended_at=event.ended_at,
        confidence=event.confidence,
        measured=tuple(_measured(item, names) for item in event.measured),
        level=_listed(event.level, vocabulary.levels) if event.level else "",
        occupied=event.occupied,
        sources=tuple(names.of("source", source) for source in event.sources),
        captured_at=event.captured_at,
        detected_at=event.detected_at,
        detected_monotonic_s=event.detected_monotonic_s,
        boxes=tuple(_box(box) for box in event.boxes),
    )


def _measured(item: Measured, names: _Names) -> Measured:
    return Measured(
        name=known_quantity(item.name),
        value=item.value,
        unit=known_unit(item.unit),
        threshold=item.threshold,
        source=names.of("source", item.source) if item.source else "",
    )


def _box(box: Track) -> Track:
    """Kept so that people can be counted; a detector's other labels are free text."""
    return Track(
        track_id=None,
        label="person" if box.label == "person" else "object",
        confidence=box.confidence,
        xyxy=box.xyxy,
        foot=box.foot,
    )


def _listed(word: str, known: frozenset[str]) -> str:
    return word if word in known else OTHER


def _free_texts(incident: Incident) -> Iterator[str]:
    """Everything in the incident that people or devices may have named."""
    yield from (incident.incident_id, incident.area, incident.hazard)
    for event in incident.events:
        yield from (event.event_id, event.rule_id, event.hazard, event.area, event.subject)
        yield event.level
        yield from event.sources
        for item in event.measured:
            yield from (item.name, item.unit, item.source)
        for box in event.boxes:
            yield box.label
            yield from box.zones


def _pieces(texts: Iterable[str]) -> Iterator[str]:
    """Each text as a whole and word by word, case-folded; the short ones left out."""
    for text in texts:
        folded = " ".join(text.casefold().split())
        for piece in (folded, *re.findall(r"\w+", folded)):
            if len(piece) >= MIN_FREE:
                yield piece
