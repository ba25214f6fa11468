"""Passwords and codes become sessions; cookies and tokens become who asks."""

from __future__ import annotations

import hashlib
import hmac
import threading
import unicodedata
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from pydantic import JsonValue

from dashboard.access import Permission, Person
from dashboard.i18n import N_, Said
from dashboard.lockout import FORGOTTEN_AFTER_S, Lockout
from dashboard.passwords import Passwords, refuse_weak
from dashboard.settings import IDLE_S, SESSION_S
from hazard.errors import StoreError
from hazard.store.accounts import CHAIN, Account, name_key
from hazard.store.audit_reading import PAGE_MAX, AuditFilter, AuditReader
from hazard.store.desk import Desk
from hazard.store.logins import Session, WrongCode
from hazard.store.people import People
from hazard.store.views import AuditLine

log = structlog.get_logger(__name__)
ACTOR_MAX = 64
TOKEN_MAX = 128
SEEN_EVERY_S = 60.0
"""How exactly it is kept when a session or token was last used."""
REMEMBERED = 4096
REFUSED, LET_IN = "login_refused", "login"
BY_PASSWORD, BY_CODE = "password", "code"


@dataclass(frozen=True, slots=True)
class Identity:
    """Who asks; `session` is None for a program with a token."""

    person: Person
    session: Session | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """What became of an attempt to get in: a session's token, or the seconds to wait."""

    token: str | None = None
    wait_s: float = 0.0


def normalise_code(text: str) -> str:
    """What was typed, without spaces and dashes, in capitals; at most 16 signs count."""
    return "".join(sign for sign in text[:64].upper() if sign.isalnum())[:16]


def normalise_actor(text: str) -> str:
    """A person's name as it goes into the audit.

    Raises:
        Said: (a ValueError) if it is empty or longer than 64 signs.
    """
    composed = unicodedata.normalize("NFC", text)
    printable = "".join(sign for sign in composed if sign.isprintable())
    name = " ".join(printable.split())
    if not name or len(name) > ACTOR_MAX:
        raise Said(
            N_("Give your name, 1 to %(most)s characters: it goes into the audit."), most=ACTOR_MAX
        )
    return name


def csrf_token(token: str) -> str:
    """The CSRF token that belongs to a session token; it cannot be derived from what is stored."""
    return hmac.new(token.encode(), b"csrf", hashlib.sha256).hexdigest()


def same(left: str, right: str) -> bool:
    """Compare two secrets in constant time."""
    return hmac.compare_digest(left.encode(), right.encode())


class Authenticator:
    """The only way in."""

    def __init__(self, people: People, desk: Desk, passwords: Passwords, lockout: Lockout) -> None:
        self.people = people
        self.passwords = passwords
        self.lockout = lockout
        self._desk = desk
        self._seen: OrderedDict[str, datetime] = OrderedDict()
        self._guard = threading.Lock()

    # ------------------------------------------------------------ getting in

    def recall(self, audit: AuditReader, now: datetime) -> None:
        """Know again, after a start, from where people came, and what was wrong of late.

        Raises:
            StoreError: if the database cannot be read.
        """
        for line in _tries(audit, now - timedelta(seconds=FORGOTTEN_AFTER_S)):
            address, key = str(line.details.get("address", "")), name_key(line.actor)
            if line.verb == LET_IN:
                self.lockout.succeeded(address, key)
                continue
            by_name = key if line.details.get("by") == BY_PASSWORD else ""
            self.lockout.failed(address, by_name, ago_s=(now - line.at).total_seconds())
        open_ones = self.people.logins.sessions(now, idle=timedelta(seconds=SESSION_S))
        for session in reversed(open_ones):
            self.lockout.known(session.address, name_key(session.actor))

    def log_in(self, name: str, password: str, address: str, agent: str, now: datetime) -> Entry:
        """Open a session if name and password fit; else count it, and say it in the audit.

        Raises:
            StoreError: if the database cannot be written.
        """
        key = name_key(name)
        with self.lockout.trying(address, key) as wait_s:
            if wait_s > 0:
                return Entry(wait_s=wait_s)
            found = self.people.accounts.credentials(name)
            account, stored = found if found is not None else (None, "")
            right = self.passwords.fits(stored, password)
            if account is None or not right or account.disabled_at is not None:
                return Entry(wait_s=self._refused(name, key, address, now))
            self.lockout.succeeded(address, key)
        if self.passwords.is_outdated(stored):
            self.people.accounts.rehash(account.account_id, self.passwords.make(password))
        return Entry(token=self._open(account, address, agent, now))

    def set_up(
        self,
        code: str,
        name: str,
        password: str,
        *,
        address: str,
        agent: str,
        now: datetime,
    ) -> Entry:
        """Set a password by a one-time code, and open a session.

        Raises:
            Said: (a ValueError) if the password would be guessed; the code is not used up.
            NameTaken: (a StoreError) if the name cannot be given to a person.
            StoreError: if the database cannot be written.
        """
        with self.lockout.trying(address) as wait_s:
            if wait_s > 0:
                return Entry(wait_s=wait_s)
            refuse_weak(password, name)
            try:
                account = self.people.logins.use_code(
                    normalise_code(code), name, lambda: self.passwords.make(password), now
                )
            except WrongCode:
                return Entry(wait_s=self._refused(name, "", address, now))
            self.lockout.succeeded(address, name_key(name))
        return Entry(token=self._open(account, address, agent, now))

    def _refused(self, name: str, key: str, address: str, now: datetime) -> float:
        wait_s = self.lockout.failed(address, key)
        by = BY_PASSWORD if key else BY_CODE
        details: dict[str, JsonValue] = {"address": address[:64], "by": by}
        self._desk.audit(now, name, REFUSED, "dashboard", details)
        if wait_s > 0:
            details = {"address": address[:64], "wait_s": wait_s}
            self._desk.audit(now, name, "login_locked", "dashboard", details)
        return wait_s

    def _open(self, account: Account, address: str, agent: str, now: datetime) -> str:
        return self.people.logins.open_session(
            account, now, lifetime=timedelta(seconds=SESSION_S), address=address, agent=agent
        )

    def change_password(
        self, person: Person, old: str, new: str, *, address: str, agent: str, now: datetime
    ) -> Entry:
        """Another password for somebody who is logged in: all their sessions end, one opens.

        Raises:
            Said: (a ValueError) if the new password would be guessed.
            StoreError: if the database cannot be written.
        """
        key = name_key(person.name)
        with self.lockout.trying(address, key) as wait_s:
            if wait_s > 0:
                return Entry(wait_s=wait_s)
            refuse_weak(new, person.name)
            found = self.people.accounts.credentials(person.name)
            account, stored = found if found is not None else (None, "")
            if not self.passwords.fits(stored, old) or account is None:
                return Entry(wait_s=self._refused(person.name, key, address, now))
            self.lockout.succeeded(address, key)
        hashed = self.passwords.make(new)
        self.people.accounts.set_password(account.account_id, hashed, by=person.name, now=now)
        return Entry(token=self._open(account, address, agent, now))

    # ------------------------------------------------------------ who asks

    def who(self, token: str | None, now: datetime) -> Identity | None:
        """Whose cookie it is, or None when its session does not exist, expired or was idle."""
        if not token or len(token) > TOKEN_MAX:
            return None
        found = self.people.logins.find_session(token, now, idle=timedelta(seconds=IDLE_S))
        if found is None:
            return None
        session, account = found
        if self._is_new(session.session_id, session.last_seen_at, now):
            try:
                self.people.logins.keep_alive(token, now)
            except StoreError as error:  # it is only kept less exactly when they were here
                log.info("dashboard.not_noted", error=str(error)[:200])
        return Identity(_person(account), session)

    def bearer(self, text: str, now: datetime) -> Identity | None:
        """Whose token of a program it is, or None when it is not in force."""
        if not text or len(text) > TOKEN_MAX:
            return None
        found = self.people.tokens.find(text, now)
        if found is None:
            return None
        token, account = found
        if self._is_new(token.token_id, token.last_used_at, now):
            try:
                self.people.tokens.used(token.token_id, now)
            except StoreError as error:
                log.info("dashboard.not_noted", error=str(error)[:200])
        known = {permission.value for permission in Permission}
        scopes = frozenset(Permission(scope) for scope in token.scopes if scope in known)
        return Identity(_person(account).model_copy(update={"scopes": scopes}))

    def _is_new(self, key: str, written: datetime | None, now: datetime) -> bool:
        """Whether this use is worth a line in the database."""
        with self._guard:
            last = max(filter(None, (self._seen.get(key), written)), default=None)
            if last is not None and (now - last).total_seconds() < SEEN_EVERY_S:
                return False
            self._seen[key] = now
            self._seen.move_to_end(key)
            while len(self._seen) > REMEMBERED:
                self._seen.popitem(last=False)
            return True


def _tries(audit: AuditReader, since: datetime) -> list[AuditLine]:
    """Who tried to get in at this dashboard since then, the oldest first."""
    found = [
        line
        for verb in (REFUSED, LET_IN)
        for line in audit.lines(AuditFilter(verb=verb, since=since), limit=PAGE_MAX, own=True).lines
        if line.chain == CHAIN
    ]
    return sorted(found, key=lambda line: line.audit_id)


def _person(account: Account) -> Person:
    return Person(
        account_id=account.account_id,
        name=account.name,
        role=account.role,
        areas=account.areas,
        language=account.language,
        theme=account.theme,
    )
