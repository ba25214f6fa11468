"""Passwords: which are taken, and Argon2id.

Parameters are argon2-cffi's defaults, the second recommendation of RFC 9106 section 4 (64 MiB,
3 passes, 4 lanes); a hash of other parameters is made anew at the next login. Length counts, not
composition, and the commonest are refused, as NIST SP 800-63B section 3.1.1 says.
"""

from __future__ import annotations

import secrets
import threading
import unicodedata

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from dashboard.i18n import N_, Said

LENGTH_MIN = 12
LENGTH_MAX = 128
DIFFERENT_MIN = 5
AT_ONCE = 2
"""Hashes that are computed at a time: each takes 64 MiB of the box's memory."""

COMMONEST = (
    "password",
    "passwort",
    "motdepasse",
    "contrasena",
    "contraseña",
    "qwerty",
    "qwertz",
    "azerty",
    "letmein",
    "iloveyou",
    "welcome",
    "administrator",
    "changeme",
    "hazardedge",
    "dashboard",
    "123456",
    "abcdef",
)
"""What makes up the passwords that are tried first; with a few more signs they are no better."""
LEFT_MIN = 8


def refuse_weak(password: str, name: str) -> None:
    """Refuse what would be guessed.

    Raises:
        Said: (a ValueError) with what to do instead.
    """
    said = normalise(password)
    if len(said) < LENGTH_MIN:
        raise Said(
            N_(
                "The password has %(has)s characters: take at least %(least)s, "
                "for example four words."
            ),
            has=len(said),
            least=LENGTH_MIN,
        )
    if len(said) > LENGTH_MAX:
        raise Said(
            N_("The password is too long: take at most %(most)s characters."), most=LENGTH_MAX
        )
    plain = "".join(sign for sign in said.casefold() if sign.isalnum())
    if len(set(plain)) < DIFFERENT_MIN:
        raise Said(N_("The password repeats the same few characters: take different words."))
    rest = plain
    own = "".join(sign for sign in normalise(name).casefold() if sign.isalnum())
    for known in (own, *COMMONEST):
        rest = rest.replace(known, "") if known else rest
    if len(rest) < min(LEFT_MIN, len(plain)):
        raise Said(
            N_(
                "The password is little more than your name or a very common password: "
                "take four words that have nothing to do with each other."
            )
        )


def normalise(password: str) -> str:
    """The same signs, however the keyboard composed them."""
    return unicodedata.normalize("NFKC", password)


class Passwords:
    """Makes and checks hashes. Safe to call from any thread; few at a time."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._turns = threading.BoundedSemaphore(AT_ONCE)
        self._nobody = self._hasher.hash(secrets.token_urlsafe(16))

    def make(self, password: str) -> str:
        """The hash of a password, with its salt and parameters."""
        with self._turns:
            return self._hasher.hash(normalise(password))

    def fits(self, stored: str, password: str) -> bool:
        """Whether the password is that of the hash.

        An empty hash fits nothing, and takes as long: who is known cannot be told by the time.
        """
        with self._turns:
            try:
                right = self._hasher.verify(stored or self._nobody, normalise(password))
            except (VerificationError, InvalidHashError):
                return False
        return right and bool(stored)

    def is_outdated(self, stored: str) -> bool:
        """Whether the hash was made with other parameters than are used now."""
        return self._hasher.check_needs_rehash(stored)
