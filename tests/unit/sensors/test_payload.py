from __future__ import annotations

import json
import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.sensors.payload import MAX_PAYLOAD_BYTES, Received, parse_reading
from edge_agent.sensors.units import convert
from hazard.site.models import Sensor
from hazard.types import Quality, Reading

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


def a_sensor(**changes: Any) -> Sensor:
    source = {"kind": "mqtt", "topic": "plant/h2s"}
    for key in ("value_key", "time_key"):
        if key in changes:
            source[key] = changes.pop(key)
    base = {"area": "yard", "quantity": "h2s", "unit": "ppm", "source": source}
    return Sensor.model_validate({**base, **changes})


def parse(payload: bytes | str, *, retained: bool = False, **sensor: Any) -> Reading:
    raw = payload if isinstance(payload, bytes) else payload.encode()
    return parse_reading(raw, "h2s-1", a_sensor(**sensor), Received(NOW, 1.0, retained=retained))


def as_json(**content: Any) -> str:
    return json.dumps(content)


@pytest.mark.parametrize(
    ("payload", "value"),
    [("12.5", 12.5), (" -3 ", -3.0), ("1e2", 100.0), (".5", 0.5), ("+7.", 7.0), ("0", 0.0)],
)
def test_a_number_is_a_good_reading_in_the_sensors_unit(payload: str, value: float) -> None:
    reading = parse(payload)
    assert (reading.value, reading.quality, reading.unit, reading.note) == (
        value,
        "good",
        "ppm",
        "",
    )
    assert reading.measured_at == reading.received_at == NOW


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"abc",
        b"NaN",
        b"inf",
        b"-Infinity",
        b"1e999",
        b"1,5",
        b"0x10",
        b"1_000",
        b"true",
        b"null",
        b"12 ppm",
        b"\xff\xfe",
        b"\x00",
        b'{"value": 3}',
        b"9" * 5000,
        b"1" * (MAX_PAYLOAD_BYTES + 1),
        "١٢".encode(),
    ],
)
def test_what_is_no_number_is_a_bad_reading_with_a_note(payload: bytes) -> None:
    reading = parse(payload)
    assert (reading.value, reading.quality) == (None, Quality.BAD)
    assert reading.note
    assert reading.note.isprintable()


@pytest.mark.parametrize(
    "payload",
    [
        "3",
        "[1]",
        "{}",
        as_json(v=None),
        as_json(v=True),
        as_json(v="3"),
        as_json(v=[1]),
        '{"v": NaN}',
        '{"v": 1e999}',
        '{"v": ' + "9" * 400 + "}",
        '{"v": ' + "9" * 5000 + "}",
        "[" * 30_000,
        '{"v":' * 9_000,
        as_json(v=3, unit=5),
        as_json(v=3, unit="mg/m3"),
        '{"v": 3',
    ],
)
def test_json_without_a_usable_value_is_a_bad_reading(payload: str) -> None:
    reading = parse(payload, value_key="v")
    assert (reading.value, reading.quality) == (None, Quality.BAD)
    assert reading.note


@pytest.mark.parametrize(
    ("value", "unit", "sensor_unit", "expected"),
    [
        (212.0, "degF", "degC", 100.0),
        (373.15, "K", "degC", 100.0),
        (0.5, "%vol", "ppm", 5000.0),
        (500.0, "ppb", "ppm", 0.5),
        (12.0, "ppm", "ppm", 12.0),
        (21.0, "°C", "degC", 21.0),
    ],
)
def test_a_unit_in_the_payload_is_converted_to_the_sensors(
    value: float, unit: str, sensor_unit: str, expected: float
) -> None:
    reading = parse(as_json(v=value, unit=unit), value_key="v", unit=sensor_unit)
    assert reading.value == pytest.approx(expected)
    assert (reading.quality, reading.unit) == ("good", sensor_unit)


@pytest.mark.parametrize(
    ("said", "value"),
    [("true", 1.0), (" OFF ", 0.0), ("on", 1.0), ("False", 0.0), ("1", 1.0), ("0", 0.0)],
)
def test_a_switch_says_true_or_false_in_its_own_words(said: str, value: float) -> None:
    reading = parse(said, unit="bool")
    assert (reading.value, reading.quality) == (value, Quality.GOOD)
    keyed = parse(as_json(state=said), unit="bool", value_key="state")
    assert keyed.value == value
    as_boolean = parse(as_json(state=bool(value)), unit="bool", value_key="state")
    assert (as_boolean.value, as_boolean.quality) == (value, Quality.GOOD)


@pytest.mark.parametrize("said", ["2", "-1", "0.5", "running", ""])
def test_a_switch_that_says_neither_true_nor_false_is_bad(said: str) -> None:
    reading = parse(said, unit="bool")
    assert reading.quality is Quality.BAD
    assert reading.note


def test_there_is_no_conversion_between_mass_and_volume() -> None:
    assert convert(1.0, "mg/m3", "ppm") is None


@pytest.mark.parametrize("value", [-1.0, 201.0])
def test_a_value_out_of_the_sensors_range_is_bad_and_says_the_limit(value: float) -> None:
    reading = parse(str(value), minimum=0, maximum=200)
    assert (reading.value, reading.quality) == (value, Quality.BAD)
    assert "minimum 0" in reading.note or "maximum 200" in reading.note


@pytest.mark.parametrize(
    ("when", "quality"),
    [
        ((NOW - timedelta(seconds=2)).isoformat(), "good"),
        ("2026-11-23T08:59:59+01:00", "good"),
        ((NOW + timedelta(minutes=5)).isoformat(), "bad"),
        ((NOW - timedelta(minutes=6)).isoformat(), "bad"),
        ("2026-11-23T08:00:00", "bad"),
        ("0001-01-01T00:00:00+14:00", "bad"),
        ("yesterday", "bad"),
        (1_700_000_000, "bad"),
        (None, "bad"),
    ],
)
def test_the_time_of_a_payload_is_checked(when: object, quality: str) -> None:
    reading = parse(as_json(v=3, t=when), value_key="v", time_key="t")
    assert reading.quality == quality
    assert (reading.note == "") == (quality == "good")


def test_a_retained_value_is_uncertain_unless_its_own_time_says_that_it_is_fresh() -> None:
    assert parse("12", retained=True).quality is Quality.UNCERTAIN
    assert "retained" in parse("12", retained=True).note
    for age_s, quality in ((5, "good"), (120, "uncertain")):
        when = (NOW - timedelta(seconds=age_s)).isoformat()
        content = as_json(v=12, t=when)
        assert parse(content, retained=True, value_key="v", time_key="t").quality == quality


def test_a_hostile_payload_is_escaped_and_shortened_in_the_note() -> None:
    reading = parse("\x1b[31m<script>" + "x" * 1000)
    assert "\x1b" not in reading.note
    assert len(reading.note) < 80


@settings(deadline=None)
@given(st.one_of(st.binary(max_size=300), st.text(max_size=300).map(str.encode)), st.booleans())
def test_no_payload_raises_or_gives_a_value_that_is_not_finite(raw: bytes, keyed: bool) -> None:  # noqa: FBT001
    reading = parse(raw, **({"value_key": "v", "time_key": "t"} if keyed else {}))
    assert reading.value is None or math.isfinite(reading.value)
    assert reading.value is not None or reading.quality is Quality.BAD


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=8,
)


@settings(deadline=None)
@given(json_values, json_values, json_values)
def test_no_json_object_raises(value: object, when: object, unit: object) -> None:
    reading = parse(as_json(v=value, t=when, unit=unit), value_key="v", time_key="t")
    assert reading.quality in Quality
