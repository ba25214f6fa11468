"""The publisher: outbox to MQTT brokers, in order, for ever."""

from __future__ import annotations

from edge_agent.publish.publisher import Publisher
from edge_agent.publish.topics import outbox_messages
from edge_agent.publish.voice import HandedOver

__all__ = ["HandedOver", "Publisher", "outbox_messages"]
