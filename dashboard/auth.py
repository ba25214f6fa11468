"""One-time codes, sessions, CSRF tokens and the lock-out.

The store keeps hashes of codes and session tokens only. A code lives 15 minutes and counts once;
five wrong ones lock the address out for 15 minutes.
"""

from __future__ import annotations

import hashlib
import hmac
import threading
import unicodedata
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from dashboard.settings import CODE_S, SESSION_S
from hazard.store.desk import Desk, Session

ACTOR_MAX = 64
TOKEN_MAX = 128
FAILURES = 5
FAILURE_WINDOW_S = 15 * 60.0
FAILURES_ALL = 40
ALL_WINDOW_S = 60.0
"""At most FAILURES_ALL wrong codes from all addresses together within this time."""
ADDRESSES = 4096
"""Addresses that are remembered; the oldest are forgotten first."""


def create_login_code(desk: Desk, now: datetime | None = None) -> str:
    """A fresh one-time code as `XXXX-XXXX`; only its hash is stored.

    Raises:
        StoreError: if the database cannot be written.
    """
    code = desk.new_login_code(now or datetime.now(UTC), lifetime=timedelta(seconds=CODE_S))
    return f"{code[:4]}-{code[4:]}"


def normalise_code(text: str) -> str:
    """What was typed, without spaces and dashes, in capitals; at most 16 signs count."""
    return "".join(sign for sign in text[:64].upper() if sign.isalnum())[:16]


def normalise_actor(text: str) -> str:
    """A person's name as it goes into the audit.

    Raises:
        ValueError: if it is empty or longer than 64 signs.
    """
    composed = unicodedata.normalize("NFC", text)
    printable = "".join(sign for sign in composed if sign.isprintable())
    name = " ".join(printable.split())
    if not name or len(name) > ACTOR_MAX:
        raise ValueError(f"Give your name, 1 to {ACTOR_MAX} characters: it goes into the audit.")
    return name


def csrf_token(token: str) -> str:
    """The CSRF token that belongs to a session token; it cannot be derived from what is stored."""
    return hmac.new(token.encode(), b"csrf", hashlib.sha256).hexdigest()


def same(left: str, right: str) -> bool:
    """Compare two secrets in constant time."""
    return hmac.compare_digest(left.encode(), right.encode())


@dataclass
class Lockout:
    """Counts wrong codes per address and over all, in memory.

    Attributes:
        clock: seconds, monotonic.
    """

    clock: Callable[[], float]
    _by_address: OrderedDict[str, deque[float]] = field(default_factory=OrderedDict)
    _all: deque[float] = field(default_factory=lambda: deque(maxlen=FAILURES_ALL))
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def wait_s(self, address: str) -> float:
        """Seconds until this address may try again; 0 when it may now."""
        now = self.clock()
        with self._guard:
            if len(self._all) == FAILURES_ALL and now - self._all[0] < ALL_WINDOW_S:
                return ALL_WINDOW_S - (now - self._all[0])
            failures = self._by_address.get(address)
            if not failures:
                return 0.0
            while failures and now - failures[0] > FAILURE_WINDOW_S:
                failures.popleft()
            return FAILURE_WINDOW_S - (now - failures[0]) if len(failures) >= FAILURES else 0.0

    def failed(self, address: str) -> None:
        """Count one wrong code."""
        now = self.clock()
        with self._guard:
            self._all.append(now)
            self._by_address.setdefault(address, deque(maxlen=FAILURES)).append(now)
            self._by_address.move_to_end(address)
            while len(self._by_address) > ADDRESSES:
                self._by_address.popitem(last=False)

    def succeeded(self, address: str) -> None:
        """Forget the wrong codes of an address."""
        with self._guard:
            self._by_address.pop(address, None)


class Authenticator:
    """Turns a code into a session, and a cookie into who it is."""

    def __init__(self, desk: Desk, lockout: Lockout) -> None:
        self._desk = desk
        self.lockout = lockout

    def log_in(self, code: str, actor: str, address: str, now: datetime) -> str | None:
        """The token of a new session, or None when the code is wrong, used or expired.

        Either way the audit gets its line, and the lock-out its count.

        Raises:
            StoreError: if the database cannot be written.
        """
        if not self._desk.use_login_code(normalise_code(code), now):
            self.lockout.failed(address)
            self._desk.audit(now, actor, "login_refused", "dashboard", {"address": address[:64]})
            return None
        self.lockout.succeeded(address)
        token = self._desk.open_session(actor, now, lifetime=timedelta(seconds=SESSION_S))
        self._desk.audit(now, actor, "login", "dashboard", {"address": address[:64]})
        return token

    def who(self, token: str | None, now: datetime) -> Session | None:
        """The session of a cookie, or None when there is none, or it has expired."""
        if not token or len(token) > TOKEN_MAX:
            return None
        return self._desk.find_session(token, now)

    def log_out(self, token: str, actor: str, now: datetime) -> None:
        """End a session."""
        self._desk.close_session(token)
        self._desk.audit(now, actor, "logout", "dashboard", {})
