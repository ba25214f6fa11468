"""The MQTT contract as an AsyncAPI 3.0 document, generated from topics and message models.

`python -m edge_agent.publish.asyncapi FILE` writes it; a test fails when it is not that of the
program any more. What a stranger needs beside it stands in docs/mqtt.md.
"""

from __future__ import annotations

import re
import sys
from io import StringIO
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from edge_agent.publish.commands.verbs import COMMANDS
from edge_agent.publish.node_voice import BEATS
from edge_agent.publish.topics import (
    active_topic,
    alert_topic,
    area_topic,
    command_topic,
    gap_topic,
    response_topic,
    status_topic,
)
from hazard.site.mqtt import Mqtt
from hazard.types import Severity

VERSION = "1.0.0"
DIALECT = "application/schema+json;version=draft-2020-12"
BINDING = "0.2.0"
"""Version of the MQTT bindings of AsyncAPI."""

_PARAMETERS = {
    "site": "the site's id in the site file",
    "node": "the edge box",
    "area": "a named place in the plant",
    "alert_id": "names one alert for ever",
    "user": "who asks; the broker's access list or a token binds it",
    "verb": "what is asked for",
}
_PROPERTIES = {
    "schema": "`hazard/v1`",
    "severity": "as in the payload",
    "revision": "as in the payload, a whole number in text",
    "sequence": "as in the payload, a whole number in text",
    "state": "as in the payload",
    "reduced": "`1` where detail was left out to fit the broker's largest packet; else absent",
}


def _address(topic: str) -> str:
    return re.sub(r"P-(\w+)", r"{\1}", topic)


_CHANNELS: dict[str, tuple[str, tuple[str, ...], str]] = {
    "alert": (
        _address(alert_topic("P-site", "P-area", "P-alert_id")),
        ("revision",),
        "Each revision of an alert, in order. Not retained, no expiry.",
    ),
    "active": (
        _address(active_topic("P-site", "P-alert_id")),
        ("state", "ended"),
        "The newest revision of an alarm that is not back to normal; empty once it is. Retained.",
    ),
    "area": (
        _address(area_topic("P-site", "P-area")),
        ("areaState",),
        "What a stack light or a PLC wants: worst active severity, and whether anybody watches.",
    ),
    "nodeStatus": (
        _address(status_topic("P-site", "P-node")),
        ("nodeStatus",),
        "How a node is: its birth, heartbeat and last will. Retained.",
    ),
    "gap": (
        _address(gap_topic("P-site", "P-node")),
        ("gapRecord",),
        "Revisions that were taken out of the outbox unsent; a replay brings them.",
    ),
    "command": (
        _address(command_topic("P-site", "P-user", "P-verb")),
        ("command",),
        "What a person or program asks for. A retained command is refused.",
    ),
    "response": (
        _address(response_topic("P-site", "P-user")),
        ("response",),
        "What became of a command that named no response topic.",
    ),
}


def _schema(name: str) -> dict[str, Any]:
    return {"schemaFormat": DIALECT, "schema": {"$ref": f"./schemas/{name}.json"}}


def _message(name: str, title: str, schema: str, **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "title": title,
        "contentType": "application/json",
        "payload": _schema(schema),
        "bindings": {
            "mqtt": {
                "payloadFormatIndicator": 1,
                "contentType": "application/json",
                "bindingVersion": BINDING,
            }
        },
        **more,
    }


def _alert(name: str, title: str) -> dict[str, Any]:
    """A message with an alert: its id is the correlation data, its facts are user properties."""
    message = _message(name, title, "alert.v1")
    message["headers"] = {
        "type": "object",
        "description": "MQTT 5 user properties; on MQTT 3.1.1 the payload says the same",
        "required": [each for each in _PROPERTIES if each != "reduced"],
        "properties": {
            each: {"type": "string", "description": text} for each, text in _PROPERTIES.items()
        },
    }
    message["correlationId"] = {
        "description": "MQTT 5 correlation data: the alert's id",
        "location": "$message.payload#/alert_id",
    }
    message["bindings"]["mqtt"]["correlationData"] = {"type": "string", "maxLength": 64}
    return message


def _messages() -> dict[str, Any]:
    asked = {
        "description": "MQTT 5 correlation data, given back as it came",
        "location": "$message.payload#/request_id",
    }
    return {
        "revision": _alert("revision", "One revision of an alert"),
        "state": _alert("state", "The newest revision of an active alert"),
        "ended": {
            "name": "ended",
            "title": "The alarm is back to normal",
            "summary": "An empty payload clears the retained state.",
            "payload": {"type": "string", "maxLength": 0},
        },
        "areaState": _message("areaState", "The state of an area", "area.v1"),
        "nodeStatus": _message("nodeStatus", "The status of a node", "node-status.v1"),
        "gapRecord": _message("gapRecord", "What went unsent", "gap.v1"),
        "command": _message("command", "A command", "command.v1", correlationId=asked),
        "response": _message("response", "The answer", "response.v1", correlationId=asked),
    }


def _parameter(name: str) -> dict[str, Any]:
    made: dict[str, Any] = {"description": _PARAMETERS[name]}
    if name == "verb":
        made["enum"] = sorted(verb.value for verb in COMMANDS)
    return made


def _channels() -> dict[str, Any]:
    return {
        name: {
            "address": address,
            "description": text,
            "servers": [{"$ref": "#/servers/plant"}],
            "messages": {each: {"$ref": f"#/components/messages/{each}"} for each in messages},
            "parameters": {
                each: {"$ref": f"#/components/parameters/{each}"}
                for each in re.findall(r"{(\w+)}", address)
            },
        }
        for name, (address, messages, text) in _CHANNELS.items()
    }


def _operation(channel: str, *, retain: bool = False, expires: bool = False) -> dict[str, Any]:
    """The product sends on a channel, at QoS 1."""
    binding: dict[str, Any] = {"qos": 1, "retain": retain, "bindingVersion": BINDING}
    if expires:
        binding["messageExpiryInterval"] = round(Mqtt().heartbeat_s * BEATS)
    return {
        "action": "send",
        "channel": {"$ref": f"#/channels/{channel}"},
        "summary": _CHANNELS[channel][2],
        "bindings": {"mqtt": binding},
    }


def _operations() -> dict[str, Any]:
    return {
        "publishRevision": _operation("alert"),
        "keepActive": _operation("active", retain=True),
        "keepArea": _operation("area", retain=True, expires=True),
        "keepNodeStatus": _operation("nodeStatus", retain=True, expires=True),
        "publishGap": _operation("gap"),
        "takeCommand": {
            "action": "receive",
            "channel": {"$ref": "#/channels/command"},
            "summary": _CHANNELS["command"][2],
            "reply": {
                "address": {
                    "description": "MQTT 5 response topic; without one, the user's own",
                    "location": "$message.header#/responseTopic",
                },
                "channel": {"$ref": "#/channels/response"},
            },
            "bindings": {"mqtt": {"qos": 1, "retain": False, "bindingVersion": BINDING}},
        },
        "answerCommand": _operation("response"),
    }


def _server() -> dict[str, Any]:
    status = _CHANNELS["nodeStatus"][0]
    return {
        "host": "{broker}",
        "protocol": "mqtt",
        "protocolVersion": "5",
        "description": "A broker of the plant. One that speaks 3.1.1 only gets the same payloads.",
        "variables": {"broker": {"description": "host and port", "default": "localhost:8883"}},
        "security": [
            {"type": "userPassword", "description": "where the broker asks for it"},
            {"type": "X509", "description": "a client certificate, where the broker asks for it"},
        ],
        "bindings": {
            "mqtt": {
                "lastWill": {
                    "topic": status,
                    "qos": 1,
                    "retain": True,
                    "message": "`status` offline with `reason` crashed",
                },
                "bindingVersion": BINDING,
            }
        },
    }


def document() -> dict[str, Any]:
    """The AsyncAPI document, seen from the product: it sends alerts and takes commands."""
    severities = ", ".join(severity.value for severity in Severity)
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Hazard Edge, MQTT contract",
            "version": VERSION,
            "description": (
                "Industrial hazard alerts. Topics carry what never changes, payloads what does. "
                f"Severities: {severities}. Receivers go by alert_id and revision; sequence counts "
                "all revisions of a node without gaps. The guide for subscribers is docs/mqtt.md. "
                f"Areas and node status expire after {BEATS} heartbeats, whose length the status "
                "says in heartbeat_s."
            ),
            "license": {"name": "AGPL-3.0-only"},
        },
        "defaultContentType": "application/json",
        "servers": {"plant": _server()},
        "channels": _channels(),
        "operations": _operations(),
        "components": {
            "messages": _messages(),
            "parameters": {name: _parameter(name) for name in _PARAMETERS},
        },
    }


def text() -> str:
    """The document as YAML."""
    stream = StringIO()
    yaml = YAML()
    yaml.width = 100
    yaml.representer.ignore_aliases = lambda _data: True
    yaml.dump(document(), stream)
    return f"# Generated: python -m edge_agent.publish.asyncapi FILE\n{stream.getvalue()}"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(text(), encoding="utf-8")
