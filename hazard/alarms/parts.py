"""The three parts of an alarm, each a small machine with one table.

* the **process condition**: is the hazard there (active), without good evidence any more (held),
  or gone by good evidence (normal)?
* **attention**: has a person taken note of it (acknowledged), and does it wait for a reset
  (latched)?
* **suppression**: is it kept from annunciating, by whom, until when?

What a table does not name is illegal and changes nothing. The state of ISA-18.2 / IEC 62682 is
derived from the three, so that a shelved alarm remembers what lies under it.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

from hazard.errors import IllegalTransition
from hazard.types import IsaState, ProcessCondition


class ProcessEvent(StrEnum):
    """What happens to the process condition."""

    SEEN = "seen"
    LOST = "lost"
    CLEARED = "cleared"
    DECLARED_CLEAR = "declared_clear"


class Attention(StrEnum):
    """Acknowledgement and latch."""

    UNACKNOWLEDGED = "unacknowledged"
    ACKNOWLEDGED = "acknowledged"
    LATCHED_UNACKNOWLEDGED = "latched_unacknowledged"
    LATCHED_ACKNOWLEDGED = "latched_acknowledged"

    @property
    def acknowledged(self) -> bool:
        """Whether a person has taken note of all that has happened so far."""
        return self in (Attention.ACKNOWLEDGED, Attention.LATCHED_ACKNOWLEDGED)

    @property
    def latched(self) -> bool:
        """Whether the alarm stays until a person resets it."""
        return self in (Attention.LATCHED_UNACKNOWLEDGED, Attention.LATCHED_ACKNOWLEDGED)


class AttentionEvent(StrEnum):
    """What happens to acknowledgement and latch."""

    ASK = "ask"
    LATCH = "latch"
    ACKNOWLEDGE = "acknowledge"
    RESET = "reset"


class Suppression(StrEnum):
    """What keeps an alarm from annunciating."""

    NONE = "none"
    SHELVED = "shelved"
    BY_DESIGN = "by_design"
    OUT_OF_SERVICE = "out_of_service"


class SuppressionEvent(StrEnum):
    """What happens to the suppression. `break` is the alarm getting worse while it is shelved."""

    SHELVE = "shelve"
    UNSHELVE = "unshelve"
    EXPIRE = "expire"
    BREAK = "break"


PROCESS_TRANSITIONS: Mapping[tuple[ProcessCondition, ProcessEvent], ProcessCondition] = {
    (ProcessCondition.ACTIVE, ProcessEvent.SEEN): ProcessCondition.ACTIVE,
    (ProcessCondition.ACTIVE, ProcessEvent.LOST): ProcessCondition.HELD,
    (ProcessCondition.ACTIVE, ProcessEvent.CLEARED): ProcessCondition.NORMAL,
    (ProcessCondition.HELD, ProcessEvent.SEEN): ProcessCondition.ACTIVE,
    (ProcessCondition.HELD, ProcessEvent.LOST): ProcessCondition.HELD,
    (ProcessCondition.HELD, ProcessEvent.CLEARED): ProcessCondition.NORMAL,
    (ProcessCondition.HELD, ProcessEvent.DECLARED_CLEAR): ProcessCondition.NORMAL,
    (ProcessCondition.NORMAL, ProcessEvent.SEEN): ProcessCondition.ACTIVE,
    (ProcessCondition.NORMAL, ProcessEvent.LOST): ProcessCondition.NORMAL,
    (ProcessCondition.NORMAL, ProcessEvent.CLEARED): ProcessCondition.NORMAL,
}
"""`declared_clear` is a person's word where evidence is gone for good; it never clears an active
condition, and what it cleared stays clear until the hazard is seen again."""

_U, _A = Attention.UNACKNOWLEDGED, Attention.ACKNOWLEDGED
_LU, _LA = Attention.LATCHED_UNACKNOWLEDGED, Attention.LATCHED_ACKNOWLEDGED

ATTENTION_TRANSITIONS: Mapping[tuple[Attention, AttentionEvent], Attention] = {
    (_U, AttentionEvent.ASK): _U,
    (_A, AttentionEvent.ASK): _U,
    (_LU, AttentionEvent.ASK): _LU,
    (_LA, AttentionEvent.ASK): _LU,
    (_U, AttentionEvent.LATCH): _LU,
    (_A, AttentionEvent.LATCH): _LA,
    (_LU, AttentionEvent.LATCH): _LU,
    (_LA, AttentionEvent.LATCH): _LA,
    (_U, AttentionEvent.ACKNOWLEDGE): _A,
    (_LU, AttentionEvent.ACKNOWLEDGE): _LA,
    (_LA, AttentionEvent.RESET): _A,
}

SUPPRESSION_TRANSITIONS: Mapping[tuple[Suppression, SuppressionEvent], Suppression] = {
    (Suppression.NONE, SuppressionEvent.SHELVE): Suppression.SHELVED,
    (Suppression.SHELVED, SuppressionEvent.UNSHELVE): Suppression.NONE,
    (Suppression.SHELVED, SuppressionEvent.EXPIRE): Suppression.NONE,
    (Suppression.SHELVED, SuppressionEvent.BREAK): Suppression.NONE,
}

_State = TypeVar("_State", bound=StrEnum)
_Event = TypeVar("_Event", bound=StrEnum)


def advance(table: Mapping[tuple[_State, _Event], _State], state: _State, event: _Event) -> _State:
    """The next state by the table.

    Raises:
        IllegalTransition: if the table does not name the pair.
    """
    try:
        return table[state, event]
    except KeyError:
        raise IllegalTransition(f"{event.value!r} is not possible while {state.value}") from None


_SUPPRESSED = {
    Suppression.SHELVED: IsaState.SHELVED,
    Suppression.BY_DESIGN: IsaState.SUPPRESSED_BY_DESIGN,
    Suppression.OUT_OF_SERVICE: IsaState.OUT_OF_SERVICE,
}
_PRESENT = {
    _U: IsaState.UNACKNOWLEDGED,
    _A: IsaState.ACKNOWLEDGED,
    _LU: IsaState.UNACKNOWLEDGED,
    _LA: IsaState.ACKNOWLEDGED,
}
_GONE = {
    _U: IsaState.RTN_UNACKNOWLEDGED,
    _A: IsaState.NORMAL,
    _LU: IsaState.LATCHED_UNACKNOWLEDGED,
    _LA: IsaState.LATCHED_ACKNOWLEDGED,
}


def isa_state(
    condition: ProcessCondition, attention: Attention, suppression: Suppression = Suppression.NONE
) -> IsaState:
    """The state of ISA-18.2 that the three parts make together."""
    if suppression in _SUPPRESSED:
        return _SUPPRESSED[suppression]
    return (_GONE if condition is ProcessCondition.NORMAL else _PRESENT)[attention]
