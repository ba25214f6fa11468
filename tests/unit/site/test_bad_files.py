"""Every way to write a site file wrongly, and the exact line that says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from hazard.site.loader import check_site, load_site
from hazard.site.problems import SiteFileError
from tests.unit.site.sites import GOOD, edited

CASES: tuple[tuple[str, str, str, str], ...] = (
    (
        "an unknown key",
        "    fps_budget: 10",
        "    fps_buget: 10",
        (
            ":16:5 cameras.gate.fps_buget: unknown key — did you mean fps_budget? Known "
            "are area, calibration, detectors, fps_budget, hang_after_s, lines, "
            "min_confidence, source, zones"
        ),
    ),
    (
        "an unknown key beside a field that has the name of its kind",
        "      kind: url",
        "      kind: url\n      loop: true",
        ":15:7 cameras.gate.source.loop: unknown key — choose one of kind, url",
    ),
    (
        "an unknown section",
        "dashboard:",
        "dashbord:",
        (
            ":59:1 dashbord: unknown key — did you mean dashboard? Known are alarms, "
            "areas, cameras, dashboard, mqtt, notify, observe, policy, privacy, reasoning, "
            "reports, retention, rules, sensors, site, store, version"
        ),
    ),
    (
        "a missing field",
        "    name: Hall 1",
        "    {}",
        (":8:3 areas.hall.name: is missing — add `name: …` (name of the area, as people read it)"),
    ),
    (
        "a duplicate key",
        "  port: 8080",
        "  port: 8080\n  port: 8081",
        (":62:3 dashboard.port: the key stands twice, first in line 61 — remove or rename one"),
    ),
    (
        "a polygon of two points",
        "[[0.1, 0.1], [0.5, 0.1], [0.5, 0.6]]",
        "[[0.1, 0.1], [0.5, 0.1]]",
        (":19:18 cameras.gate.zones.press.polygon: needs 3 points, got 2 — add at least 1 more"),
    ),
    (
        "a polygon that crosses itself",
        "[[0.1, 0.1], [0.5, 0.1], [0.5, 0.6]]",
        "[[0, 0], [1, 1], [1, 0], [0, 1]]",
        (
            ":19:18 cameras.gate.zones.press.polygon: the polygon crosses itself or has no "
            "area — change the value: three or more [x, y] points, 0 to 1 from the "
            "picture's top left corner"
        ),
    ),
    (
        "a line of one point",
        "    calibration:",
        "    lines: {door: {points: [[0.1, 0.1]]}}\n    calibration:",
        ":20:28 cameras.gate.lines.door.points: needs 2 points, got 1 — add at least 1 more",
    ),
    (
        "a line of more points than anybody draws",
        "    calibration:",
        f"    lines: {{door: {{points: {[[n / 40, 0.1] for n in range(33)]}}}}}\n    calibration:",
        ":20:28 cameras.gate.lines.door.points: takes at most 32 points, got 33 — remove some",
    ),
    (
        "a line with the same point twice in a row",
        "    calibration:",
        "    lines: {door: {points: [[0.1, 0.1], [0.1, 0.1], [0.5, 0.1]]}}\n    calibration:",
        (":20:28 cameras.gate.lines.door.points: two points in a row are alike — take one out"),
    ),
    (
        "a line that crosses itself",
        "    calibration:",
        "    lines: {door: {points: [[0, 0], [1, 1], [1, 0], [0, 1]]}}\n    calibration:",
        (
            ":20:28 cameras.gate.lines.door.points: the line crosses or touches itself — "
            "draw it as one way from end to end"
        ),
    ),
    (
        "a line that is closed",
        "    calibration:",
        "    lines: {door: {points: [[0, 0], [1, 1], [1, 0], [0, 0]]}}\n    calibration:",
        (
            ":20:28 cameras.gate.lines.door.points: the line ends where it begins — "
            "leave it open, or draw a zone"
        ),
    ),
    (
        "a rule of a line that is not there",
        "  gas:\n",
        "  door: {kind: line, camera: gate, line: dor}\n  gas:\n",
        ":40:42 rules.door.line: no line 'dor' — choose one of none",
    ),
    (
        "a point outside the picture",
        "[0.5, 0.6]]",
        "[0.5, 1.6]]",
        (":19:49 cameras.gate.zones.press.polygon[2][1]: want at most 1 (1.6) — write at most 1"),
    ),
    (
        "a point of three numbers",
        "[0.5, 0.6]]",
        "[0.5, 0.6, 0.7]]",
        (":19:43 cameras.gate.zones.press.polygon[2]: needs 2 numbers, got 3 — write [x, y]"),
    ),
    (
        "a number as text",
        "port: 8883",
        'port: "8883"',
        (
            ':55:13 mqtt.brokers.plant.port: want a whole number ("8883") — write digits '
            "only, without quotes"
        ),
    ),
    (
        "a number out of range",
        "port: 8883",
        "port: 70000",
        (
            ":55:13 mqtt.brokers.plant.port: want at most 65535 (70000) — write at most "
            "65535: TCP port, usually 1883, with TLS 8883"
        ),
    ),
    (
        "a fraction for a whole number",
        "port: 8883",
        "port: 8883.5",
        (
            ":55:13 mqtt.brokers.plant.port: want a whole number (8883.5) — write digits "
            "only, without quotes"
        ),
    ),
    (
        "a number with a leading zero",
        "port: 8883",
        "port: 08883",
        (
            ":55:13 mqtt.brokers.plant.port: a leading zero: decimal here, octal elsewhere "
            '("08883") — write it without the zero, 0o… for octal, or quote it as text'
        ),
    ),
    (
        "not a number",
        "    fps_budget: 10",
        "    fps_budget: .nan",
        ':16:17 cameras.gate.fps_budget: not a finite number (".nan") — write a number',
    ),
    (
        "an infinite number",
        "    maximum: 200",
        "    maximum: .inf",
        ':29:14 sensors.h2s-1.maximum: not a finite number (".inf") — write a number',
    ),
    (
        "yes for true",
        "  enabled: true",
        "  enabled: yes",
        (
            ':60:12 dashboard.enabled: want true or false ("yes") — write true or false '
            "without quotes"
        ),
    ),
    (
        "on for true",
        "      tls: true",
        "      tls: on",
        (
            ':56:12 mqtt.brokers.plant.tls: want true or false ("on") — write true or '
            "false without quotes"
        ),
    ),
    (
        "a number for text",
        "    name: Hall 1",
        "    name: 7",
        ":9:11 areas.hall.name: want text (7) — put it in quotes",
    ),
    (
        "nothing where a mapping is wanted",
        "  kinds:\n    crowding:\n      floor: medium",
        "  kinds:",
        ":48:3 policy.kinds: want a mapping (empty) — indent `key: value` lines below it",
    ),
    (
        "a list where a mapping is wanted",
        "  hall:\n    name: Hall 1",
        "  - hall",
        ":8:3 areas: want a mapping — indent `key: value` lines below it",
    ),
    (
        "a name with capitals",
        "  hall:\n",
        "  Hall:\n",
        (
            ':8:3 areas.Hall: this name cannot be used ("Hall") — use lower-case letters, '
            "digits, - and _, starting with a letter or digit, at most 64"
        ),
    ),
    (
        "an area that is not there",
        "  gate:\n    area: hall",
        "  gate:\n    area: hal",
        ":12:11 cameras.gate.area: no area 'hal' — did you mean hall? Known are hall",
    ),
    (
        "a zone that is not there",
        "    zone: press",
        "    zone: pres",
        ":38:11 rules.press.zone: no zone 'pres' — did you mean press? Known are press",
    ),
    (
        "a camera that is not there",
        "    camera: gate",
        "    camera: yard",
        ":37:13 rules.press.camera: no camera 'yard' — choose one of gate",
    ),
    (
        "a sensor that is not there",
        "    sensor: h2s-1",
        "    sensor: h2s",
        ":43:13 rules.gas.sensor: no sensor 'h2s' — did you mean h2s-1? Known are h2s-1",
    ),
    (
        "a broker that is not there",
        "      broker: plant",
        "      broker: plnt",
        (
            ":32:15 sensors.h2s-1.source.broker: no broker 'plnt' — did you mean plant? "
            "Known are plant"
        ),
    ),
    (
        "an unknown kind of rule",
        "    kind: restricted_zone",
        "    kind: restricted_area",
        (
            ':36:5 rules.press: unknown kind "restricted_area" — did you mean '
            "restricted_zone? Known are camera_health, crowding, exposure, fire_smoke, "
            "line, rate, restricted_zone, stale, threshold, vehicle_proximity"
        ),
    ),
    (
        "a rule without kind",
        "    kind: restricted_zone\n",
        "",
        (
            ":36:5 rules.press: has no kind — add `kind:` with one of restricted_zone, "
            "line, vehicle_proximity, crowding, fire_smoke, camera_health, threshold, rate, "
            "stale, exposure"
        ),
    ),
    (
        "a rule that finds alarm floods, which only the agent does",
        "    hazard: toxic_gas",
        "    hazard: alarm_flood",
        (
            ":42:13 rules.gas.hazard: alarm_flood is raised by the agent about its own alarms — "
            "choose one of camera_dark, camera_frozen, camera_offline, crowding, fire, "
            "flammable_gas, overtemperature, person_in_restricted_zone, person_near_vehicle, "
            "rapid_temperature_rise, sensor_stale, smoke, toxic_gas, toxic_gas_exposure"
        ),
    ),
    (
        "a rule with the name of the agent's own",
        "  press:\n    kind: restricted_zone",
        "  flood:\n    kind: restricted_zone",
        (
            ":36:5 rules.flood: is the name of the agent's own finding of an alarm flood — "
            "give the rule another name"
        ),
    ),
    (
        "an area at two operator positions",
        "dashboard:",
        (
            "alarms:\n  positions:\n    a: {name: A, areas: [hall]}\n"
            "    b: {name: B, areas: [hall]}\ndashboard:"
        ),
        (
            ":62:26 alarms.positions.b.areas[0]: hall is watched by position a already — "
            "take it out here"
        ),
    ),
    (
        "a hazard that the catalogue lacks",
        "    hazard: toxic_gas",
        "    hazard: toxic_gaz",
        (
            ':42:13 rules.gas.hazard: no hazard kind "toxic_gaz" in the catalogue — did '
            "you mean toxic_gas? Known are camera_dark, camera_frozen, camera_offline, "
            "crowding, fire, flammable_gas, overtemperature, person_in_restricted_zone, "
            "person_near_vehicle, rapid_temperature_rise, sensor_stale, smoke, toxic_gas, "
            "toxic_gas_exposure"
        ),
    ),
    (
        "a level without severity",
        "{name: idlh, at: 100}",
        "{name: deadly, at: 100}",
        (
            ':46:16 rules.gas.levels[1].name: no severity is known for level "deadly" of '
            "toxic_gas — choose one of alarm, high, idlh; or give it one under policy.kinds"
        ),
    ),
    (
        "levels in the wrong order",
        "{name: idlh, at: 100}",
        "{name: idlh, at: 5}",
        (
            ":41:5 rules.gas: levels must go from mild to worst (above), got [10.0, 5.0] — "
            "change the value"
        ),
    ),
    (
        "a floor under the catalogue's",
        "    crowding:\n      floor: medium",
        "    fire:\n      floor: medium",
        (
            ":50:14 policy.kinds.fire.floor: medium is under the catalogue's floor high — "
            "a site can raise a floor, never lower it: write high or higher, or remove the "
            "line"
        ),
    ),
    (
        "a default under the floor",
        "      floor: medium",
        "      floor: high\n      default: medium",
        (
            ":51:16 policy.kinds.crowding.default: medium is under the floor high — write "
            "high or higher, or remove the line"
        ),
    ),
    (
        "a level under the catalogue's",
        "    crowding:\n      floor: medium",
        "    toxic_gas:\n      levels: {idlh: high}",
        (
            ":50:22 policy.kinds.toxic_gas.levels.idlh: high is under the catalogue's "
            "floor critical of this level — a site can raise a floor, never lower it: "
            "write critical or higher, or remove the line"
        ),
    ),
    (
        "an unknown severity",
        "      floor: medium",
        "      floor: severe",
        (
            ":50:14 policy.kinds.crowding.floor: not one of the values that can stand here "
            '("severe") — choose one of critical, high, info, low, medium'
        ),
    ),
    (
        "a password in plain text",
        "      password: ${MQTT_PASSWORD}",
        "      password: hunter2",
        (
            ":58:17 mqtt.brokers.plant.password: a secret never stands in the file "
            "(hidden) — write ${VARIABLE}, or file: PATH below it"
        ),
    ),
    (
        "a password hidden in a mapping",
        "      password: ${MQTT_PASSWORD}",
        "      password: {reference: hunter2}",
        (
            ":58:29 mqtt.brokers.plant.password: a secret never stands in the file "
            "(hidden) — write ${VARIABLE}, or file: PATH below it"
        ),
    ),
    (
        "a password in a camera's address",
        "${CAM_USER}:${CAM_PASSWORD}@",
        "admin:hunter2@",
        (
            ":15:12 cameras.gate.source.url: a password stands in the address "
            '("rtsp://***@192.0.2.1/live") — write it as ${VARIABLE}'
        ),
    ),
    (
        "a token in a camera's address",
        "/live",
        "/live?token=hunter2",
        (
            ":15:12 cameras.gate.source.url: a password stands in the address "
            '("rtsp://***@192.0.2.1/live?token=***") — write it as ${VARIABLE}'
        ),
    ),
    (
        "a password without user",
        "      username: edge\n",
        "",
        ":54:7 mqtt.brokers.plant: a password without a username — add `username: …`",
    ),
    (
        "a variable where none is filled in",
        "      username: edge",
        "      username: ${MQTT_USER}",
        (
            ':57:17 mqtt.brokers.plant.username: "${MQTT_USER}" is not filled in here — '
            "write the text itself: only secrets and camera addresses take ${…}"
        ),
    ),
    (
        "a certificate without TLS",
        "      tls: true",
        "      ca_file: ca.pem",
        ":56:16 mqtt.brokers.plant.ca_file: is given but tls is false — set tls: true",
    ),
    (
        "an unknown time zone",
        "Europe/Berlin",
        "Europe/Bärlin",
        (
            ":5:13 site.timezone: no such time zone 'Europe/Bärlin' (\"Europe/Bärlin\") — "
            "use an IANA name"
        ),
    ),
    (
        "an unknown language",
        "[en, de]",
        "[en, pt]",
        (
            ':6:19 site.languages[1]: not one of the values that can stand here ("pt") — '
            "choose one of de, en, es, fr, it"
        ),
    ),
    (
        "a topic filter that is none",
        "plant/hall/h2s",
        "plant/#/h2s",
        (
            ':33:14 sensors.h2s-1.source.topic: not a topic filter: "plant/#/h2s" — + '
            "stands for one whole level, # for the last levels only"
        ),
    ),
    (
        "this product's own topics",
        "plant/hall/h2s",
        "hazard/north/h2s",
        (
            ":33:14 sensors.h2s-1.source.topic: hazard/… is this product's own tree "
            '("hazard/north/h2s") — name the plant\'s topic'
        ),
    ),
    (
        "an address without scheme",
        "rtsp://${CAM_USER}:${CAM_PASSWORD}@192.0.2.1/live",
        "192.0.2.1",
        (
            ":15:12 cameras.gate.source.url: want rtsp://, rtsps://, http:// or https:// "
            '("192.0.2.1") — change the value: rtsp://, http:// or https://; secrets in it '
            "as ${VARIABLE}"
        ),
    ),
    (
        "a maximum under the minimum",
        "    minimum: 0",
        "    minimum: 300",
        (
            ":29:14 sensors.h2s-1.maximum: 200 is not above minimum 300 — no reading could "
            "be good: swap the two"
        ),
    ),
    (
        "ground points in one line",
        "[[0, 0], [8, 0], [8, 20], [0, 20]]",
        "[[0, 0], [1, 0], [2, 0], [3, 0]]",
        (
            ":21:7 cameras.gate.calibration: the calibration points are degenerate: no "
            "three may lie in a line — choose points of which no three are in one line"
        ),
    ),
    (
        "fewer ground points than picture points",
        "[0.7, 0.3], [0.3, 0.3]]",
        "[0.7, 0.3], [0.3, 0.3], [0.2, 0.2]]",
        (
            ":21:7 cameras.gate.calibration: 5 points of the picture, 4 on the ground — "
            "give each point of the picture its place on the ground"
        ),
    ),
    (
        "an old format",
        "version: 1",
        "version: 2",
        ":1:10 version: not one of the values that can stand here (2) — choose one of 1",
    ),
    (
        "an unquoted protocol",
        "      port: 8883",
        "      port: 8883\n      protocol: 5",
        (
            ":56:17 mqtt.brokers.plant.protocol: not one of the values that can stand here "
            '(5) — put it in quotes: "5"'
        ),
    ),
    (
        "a tab",
        "  id: north",
        "\tid: north",
        ":3:1: a tab stands where YAML wants spaces — indent with spaces only",
    ),
    (
        "an open quote",
        "  name: North plant",
        '  name: "North plant',
        (
            ":62:1: YAML syntax: found unexpected end of stream, while scanning a quoted "
            "scalar — check indentation, colons and quotes here and in the line above"
        ),
    ),
    (
        "an open bracket",
        "[en, de]",
        "[en, de",
        (
            ":7:6: YAML syntax: expected ',' or ']', but got ':', while parsing a flow "
            "sequence — check indentation, colons and quotes here and in the line above"
        ),
    ),
    (
        "a stray indentation",
        "  timezone: Europe/Berlin",
        "    timezone: Europe/Berlin",
        (
            ":5:13: YAML syntax: mapping values are not allowed here — check indentation, "
            "colons and quotes here and in the line above"
        ),
    ),
    (
        "an alias without anchor",
        "  name: North plant",
        "  name: *north",
        (
            ":4:9 site.name: an alias (*name) whose anchor (&name) does not stand before "
            "it — define the anchor first, or put the text in quotes"
        ),
    ),
    (
        "an unquoted secret that looks like an alias",
        "${MQTT_PASSWORD}",
        "*hunter2",
        (
            ":58:17 mqtt.brokers.plant.password: an alias (*name) whose anchor (&name) "
            "does not stand before it — define the anchor first, or put the text in quotes"
        ),
    ),
    (
        "an unquoted secret that looks like a tag",
        "${MQTT_PASSWORD}",
        "!hunter2",
        (
            ":58:17 mqtt.brokers.plant.password: a tag (!…), which a site file does not "
            "use — remove the tag"
        ),
    ),
    (
        "a Python object",
        "  name: North plant",
        "  name: !!python/object/apply:os.system [id]",
        ":4:9 site.name: a tag (!…), which a site file does not use — remove the tag",
    ),
    (
        "a second document",
        "dashboard:",
        "---\ndashboard:",
        ":59:1: a second document (---) — keep one document in the file",
    ),
    (
        "a control character",
        "  name: North plant",
        "  name: North\u0007plant",
        ":4:14: a control character that YAML does not allow — remove the character",
    ),
    (
        "half a surrogate pair",
        "  name: North plant",
        '  name: "\\uD800"',
        ":4:9 site.name: half a surrogate pair is no character — remove the \\u escape",
    ),
    (
        "a huge number",
        "port: 8883",
        "port: 88838883888388838883888388838883",
        (
            ":55:13 mqtt.brokers.plant.port: a number with too many digits "
            '("88838883888388838883888388838883") — shorten it, or quote it'
        ),
    ),
    (
        "a merge of text",
        "    name: Hall 1",
        "    name: Hall 1\n    <<: text",
        ':10:9 areas.hall."<<": << does not name a mapping — write <<: *anchor',
    ),
    (
        "a collection as a key",
        "dashboard:",
        "? [a, b]\n: 1\ndashboard:",
        ":59:3: a key that is not plain text — write a name, a colon and a space",
    ),
    (
        "a mapping for text",
        "  name: North plant",
        "  name: {de: Nord}",
        ":4:9 site.name: want text — write one text in its place",
    ),
    (
        "a hidden path",
        "      port: 8883",
        "      port: 8883\n      passwd: hunter2",
        (
            ":56:7 mqtt.brokers.plant.passwd: unknown key — did you mean password? Known "
            "are ca_file, cert_file, commands, host, keepalive_s, key_file, password, port, "
            "protocol, tls, username"
        ),
    ),
)


def write(folder: Path, text: str) -> Path:
    path = folder / "site.yaml"
    path.write_text(text, encoding="utf-8", errors="surrogatepass")
    return path


def test_the_file_that_the_others_are_edits_of_is_right(tmp_path: Path) -> None:
    assert load_site(write(tmp_path, GOOD)).site.id == "north"


@pytest.mark.parametrize(("old", "new", "line"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_a_wrong_file_is_refused_with_place_value_and_mend(
    tmp_path: Path, old: str, new: str, line: str
) -> None:
    with pytest.raises(SiteFileError) as refused:
        load_site(write(tmp_path, edited(old, new)))
    assert str(refused.value) == f"site.yaml{line}"


@pytest.mark.parametrize("new", [c[2] for c in CASES if "hunter2" in c[2]])
def test_a_secret_in_the_file_is_never_repeated(tmp_path: Path, new: str) -> None:
    old = next(case[1] for case in CASES if case[2] == new)
    problems = check_site(write(tmp_path, edited(old, new)))
    assert problems
    assert all("hunter2" not in f"{p} {p.as_dict()} {p!r}" for p in problems)
