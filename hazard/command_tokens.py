"""Tokens of MQTT commands, for brokers that cannot bind a topic to a user.

A token is a JWT (RFC 7519), signed with HMAC-SHA-256 (RFC 7518, 3.2: a key of at least 256 bits).
It says who sends (`sub`), at which site (`aud`) and until when (`exp`), and may narrow what its
holder may do (`verbs`, `areas`). It never gives more than the site file gives that user, unless it
speaks for a person (`role`, `name`): the dashboard of a replica knows its people itself, and holds
the secret.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import jwt
from pydantic import Field, ValidationError

from hazard.errors import ConfigError, HazardError
from hazard.site.sources import Secret
from hazard.types import Model, Name, Role

ALGORITHM = "HS256"
SHORTEST_SECRET = 32
"""Characters of the secret."""
LONGEST = timedelta(days=366)
"""How long a token is good for at most."""
LEEWAY = timedelta(seconds=5)
"""How far the clocks of who issues and who checks may be apart."""


class TokenRefused(HazardError):  # noqa: N818 - named for what it says
    """A command's token is missing, wrong, of another user or too old."""


class Claims(Model):
    """What a token narrows, or for whom it speaks. Empty: it narrows nothing.

    Attributes:
        role: of the person that it speaks for; None: the sender is a user of the site file.
        name: of that person, as it goes into the audit.
    """

    verbs: tuple[str, ...] = Field(default=(), max_length=32)
    areas: tuple[Name, ...] = Field(default=(), max_length=256)
    role: Role | None = None
    name: str = Field(default="", max_length=64)


def read_secret(secret: Secret | None) -> str:
    """The secret that signs tokens, read now.

    Raises:
        ConfigError: if there is none, it cannot be read, or it is too short.
    """
    if secret is None:
        raise ConfigError("mqtt.token_secret is not set: nothing signs the tokens of commands")
    text = secret.resolve()
    if len(text) < SHORTEST_SECRET:
        raise ConfigError(
            f"mqtt.token_secret has {len(text)} characters: want {SHORTEST_SECRET} or more, "
            "e.g. from `openssl rand -hex 32`"
        )
    return text


def issue(
    secret: str,
    *,
    user: str,
    site: str,
    now: datetime,
    lifetime: timedelta,
    verbs: Sequence[str] = (),
    areas: Sequence[str] = (),
    speaks_for: tuple[str, Role] | None = None,
) -> str:
    """A token for a user, or for a person (name and role) that the user speaks for.

    Raises:
        ConfigError: if the lifetime is not above 0, or above `LONGEST`.
    """
    if not timedelta(0) < lifetime <= LONGEST:
        raise ConfigError(
            f"a token for {lifetime}: want more than 0 and at most {LONGEST.days} days"
        )
    claims: dict[str, object] = {"sub": user, "aud": site, "iat": now, "exp": now + lifetime}
    if verbs:
        claims["verbs"] = list(verbs)
    if areas:
        claims["areas"] = list(areas)
    if speaks_for is not None:
        claims["name"], claims["role"] = speaks_for[0], speaks_for[1].value
    return jwt.encode(claims, secret, algorithm=ALGORITHM)


def check(token: str | None, secret: str, *, user: str, site: str) -> Claims:
    """What a token allows its holder.

    Raises:
        TokenRefused: if it is not a good one of this user for this site; the text never holds it.
    """
    if token is None:
        raise TokenRefused("no token: put one into the payload's `token` (`hazard token`)")
    try:
        claims = jwt.decode(
            token,
            secret,
            algorithms=[ALGORITHM],
            audience=site,
            leeway=LEEWAY,
            options={"require": ["exp", "sub", "aud"]},
        )
        narrowed = Claims.model_validate(
            {name: claims[name] for name in Claims.model_fields if name in claims}
        )
    except jwt.ExpiredSignatureError as error:
        raise TokenRefused("the token has expired: get a new one (`hazard token`)") from error
    except jwt.InvalidAudienceError as error:
        raise TokenRefused(f"the token is for another site than {site}") from error
    except (jwt.InvalidTokenError, ValidationError) as error:
        raise TokenRefused("the token is not good: get a new one (`hazard token`)") from error
    if claims["sub"] != user:
        raise TokenRefused("the token is another user's: the topic names who sends")
    return narrowed
