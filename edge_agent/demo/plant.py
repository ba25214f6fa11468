"""The demo plant's site file: what is where in the footage.

The polygons were drawn on PETS 2009 S2.L1, view 1 (768x576); coordinates are relative.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from edge_agent.demo.simulation import H2S_TOPIC, MOTOR_TOPIC

WIDTH_PX, HEIGHT_PX = 768, 576

TAPED_CORNER = ((0, 150), (200, 150), (330, 165), (440, 128), (600, 130), (610, 145), (470, 205))
TAPED_CORNER_FRONT = ((440, 215), (300, 224), (240, 212), (165, 192), (0, 180))
LAWN = ((0, 240), (165, 255), (200, 278), (420, 392), (768, 497), (768, 576), (0, 576))
VAN = ((650, 85), (725, 75), (730, 100), (655, 102))

HEADER = """\
# The demo plant. Footage: PETS 2009 S2.L1 (vtest.avi), real. Sensors: a physical simulation.
# Camera gate-2 shows the same clip with injected faults: covered, frozen, offline.
"""


def _relative(points: tuple[tuple[int, int], ...]) -> list[list[float]]:
    return [[round(x / WIDTH_PX, 4), round(y / HEIGHT_PX, 4)] for x, y in points]


def _camera(
    area: str, footage: Path, *, loop: bool, fault: str, zones: dict[str, Any]
) -> dict[str, Any]:
    source = {
        "kind": "file",
        "path": str(footage),
        "pace": "realtime",
        "loop": loop,
        "fault": fault,
    }
    return {"area": area, "source": source, "fps_budget": 10, "zones": zones}


def _sensor(area: str, quantity: str, unit: str, topic: str, top: float) -> dict[str, Any]:
    source = {"kind": "mqtt", "broker": "plant", "topic": topic}
    source |= {"value_key": "value", "time_key": "time"}
    return {
        "area": area,
        "quantity": quantity,
        "unit": unit,
        "minimum": -5,
        "maximum": top,
        "source": source,
    }


def _rules() -> dict[str, Any]:
    return {
        "taped-corner": {
            "kind": "restricted_zone",
            "camera": "yard-1",
            "zone": "taped-corner",
            "dwell_s": 1.0,
        },
        "lawn": {"kind": "restricted_zone", "camera": "yard-1", "zone": "lawn", "dwell_s": 2.0},
        "van": {
            "kind": "vehicle_proximity",
            "camera": "yard-1",
            "vehicle_zone": "van",
            "distance_m": 2.5,
        },
        "path": {"kind": "crowding", "camera": "yard-1", "people": 5, "dwell_s": 2.0},
        "cameras": {"kind": "camera_health"},
        "bay-h2s": {
            "kind": "threshold",
            "hazard": "toxic_gas",
            "sensor": "h2s-1",
            "levels": [
                {"name": "alarm", "at": 10},
                {"name": "high", "at": 15},
                {"name": "idlh", "at": 100},
            ],
            "deadband": 1.0,
        },
        "bay-exposure": {"kind": "exposure", "sensor": "h2s-1", "at": 10, "deadband": 1.0},
        "motor": {
            "kind": "threshold",
            "hazard": "overtemperature",
            "sensor": "motor-1",
            "levels": [
                {"name": "warning", "at": 100},
                {"name": "alarm", "at": 125},
                {"name": "trip", "at": 150},
            ],
            "deadband": 3.0,
        },
        "sensors": {"kind": "stale", "after_s": 10},
    }


def demo_site(
    footage: Path, *, loop: bool, broker_port: int, dashboard_port: int, metrics_port: int
) -> dict[str, Any]:
    """The demo's site file as plain data."""
    yard_zones = {
        "taped-corner": {"polygon": _relative(TAPED_CORNER + TAPED_CORNER_FRONT)},
        "lawn": {"polygon": _relative(LAWN)},
        "van": {"polygon": _relative(VAN)},
    }
    return {
        "version": 1,
        "site": {
            "id": "demo-plant",
            "name": "Demo plant",
            "node": "edge-1",
            "timezone": "UTC",
            "languages": ["en", "fr", "de", "es", "it"],
        },
        "areas": {
            "yard": {"name": "Yard and loading bay"},
            "gate": {"name": "Gate"},
            "pump-house": {"name": "Pump house"},
        },
        "cameras": {
            "yard-1": _camera("yard", footage, loop=loop, fault="none", zones=yard_zones),
            "gate-2": _camera("gate", footage, loop=loop, fault="cover_freeze_offline", zones={}),
        },
        "sensors": {
            "h2s-1": _sensor("yard", "h2s", "ppm", H2S_TOPIC, 500),
            "motor-1": _sensor("pump-house", "temperature", "degC", MOTOR_TOPIC, 400),
        },
        "rules": _rules(),
        "mqtt": {"embedded": True, "embedded_port": broker_port, "heartbeat_s": 5},
        "dashboard": {"port": dashboard_port},
        "observe": {"metrics_port": metrics_port},
    }


def write_site(path: Path, site: dict[str, Any]) -> None:
    """Write the site file."""
    yaml = YAML()
    yaml.default_flow_style = None
    with path.open("w", encoding="utf-8") as handle:
        handle.write(HEADER)
        yaml.dump(site, handle)
