"""The site that a drill runs on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from edge_agent.drill.people import FRAMES_PER_S, ZONE
from hazard.site.models import Site

SITE, NODE, BROKER = "drill", "edge-1", "plant"
AREAS = ("yard", "hall", "dock")
GATES = 10
CLEAR_AFTER_S = 0.3
WINDOW_S = 1.0
USER = "drill"
"""Who asks for replays, by MQTT and with a token."""
SECRET_VARIABLE = "HAZARD_DRILL_SECRET"  # noqa: S105 - a variable's name
REPLICA_VARIABLE = "HAZARD_DRILL_REPLICA"
"""The environment variable that holds the PostgreSQL address, which no file should."""


def gate_areas() -> dict[str, str]:
    """Each gate's name with its area."""
    return {f"gate-{number}": AREAS[number % len(AREAS)] for number in range(GATES)}


def write_site(file: Path, port: int, *, replica: bool) -> Site:
    """Write the drill's site file; gives it as the product reads it."""
    store: dict[str, Any] = {"replica_url": f"${{{REPLICA_VARIABLE}}}"} if replica else {}
    site = {
        "version": 1,
        "site": {"id": SITE, "name": "Crash drill", "node": NODE},
        "areas": {area: {"name": area.capitalize()} for area in AREAS},
        "cameras": {
            gate: {
                "area": area,
                "source": {"kind": "folder", "path": "."},
                "fps_budget": FRAMES_PER_S,
                "zones": {ZONE: {"polygon": [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]}},
            }
            for gate, area in gate_areas().items()
        },
        "rules": {
            f"rule-{gate}": {
                "kind": "restricted_zone",
                "camera": gate,
                "zone": ZONE,
                "dwell_s": 0,
                "clear_after_s": CLEAR_AFTER_S,
            }
            for gate in gate_areas()
        },
        "alarms": {"users": {USER: {"role": "operator"}}},
        "policy": {"incident_window_s": WINDOW_S},
        "mqtt": {
            "heartbeat_s": 2.0,
            "brokers": {BROKER: {"host": "127.0.0.1", "port": port, "commands": "token"}},
            "token_secret": f"${{{SECRET_VARIABLE}}}",
        },
        "store": store,
        "reasoning": {"enabled": False},
        "dashboard": {"enabled": False},
        "observe": {"metrics_port": 0},
    }
    with file.open("w", encoding="utf-8") as stream:
        YAML(typ="safe").dump(site, stream)
    return Site.model_validate(site)
