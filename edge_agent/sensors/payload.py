"""From the bytes of a payload to a Reading. Never raises: what is wrong becomes its quality.

A payload is a number in text, or a JSON object with the number under `value_key`. It comes from
outside: its size is bounded, and only an escaped excerpt of it goes into a note.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NoReturn

from edge_agent.sensors.units import convert
from hazard.site.models import Sensor
from hazard.site.sources import MqttSensorSource
from hazard.types import Quality, Reading

MAX_PAYLOAD_BYTES = 64 * 1024
MAX_NOTE = 200
MAX_EXCERPT = 40
MAX_NUMBER_CHARS = 64

MAX_AHEAD_S = 60.0
"""A time further in the future than this is a wrong clock."""

MAX_BEHIND_S = 300.0
"""A reading older than this says nothing about now."""

RETAINED_FRESH_S = 30.0
"""A retained message with a time of its own no older than this is as good as a new one."""

SWITCH_UNIT = "bool"
"""The unit of a sensor that says true or false; its readings are 1 and 0."""

SWITCH_WORDS = {"true": 1.0, "on": 1.0, "1": 1.0, "false": 0.0, "off": 0.0, "0": 0.0}

_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)


class _Unusable(Exception):  # noqa: N818 - never leaves this module
    """Why a payload gives no reading."""


@dataclass(frozen=True, slots=True)
class Received:
    """When and how a payload came: aware UTC, CLOCK_MONOTONIC seconds, MQTT's retain flag."""

    at: datetime
    monotonic_s: float
    retained: bool = False


def excerpt(text: object) -> str:
    """The beginning of a text from outside, escaped to plain ASCII."""
    shown = ascii(text)
    return shown if len(shown) <= MAX_EXCERPT else shown[: MAX_EXCERPT - 1] + "…"


def parse_reading(payload: bytes, sensor_id: str, sensor: Sensor, received: Received) -> Reading:
    """The reading that `payload` gives; of bad quality, with a note, where it gives none."""
    try:
        value, unit, measured_at = _take_apart(payload, sensor)
    except _Unusable as error:
        return make_reading(sensor_id, sensor, received, None, Quality.BAD, note=str(error))
    quality, note = Quality.GOOD, ""
    if received.retained:
        age_s = None if measured_at is None else (received.at - measured_at).total_seconds()
        if age_s is None or age_s > RETAINED_FRESH_S:
            quality = Quality.UNCERTAIN
            note = "retained by the broker: sent before this program subscribed, of unknown age"
    return graded(
        sensor_id,
        sensor,
        received,
        value,
        unit=unit,
        measured_at=measured_at,
        quality=quality,
        note=note,
    )


def graded(
    sensor_id: str,
    sensor: Sensor,
    received: Received,
    value: float,
    *,
    unit: str | None = None,
    measured_at: datetime | None = None,
    quality: Quality = Quality.GOOD,
    note: str = "",
) -> Reading:
    """The reading of a number that was understood, checked for unit, range and time."""
    converted = value if unit is None else convert(value, unit, sensor.unit)
    if converted is None:
        note = f"unit {excerpt(unit)} cannot be converted to {sensor.unit}: mend it at the sensor"
        return make_reading(sensor_id, sensor, received, None, Quality.BAD, note=note)
    value = converted
    fault = _range_fault(value, sensor) or _time_fault(measured_at, received)
    if fault:
        number = value if math.isfinite(value) else None
        return make_reading(sensor_id, sensor, received, number, Quality.BAD, note=fault)
    return make_reading(
        sensor_id, sensor, received, value, quality, measured_at=measured_at, note=note
    )


def make_reading(
    sensor_id: str,
    sensor: Sensor,
    received: Received,
    value: float | None,
    quality: Quality,
    *,
    measured_at: datetime | None = None,
    note: str = "",
) -> Reading:
    """A reading with the sensor's own area, quantity and unit."""
    return Reading(
        sensor_id=sensor_id,
        area=sensor.area,
        quantity=sensor.quantity,
        value=value,
        unit=sensor.unit,
        quality=quality,
        measured_at=measured_at or received.at,
        received_at=received.at,
        received_monotonic_s=received.monotonic_s,
        note=note[:MAX_NOTE],
    )


def parse_number(text: str) -> float:
    """A finite number in plain decimal text.

    Raises:
        ValueError: naming what was seen.
    """
    text = text.strip()
    if len(text) > MAX_NUMBER_CHARS or not _NUMBER.fullmatch(text):
        raise ValueError(f"not a number: {excerpt(text)}")
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"too large for a number: {excerpt(text)}")
    return value


def _take_apart(payload: bytes, sensor: Sensor) -> tuple[float, str | None, datetime | None]:
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise _Unusable(f"payload of {len(payload)} bytes, at most {MAX_PAYLOAD_BYTES} are read")
    try:
        text = payload.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _Unusable(f"not UTF-8: {excerpt(payload[:MAX_EXCERPT])}") from error
    source, is_switch = sensor.source, sensor.unit == SWITCH_UNIT
    if not isinstance(source, MqttSensorSource) or source.value_key is None:
        word = text.strip().lower()
        if is_switch and word in SWITCH_WORDS:
            return SWITCH_WORDS[word], None, None
        try:
            return parse_number(text), None, None
        except ValueError as error:
            mend = "; set value_key if it is JSON" if text.lstrip().startswith("{") else ""
            raise _Unusable(f"{error}{mend}") from error
    return _from_json(text, source.value_key, source.time_key, is_switch=is_switch)


def _from_json(
    text: str, value_key: str, time_key: str | None, *, is_switch: bool
) -> tuple[float, str | None, datetime | None]:
    try:
        content = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise _Unusable(f"no usable JSON: {excerpt(text)}") from error
    if not isinstance(content, dict):
        raise _Unusable(f"want a JSON object with {value_key!r}, got {excerpt(text)}")
    if value_key not in content:
        raise _Unusable(f"no key {value_key!r} in {excerpt(text)}")
    unit = content.get("unit")
    if unit is not None and not isinstance(unit, str):
        raise _Unusable("the unit is not a text")
    measured_at = None if time_key is None else _time_of(content.get(time_key), time_key)
    value = content[value_key]
    if is_switch:
        value = _switched(value)
    return _number_of(value), unit, measured_at


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def _switched(value: object) -> object:
    """True, false, on and off as 1 and 0; everything else as it is."""
    if isinstance(value, str):
        return SWITCH_WORDS.get(value.strip().lower(), value)
    return int(value) if isinstance(value, bool) else value


def _number_of(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _Unusable(f"the value is not a number: {excerpt(value)}")
    try:
        number = float(value)
    except OverflowError as error:
        raise _Unusable("the value is too large for a number") from error
    if not math.isfinite(number):
        raise _Unusable("the value is not a finite number")
    return number


def _time_of(value: object, key: str) -> datetime:
    if not isinstance(value, str):
        raise _Unusable(f"no time under {key!r}: want ISO 8601 with zone")
    try:
        time = datetime.fromisoformat(value)
        if time.tzinfo is None:
            raise _Unusable(f"time without zone: {excerpt(value)}")
        return time.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise _Unusable(f"not an ISO 8601 time: {excerpt(value)}") from error


def _range_fault(value: float, sensor: Sensor) -> str:
    if not math.isfinite(value):
        return "not a finite number after conversion"
    if sensor.unit == SWITCH_UNIT and value not in (0.0, 1.0):
        return f"{value:g} is neither true nor false: send 1, 0, true, false, on or off"
    if sensor.minimum is not None and value < sensor.minimum:
        return f"{value:g} {sensor.unit} is below the sensor's minimum {sensor.minimum:g}"
    if sensor.maximum is not None and value > sensor.maximum:
        return f"{value:g} {sensor.unit} is above the sensor's maximum {sensor.maximum:g}"
    return ""


def _time_fault(measured_at: datetime | None, received: Received) -> str:
    if measured_at is None:
        return ""
    age_s = (received.at - measured_at).total_seconds()
    if age_s < -MAX_AHEAD_S:
        return f"measured {-age_s:.0f} s in the future: set the sensor's clock"
    if age_s > MAX_BEHIND_S:
        return f"measured {age_s:.0f} s ago: too old to act on, or the sensor's clock is wrong"
    return ""
