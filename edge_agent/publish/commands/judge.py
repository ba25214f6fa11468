"""Whether a message on a command topic becomes a request: pure, apart from reading the secret.

What comes in is hostile until it is shown to be otherwise: it is bounded before it is parsed,
parsed by a strict model, and its sender is who the broker's access list or a signed token says,
and known to the site file. Whether the role may do it is the core's to say.
"""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import JsonValue, ValidationError

from edge_agent.publish.commands import verbs
from edge_agent.publish.commands.replies import (
    LARGEST_BYTES,
    Received,
    Route,
    own_topic,
    refuse_topic,
)
from edge_agent.publish.commands.verbs import COMMANDS, Command
from hazard.command_tokens import Claims, TokenRefused, check, read_secret
from hazard.commands import CommandMessage, digest, stored_id
from hazard.errors import ConfigError, HazardError
from hazard.site.alarms import User
from hazard.site.models import Site
from hazard.types import ActionRequest, Verb, Via

SAME_WITHIN = timedelta(minutes=1)
"""The same command without a request id is the same request for this long, twice at most."""
LARGEST_ARGUMENTS = 1024
"""Characters of a command's arguments: each is stored, also with what is refused."""


class CommandRefused(HazardError):  # noqa: N818 - named for what it says
    """A command is not handed to the core; the text says why and what to do."""


class NotMeant(HazardError):  # noqa: N818 - named for what it says
    """A command is another node's: nothing is said of it."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A command that may be handed to the core.

    Attributes:
        earlier_id: the request id that the same command had a minute ago, or None.
        named_node: the command names this node, so that no other will answer.
    """

    request: ActionRequest
    route: Route
    earlier_id: str | None
    named_node: bool


@dataclass(frozen=True, slots=True)
class _Sender:
    """Who asks: a user of the site file, or somebody whom a token speaks for."""

    name: str
    user: User
    claims: Claims


def first_route(received: Received, site: Site) -> Route:
    """Where a command is answered of which nothing is known but its topic."""
    return Route(
        broker=received.broker,
        topic=own_topic(site.site.id, received.user),
        correlation=received.correlation,
        user=received.user,
        verb=received.verb,
        request_id=digest("refused", received.topic, received.payload, received.correlation),
    )


def answer_route(received: Received, site: Site) -> Route:
    """Where a command is answered: where it asks for if that is allowed, else the user's topic."""
    route = first_route(received, site)
    asked = received.response_topic
    mode = site.brokers()[received.broker].commands
    known = mode == "token" or received.user in site.alarms.users
    if asked is None or not known or refuse_topic(asked, site, received.user):
        return route
    return Route(route.broker, asked, *_rest(route))


def judge(received: Received, site: Site, now: datetime) -> Wanted:
    """The request that a command asks for.

    Raises:
        CommandRefused: if it is refused; the text goes to the sender and never holds a secret.
        NotMeant: if it is another node's.
    """
    if received.retain:
        raise CommandRefused(
            "a retained command is never carried out, and was taken off the broker: "
            "send it without retain"
        )
    if received.size_bytes > LARGEST_BYTES:
        raise CommandRefused(
            f"the command has {received.size_bytes} bytes: want at most {LARGEST_BYTES}"
        )
    message = _parse(received.payload)
    if message.node is not None and message.node != site.site.node:
        raise NotMeant(message.node)
    verb, command = _verb(received.verb)
    sender = _sender(received, message, site, verb)
    if received.response_topic is not None:
        why = refuse_topic(received.response_topic, site, received.user)
        if why:
            raise CommandRefused(f"the response topic is not taken: {why}")
    _complete(message, command, site)
    return _wanted(received, message, site, now, (verb, command, sender))


def _parse(payload: bytes) -> CommandMessage:
    try:
        return CommandMessage.model_validate_json(payload)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(each) for each in first["loc"]) or "the payload"
        shown = where.encode("ascii", "backslashreplace").decode()[:80]
        raise CommandRefused(
            f"{shown}: {first['msg'][:200]}: want an object as docs/schemas/command.v1.json says"
        ) from error


def _verb(name: str) -> tuple[Verb, Command]:
    try:
        verb = Verb(name)
        if verb in verbs.ON_THE_NODE:
            raise CommandRefused(
                f"{verb} is taken on the node's own dashboard only, where its site file and its "
                "jobs are seen: ask there"
            )
        return verb, COMMANDS[verb]
    except (ValueError, KeyError) as error:
        known = ", ".join(sorted(each.value for each in COMMANDS))
        raise CommandRefused(f"no command {name!r}: known are {known}") from error


def _sender(received: Received, message: CommandMessage, site: Site, verb: Verb) -> _Sender:
    claims = Claims()
    mode = site.brokers()[received.broker].commands
    if mode == "off":
        raise CommandRefused(f"broker {received.broker} takes no commands: see its `commands`")
    if mode == "token":
        try:
            secret = read_secret(site.mqtt.token_secret)
            claims = check(message.token, secret, user=received.user, site=site.site.id)
        except TokenRefused as error:
            raise CommandRefused(str(error)) from error
        except ConfigError as error:
            raise CommandRefused("the node cannot check tokens: see its health") from error
    if claims.role is not None:
        spoken_for = User(role=claims.role, areas=claims.areas)
        return _narrowed(_Sender(claims.name or received.user, spoken_for, claims), verb)
    user = site.alarms.users.get(received.user)
    if user is None:
        raise CommandRefused(
            f"no user {received.user!r} under alarms.users of the site file: nobody else may ask"
        )
    return _narrowed(_Sender(received.user, user, claims), verb)


def _narrowed(sender: _Sender, verb: Verb) -> _Sender:
    """The sender, if the token is for this verb."""
    verbs = sender.claims.verbs
    if verbs and verb.value not in verbs:
        raise CommandRefused(f"the token is not for {verb.value}: it is for {', '.join(verbs)}")
    return sender


def _complete(message: CommandMessage, command: Command, site: Site) -> None:
    """Refuse a command that lacks what its verb needs, or holds what is not kept."""
    _bound(message.arguments)
    if command.alert and not message.alert_id:
        raise CommandRefused("alert_id is missing: name the alarm that is meant")
    if command.revision and message.revision is None:
        raise CommandRefused(
            "revision is missing: name the one that was seen, so that nobody decides on an alarm "
            "that got worse meanwhile"
        )
    if command.node and message.node is None:
        raise CommandRefused("node is missing: sequence numbers are a node's own, name it")
    if command.addressed and message.node is None:
        raise CommandRefused("node is missing: only one knows what is meant, name it")
    if command.area:
        area = message.arguments.get("area")
        if not isinstance(area, str):
            raise CommandRefused("arguments.area is missing: name the area that is meant")
        if area not in site.areas:
            if message.node is None:
                raise NotMeant(area)
            raise CommandRefused(f"no area {area[:64]!r} here: known are {', '.join(site.areas)}")


def _bound(arguments: dict[str, JsonValue]) -> None:
    """Refuse arguments that fill the store, or that JSON and the replica do not take."""
    try:
        size = len(json.dumps(arguments, allow_nan=False))
    except ValueError as error:
        raise CommandRefused("arguments hold a number that is not finite: want digits") from error
    if size > LARGEST_ARGUMENTS:
        raise CommandRefused(
            f"the arguments have {size} characters: want at most {LARGEST_ARGUMENTS}"
        )


def _wanted(
    received: Received,
    message: CommandMessage,
    site: Site,
    now: datetime,
    asked: tuple[Verb, Command, _Sender],
) -> Wanted:
    verb, command, sender = asked
    arguments: dict[str, JsonValue] = dict(message.arguments)
    if command.node:
        arguments["node"] = site.site.node
    request_id, earlier_id = _ids(received, message, command, now)
    try:
        request = ActionRequest(
            request_id=request_id,
            alert_id=message.alert_id or "",
            verb=verb,
            actor=sender.name,
            role=sender.user.role,
            areas=_areas(sender),
            via=Via.MQTT,
            expected_revision=message.revision or 0,
            comment=message.comment,
            duration_s=message.duration_s,
            arguments=arguments,
            requested_at=now,
        )
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(each) for each in first["loc"])
        raise CommandRefused(f"{where}: {first['msg'][:200]}") from error
    route = Route(
        broker=received.broker,
        topic=received.response_topic or own_topic(site.site.id, received.user),
        correlation=received.correlation,
        user=received.user,
        verb=verb.value,
        request_id=message.request_id or request_id,
    )
    return Wanted(request, route, earlier_id, named_node=message.node is not None)


def _areas(sender: _Sender) -> tuple[str, ...]:
    """The areas of the user, narrowed by the token. An empty tuple means all, so never none."""
    own, narrowed = sender.user.areas, sender.claims.areas
    if not own or not narrowed:
        return own or narrowed
    both = tuple(area for area in own if area in narrowed)
    if not both:
        raise CommandRefused("the token is for other areas than the user's: get another token")
    return both


def _ids(
    received: Received, message: CommandMessage, command: Command, now: datetime
) -> tuple[str, str | None]:
    """The request's id, and the one that the same command would have had a minute ago.

    Without a name, MQTT 5 correlation data, or else the message itself, tells one command from
    another, and only for a while: clients count anew after a restart, and the same words may be
    meant again.
    """
    if command.repeatable:
        return f"m-{uuid.uuid4().hex}", None
    if message.request_id is not None:
        return stored_id(received.user, message.request_id), None
    slot = int(now.timestamp() // SAME_WITHIN.total_seconds())
    same = (received.user, received.verb, received.payload, received.correlation)
    return digest("same", *same, str(slot)), digest("same", *same, str(slot - 1))


def _rest(route: Route) -> tuple[bytes | None, str, str, str]:
    return route.correlation, route.user, route.verb, route.request_id
