"""Why a severity is what it is, in the reader's language.

Policy and ladder store their reasons in English, in a few fixed forms (`hazard.triage.policy`,
`hazard.triage.ladder`); each is said here in words. A form that is not known is shown as it is.
"""

from __future__ import annotations

import re

from dashboard.i18n import N_
from dashboard.incident.saying import Say

_END = r"floor (?P<severity>\w+)"
_NAME = r"(?P<kind>[\w-]+)"
_AT = _NAME + r" at level (?P<level>.+?)"

FORMS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.DOTALL), text)
    for pattern, text in (
        (
            _NAME + r": not in the catalogue, counts as high",
            N_("{kind} is not in the catalogue of hazards, so it counts as high."),
        ),
        (_NAME + r": " + _END, N_("For {kind} the catalogue allows nothing under {severity}.")),
        (
            _NAME + r": people seen, " + _END,
            N_("People were seen in the area: {kind} is then at least {severity}."),
        ),
        (
            _NAME + r": occupancy unknown counts as occupied, " + _END,
            N_(
                "Nobody could see whether people are there, which counts as if they were: {kind} "
                "is then at least {severity}."
            ),
        ),
        (
            _NAME + r": site policy, " + _END,
            N_("This site's own policy asks for at least {severity} for {kind}."),
        ),
        (
            _AT + r": site policy, " + _END,
            N_("This site's own policy asks for at least {severity} for {kind} at level {level}."),
        ),
        (
            _AT + r": " + _END,
            N_("{kind} has reached level “{level}”, which is at least {severity}."),
        ),
        (
            _AT + r": the catalogue has no such level, " + _END,
            N_(
                "{kind} has reached level “{level}”, which the catalogue does not rate; the kind's "
                "default {severity} is then the least."
            ),
        ),
        (
            _NAME + r": its level is no level's name, " + _END,
            N_(
                "The level of {kind} cannot be read, so it counts as the worst: at least "
                "{severity}."
            ),
        ),
        (
            _NAME + r" at level idlh: critical whoever is there",
            N_(
                "{kind} is immediately dangerous to life or health (IDLH): critical, whoever is "
                "there."
            ),
        ),
        (
            _NAME + r": (?P<gas>.+) (?P<value>\S+) ppm is at or above IDLH \((?P<limit>\S+) ppm\), "
            r"critical whoever is there",
            N_(
                "{gas} at {value} ppm is at or above what is immediately dangerous to life or "
                "health (IDLH, {limit} ppm): critical, whoever is there."
            ),
        ),
        (
            r"toxic gas and people in one area: floor critical",
            N_("Toxic gas and people in one area: critical."),
        ),
        (
            r"toxic gas and a blind camera .*: floor critical",
            N_(
                "Toxic gas in an area whose camera is blind, which counts as if people were there: "
                "critical."
            ),
        ),
        (
            r"flammable gas and people in one area: floor high",
            N_("Flammable gas and people in one area: at least high."),
        ),
        (
            r"flammable gas and a blind camera .*: floor high",
            N_(
                "Flammable gas in an area whose camera is blind, which counts as if people were "
                "there: at least high."
            ),
        ),
        (
            r"flammable gas and fire or smoke in one area: floor critical",
            N_("Flammable gas and fire or smoke in one area: critical."),
        ),
        (
            r"default one level up: two hazards at once",
            N_("Two hazards at once: the default is one level higher."),
        ),
        (r"a raised alarm is at least low", N_("An alarm that was raised is at least low.")),
        (
            r"the floor is critical: nothing to decide",
            N_("The floor is critical: there is nothing to decide."),
        ),
        (
            r"the model says (?P<said>\w+) and may only advise",
            N_("The model says {said} and may only advise: the policy's default stands."),
        ),
        (
            r"the model says (?P<said>\w+) and may only raise (?P<severity>\w+)",
            N_("The model says {said}; it may only raise, so the default {severity} stands."),
        ),
        (
            r"the model says (?P<said>\w+) and may raise (?P<severity>\w+) by one",
            N_("The model says {said} and may raise the default {severity} by one level."),
        ),
        (
            r"the model says (?P<said>\w+) and may decide, held at the floor (?P<severity>\w+)",
            N_("The model says {said} and may decide, but not under the floor {severity}."),
        ),
        (
            r"the model says (?P<said>\w+) and may decide",
            N_("The model says {said} and may decide."),
        ),
        (
            r"late(?:: (?P<detail>.+))?",
            N_("The model's answer came too late; the policy's default stands. {detail}"),
        ),
        (
            r"broken(?:: (?P<detail>.+))?",
            N_("The model's answer could not be used; the policy's default stands. {detail}"),
        ),
        (
            r"absent(?:: (?P<detail>.+))?",
            N_("There is no model to ask; the policy's default stands. {detail}"),
        ),
        (
            r"unsure(?:: (?P<detail>.+))?",
            N_("The model is unsure; the policy's default stands. {detail}"),
        ),
    )
)


def in_words(reason: str, say: Say) -> tuple[str, ...]:
    """The sentences of a stored reason, in the reader's language."""
    parts = reason.split("; ")
    whole = _said(reason, say)
    if whole is not None:
        return (whole,)
    return tuple(_said(part, say) or part for part in parts)


def _said(part: str, say: Say) -> str | None:
    for pattern, text in FORMS:
        found = pattern.fullmatch(part)
        if found is not None:
            values = {name: value or "" for name, value in found.groupdict().items()}
            return say(text, **{name: _word(name, value, say) for name, value in values.items()})
    return None


def _word(name: str, value: str, say: Say) -> str:
    if name in ("severity", "said"):
        return say.severity(value)
    return say.kind(value) if name == "kind" else value
