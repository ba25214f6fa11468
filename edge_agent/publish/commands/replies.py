"""A command as it came in, and where its answer goes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from paho.mqtt.client import MQTTMessage, topic_matches_sub

from edge_agent.publish.topics import PREFIX, Publication, response_topic
from hazard.commands import CommandResponse
from hazard.site.models import Site
from hazard.site.sources import MqttSensorSource
from hazard.types import RequestOutcome

LARGEST_BYTES = 64 * 1024
"""A command is some hundred bytes; more is refused unread."""
LARGEST_TOPIC_BYTES = 256
ANSWER_LASTS_S = 60
TOLD_LEVEL = 64
"""Characters of a name from a topic that are shown in answers, logs and the audit."""


@dataclass(frozen=True, slots=True)
class Received:
    """A message on a command topic, as a relay got it.

    Attributes:
        payload: the bytes; empty where they were too many to keep.
        size_bytes: how many there were.
        retain: it was, or is, retained.
    """

    broker: str
    topic: str
    payload: bytes
    size_bytes: int
    retain: bool
    response_topic: str | None = None
    correlation: bytes | None = None

    @property
    def user(self) -> str:
        """The topic's level that names who sends, shortened and without odd characters."""
        return _told(self.topic.split("/")[-2])

    @property
    def verb(self) -> str:
        """The topic's level that names what is asked."""
        return _told(self.topic.split("/")[-1])


def received(broker: str, topic: str, message: MQTTMessage, *, properties: bool) -> Received:
    """A message as it came; `properties`: by MQTT 5. One that is too large is not kept."""
    of_v5 = message.properties if properties else None
    size = len(message.payload)
    return Received(
        broker=broker,
        topic=topic,
        payload=bytes(message.payload) if size <= LARGEST_BYTES else b"",
        size_bytes=size,
        retain=message.retain,
        response_topic=getattr(of_v5, "ResponseTopic", None),
        correlation=getattr(of_v5, "CorrelationData", None),
    )


@dataclass(frozen=True, slots=True)
class Route:
    """Where an answer goes.

    Attributes:
        topic: None where the user's name is not safe in a topic: nobody is answered.
        request_id: what the answer names the command by.
    """

    broker: str
    topic: str | None
    correlation: bytes | None
    user: str
    verb: str
    request_id: str


@dataclass(frozen=True, slots=True)
class Answer:
    """A response on its way to one broker; it expires, since nobody waits for ever."""

    topic: str
    body: str
    correlation: bytes | None

    def publication(self) -> Publication:
        """The response as a message."""
        return Publication(
            topic=self.topic, body=self.body, correlation=self.correlation, expiry_s=ANSWER_LASTS_S
        )


def answer(route: Route, site: Site, outcome: RequestOutcome, at: datetime) -> Answer | None:
    """The response to a command; None where nobody can be answered."""
    if route.topic is None:
        return None
    response = CommandResponse.model_validate(
        {
            "site": site.site.id,
            "node": site.site.node,
            "user": route.user,
            "verb": route.verb,
            "request_id": route.request_id,
            "state": outcome.state.value,
            "text": outcome.text,
            "values": outcome.values,
            "at": at,
        }
    )
    return Answer(route.topic, response.model_dump_json(), route.correlation)


def own_topic(site: str, user: str) -> str | None:
    """The topic where a user is answered who named none; None if the name is not safe in one."""
    try:
        return response_topic(site, user)
    except ValueError:
        return None


def refuse_topic(asked: str, site: Site, user: str) -> str:
    """Why the node does not answer on a topic that a command names; empty if it does.

    The node's rights at the broker are wider than the sender's: an answer must not become a
    message to somebody else.
    """
    own = own_topic(site.site.id, user)
    if own is not None and (asked == own or asked.startswith(f"{own}/")):
        return "" if not set(asked) & set("+#\0") else "it has wildcards"
    if not asked or len(asked.encode()) > LARGEST_TOPIC_BYTES:
        return f"it has {len(asked.encode())} bytes: want 1 to {LARGEST_TOPIC_BYTES}"
    if set(asked) & set("+#\0"):
        return "it has wildcards"
    root = asked.split("/", 1)[0]
    if root in (PREFIX.split("/", 1)[0], site.mqtt.home_assistant.prefix) or asked.startswith("$"):
        return f"{root}/… is not yours: use another, or {own}"
    for name, sensor in site.sensors.items():
        source = sensor.source
        if isinstance(source, MqttSensorSource) and topic_matches_sub(source.topic, asked):
            return f"sensor {name} reads it: use another"
    return ""


def _told(level: str) -> str:
    return level.encode("ascii", "backslashreplace").decode()[:TOLD_LEVEL]
