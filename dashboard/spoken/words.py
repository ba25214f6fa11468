"""Why the template's text stands where a model was asked to write one."""

from __future__ import annotations

from dashboard.i18n import N_

WORDS = (
    N_("no time was left to write it"),
    N_("no time was left to write it ({detail})"),
    N_("this model does not write it"),
    N_("the model's summary was refused: {detail}"),
    N_("it reassures ({quoted}), for which there is no evidence"),
    N_("it denies something ({quoted}), for which there is no evidence"),
    N_("it says that a value is under its limit, and none is"),
    N_("the text did not end within {count} tokens"),
    N_("it repeats itself"),
    N_("it is written in another language ({name})"),
    N_("the name {quoted} is not in the evidence"),
    N_("the place {quoted} is not in the evidence"),
    N_("the time {quoted} is not in the evidence"),
    N_("the number {quoted} is not in the evidence"),
    N_("the unit {quoted} is not in the evidence"),
    N_("{quoted} without its unit is not in the evidence"),
    N_("{value} is not in the evidence"),
    N_("{value} is a limit, and was not measured"),
    N_("{value} was measured, and is no limit"),
    N_("{quoted}: that number of people is not in the evidence"),
    N_("it speaks of several people, who are not in the evidence"),
    N_("it says that nobody is there, which is not in the evidence"),
    N_("it speaks of people, and none are in the evidence"),
)
