"""Why a severity is what it is: reasons of policy, ladder and model, and notes of words."""

from __future__ import annotations

from dashboard.i18n import N_

DECISIONS: tuple[str | tuple[str, str], ...] = (
    (
        "{kind}: not in the catalogue, counts as high",
        N_("{kind} is not in the catalogue of hazards, so it counts as high."),
    ),
    ("{kind}: floor {severity}", N_("For {kind} the catalogue allows nothing under {severity}.")),
    (
        "{kind}: people seen, floor {severity}",
        N_("People were seen in the area: {kind} is then at least {severity}."),
    ),
    (
        "{kind}: occupancy unknown counts as occupied, floor {severity}",
        N_(
            "Nobody could see whether people are there, which counts as if they were: {kind} "
            "is then at least {severity}."
        ),
    ),
    (
        "{kind}: site policy, floor {severity}",
        N_("This site's own policy asks for at least {severity} for {kind}."),
    ),
    (
        "{kind} at level {level}: site policy, floor {severity}",
        N_("This site's own policy asks for at least {severity} for {kind} at level {level}."),
    ),
    (
        "{kind} at level {level}: floor {severity}",
        N_("{kind} has reached level “{level}”, which is at least {severity}."),
    ),
    (
        "{kind} at level {level}: the catalogue has no such level, floor {severity}",
        N_(
            "{kind} has reached level “{level}”, which the catalogue does not rate; the kind's "
            "default {severity} is then the least."
        ),
    ),
    (
        "{kind}: its level is no level's name, floor {severity}",
        N_("The level of {kind} cannot be read, so it counts as the worst: at least {severity}."),
    ),
    (
        "{kind} at level idlh: critical whoever is there",
        N_("{kind} is immediately dangerous to life or health (IDLH): critical, whoever is there."),
    ),
    (
        "{kind}: {gas} {value} ppm is at or above IDLH ({limit} ppm), critical whoever is there",
        N_(
            "{gas} at {value} ppm is at or above what is immediately dangerous to life or "
            "health (IDLH, {limit} ppm): critical, whoever is there."
        ),
    ),
    (
        "toxic gas and people in one area: floor critical",
        N_("Toxic gas and people in one area: critical."),
    ),
    (
        "toxic gas and a blind camera {name} in one area: floor critical",
        N_(
            "Toxic gas in an area whose camera is blind, which counts as if people were there: "
            "critical."
        ),
    ),
    (
        "flammable gas and people in one area: floor high",
        N_("Flammable gas and people in one area: at least high."),
    ),
    (
        "flammable gas and a blind camera {name} in one area: floor high",
        N_(
            "Flammable gas in an area whose camera is blind, which counts as if people were "
            "there: at least high."
        ),
    ),
    (
        "flammable gas and fire or smoke in one area: floor critical",
        N_("Flammable gas and fire or smoke in one area: critical."),
    ),
    (
        "default one level up: two hazards at once",
        N_("Two hazards at once: the default is one level higher."),
    ),
    ("a raised alarm is at least low", N_("An alarm that was raised is at least low.")),
    (
        "the floor is critical: nothing to decide",
        N_("The floor is critical: there is nothing to decide."),
    ),
    (
        "the model says {said} and may only advise",
        N_("The model says {said} and may only advise: the policy's default stands."),
    ),
    (
        "the model says {said} and may only raise {severity}",
        N_("The model says {said}; it may only raise, so the default {severity} stands."),
    ),
    (
        "the model says {said} and may raise {severity} by one",
        N_("The model says {said} and may raise the default {severity} by one level."),
    ),
    (
        "the model says {said} and may decide, held at the floor {severity}",
        N_("The model says {said} and may decide, but not under the floor {severity}."),
    ),
    ("the model says {said} and may decide", N_("The model says {said} and may decide.")),
    (
        "late: {detail}",
        N_("The model's answer came too late; the policy's default stands: {detail}"),
    ),
    (
        "broken: {detail}",
        N_("The model's answer could not be used; the policy's default stands: {detail}"),
    ),
    ("absent: {detail}", N_("There is no model to ask; the policy's default stands: {detail}")),
    ("unsure: {detail}", N_("The model is unsure; the policy's default stands: {detail}")),
    ("late", N_("The model's answer came too late; the policy's default stands.")),
    ("broken", N_("The model's answer could not be used; the policy's default stands.")),
    ("absent", N_("There is no model to ask; the policy's default stands.")),
    ("unsure", N_("The model is unsure; the policy's default stands.")),
    N_("no answer by the deadline"),
    N_("it waited until its deadline"),
    N_("answered {count} ms after the deadline"),
    N_("cancelled by the core"),
    N_("the deadline had passed before the question was asked"),
    N_("the deadline had passed before the model was asked"),
    N_("the model was still loading at the deadline"),
    N_("the reasoning process is not connected"),
    N_("the reasoning process went away before it answered"),
    N_("the reasoning process does not read its requests"),
    N_("too many requests wait"),
    N_("the backend gave probabilities outside 0..1"),
    N_("the backend's probabilities sum to {value}"),
    N_("the backend cannot tell the severities apart"),
    N_("the backend gave a {name}"),
    N_("the model gave label scores that are no numbers"),
    N_("the model gave no label any probability"),
    N_("the server gave no probabilities of the labels: its answer is advice"),
    N_("text from outside was withheld: this answer may raise, and brings nothing down"),
    N_("one answer about {count} incidents of area {area}: it may raise and brings nothing down"),
    N_("written at once from the catalogue"),
    N_("an alert about alarms: its words are the catalogue's"),
    N_("reasoning is switched off in the site file"),
    N_("not calibrated: run the exam"),
)
