"""What is retained at one broker: the node's status, its areas, and its active alerts.

States stand for themselves: they are sent anew at each connection, and one that is lost costs
nothing that the next does not bring.
"""

from __future__ import annotations

import json
from typing import Any

import structlog
from paho.mqtt.client import topic_matches_sub
from sqlalchemy.exc import SQLAlchemyError

from edge_agent.mqtt import mend_of
from edge_agent.publish.aside import TOO_LARGE
from edge_agent.publish.client import Acked, Link
from edge_agent.publish.fitting import fitted
from edge_agent.publish.sending import Sender
from edge_agent.publish.topics import Publication, active_filter
from edge_agent.publish.voice import Counters, Voice

log = structlog.get_logger()


class States:
    """The states of one session; used by the relay's thread only.

    Attributes:
        refused: why the broker did not take a state, or empty. Alerts go on without it.
        orphans: active alerts at the broker that this node's database never had. Nobody but a
            person takes them off: to a subscriber they would have ended by themselves.
    """

    def __init__(self, link: Link, voice: Voice, sender: Sender, counters: Counters) -> None:
        self._link, self._voice, self._sender = link, voice, sender
        self._counters = counters
        self._told: dict[str, str] = {}
        self._discovery: dict[str, Publication] = {}
        self._waiting: dict[int, int] = {}
        self.refused = ""
        self.orphans: set[str] = set()

    @property
    def waiting(self) -> bool:
        """Whether a state waits for its PUBACK."""
        return bool(self._waiting)

    @property
    def largest_bytes(self) -> int:
        """The largest body that waits for its PUBACK."""
        return max(self._waiting.values(), default=0)

    def introduce(self) -> None:
        """Say what is active, that the node is there, and how its areas are.

        The status comes after the active alarms: who sees it retained has been told of them all.
        """
        try:
            active = self._voice.active()
        except SQLAlchemyError as error:
            self._sender.unreadable(error)
            self.tell(self._voice.birth())
            return
        self._link.subscribe(active_filter(self._voice.site_id), own=True)
        for alert_id, (revision, state) in active.items():
            self._sender.shown[alert_id] = revision
            self.tell(state)
        self.tell(self._voice.birth())
        self._link.subscribe(self._voice.discovery_filter(), own=True)
        self.discovery()
        self.areas()

    def discovery(self) -> None:
        """Say what others find the node by, and take back what is no more."""
        wanted = self._voice.discovery()
        for topic in self._discovery.keys() - wanted.keys():
            self.take_off(topic)
        for topic, message in wanted.items():
            if self._discovery.get(topic) != message:
                self.tell(message)
        self._discovery = wanted

    def beat(self) -> None:
        """Say everything that expires once more."""
        self.tell(self._voice.birth())
        self._told.clear()
        self.areas()
        self.discovery()

    def areas(self) -> None:
        """Say how the areas are, those that have changed."""
        try:
            areas = self._voice.areas()
        except SQLAlchemyError as error:
            self._sender.unreadable(error)
            return
        for fingerprint, area in areas:
            if self._told.get(area.topic) != fingerprint:
                self._told[area.topic] = fingerprint
                self.tell(area)

    def farewell(self) -> None:
        """Say the last words of a clean stop."""
        for message in self._voice.farewell():
            self.tell(message)

    def tell(self, message: Publication) -> None:
        """Send a state, with as little left out as fits the broker's largest packet.

        Raises:
            BrokerError: if the connection is gone.
        """
        limit_bytes = self._sender.limit.limit_bytes
        fits = fitted(message, limit_bytes)
        if fits is None:
            self.refused = f"{message.topic} does not fit {limit_bytes} bytes: {mend_of(TOO_LARGE)}"
            return
        self._waiting[self._link.publish(fits)] = len(fits.body)

    def acked(self, acked: Acked) -> bool:
        """Take a PUBACK; False if it is of no state."""
        if acked.mid not in self._waiting:
            return False
        del self._waiting[acked.mid]
        if acked.error is not None:
            self.refused = acked.error
        return True

    def found_retained(self, topic: str, body: bytes) -> None:
        """Clear what is retained of this node and holds no more: dead alerts, old discovery."""
        if not topic_matches_sub(active_filter(self._voice.site_id), topic):
            if topic not in self._discovery and self._voice.discovered(body):
                self.take_off(topic)
            return
        alert_id = topic.rsplit("/", 1)[-1]
        if alert_id in self._sender.shown:
            return
        try:
            state = json.loads(body)
            owner = state.get("node")
        except (ValueError, AttributeError, RecursionError):
            return
        if owner == self._voice.node and self._is_dead(alert_id, state):
            self.take_off(topic)

    def _is_dead(self, alert_id: str, state: dict[str, Any]) -> bool:
        try:
            if not self._voice.of_another_database(state):
                return True
        except SQLAlchemyError as error:
            self._sender.unreadable(error)
            return False  # the next connection looks again
        if alert_id not in self.orphans:
            log.warning("mqtt.orphan", alert_id=alert_id, severity=state.get("severity"))
        self.orphans.add(alert_id)
        return False

    def take_off(self, topic: str) -> None:
        """Take a retained message off the broker."""
        self._counters.cleared += 1
        self.tell(Publication(topic=topic, body="", retain=True))

    def stop_looking(self) -> None:
        """Look through retained states no longer."""
        self._link.unsubscribe(active_filter(self._voice.site_id))
        self._link.unsubscribe(self._voice.discovery_filter())
