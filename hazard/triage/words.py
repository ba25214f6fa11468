"""Words of an incident: the template's, which always stand ready, and the check of generated ones.

A generated summary is shown only if every number, unit, time, place and asset that it names occurs
in the evidence; otherwise the template's text stands and the note says why. Actions come from the
catalogue's list and from nowhere else, and are named by their ids there.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from hazard.catalogue import HazardKind, Texts
from hazard.quantities import exact, quantity, sign
from hazard.triage.phrases import ALSO, LIMIT, NOTHING, PEOPLE, measure_name
from hazard.triage.render import MAX_MEASURED, MAX_UNIT, by_weight, clean
from hazard.types import Condition, HazardEvent, Incident, Measured, Words

MAX_WORDS = 60
MAX_ACTIONS = 6
_UNKNOWN = {
    "en": "Hazard of an unknown kind in {area} ({subject}). Measured: {measured}. "
    "People seen: {people}.",
    "fr": "Danger de nature inconnue, secteur {area} ({subject}). Mesures : {measured}. "
    "Personnes vues : {people}.",
    "de": "Gefahr unbekannter Art, {area} ({subject}). Messwerte: {measured}. "
    "Gesehene Personen: {people}.",
    "es": "Peligro de tipo desconocido en {area} ({subject}). Medidas: {measured}. "
    "Personas vistas: {people}.",
    "it": "Pericolo di tipo sconosciuto, {area} ({subject}). Misure: {measured}. "
    "Persone viste: {people}.",
}


def template(
    incident: Incident,
    languages: Sequence[str],
    catalogue: Mapping[str, HazardKind],
    note: str = "",
) -> Words:
    """Summary and actions from the catalogue alone; never fails, for no kind of hazard.

    `note` says why the template stands where a model was asked.
    """
    ids = action_ids(incident, catalogue)
    return Words(
        summary={language: summary(incident, language, catalogue) for language in languages},
        actions=localised_actions(ids, languages, catalogue),
        action_ids=ids,
        source="template",
        note=note[:500],
    )


def summary(incident: Incident, language: str, catalogue: Mapping[str, HazardKind]) -> str:
    """The template's text in one language, at most `MAX_WORDS` words."""
    kind = catalogue.get(incident.hazard)
    texts: Mapping[str, str] = by_language(kind.summary) if kind else _UNKNOWN
    lead = by_weight(incident)[0]
    text = texts[language].format(
        area=clean(incident.area, 64, latin=False),
        subject=clean(lead.subject, 80, latin=False),
        measured=_measured(incident, language),
        people=people(incident, language),
    )
    others = [
        by_language(catalogue[name].name)[language]
        for name in dict.fromkeys(event.hazard for event in _standing(incident))
        if name != incident.hazard and name in catalogue
    ]
    if others:
        text = f"{text} {ALSO[language]}: {', '.join(others[:2])}."
    return " ".join(text.split()[:MAX_WORDS])


def action_ids(incident: Incident, catalogue: Mapping[str, HazardKind]) -> tuple[str, ...]:
    """The actions for this incident: the leading kind's first, each once, at most `MAX_ACTIONS`."""
    names = dict.fromkeys((incident.hazard, *(event.hazard for event in _standing(incident))))
    found = (a.id for name in names if name in catalogue for a in catalogue[name].actions)
    return tuple(dict.fromkeys(found))[:MAX_ACTIONS]


def localised_actions(
    ids: Sequence[str], languages: Sequence[str], catalogue: Mapping[str, HazardKind]
) -> dict[str, tuple[str, ...]]:
    """The catalogue's texts of these actions, in the order given, per language.

    Raises:
        KeyError: if the catalogue has no such action.
    """
    known = {action.id: action for kind in catalogue.values() for action in kind.actions}
    return {
        language: tuple(by_language(known[one].text)[language] for one in ids)
        for language in languages
    }


def people(incident: Incident, language: str) -> str:
    """How many people were seen, or whether any were."""
    count = people_count(incident)
    if count:
        return str(count)
    seen = {event.occupied for event in _standing(incident)}
    known = True if True in seen else False if seen == {False} else None
    return PEOPLE[known][language]


def people_count(incident: Incident) -> int:
    """The most people that one finding counted or shows in its boxes; 0 if none did."""
    return max(
        (
            max(_counted(event), sum(1 for box in event.boxes if box.label == "person"))
            for event in _standing(incident)
        ),
        default=0,
    )


def by_language(texts: Texts) -> dict[str, str]:
    """The catalogue's texts with plain language codes as keys."""
    return {str(language): text for language, text in texts.items()}


def _counted(event: HazardEvent) -> int:
    counts = (m.value for m in event.measured if m.name == "people" and math.isfinite(m.value))
    return max((int(count) for count in counts), default=0)


def _standing(incident: Incident) -> list[HazardEvent]:
    events = by_weight(incident)
    return [e for e in events if e.condition is not Condition.CLEARED] or events


def _measured(incident: Incident, language: str) -> str:
    items = list(_measures(incident))[:MAX_MEASURED]
    return ", ".join(_phrase(item, language) for item in items) or NOTHING[language]


def _measures(incident: Incident) -> Iterator[Measured]:
    """The measured values, one per name and source."""
    seen: set[tuple[str, str]] = set()
    for event in _standing(incident):
        for item in event.measured:
            if (key := (item.name, item.source)) not in seen:
                seen.add(key)
                yield item


def _phrase(item: Measured, language: str) -> str:
    name = measure_name(clean(item.name, 24, latin=False), language)
    unit = clean(item.unit, MAX_UNIT, latin=False) if item.unit else ""
    text = f"{name} {quantity(item.value, unit, language, limit=item.threshold)}"
    if item.threshold is None:
        return text
    limit = f"{exact(item.threshold, language)} {sign(unit, language)}".strip()
    return f"{text} ({LIMIT[language]} {limit})"
