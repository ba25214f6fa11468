"""What the models cannot see: references, the catalogue's floors, values that belong together."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from hazard.alarms.flood import FLOOD_RULE
from hazard.catalogue import HazardKind, catalogue, found_by_rules
from hazard.site.models import Camera, KindPolicy, Site
from hazard.site.mqtt import Broker
from hazard.site.problems import KeyPath, choose, show
from hazard.site.rules import FireSmokeRule, RuleConfig, ThresholdRule
from hazard.site.sources import MqttSensorSource, Secret, UrlSource, variables
from hazard.types import Severity

Detectors = Collection[str] | Mapping[str, Collection[str]]
"""Names of detectors; or by name the labels that each knows, empty where they are not known."""

Finding = tuple[KeyPath, str, str]
"""Path, what is wrong (with the value), and the mend."""


def consistency(
    site: Site,
    *,
    known_detectors: Detectors | None = None,
    known_backends: Collection[str] | None = None,
) -> Iterator[Finding]:
    """Everything that is wrong between the parts of a site whose parts are right."""
    for path, said in site.references():
        what, _, mend = said.partition(": ")
        known = mend.removeprefix("known are ")
        if known != mend:
            mend = choose(what.partition("'")[2].rstrip("'"), known.split(", "))
        yield path, what, mend
    yield from _references_not_filled_in(site, ())
    yield from _hazards(site)
    yield from _policy(site)
    yield from _cameras(site, known_detectors)
    yield from _labels(site, known_detectors)
    yield from _sensors(site)
    yield from _rules(site)
    yield from _brokers(site)
    if known_backends is not None and site.reasoning.backend not in known_backends:
        backend = site.reasoning.backend
        what = f"no reasoning backend {show(backend)}"
        yield ("reasoning", "backend"), what, choose(backend, known_backends)


def _references_not_filled_in(value: Any, path: KeyPath) -> Iterator[Finding]:
    """A `${VARIABLE}` where none is filled in would silently be taken as plain text."""
    if isinstance(value, str) and variables(value):
        what = f"{show(value, path)} is not filled in here"
        yield path, what, "write the text itself: only secrets and camera addresses take ${…}"
    elif isinstance(value, BaseModel) and not isinstance(value, Secret):
        for name in type(value).model_fields:
            if not (isinstance(value, UrlSource) and name == "url"):
                yield from _references_not_filled_in(getattr(value, name), (*path, name))
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from _references_not_filled_in(item, (*path, name))
    elif isinstance(value, tuple):
        for at, item in enumerate(value):
            yield from _references_not_filled_in(item, (*path, at))
    elif isinstance(value, Path):
        yield from _references_not_filled_in(str(value), path)


def _hazards(site: Site) -> Iterator[Finding]:
    kinds = catalogue()
    named: list[tuple[KeyPath, str]] = [
        (("rules", name, "hazard"), rule.hazard)
        for name, rule in site.rules.items()
        if hasattr(rule, "hazard")
    ]
    named += [(("policy", "kinds", kind), kind) for kind in site.policy.kinds]
    named += [(("reasoning", "authority", kind), kind) for kind in site.reasoning.authority]
    suppressed: list[tuple[KeyPath, str]] = [
        (("alarms", section, name, "hazards", at), hazard)
        for section, items in (
            ("maintenance", site.alarms.maintenance),
            ("machine_states", site.alarms.machine_states),
        )
        for name, item in items.items()
        for at, hazard in enumerate(item.hazards)
    ]
    for path, hazard in (*named, *suppressed):
        offered = kinds if path[0] == "policy" else found_by_rules()
        if hazard not in kinds:
            yield path, f"no hazard kind {show(hazard)} in the catalogue", choose(hazard, offered)
        elif hazard not in offered and path[0] != "alarms":
            what = f"{hazard} is raised by the agent about its own alarms"
            yield path, what, f"choose one of {', '.join(sorted(offered))}"
    for path, hazard in suppressed:
        if hazard in kinds and kinds[hazard].never_suppress:
            yield path, f"{hazard} is never suppressed", "take it out of the list"


def _policy(site: Site) -> Iterator[Finding]:
    for name, own in site.policy.kinds.items():
        kind = catalogue().get(name)
        if kind is not None:
            yield from _floors(name, own, kind)


def _floors(name: str, own: KindPolicy, kind: HazardKind) -> Iterator[Finding]:
    path: KeyPath = ("policy", "kinds", name)
    mend = "a site can raise a floor, never lower it: write {} or higher, or remove the line"
    if own.floor is not None and own.floor < kind.floor:
        what = f"{own.floor.value} is under the catalogue's floor {kind.floor.value}"
        yield (*path, "floor"), what, mend.format(kind.floor.value)
    floor = max((own.floor or kind.floor, kind.floor), key=lambda level: level.rank)
    if own.default is not None and own.default < floor:
        what = f"{own.default.value} is under the floor {floor.value}"
        yield (*path, "default"), what, f"write {floor.value} or higher, or remove the line"
    for level, severity in own.levels.items():
        least = kind.levels.get(level, Severity.INFO)
        if severity < least:
            what = f"{severity.value} is under the catalogue's floor {least.value} of this level"
            yield (*path, "levels", level), what, mend.format(least.value)


def _cameras(site: Site, known_detectors: Detectors | None) -> Iterator[Finding]:
    for name, camera in site.cameras.items():
        for at, detector in enumerate(camera.detectors):
            if known_detectors is not None and detector not in known_detectors:
                what = f"no detector {show(detector)} in the manifest"
                yield ("cameras", name, "detectors", at), what, choose(detector, known_detectors)
        yield from _calibration(name, camera)


def _labels(site: Site, known_detectors: Detectors | None) -> Iterator[Finding]:
    """A rule whose labels no detector of its camera knows could never be raised."""
    if not isinstance(known_detectors, Mapping):
        return
    for name, rule in site.rules.items():
        camera = site.cameras.get(getattr(rule, "camera", ""))
        if camera is None or not all(known_detectors.get(one) for one in camera.detectors):
            continue  # an unknown detector is reported elsewhere; without labels, nothing is known
        seen = {label for detector in camera.detectors for label in known_detectors[detector]}
        for field in ("label", "labels", "person_labels", "vehicle_labels"):
            value = getattr(rule, field, None)
            wanted = (value,) if isinstance(value, str) else value
            if wanted is None or seen & set(wanted) or _by_zone(rule, field):
                continue
            used = ", ".join(camera.detectors)
            what = f"no detector of the camera ({used}) knows {show(', '.join(wanted))}"
            if not wanted:
                what = "names no label"
            yield (
                ("rules", name, field),
                what,
                f"it could never be raised: {choose(next(iter(wanted), None), seen)}",
            )


def _by_zone(rule: RuleConfig, field: str) -> bool:
    return field == "vehicle_labels" and getattr(rule, "vehicle_zone", None) is not None


def _calibration(name: str, camera: Camera) -> Iterator[Finding]:
    calibration = camera.calibration
    if calibration is None:
        return
    path: KeyPath = ("cameras", name, "calibration")
    pictured, measured = len(calibration.picture), len(calibration.ground_m)
    if pictured != measured:
        what = f"{pictured} points of the picture, {measured} on the ground"
        yield path, what, "give each point of the picture its place on the ground"
        return
    try:
        calibration.matrix()
    except ValueError as error:
        yield path, str(error), "choose points of which no three are in one line"


def _sensors(site: Site) -> Iterator[Finding]:
    for name, sensor in site.sensors.items():
        low, high = sensor.minimum, sensor.maximum
        if low is not None and high is not None and low >= high:
            what = f"{high:g} is not above minimum {low:g}"
            yield ("sensors", name, "maximum"), what, "no reading could be good: swap the two"
        if isinstance(sensor.source, MqttSensorSource) and not _is_filter(sensor.source.topic):
            path: KeyPath = ("sensors", name, "source", "topic")
            what = f"not a topic filter: {show(sensor.source.topic)}"
            yield path, what, "+ stands for one whole level, # for the last levels only"


def _is_filter(topic: str) -> bool:
    levels = topic.split("/")
    return "\0" not in topic and all(
        ("#" not in level and "+" not in level)
        or level == "+"
        or (level == "#" and at == len(levels) - 1)
        for at, level in enumerate(levels)
    )


def _rules(site: Site) -> Iterator[Finding]:
    for name, rule in site.rules.items():
        if name == FLOOD_RULE:
            what = "is the name of the agent's own finding of an alarm flood"
            yield ("rules", name), what, "give the rule another name"
        if isinstance(rule, FireSmokeRule) and rule.frames > rule.window:
            what = f"{rule.frames} frames of a window of {rule.window}"
            yield ("rules", name, "frames"), what, "it could never be raised: raise window"
        if isinstance(rule, ThresholdRule):
            yield from _levels(site, name, rule)


def _levels(site: Site, name: str, rule: ThresholdRule) -> Iterator[Finding]:
    kind = catalogue().get(rule.hazard)
    own = site.policy.kinds.get(rule.hazard, KindPolicy())
    if kind is None or kind.about_alarms or not kind.levels:
        return
    known = {*kind.levels, *own.levels}
    for at, level in enumerate(rule.levels):
        if level.name not in known:
            what = f"no severity is known for level {show(level.name)} of {rule.hazard}"
            mend = f"{choose(level.name, known)}; or give it one under policy.kinds"
            yield ("rules", name, "levels", at, "name"), what, mend


def _brokers(site: Site) -> Iterator[Finding]:
    for name, broker in site.mqtt.brokers.items():
        path: KeyPath = ("mqtt", "brokers", name)
        yield from _tls(path, broker)
        if broker.password is not None and broker.username is None:
            yield path, "a password without a username", "add `username: …`"
    if site.mqtt.embedded and site.dashboard.enabled:
        ports = (site.mqtt.embedded_port, site.mqtt.embedded_port + 1)
        if site.dashboard.port in ports:
            what = f"port {site.dashboard.port} is the embedded broker's"
            yield ("dashboard", "port"), what, "choose another port"


def _tls(path: KeyPath, broker: Broker) -> Iterator[Finding]:
    files: dict[str, Any] = {
        field: getattr(broker, field) for field in ("ca_file", "cert_file", "key_file")
    }
    for field, value in files.items():
        if value is not None and not broker.tls:
            yield (*path, field), "is given but tls is false", "set tls: true"
    if (files["cert_file"] is None) != (files["key_file"] is None):
        given = "key_file" if files["cert_file"] is None else "cert_file"
        other = "cert_file" if given == "key_file" else "key_file"
        yield (*path, given), f"is given without {other}", f"add `{other}: …`"
