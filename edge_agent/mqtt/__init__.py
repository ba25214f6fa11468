"""What every MQTT connection of the agent shares: TLS, and the words for what went wrong."""

from __future__ import annotations

from edge_agent.mqtt.faults import KEEPALIVE_TIMEOUT, broken, ended, explain, mend_of, refusal
from edge_agent.mqtt.tls import tls_context

__all__ = ["KEEPALIVE_TIMEOUT", "broken", "ended", "explain", "mend_of", "refusal", "tls_context"]
