"""What the page of one camera shows: zones and lines over its picture, rules, last alarms."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from dashboard.drawing import Outline, outlines
from dashboard.editing.labels import LABELS, VALUES
from dashboard.i18n import translations
from dashboard.lines import strokes
from dashboard.previews import camera_view, preview_size
from dashboard.services import Services
from dashboard.views import alarm_view, in_language
from hazard.catalogue import catalogue
from hazard.site.models import Camera, Site
from hazard.site.rules import RuleConfig

LATEST = 10
LOOK_BACK = timedelta(days=7)
FIGURES = ("frames_read", "frames_processed", "frames_dropped", "restarts")
_NO_FIGURE = frozenset({"kind", "hazard", "camera", "cameras", "zone", "line", "sensor", "sensors"})


@dataclass(frozen=True, slots=True)
class RuleLine:
    """One rule that looks at the camera."""

    name: str
    kind: str
    hazard: str
    zone: str
    line: str
    settings: tuple[tuple[str, object], ...]


def one_camera(services: Services, camera_id: str, language: str) -> dict[str, Any]:
    """The context of a camera's page; the site names the camera."""
    site, now = services.site, services.now()
    folder = services.settings.previews
    width, height = preview_size(folder, camera_id)
    found = services.backend.situation.latest_of_source(camera_id, now - LOOK_BACK, LATEST)
    return {
        "camera": camera_view(camera_id, site, services.own_health(), folder, now),
        "width": width,
        "height": height,
        "zones": zones_of(site.cameras[camera_id], width, height),
        "lines": strokes(site, camera_id, width, height),
        "calibrated": site.cameras[camera_id].calibration is not None,
        "rules": rules_of(site, camera_id, language),
        "alarms": [alarm_view(message, site, now, language) for message in found],
        "look_back_days": LOOK_BACK.days,
        "figures": FIGURES,
    }


def zones_of(camera: Camera, width: int, height: int) -> list[Outline]:
    """The camera's zones as outlines in the picture's pixels."""
    polygons = {name: zone.polygon for name, zone in camera.zones.items()}
    return outlines(polygons, width, height)


def rules_of(site: Site, camera_id: str, language: str) -> list[RuleLine]:
    """The rules of the site that look at this camera, by name."""
    lines = []
    for name, rule in site.rules.items():
        named = getattr(rule, "camera", None)
        several = getattr(rule, "cameras", None)
        area = site.cameras[camera_id].area
        sensor = site.sensors.get(getattr(rule, "sensor", ""))
        of_area = several == () and (sensor is None or sensor.area == area)
        if named == camera_id or (several is not None and (camera_id in several or of_area)):
            hazard = getattr(rule, "hazard", "")
            kind = catalogue().get(hazard)
            names = {str(code): text for code, text in kind.name.items()} if kind else {}
            lines.append(
                RuleLine(
                    name=name,
                    kind=rule.kind,
                    hazard=in_language(names, language) or hazard,
                    zone=getattr(rule, "zone", None) or "",
                    line=getattr(rule, "line", ""),
                    settings=_settings(rule, language),
                )
            )
    return lines


def _settings(rule: RuleConfig, language: str) -> tuple[tuple[str, object], ...]:
    translate = translations(language).gettext
    found: list[tuple[str, object]] = []
    for key, value in rule.model_dump(exclude_none=True).items():
        if key in _NO_FIGURE or not isinstance(value, int | float | str | tuple) or value == ():
            continue
        label = LABELS.get(f"{type(rule).__name__}.{key}") or LABELS.get(key)
        name = key.replace("_", " ")
        if label is not None:
            unit = f" ({translate(label.unit)})" if label.unit else ""
            name = f"{translate(label.text)}{unit}"
        found.append((name, _value(value, translate)))
    return tuple(found)


def _value(value: object, translate: Callable[[str], str]) -> object:
    """A setting's value; of several, levels by name and place."""
    if isinstance(value, tuple):
        return ", ".join(str(_value(each, translate)) for each in value)
    if isinstance(value, dict):
        return " ".join(str(part) for part in value.values())
    return translate(VALUES[value]) if isinstance(value, str) and value in VALUES else value
