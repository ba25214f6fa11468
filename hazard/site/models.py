"""The site file as pydantic models: what an integrator writes, validated.

Cross references (a camera's area, a rule's zone) are checked by `references()`, which reports all
of them at once so that the loader can give each its line.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, field_validator

from hazard.base import Relative
from hazard.geometry import fault_of_line, homography, is_simple
from hazard.site.alarm_references import alarm_references
from hazard.site.alarms import AlarmHandling
from hazard.site.keeping import Privacy, Reports, Retention
from hazard.site.mqtt import Broker, Mqtt
from hazard.site.notify import Notify
from hazard.site.reasoning import Reasoning
from hazard.site.rules import RuleConfig, SensorValue
from hazard.site.sources import (
    CameraSourceConfig,
    MqttSensorSource,
    SecretRef,
    SensorSourceConfig,
)
from hazard.types import Model, Name, Severity

Language = Literal["en", "fr", "de", "es", "it"]
Point = tuple[Relative, Relative]
Metres = Annotated[float, Field(ge=-100_000, le=100_000)]
"""Where something lies on the ground of the plant."""


class SiteIdentity(Model):
    """What this plant and this box are called."""

    id: Name = Field(description="appears in every MQTT topic")
    name: str = Field(min_length=1, max_length=120)
    node: Name = Field(default="edge-1", description="this box")
    area: Name | None = Field(
        default=None, description="where this box stands: its own alarms; absent: the first area"
    )
    timezone: str = Field(default="UTC", description="IANA name, e.g. Europe/Berlin")
    languages: tuple[Language, ...] = Field(default=("en",), min_length=1)

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(f"no such time zone {value!r}: use an IANA name") from error
        return value


class Area(Model):
    """A named place in the plant."""

    name: str = Field(min_length=1, max_length=120)


class Zone(Model):
    """A polygon on a camera's picture, in relative coordinates (0..1 from the top left)."""

    polygon: tuple[Point, ...] = Field(min_length=3)

    @field_validator("polygon")
    @classmethod
    def _simple(cls, value: tuple[Point, ...]) -> tuple[Point, ...]:
        if not is_simple(value):
            raise ValueError("the polygon crosses itself or has no area")
        return value


class Line(Model):
    """An open line on a camera's picture, in relative coordinates (0..1 from the top left).

    Its left and right are those of somebody who walks on it from its first to its last point.
    """

    points: tuple[Point, ...] = Field(min_length=2, max_length=32)

    @field_validator("points")
    @classmethod
    def _open(cls, value: tuple[Point, ...]) -> tuple[Point, ...]:
        if fault := fault_of_line(value):
            raise ValueError(fault)
        return value


class Calibration(Model):
    """Four or more points of the picture and where they lie on the ground, in metres."""

    picture: tuple[Point, ...] = Field(min_length=4)
    ground_m: tuple[tuple[Metres, Metres], ...] = Field(min_length=4)

    def matrix(self) -> tuple[tuple[float, float, float], ...]:
        """The homography from relative picture points to metres."""
        return homography(self.picture, self.ground_m)


class Camera(Model):
    """A camera and what it looks at."""

    area: Name
    source: CameraSourceConfig
    fps_budget: float = Field(default=10.0, gt=0, le=60, description="frames a second to process")
    detectors: tuple[str, ...] = Field(
        default=("nanodet",), min_length=1, description="names in models/manifest.toml"
    )
    min_confidence: float = Field(default=0.4, ge=0, le=1)
    zones: dict[Name, Zone] = Field(default_factory=dict)
    lines: dict[Name, Line] = Field(default_factory=dict)
    calibration: Calibration | None = None
    hang_after_s: float = Field(
        default=10.0,
        gt=0,
        le=3600,
        description="a decoder silent for this long is killed and restarted",
    )


class Sensor(Model):
    """A sensor and where its readings come from."""

    area: Name
    quantity: str = Field(min_length=1, max_length=64)
    unit: str = Field(
        min_length=1,
        max_length=16,
        description="e.g. ppm; bool: a switch that says true or false, on or off, 1 or 0",
    )
    source: SensorSourceConfig
    minimum: SensorValue | None = Field(
        default=None, description="readings below are of bad quality"
    )
    maximum: SensorValue | None = Field(
        default=None, description="readings above are of bad quality"
    )


class KindPolicy(Model):
    """The site's own severities of one hazard kind. Floors can be raised, never lowered."""

    floor: Severity | None = None
    default: Severity | None = None
    levels: dict[Name, Severity] = Field(
        default_factory=dict, description="floor by threshold level, e.g. idlh: critical"
    )


class Policy(Model):
    """The site's severity policy, on top of the catalogue."""

    kinds: dict[Name, KindPolicy] = Field(default_factory=dict)
    incident_window_s: float = Field(
        default=30.0, gt=0, le=86400, description="related events within it join one incident"
    )


class Store(Model):
    """The database on the node, and its replica."""

    replica_url: SecretRef | None = Field(
        default=None, description="PostgreSQL 15+ URL that every revision is copied to"
    )
    commit_timeout_ms: int = Field(default=250, ge=10, le=60_000)


class Dashboard(Model):
    """The web application."""

    enabled: bool = True
    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65535)


class Observe(Model):
    """Where the agent shows its metrics."""

    metrics_host: str = "127.0.0.1"
    metrics_port: int = Field(
        default=9464, ge=0, le=65535, description="Prometheus text on /metrics; 0: off"
    )


class Site(Model):
    """The whole site file."""

    version: Literal[1] = 1
    site: SiteIdentity
    areas: dict[Name, Area] = Field(min_length=1)
    cameras: dict[Name, Camera] = Field(default_factory=dict)
    sensors: dict[Name, Sensor] = Field(default_factory=dict)
    rules: dict[Name, RuleConfig] = Field(default_factory=dict)
    policy: Policy = Field(default_factory=Policy)
    alarms: AlarmHandling = Field(default_factory=AlarmHandling)
    notify: Notify = Field(default_factory=Notify)
    mqtt: Mqtt = Field(default_factory=Mqtt)
    store: Store = Field(default_factory=Store)
    reasoning: Reasoning = Field(default_factory=Reasoning)
    dashboard: Dashboard = Field(default_factory=Dashboard)
    retention: Retention = Field(default_factory=Retention)
    privacy: Privacy = Field(default_factory=Privacy)
    reports: Reports = Field(default_factory=Reports)
    observe: Observe = Field(default_factory=Observe)

    def brokers(self) -> dict[str, Broker]:
        """All brokers by name; the embedded one is `plant`."""
        named: dict[str, Broker] = dict(self.mqtt.brokers)
        if self.mqtt.embedded:
            named["plant"] = Broker(
                host="127.0.0.1",
                port=self.mqtt.embedded_port,
                commands=self.mqtt.embedded_commands,
            )
        return named

    def references(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """Every reference that leads nowhere: path of keys in the file, and what is wrong."""
        for kind, items in (("cameras", self.cameras), ("sensors", self.sensors)):
            for name, item in items.items():
                if item.area not in self.areas:
                    yield (kind, name, "area"), _unknown("area", item.area, self.areas)
        for name, sensor in self.sensors.items():
            source = sensor.source
            if isinstance(source, MqttSensorSource) and source.broker not in self.brokers():
                yield (
                    ("sensors", name, "source", "broker"),
                    _unknown("broker", source.broker, self.brokers()),
                )
        for name, rule in self.rules.items():
            yield from self._rule_references(name, rule)
        yield from self._route_references()
        yield from self._report_references()
        yield from alarm_references(self)
        if not self.brokers():
            yield ("mqtt",), "no broker: name one under brokers, or set embedded: true"
        if self.mqtt.embedded and "plant" in self.mqtt.brokers:
            yield ("mqtt", "brokers", "plant"), "is the embedded broker's name: choose another"

    def _report_references(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        known = self.notify.channels
        for at, channel in enumerate(self.reports.weekly.channels if self.reports.weekly else ()):
            if channel not in known:
                path = ("reports", "weekly", "channels", at)
                yield path, _unknown("channel", channel, known)

    def _route_references(self) -> Iterator[tuple[tuple[str, ...], str]]:
        config = self.reasoning
        path = ("reasoning", "routes")
        if config.enabled and config.backend == "openai":
            if not config.routes:
                yield path, "backend openai has no server to ask: name one under routes"
            elif not config.allow_public and all(route.public for route in config.routes):
                yield path, "only public routes, and allow_public is false: add one of the plant"
        names = [route.name for route in config.routes]
        for name in sorted({name for name in names if names.count(name) > 1}):
            yield path, f"two routes are called {name!r}: rename one"

    def _rule_references(
        self, name: str, rule: RuleConfig
    ) -> Iterator[tuple[tuple[str, ...], str]]:
        for field, known in (("camera", self.cameras), ("sensor", self.sensors)):
            value = getattr(rule, field, None)
            if value is not None and value not in known:
                yield ("rules", name, field), _unknown(field, value, known)
        for field, known in (("cameras", self.cameras), ("sensors", self.sensors)):
            for value in getattr(rule, field, ()):
                if value not in known:
                    yield ("rules", name, field), _unknown(field[:-1], value, known)
        camera = self.cameras.get(getattr(rule, "camera", ""))
        if camera is not None:
            yield from _drawn_references(name, rule, camera)


def _drawn_references(
    name: str, rule: RuleConfig, camera: Camera
) -> Iterator[tuple[tuple[str, ...], str]]:
    for field, what, known in (
        ("zone", "zone", camera.zones),
        ("vehicle_zone", "zone", camera.zones),
        ("line", "line", camera.lines),
    ):
        value = getattr(rule, field, None)
        if value is not None and value not in known:
            yield ("rules", name, field), _unknown(what, value, known)


def _unknown(what: str, value: str, known: dict[str, object] | object) -> str:
    names = ", ".join(sorted(known)) if isinstance(known, dict) else ""
    return f"no {what} {value!r}: known are {names or 'none'}"
