"""A valid site file for tests, and edits of it."""

from __future__ import annotations

GOOD = """\
version: 1
site:
  id: north
  name: North plant
  timezone: Europe/Berlin
  languages: [en, de]
areas:
  hall:
    name: Hall 1
cameras:
  gate:
    area: hall
    source:
      kind: url
      url: rtsp://${CAM_USER}:${CAM_PASSWORD}@192.0.2.1/live
    fps_budget: 10
    zones:
      press:
        polygon: [[0.1, 0.1], [0.5, 0.1], [0.5, 0.6]]
    calibration:
      picture: [[0.1, 0.9], [0.9, 0.9], [0.7, 0.3], [0.3, 0.3]]
      ground_m: [[0, 0], [8, 0], [8, 20], [0, 20]]
sensors:
  h2s-1:
    area: hall
    quantity: h2s
    unit: ppm
    minimum: 0
    maximum: 200
    source:
      kind: mqtt
      broker: plant
      topic: plant/hall/h2s
rules:
  press:
    kind: restricted_zone
    camera: gate
    zone: press
    dwell_s: 1
  gas:
    kind: threshold
    hazard: toxic_gas
    sensor: h2s-1
    levels:
      - {name: alarm, at: 10}
      - {name: idlh, at: 100}
policy:
  kinds:
    crowding:
      floor: medium
mqtt:
  brokers:
    plant:
      host: mqtt.example.com
      port: 8883
      tls: true
      username: edge
      password: ${MQTT_PASSWORD}
dashboard:
  enabled: true
  port: 8080
"""


def edited(old: str, new: str) -> str:
    """The valid file with one text replaced."""
    assert GOOD.count(old) == 1, f"{old!r} stands {GOOD.count(old)} times"
    return GOOD.replace(old, new)
