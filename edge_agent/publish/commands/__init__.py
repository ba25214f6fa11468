"""Commands by MQTT: who may ask, what is handed to the core, and the answer."""

from __future__ import annotations

from edge_agent.publish.commands.clerk import Clerk
from edge_agent.publish.commands.replies import Answer, Received

__all__ = ["Answer", "Clerk", "Received"]
