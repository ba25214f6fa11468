"""The verbs that may be asked over MQTT, and what each command must carry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hazard.types import Verb


@dataclass(frozen=True, slots=True)
class Command:
    """What a command must carry beside user and verb.

    Attributes:
        alert: names an alarm by `alert_id`.
        revision: names the revision that the sender saw: nobody acknowledges what they have not
            seen.
        area: names an area in `arguments`.
        node: names the node, which also stands in the arguments: sequence numbers are its own.
        addressed: names the node, since only one knows what is meant.
        repeatable: does no harm when done again, so that a repeated command is carried out again.
    """

    alert: bool = False
    revision: bool = False
    area: bool = False
    node: bool = False
    addressed: bool = False
    repeatable: bool = False


_SEEN = Command(alert=True, revision=True)
_ABOUT = Command(alert=True)

COMMANDS: Mapping[Verb, Command] = {
    Verb.ACKNOWLEDGE: _SEEN,
    Verb.RESET: _SEEN,
    Verb.SHELVE: _SEEN,
    Verb.UNSHELVE: _ABOUT,
    Verb.COMMENT: _ABOUT,
    Verb.ASSIGN: _ABOUT,
    Verb.PLAN_ACTION: _ABOUT,
    Verb.COMPLETE_ACTION: _ABOUT,
    Verb.CHECK_ACTION: _ABOUT,
    Verb.CLOSE_CASE: _ABOUT,
    Verb.REOPEN_CASE: _ABOUT,
    Verb.GRANT_PERMIT: Command(area=True),
    Verb.TAKE_OUT_OF_SERVICE: Command(area=True),
    Verb.END_SUPPRESSION: Command(addressed=True),
    Verb.TEST_ANNUNCIATOR: Command(area=True, repeatable=True),
    Verb.REPLAY: Command(node=True, repeatable=True),
    Verb.SNAPSHOT: Command(repeatable=True),
}

ON_THE_NODE = frozenset({Verb.CHANGE_SITE, Verb.RESTORE_SITE, Verb.START_JOB, Verb.CANCEL_JOB})
"""Asked on the node's own dashboard alone: what they are about (the site file and its versions,
jobs and their results) is in no replica, so that nobody elsewhere could have looked at it."""


def verb_label(name: str) -> str:
    """The verb for a metric, or `other`: a sender cannot make more and more labels."""
    return name if name in {verb.value for verb in COMMANDS} else "other"
