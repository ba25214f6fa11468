"""Asking the routes, one after the other, under one deadline over all tries.

Private routes come first, in the file's order; public ones only where the site allows it, and only
with what is left. A refused connection, a broken one, 429 and 5xx are tried again on the same
route; anything else that is wrong passes on to the next. Redirects are not followed, proxies of
the environment are not used, and no more than `MAX_BYTES` of an answer are read.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
import socket
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx2

from hazard.errors import ConfigError, Interrupted, ReasonerError
from hazard.site.reasoning import Route
from models.reasoning.engine import UnusableText
from models.reasoning.remote.breaker import Breaker, State
from models.reasoning.remote.protocol import EXTRAS, shown

T = TypeVar("T")

MAX_BYTES = 1024 * 1024
"""Of one answer. One token with 20 alternatives is 3 kB, a streamed summary 30 kB."""

TRIES = 3
"""On one route, in one question."""

BACK_OFF_S = 0.1
"""Before the second try; doubled before the third."""

LEAST_S = 0.02
"""With less left, nothing is started."""

FAIR_S = 0.5
"""A route that was given less than this and was late has not failed: it had no chance."""

_OK, _FIRST_REDIRECT, _FIRST_ERROR, _FIRST_SERVER_ERROR = 200, 300, 400, 500
_BAD_KEY, _BAD_REQUEST, _TOO_MANY = (401, 403), (400, 422), 429


@dataclass(slots=True)
class Link:
    """A route with its connection and what is known of the server.

    Attributes:
        route: as the site file has it.
        client: its connections.
        key: its secret, empty where it has none; never shown.
        breaker: whether it may be asked.
        level: index of the `EXTRAS` that the server takes.
        last_fault: why it failed last.
    """

    route: Route
    client: httpx2.AsyncClient = field(repr=False)
    key: str = field(repr=False)
    breaker: Breaker = field(default_factory=Breaker)
    level: int = 0
    last_fault: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer that is being read."""

    media_type: str
    chunks: AsyncIterator[bytes]
    started_monotonic_s: float


Body = Callable[[str, Mapping[str, Any]], Mapping[str, Any]]
"""The request for a model's name and the extras that its server takes."""

Read = Callable[[Link, Reply], Awaitable[T]]


class _Again(Exception):  # noqa: N818 - an outcome of one try, not an error
    """Worth another try on the same route, at once or after a while."""

    def __init__(self, fault: str, after_s: float | None = None) -> None:
        super().__init__(fault)
        self.after_s = after_s


class _Less(Exception):  # noqa: N818 - an outcome of one try, not an error
    """The server does not take a key of the request."""


def connect(routes: Sequence[Route], *, allow_public: bool) -> tuple[Link, ...]:
    """The routes that may be asked, in the order in which they are.

    Raises:
        ConfigError: if none may, a secret is not there or no header can carry it, or a
            certificate file cannot be read.
    """
    allowed = [route for route in routes if allow_public or not route.public]
    if not allowed:
        raise ConfigError(
            "reasoning.routes: no server that may be asked: name one of the plant, or set "
            "reasoning.allow_public: true"
        )
    allowed.sort(key=lambda route: route.public)
    return tuple(_link(route) for route in allowed)


def _link(route: Route) -> Link:
    key = "" if route.api_key is None else route.api_key.resolve()
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise ConfigError(
            f"reasoning.routes {route.name}: the secret of api_key holds signs that no HTTP "
            "header can carry: give the key alone, on one line"
        )
    headers = {"Accept-Encoding": "identity", "User-Agent": "hazard-edge"}
    if key:
        headers["Authorization"] = f"Bearer {key}"
    client = httpx2.AsyncClient(
        verify=_trust(route), trust_env=False, follow_redirects=False, headers=headers
    )
    return Link(route, client, key)


def _trust(route: Route) -> ssl.SSLContext | bool:
    if route.ca_file is None:
        return True
    try:
        return ssl.create_default_context(cafile=route.ca_file)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(
            f"reasoning.routes {route.name}: ca_file {route.ca_file} holds no certificates "
            f"({getattr(error, 'strerror', None) or error}): give a PEM file"
        ) from error


async def ask(links: Sequence[Link], body: Body, read: Read[T], deadline_s: float) -> T:
    """The first route's answer that holds, as `read` gives it.

    Raises:
        Interrupted: if `read` was told to stop.
        UnusableText: if a server answered, but its text cannot be used.
        ReasonerError: if no route gave an answer by the deadline; names each and why.
    """
    faults: list[str] = []
    for at, link in enumerate(links):
        now_s = time.monotonic()
        if deadline_s - now_s < LEAST_S:
            faults.append(f"{link.route.name}: no time was left")
            continue
        if not link.breaker.may_ask(now_s):
            faults.append(_left_alone(link, now_s))
            continue
        try:
            return await _guarded(link, body, read, deadline_s, last=at == len(links) - 1)
        except (UnusableText, Interrupted):
            raise
        except ReasonerError as error:
            faults.append(str(error))
    raise ReasonerError(f"no route gave an answer: {'; '.join(faults)}"[:900])


def _left_alone(link: Link, now_s: float) -> str:
    left_s = (link.breaker.open_until_s or now_s) - now_s
    until = f"for {left_s:.1f} s more" if left_s > 0 else "until its probe has come back"
    return f"{link.route.name}: not asked {until} (failed before: {link.last_fault})"


async def _guarded(link: Link, body: Body, read: Read[T], deadline_s: float, *, last: bool) -> T:
    """One route's answer, and what it says of the route."""
    started_s = time.monotonic()
    link.breaker = link.breaker.asked(started_s)
    try:
        answer = await _tries(link, body, read, deadline_s, last=last)
    except (UnusableText, Interrupted):
        link.breaker = link.breaker.succeeded()  # it was answering
        raise
    except _Late as error:
        fair = deadline_s - started_s >= FAIR_S or link.breaker.state(started_s) is not State.CLOSED
        _blame(link, str(error), failed=fair)
        raise
    except ReasonerError as error:
        _blame(link, str(error), failed=True)
        raise
    except BaseException:
        link.breaker = link.breaker.released()
        raise
    link.breaker = link.breaker.succeeded()
    return answer


def _blame(link: Link, fault: str, *, failed: bool) -> None:
    if failed:
        link.breaker = link.breaker.failed(time.monotonic())
        link.last_fault = fault.removeprefix(f"{link.route.name}: ")[:200]
    else:
        link.breaker = link.breaker.released()


class _Late(ReasonerError):  # noqa: N818 - named for what happened
    """The deadline came first."""


async def _tries(link: Link, body: Body, read: Read[T], deadline_s: float, *, last: bool) -> T:
    name, level, tried = link.route.name, link.level, 0
    while True:
        request = body(link.route.model, EXTRAS[level])
        try:
            answer = await _once(link, request, read, deadline_s, last=last)
        except _Less as refusal:
            level += 1
            if level == len(EXTRAS) or body(link.route.model, EXTRAS[level]) == request:
                raise ReasonerError(f"{name}: {refusal}") from None
        except _Again as again:
            tried += 1
            wait_s = BACK_OFF_S * 2.0 ** (tried - 1) if again.after_s is None else again.after_s
            left_s = deadline_s - time.monotonic()
            if tried >= TRIES or wait_s > left_s / 2.0:
                raise ReasonerError(f"{name}: {again}") from None
            await asyncio.sleep(wait_s)
        else:
            link.level = max(link.level, level)
            return answer


async def _once(
    link: Link, request: Mapping[str, Any], read: Read[T], deadline_s: float, *, last: bool
) -> T:
    """One try, with all the time that is left; half of it for the connection if others follow."""
    name = link.route.name
    left_s = deadline_s - time.monotonic()
    if left_s < LEAST_S:
        raise _Late(f"{name}: no answer by the deadline")
    limits = httpx2.Timeout(left_s, connect=left_s if last else left_s / 2.0)
    try:
        async with asyncio.timeout(left_s):
            if not link.route.public:
                await _require_private(link)
            return await _exchange(link, request, read, limits)
    except httpx2.ConnectTimeout:
        raise _Late(f"{name}: no connection within {limits.connect:.2f} s") from None
    except (TimeoutError, httpx2.TimeoutException):
        raise _Late(f"{name}: no whole answer within the {left_s:.2f} s that were left") from None
    except httpx2.TransportError as error:
        raise _Again(f"{_what(error)} ({link.route.url})") from None
    except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError) as error:
        raise ReasonerError(f"{name}: {_what(error)}") from None
    except (UnusableText, Interrupted):
        raise
    except ReasonerError as error:
        raise ReasonerError(f"{name}: {error}") from None


async def _require_private(link: Link) -> None:
    """Refuse a route that is not marked public, and whose name leads to the internet all the same.

    A name that does not resolve is left to the connection, which says so.
    """
    host = urlsplit(link.route.url).hostname or ""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        return
    addresses = {str(entry[4][0]).partition("%")[0] for entry in found}
    outside = sorted(one for one in addresses if ipaddress.ip_address(one).is_global)
    if outside:
        raise ReasonerError(
            f"its address {outside[0]} is on the internet, and nothing was sent: "
            "write public: true in its route"
        )


async def _exchange(
    link: Link, request: Mapping[str, Any], read: Read[T], limits: httpx2.Timeout
) -> T:
    started_s = time.monotonic()
    async with link.client.stream(
        "POST",
        f"{link.route.url}/chat/completions",
        content=json.dumps(request).encode(),
        headers={"Content-Type": "application/json"},
        timeout=limits,
    ) as response:
        if response.status_code != _OK:
            await _refusal(link, response)
        coding = response.headers.get("Content-Encoding", "identity")
        if coding.strip().lower() not in ("", "identity"):
            raise ReasonerError(f"sent its answer as {shown(coding, 20)}, which was not asked for")
        media_type = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if media_type not in ("application/json", "text/event-stream"):
            raise ReasonerError(
                f"sent {shown(media_type, 40) or 'nothing that has a type'}, not JSON: "
                "does its url end in /v1?"
            )
        return await read(link, Reply(media_type, _bounded(response), started_s))


async def _bounded(response: httpx2.Response) -> AsyncIterator[bytes]:
    total = 0
    async for chunk in response.aiter_raw():
        total += len(chunk)
        if total > MAX_BYTES:
            raise ReasonerError(f"sent more than {MAX_BYTES} bytes")
        yield chunk


async def whole(reply: Reply) -> bytes:
    """All bytes of an answer.

    Raises:
        ReasonerError: if they are more than `MAX_BYTES`.
    """
    return b"".join([chunk async for chunk in reply.chunks])


async def _refusal(link: Link, response: httpx2.Response) -> None:
    """Raise what an answer other than 200 means."""
    status = response.status_code
    if status in _BAD_KEY:
        mend = f"check api_key of the route {link.route.name}"
        raise ReasonerError(f"refuses the API key (HTTP {status}): {mend}")
    if _FIRST_REDIRECT <= status < _FIRST_ERROR:
        raise ReasonerError(f"redirects (HTTP {status}), which is not followed: mend its url")
    fault = f"HTTP {status}{await _said(link, response)}"
    if status in _BAD_REQUEST:
        raise _Less(fault)
    if status == _TOO_MANY or status >= _FIRST_SERVER_ERROR:
        raise _Again(fault, _retry_after_s(response))
    raise ReasonerError(fault)


async def _said(link: Link, response: httpx2.Response) -> str:
    """The beginning of what a server says of its refusal, without our key, should it echo it."""
    start = b""
    async for chunk in _bounded(response):
        start += chunk
        if len(start) >= 1000:  # noqa: PLR2004 - more is not shown
            break
    text = start[:1000].decode("utf-8", "replace")
    text = text.replace(link.key, "***") if link.key else text
    return f", {said}" if (said := shown(text)) else ""


def _retry_after_s(response: httpx2.Response) -> float | None:
    """Seconds; a date, which other clocks make useless, counts as not given."""
    text = response.headers.get("Retry-After", "").strip()
    return float(text) if text.isascii() and text.isdigit() and len(text) < 7 else None  # noqa: PLR2004


def _what(error: Exception) -> str:
    return shown(str(error)) or type(error).__name__
