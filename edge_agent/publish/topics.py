"""The topics of contract version 1, and what of a revision goes to which.

Topics carry what never changes, payloads what does. A name that is not safe in a topic is refused
when the topic is built, whatever let it in.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from hazard.store import OutboxMessage
from hazard.types import AlertMessage, IsaState

PREFIX = "hazard/v1"
_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """One message on its way.

    Attributes:
        expiry_s: MQTT 5 message expiry in seconds; None: never.
        properties: MQTT 5 user properties.
        correlation: MQTT 5 correlation data: the alert's id, or what a command had.
    """

    topic: str
    body: str
    retain: bool = False
    expiry_s: int | None = None
    properties: dict[str, str] = field(default_factory=dict)
    correlation: bytes | None = None


def level(name: str) -> str:
    """One level of a topic.

    Raises:
        ValueError: if the name is not safe in a topic.
    """
    if not _SAFE.fullmatch(name):
        raise ValueError(f"{name!r} is not safe in a topic: want letters, digits, `-` and `_`")
    return name


def alert_topic(site: str, area: str, alert_id: str) -> str:
    """Each revision of an alert, in order."""
    return f"{PREFIX}/{level(site)}/alert/{level(area)}/{level(alert_id)}"


def active_topic(site: str, alert_id: str) -> str:
    """The current state of an alert that is not back to normal, retained."""
    return f"{PREFIX}/{level(site)}/active/{level(alert_id)}"


def active_filter(site: str) -> str:
    """The filter for every active alert of a site."""
    return f"{PREFIX}/{level(site)}/active/+"


def area_topic(site: str, area: str) -> str:
    """The state of an area, retained."""
    return f"{PREFIX}/{level(site)}/area/{level(area)}"


def status_topic(site: str, node: str) -> str:
    """The status of a node, retained."""
    return f"{PREFIX}/{level(site)}/node/{level(node)}/status"


def gap_topic(site: str, node: str) -> str:
    """What a node has taken out of its outbox unsent."""
    return f"{PREFIX}/{level(site)}/node/{level(node)}/gap"


def command_topic(site: str, user: str, verb: str) -> str:
    """Where a user asks for something."""
    return f"{PREFIX}/{level(site)}/command/{level(user)}/{level(verb)}"


def command_filter(site: str) -> str:
    """The filter for every command of a site."""
    return f"{PREFIX}/{level(site)}/command/+/+"


def response_topic(site: str, user: str) -> str:
    """Where a user is answered who named no response topic."""
    return f"{PREFIX}/{level(site)}/response/{level(user)}"


def alert_properties(message: AlertMessage) -> dict[str, str]:
    """The MQTT 5 user properties of a revision."""
    return {
        "schema": message.schema_version,
        "severity": message.severity.value,
        "revision": str(message.revision),
        "sequence": str(message.sequence),
        "state": message.state.value,
    }


def outbox_messages(message: AlertMessage, body: str) -> list[OutboxMessage]:
    """What a revision puts into the outbox: itself, and the alert's retained state.

    An alert that is back to normal clears its retained state with an empty payload. `body` is the
    message as JSON.
    """
    properties = alert_properties(message)
    ended = message.state is IsaState.NORMAL
    return [
        OutboxMessage(
            topic=alert_topic(message.site, message.area, message.alert_id),
            body=body,
            properties=properties,
        ),
        OutboxMessage(
            topic=active_topic(message.site, message.alert_id),
            body="" if ended else body,
            retain=True,
            properties={} if ended else properties,
        ),
    ]
