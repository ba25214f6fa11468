"""Holds the rules and their states, and steps all of them with each input.

A rule that raises an exception must not stop the others: its state stays as it was before that
input, and the fault is counted and kept for the health page. The engine itself does no I/O.

A rule that a new site file no longer has leaves its findings held, never cleared: taking a rule
out of the file is no evidence that the place is safe. A person resets the alarm.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from hazard.ports import Rule, RuleInput, Tick
from hazard.rules.finding import Stamp, renew
from hazard.types import Condition, HazardEvent


@runtime_checkable
class ResumableRule(Protocol):
    """A rule that can go on with findings that were stored before a restart."""

    def resume(self, events: tuple[HazardEvent, ...]) -> object:
        """The initial state, with these standing findings in it."""
        ...


@dataclass(frozen=True, slots=True)
class RuleFault:
    """How often a rule has failed, and how it did so last."""

    rule_id: str
    count: int
    last_error: str


class RuleEngine:
    """All rules of a site, stepped together.

    Args:
        rules: the rules, e.g. from `build_rules`.
        resume: stored events that stood (active or held) when the program ended; each goes on in
            its rule under the same id, and is cleared only by good evidence.
    """

    def __init__(self, rules: Sequence[Rule], resume: Iterable[HazardEvent] = ()) -> None:
        self._rules: dict[str, Rule] = {}
        self._states: dict[str, object] = {}
        self._faults: dict[str, RuleFault] = {}
        self._standing: dict[str, HazardEvent] = {}
        for event in resume:
            if event.condition is not Condition.CLEARED:
                self._standing[event.event_id] = event
        for rule in rules:
            self._add(rule)

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The rules in force."""
        return tuple(self._rules.values())

    def standing(self) -> tuple[HazardEvent, ...]:
        """The events that are active or held."""
        return tuple(self._standing.values())

    def faults(self) -> tuple[RuleFault, ...]:
        """The rules that have failed since they were loaded, for the health page."""
        return tuple(self._faults.values())

    def apply(self, item: RuleInput) -> tuple[HazardEvent, ...]:
        """What all rules found, held or cleared at this input, in the order of the site file."""
        events: list[HazardEvent] = []
        for rule_id, rule in self._rules.items():
            try:
                self._states[rule_id], found = rule.step(self._states[rule_id], item)
            except Exception as error:  # noqa: BLE001 - one broken rule must not stop the others
                self._fail(rule_id, error)
                continue
            events += found
        for event in events:
            if event.condition is Condition.CLEARED:
                self._standing.pop(event.event_id, None)
            else:
                self._standing[event.event_id] = event
        return tuple(events)

    def replace(self, rules: Sequence[Rule], at: Tick) -> tuple[HazardEvent, ...]:
        """Put the rules of a reloaded site in force.

        Rules that compare equal keep their state. Findings of rules that were changed or taken
        out are held, once: a changed rule goes on with them, one that is gone forgets them.
        """
        wanted = {rule.rule_id: rule for rule in rules}
        before, self._rules = self._rules, {}
        stamp = Stamp.of(at)
        held: list[HazardEvent] = []
        for rule_id, rule in before.items():
            if wanted.get(rule_id) != rule:
                held += self._hold(rule_id, stamp, forget=rule_id not in wanted)
        for rule_id, rule in wanted.items():
            if before.get(rule_id) == rule:
                self._rules[rule_id] = rule
            else:
                self._add(rule)
        return tuple(held)

    def _hold(self, rule_id: str, stamp: Stamp, *, forget: bool) -> list[HazardEvent]:
        held: list[HazardEvent] = []
        for event_id, event in list(self._standing.items()):
            if event.rule_id != rule_id:
                continue
            if event.condition is Condition.ACTIVE:
                held.append(renew(event, stamp, Condition.HELD))
                self._standing[event_id] = held[-1]
            if forget:
                del self._standing[event_id]
        if forget:
            self._states.pop(rule_id, None)
            self._faults.pop(rule_id, None)
        return held

    def _add(self, rule: Rule) -> None:
        mine = tuple(e for e in self._standing.values() if e.rule_id == rule.rule_id)
        self._rules[rule.rule_id] = rule
        self._faults.pop(rule.rule_id, None)
        if mine and isinstance(rule, ResumableRule):
            self._states[rule.rule_id] = rule.resume(mine)
        else:
            self._states[rule.rule_id] = rule.initial()

    def _fail(self, rule_id: str, error: Exception) -> None:
        count = self._faults[rule_id].count + 1 if rule_id in self._faults else 1
        text = f"{type(error).__name__}: {error}"[:200]
        self._faults[rule_id] = RuleFault(rule_id, count, text)
