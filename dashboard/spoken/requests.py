"""What became of requests: outcomes and refusals that the core writes."""

from __future__ import annotations

from dashboard.i18n import N_

REQUESTS: tuple[str | tuple[str, str], ...] = (
    N_("it is already acknowledged by {who}."),
    N_("the hazard is still there: only a normal condition can be reset"),
    N_("acknowledge it first, then reset it"),
    N_(
        "its evidence is lost, so nothing has shown that the hazard is gone: look, and say "
        "in the comment what was found"
    ),
    N_("is not latched: there is nothing to reset"),
    N_("shelving needs a reason: say it in the comment"),
    N_("shelving needs a duration of at most {seconds} s ({hours} h), got {value}"),
    N_("is back to normal: there is nothing to shelve"),
    N_("a critical alarm cannot be shelved: acknowledge it and act on it"),
    N_("the comment is empty"),
    N_("the request is for alert {alert}, not this one"),
    N_("revision {expected} does not exist, the newest is {newest}: load it again"),
    N_(
        "the alarm has changed since revision {expected}: severity is {severity}, hazards "
        "are {kinds}. Look at revision {newest} first"
    ),
    N_("hazard {kind} is never suppressed: stop the work, or remove the danger"),
    N_(
        "duration_s {value} is longer than {hours} h: ask for {seconds} s at most, and "
        "again when it is over"
    ),
    N_("no {field} {quoted}: known are {names}"),
    N_("{verb} is not for {who} as {role}: it takes one of {roles}"),
    N_("{who} may act on {areas}, and this concerns {area}: ask somebody who is responsible there"),
    N_("is already assigned to {who}"),
    N_("is already assigned to nobody"),
    N_("due_at {time} has passed: name a time to come"),
    N_("the case has {count} actions already: put this one into the text of a comment"),
    N_("no action {action}: this case has {names}"),
    N_("{action} was done by {who} already"),
    N_("no recommended action {action}: this alarm has {names}"),
    N_("{action} was ticked by {who} already"),
    N_("{action} is not ticked: somebody else has taken the tick away"),
    N_(
        "the alarm is {state}, not normal: acknowledge it, see that the hazard is gone and "
        "reset it; then close the case"
    ),
    N_("not done yet: {names}. Complete them first, then close the case"),
    N_("the case is open: there is nothing to reopen"),
    N_("the case was closed by {who} as {cause}: reopen it first"),
    N_("{event} is not possible while {condition}"),
    N_("the alarm is back to normal: nothing is left to do"),
    N_("there is no alert {alert}: load the list again"),
    N_("{count} jobs wait already: ask again when some of them are done"),
    N_("there is no assessment {assessment}: the alarm's page names those of an alarm"),
    N_("week_of {day} is still to come: name a day that was"),
    N_("the database cannot be read now: ask again"),
    N_("the site file changed meanwhile by hand: load it again"),
    N_("comment is empty: say why the site file is changed"),
    N_("the change changes nothing: the file says so already"),
    N_("the agent cannot run with it, and the file is as it was: {detail}"),
    N_(
        "the site file changed meanwhile by {who} at {time} UTC (version {version}: "
        "{summary}): load it again and repeat what you want of your change"
    ),
    N_("version {version} of the site file is in force: {summary}"),
    N_("version {version}, which is version {restored} again, is in force"),
    N_("comment is empty: say in it why this is suppressed"),
    N_("duration_s is missing: say for how many seconds"),
    N_("duration_s {value} is longer than any order: at most {seconds}"),
    N_(
        "order_id {order} is no order of a person that holds now: it has ended, or the "
        "site file gives it"
    ),
    N_("{verb} grants and ends no suppression"),
    N_("{verb} is nothing that an alarm can do"),
    N_("{verb} is nothing that a case can do"),
    N_("argument {name} of {verb}: not known, it takes {names}"),
    N_("argument {name} of {verb} is missing"),
    N_("argument {name} of {verb} is missing: want {wanted}"),
    N_("argument {name} of {verb} is {value}: {detail}"),
    N_("acknowledged by {who}"),
    N_("acknowledged by {who}: {comment}"),
    N_("reset by {who}"),
    N_("reset by {who}: {comment}"),
    N_("declared clear and reset by {who}"),
    N_("declared clear and reset by {who}: {comment}"),
    N_("shelved by {who} until {time}: {comment}"),
    N_("unshelved by {who}"),
    N_("unshelved by {who}: {comment}"),
    N_("comment by {who}"),
    N_("comment by {who}: {comment}"),
    N_("assigned to nobody by {who}"),
    N_("assigned to {name} by {who}"),
    N_("{action} planned by {who} for {name}, due {time}: {comment}"),
    N_("{action} done by {who}"),
    N_("tick of {name} at {action} taken away by {who}"),
    N_("case closed by {who} as {cause}"),
    N_("case closed by {who} as {cause}: {comment}"),
    N_("case reopened by {who}"),
    N_("case reopened by {who}: {comment}"),
    N_("the agent failed on this request: see its log, and ask again"),
    N_("{field} is not for {who} as {role}: it takes one of {roles}"),
    N_("{name}: {kind} in {area} is suppressed until {time}"),
    N_("{name}: {kind} in {area}, zone {zone} is suppressed until {time}"),
    N_("{kind} in {area} is no longer suppressed by order {order}"),
    N_("job {job} waits for its turn"),
    N_("{area} is shown as critical for {seconds} s, marked as a test"),
    N_("a test of {value} s: want more than 0 and at most {seconds}"),
    N_("an alarm of severity {severity} stands in {area}: no test now"),
    N_("sequences {first} to {last}: want 1 or more, in this order"),
    N_("no broker to send them to: see `mqtt` in the site file"),
    N_("too many replays wait: ask again when one has been answered"),
    N_("revisions with sequence {first} to {last} go out again"),
    N_("there is nothing from {first} on: the newest is {newest}"),
    N_("a snapshot is an answer by MQTT: ask there, and ask again if need be"),
    N_("the state as it is now"),
    N_("there is no version {version}: {detail}"),
    N_("there is none"),
    N_("{detail}; it waits for a restart of the agent: {changes}"),
    N_("the new site file is refused and the old one goes on: {detail}"),
    N_("{who} may act on {areas}, not on area {area}: ask somebody who is responsible there"),
)
