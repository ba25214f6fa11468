"""How far long work is, why it failed, and what a replay and a dry run say."""

from __future__ import annotations

from collections.abc import Mapping

from dashboard.i18n import N_
from hazard.jobs import JobKind

KIND_TEXT: Mapping[JobKind, str] = {
    JobKind.DRY_RUN: N_("a change that is tried"),
    JobKind.REPLAY_DECISION: N_("a decision that is judged again"),
    JobKind.WEEKLY_REPORT: N_("a weekly report"),
}

JOBS: tuple[str | tuple[str, str], ...] = (
    N_("waits for its turn"),
    N_("the alarms of the week are counted"),
    N_("the report is written"),
    N_("old reports are removed"),
    N_("the model is loaded and asked"),
    N_("the policy is asked"),
    N_("at {time} UTC"),
    N_("the job has no patch: say what to change"),
    N_("the week of {day} has not begun: the last whole one is {last}"),
    N_("assessment {assessment} is not kept any more: replay a newer one"),
    N_("assessment {assessment} has no incident: replay a newer one"),
    N_(
        "assessment {assessment} was stored without its incident by an earlier release and "
        "cannot be judged again: replay a newer one"
    ),
    N_(
        "the model had answered on {device}, whose memory the reasoning process needs: "
        "stop the agent and run `{command}`, or run it on another box with a copy of the "
        "database"
    ),
    N_("it took longer than {seconds} s and was ended: ask for less of it"),
    N_("its process ended ({detail}): ask for it again"),
    N_("its process ended without a result: ask for it again"),
    N_(
        "the agent was stopped, or its process of the jobs was killed, while this ran: ask "
        "for it again"
    ),
    N_("tried again"),
    N_("done"),
    N_("not enough memory"),
    N_("a fault of the program, see its log: {detail}"),
    N_("a fault of the program: {detail}"),
    N_(
        "more than {count} incidents would have been raised up to {time} UTC: look at "
        "fewer hours, or set limits that are met less often"
    ),
    N_("rules.{name}: finds silence, and what was silent is not stored"),
    N_("{name}: nothing of it is stored for this time"),
    N_("cameras.{name}: what it would have seen is not known"),
    N_("cameras.{name}.min_confidence: what was below {value} is not stored"),
    N_("alarms: only what is raised is tried, not who is told of it, or when it is kept back"),
    N_("{why}: was {before}, is {after}"),
    N_("policy hash"),
    N_("floor under today's policy"),
    N_("default under today's policy"),
    N_("the model's severity"),
    N_("probability of {severity}"),
    N_("severity of the assessment"),
    N_("model file {name} (sha256)"),
    N_("version of {name}"),
    N_("there is no job {job}: it may be too old"),
    N_("job {job} was asked for by {who}: ask them, or an administrator of all areas"),
    N_("job {job} is over already: nothing was cancelled"),
    N_("this job is over already: nothing is left to cancel"),
    N_("{who} asked for it: ask them, or an administrator"),
    N_("cancelled by {who}"),
    N_("pictures come, and none is processed: see vision"),
)
