"""What is retained at one broker: the node's status, its areas, and its active alerts.

States stand for themselves: they are sent anew at each connection, and one that is lost costs
nothing that the next does not bring.
"""

from __future__ import annotations

import json

from paho.mqtt.client import MQTTMessage
from sqlalchemy.exc import SQLAlchemyError

from edge_agent.publish.client import Acked, Link
from edge_agent.publish.sending import Sender
from edge_agent.publish.topics import Publication, active_filter, active_topic
from edge_agent.publish.voice import Counters, Voice


class States:
    """The states of one session; used by the relay's thread only.

    Attributes:
        refused: why the broker did not take a state, or empty. Alerts go on without it.
    """

    def __init__(self, link: Link, voice: Voice, sender: Sender, counters: Counters) -> None:
        self._link, self._voice, self._sender = link, voice, sender
        self._counters = counters
        self._told: dict[str, str] = {}
        self._waiting: set[int] = set()
        self.refused = ""

    @property
    def waiting(self) -> bool:
        """Whether a state waits for its PUBACK."""
        return bool(self._waiting)

    def introduce(self) -> None:
        """Say that the node is there, what is active, and how its areas are."""
        self.tell(self._voice.birth())
        try:
            active = self._voice.active()
        except SQLAlchemyError as error:
            self._sender.unreadable(error)
            return
        self._link.subscribe(active_filter(self._voice.site_id))
        for alert_id, (revision, state) in active.items():
            self._sender.shown[alert_id] = revision
            self.tell(state)
        self.areas()

    def beat(self) -> None:
        """Say everything that expires once more."""
        self.tell(self._voice.birth())
        self._told.clear()
        self.areas()

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
        """Send a state.

        Raises:
            BrokerError: if the connection is gone.
        """
        self._waiting.add(self._link.publish(message))

    def acked(self, acked: Acked) -> bool:
        """Take a PUBACK; False if it is of no state."""
        if acked.mid not in self._waiting:
            return False
        self._waiting.discard(acked.mid)
        if acked.error is not None:
            self.refused = acked.error
        return True

    def found_retained(self, message: MQTTMessage) -> None:
        """Clear a retained state of one of this node's alerts that is not active any more."""
        if not message.retain or not message.payload:
            return
        alert_id = message.topic.rsplit("/", 1)[-1]
        if alert_id in self._sender.shown:
            return
        try:
            owner = json.loads(message.payload).get("node")
            topic = active_topic(self._voice.site_id, alert_id)
        except (ValueError, AttributeError, RecursionError):
            return
        if owner == self._voice.node:
            self._counters.cleared += 1
            self.tell(Publication(topic=topic, body="", retain=True))

    def stop_looking(self) -> None:
        """Look through retained states no longer."""
        self._link.unsubscribe(active_filter(self._voice.site_id))
