"""The three parts of an alarm, each a small machine with one table.

* the **process condition**: is the hazard there (active), without good evidence any more (held),
  or gone by good evidence (normal)?
* **attention**: has a person taken note of it (acknowledged), and does it wait for a reset
  (latched)?
* **suppressions**: is it kept from annunciating: by a shelf, by design, out of service? Each of the
  three is a machine of its own, and they stand side by side.

What a table does not name is illegal and changes nothing. The state of ISA-18.2 / IEC 62682 is
derived from the parts, so that a suppressed alarm remembers what lies under it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
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
    """What happens to acknowledgement and latch.

    `cover` is the end of an order under which the alarm was raised and has returned to normal:
    whoever granted the order has taken note of it beforehand. It never ends a latch.
    """

    ASK = "ask"
    LATCH = "latch"
    ACKNOWLEDGE = "acknowledge"
    RESET = "reset"
    COVER = "cover"


class Suppression(StrEnum):
    """The state of one of the three suppressions: `none`, or that which it is named for."""

    NONE = "none"
    SHELVED = "shelved"
    BY_DESIGN = "by_design"
    OUT_OF_SERVICE = "out_of_service"


class SuppressionEvent(StrEnum):
    """What happens to a suppression.

    `break` is the alarm getting worse while it is shelved. `order` and `end` are the first order
    (or flood) that suppresses by design and the end of the last one; `take_out` and `return` are
    the same for orders that take alarms out of service.
    """

    SHELVE = "shelve"
    UNSHELVE = "unshelve"
    EXPIRE = "expire"
    BREAK = "break"
    ORDER = "order"
    END = "end"
    TAKE_OUT = "take_out"
    RETURN = "return"


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
    (_U, AttentionEvent.COVER): _A,
}

SUPPRESSION_TRANSITIONS: Mapping[tuple[Suppression, SuppressionEvent], Suppression] = {
    (Suppression.NONE, SuppressionEvent.SHELVE): Suppression.SHELVED,
    (Suppression.SHELVED, SuppressionEvent.UNSHELVE): Suppression.NONE,
    (Suppression.SHELVED, SuppressionEvent.EXPIRE): Suppression.NONE,
    (Suppression.SHELVED, SuppressionEvent.BREAK): Suppression.NONE,
    (Suppression.NONE, SuppressionEvent.ORDER): Suppression.BY_DESIGN,
    (Suppression.BY_DESIGN, SuppressionEvent.END): Suppression.NONE,
    (Suppression.NONE, SuppressionEvent.TAKE_OUT): Suppression.OUT_OF_SERVICE,
    (Suppression.OUT_OF_SERVICE, SuppressionEvent.RETURN): Suppression.NONE,
}
"""Three machines in one table: each starts at `none` and knows only its own events."""

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
    Suppression.OUT_OF_SERVICE: IsaState.OUT_OF_SERVICE,
    Suppression.BY_DESIGN: IsaState.SUPPRESSED_BY_DESIGN,
    Suppression.SHELVED: IsaState.SHELVED,
}
"""The state that shows, in the order in which one hides the other."""
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
    condition: ProcessCondition, attention: Attention, suppressions: Collection[Suppression] = ()
) -> IsaState:
    """The state of ISA-18.2 that the parts make together.

    Of several suppressions the one shows that is hardest to undo: out of service, then suppressed
    by design, then shelved.
    """
    for suppression, state in _SUPPRESSED.items():
        if suppression in suppressions:
            return state
    return (_GONE if condition is ProcessCondition.NORMAL else _PRESENT)[attention]
