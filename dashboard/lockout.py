"""Slows guessing down: wrong passwords and codes are counted by name, by address, and over all.

After five in a row each further try has to wait, twice as long each time: half a minute at first, a
quarter of an hour at last. A name stays open to the addresses from which it has got in before,
whatever is guessed elsewhere, so that nobody can lock the officer out of the plant's alarms.
"""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

FREE = 5
"""Wrong ones in a row before waiting begins."""
FIRST_WAIT_S = 30.0
LONGEST_WAIT_S = 15 * 60.0
FORGOTTEN_AFTER_S = 60 * 60.0
FAILURES_ALL = 40
ALL_WINDOW_S = 60.0
"""At most FAILURES_ALL wrong ones from all addresses together within this time."""
UNDECIDED_ALL = 8
"""Tries of all addresses together that may be looked at at the same time: each takes long."""
BUSY_WAIT_S = 2.0
REMEMBERED = 4096
"""Names and addresses that are remembered; the oldest are forgotten first."""


@dataclass
class _Failures:
    count: int = 0
    last_s: float = 0.0
    until_s: float = 0.0


@dataclass
class Lockout:
    """Counts in memory; what the audit keeps of the last hour is counted again after a start.

    Safe to call from any thread.

    Attributes:
        clock: seconds, monotonic.
    """

    clock: Callable[[], float]
    _failures: OrderedDict[str, _Failures] = field(default_factory=OrderedDict)
    _friends: OrderedDict[tuple[str, str], None] = field(default_factory=OrderedDict)
    _all: deque[float] = field(default_factory=lambda: deque(maxlen=FAILURES_ALL))
    _undecided: Counter[str] = field(default_factory=Counter)
    _guard: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def trying(self, address: str, name: str = "") -> Iterator[float]:
        """A try as long as it is being looked at; gives the seconds to wait, 0 when it may go on.

        What is sent at the same time counts as if it were wrong already: nobody gets more tries by
        sending them together, nor keeps the threads busy that serve everybody's pages.
        """
        with self._guard:
            wait_s, keys = self._wait_s(address, name), self._keys(address, name)
            if wait_s <= 0 and self._is_busy(keys, friend=(address, name) in self._friends):
                wait_s = BUSY_WAIT_S
            if wait_s <= 0:
                self._undecided.update(keys)
                self._undecided[""] += 1
        try:
            yield wait_s
        finally:
            if wait_s <= 0:
                with self._guard:
                    self._undecided.subtract(keys)
                    self._undecided[""] -= 1
                    self._undecided = +self._undecided

    def _is_busy(self, keys: list[str], *, friend: bool) -> bool:
        if self._undecided[""] >= UNDECIDED_ALL and not friend:
            return True
        for key in keys:
            found, now = self._failures.get(key), self._undecided[key]
            if now > 0 and now + (found.count if found is not None else 0) >= FREE:
                return True
        return False

    def wait_s(self, address: str, name: str = "") -> float:
        """Seconds until this address may try again (under this name); 0 when it may now."""
        with self._guard:
            return self._wait_s(address, name)

    def _wait_s(self, address: str, name: str) -> float:
        now, waits = self.clock(), [0.0]
        if len(self._all) == FAILURES_ALL and (address, name) not in self._friends:
            waits.append(ALL_WINDOW_S - (now - self._all[0]))
        for key in self._keys(address, name):
            found = self._failures.get(key)
            if found is not None:
                waits.append(found.until_s - now)
        return max(waits)

    def failed(self, address: str, name: str = "", *, ago_s: float = 0.0) -> float:
        """Count a wrong password or code of `ago_s` ago; gives the seconds to wait from then on."""
        now = self.clock() - ago_s
        with self._guard:
            self._all.append(now)
            longest = 0.0
            for key in self._keys(address, name):
                found = self._failures.setdefault(key, _Failures())
                if now - found.last_s > FORGOTTEN_AFTER_S:
                    found.count = 0
                found.count += 1
                found.last_s = now
                if found.count >= FREE:
                    wait = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2 ** min(found.count - FREE, 10))
                    found.until_s = now + wait
                    longest = max(longest, wait)
                self._failures.move_to_end(key)
            while len(self._failures) > REMEMBERED:
                self._failures.popitem(last=False)
            return longest

    def succeeded(self, address: str, name: str = "") -> None:
        """Forget what was wrong, and that this name has got in from here."""
        with self._guard:
            for key in (f"address {address}", f"name {name}"):
                self._failures.pop(key, None)
            if name:
                self._befriend(address, name)

    def known(self, address: str, name: str) -> None:
        """Remember that this name got in from here before this process began."""
        with self._guard:
            self._befriend(address, name)

    def _befriend(self, address: str, name: str) -> None:
        self._friends[address, name] = None
        self._friends.move_to_end((address, name))
        while len(self._friends) > REMEMBERED:
            self._friends.popitem(last=False)

    def _keys(self, address: str, name: str) -> list[str]:
        by_address = [f"address {address}"]
        known_here = not name or (address, name) in self._friends
        return by_address if known_here else [*by_address, f"name {name}"]
