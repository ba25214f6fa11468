"""Discovery messages for Home Assistant: its areas and the node appear there by themselves.

The form is Home Assistant's MQTT discovery for single components, one retained message for each
entity at `{prefix}/{component}/{node_id}/{object_id}/config`; an empty one removes the entity
(home-assistant.io/integrations/mqtt, "MQTT Discovery").
"""

from __future__ import annotations

import json
import math
from importlib.metadata import version
from typing import Any

from edge_agent.publish.topics import Publication, area_topic, status_topic
from hazard.site.models import Site

BEATS = 3
"""Heartbeats after which an area that is not repeated is unavailable there, too."""
ACTIVE = ("low", "medium", "high", "critical")

_STATE = "{{ value_json.state if value_json.state != 'unknown' else None }}"
_UNSAFE = (
    "{% if value_json.state in ['low', 'medium', 'high', 'critical'] %}ON"
    "{% elif value_json.state in ['clear', 'info'] %}OFF{% else %}None{% endif %}"
)
_AVAILABLE = "{{ 'offline' if value_json.status == 'offline' else 'online' }}"
_CONNECTED = "{{ 'OFF' if value_json.status == 'offline' else 'ON' }}"


def node_id(site: Site) -> str:
    """The level of the discovery topics that is this node's."""
    return f"hazard-{site.site.id}-{site.site.node}"


def discovery_filter(site: Site) -> str:
    """The filter for every discovery message of this node."""
    return f"{site.mqtt.home_assistant.prefix}/+/{node_id(site)}/+/config"


def is_ours(body: bytes, site: Site) -> bool:
    """Whether a discovery message is of this node; names of two nodes may give the same level."""
    try:
        config = json.loads(body)
        topics = config.get("availability_topic"), config.get("state_topic")
    except (ValueError, AttributeError, RecursionError):
        return False
    return status_topic(site.site.id, site.site.node) in topics


def discovery(site: Site) -> dict[str, Publication]:
    """The discovery messages of the node by topic; none where it is switched off."""
    if not site.mqtt.home_assistant.enabled:
        return {}
    found = [_connectivity(site)]
    for area in site.areas:
        found += [_state(site, area), _safety(site, area)]
    return {each.topic: each for each in found}


def _state(site: Site, area: str) -> Publication:
    return _entity(
        site,
        "sensor",
        f"{area}-state",
        {
            "name": f"{site.areas[area].name} alarm",
            "device_class": "enum",
            "options": ["clear", "info", *ACTIVE],
            "value_template": _STATE,
            **_of_area(site, area),
        },
    )


def _safety(site: Site, area: str) -> Publication:
    return _entity(
        site,
        "binary_sensor",
        f"{area}-unsafe",
        {
            "name": f"{site.areas[area].name} unsafe",
            "device_class": "safety",
            "value_template": _UNSAFE,
            **_of_area(site, area),
        },
    )


def _of_area(site: Site, area: str) -> dict[str, Any]:
    topic = area_topic(site.site.id, area)
    return {
        "state_topic": topic,
        "json_attributes_topic": topic,
        "availability_topic": status_topic(site.site.id, site.site.node),
        "availability_template": _AVAILABLE,
        "expire_after": max(1, math.ceil(site.mqtt.heartbeat_s * BEATS)),
    }


def _connectivity(site: Site) -> Publication:
    topic = status_topic(site.site.id, site.site.node)
    return _entity(
        site,
        "binary_sensor",
        "node",
        {
            "name": "Node",
            "device_class": "connectivity",
            "entity_category": "diagnostic",
            "state_topic": topic,
            "json_attributes_topic": topic,
            "value_template": _CONNECTED,
            "expire_after": max(1, math.ceil(site.mqtt.heartbeat_s * BEATS)),
        },
    )


def _entity(site: Site, component: str, name: str, values: dict[str, Any]) -> Publication:
    program = version("hazard-edge")
    config = {
        "unique_id": f"{node_id(site)}-{name}",
        "qos": 1,
        **values,
        "device": {
            "identifiers": [node_id(site)],
            "name": f"{site.site.name} ({site.site.node})",
            "manufacturer": "Hazard Edge",
            "model": "Edge node",
            "sw_version": program,
        },
        "origin": {"name": "hazard-edge", "sw_version": program},
    }
    prefix = site.mqtt.home_assistant.prefix
    return Publication(
        topic=f"{prefix}/{component}/{node_id(site)}/{name}/config",
        body=json.dumps(config, separators=(",", ":"), ensure_ascii=False),
        retain=True,
    )
