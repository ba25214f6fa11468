"""The words for what stands in the audit: its lines name what was done by short codes."""

from __future__ import annotations

from collections.abc import Mapping

from dashboard.formats import Speech
from dashboard.i18n import N_
from dashboard.wording import CAUSE_TEXT

_ALARM = "alert."
_OF_ALARM = N_("alarm: {what}")
AUDITED: Mapping[str, str] = {
    "request.done": N_("request done"),
    "request.refused": N_("request refused"),
    "request.conflict": N_("request not done: conflict"),
    "command.refused": N_("command refused"),
    "agent.started": N_("agent started"),
    "agent.stopped": N_("agent stopped"),
    "site.changed": N_("site file changed"),
    "site.refused": N_("site file refused"),
    "suppression.granted": N_("suppression granted"),
    "suppression.ended": N_("suppression ended"),
    "account_created": N_("account created"),
    "account_changed": N_("account changed"),
    "account_disabled": N_("account disabled"),
    "account_enabled": N_("account enabled"),
    "password_set": N_("password set"),
    "password_reset": N_("password reset"),
    "login_code": N_("one-time code made"),
    "login": N_("logged in"),
    "logout": N_("logged out"),
    "login_refused": N_("login refused"),
    "login_locked": N_("login locked"),
    "session_ended": N_("session ended"),
    "token_created": N_("token created"),
    "token_revoked": N_("token revoked"),
    "token": N_("signed token given"),
    "export": N_("taken away as a file"),
    "export_alarms": N_("list of alarms taken away"),
    "audit_exported": N_("audit taken away"),
    "audit_verified": N_("audit verified"),
    "see_clear": N_("seen clearly"),
    "plan_added": N_("plan added"),
    "plan_picture": N_("plan picture changed"),
    "plan_placed": N_("places on the plan changed"),
    "plan_removed": N_("plan removed"),
}


def audited(verb: str, speech: Speech) -> str:
    """What was done, in words; a code of another release as it is."""
    cause = verb.removeprefix(_ALARM)
    if cause != verb and cause in CAUSE_TEXT:
        return speech.tr(_OF_ALARM).format(what=speech.tr(CAUSE_TEXT[cause]))
    return speech.tr(AUDITED[verb]) if verb in AUDITED else verb
