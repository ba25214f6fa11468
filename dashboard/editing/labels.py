"""Words, units and choices of the site file's fields, as people read them in forms.

A field that is not listed is shown all the same, with the title and description of its schema: a
new kind of rule needs no line here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from dashboard.i18n import N_


class Label(NamedTuple):
    """How a field is shown.

    Attributes:
        text: its name; translated where it is shown.
        unit: of the number; empty: none, or said by the help.
        help: what it does; empty: its name says it.
        choices: names that it takes one of: a list of `editing.form.choices`; empty: any value.
    """

    text: str
    unit: str = ""
    help: str = ""
    choices: str = ""


LABELS: Mapping[str, Label] = {
    "kind": Label(N_("Kind")),
    "hazard": Label(N_("Hazard"), help=N_("what is raised"), choices="hazards"),
    "hazards": Label(N_("Hazards"), help=N_("what is suppressed"), choices="hazards"),
    "camera": Label(N_("Camera"), choices="cameras"),
    "cameras": Label(N_("Cameras"), help=N_("none chosen: all"), choices="cameras"),
    "zone": Label(
        N_("Zone"), help=N_("none: the whole picture, or the whole area"), choices="zones"
    ),
    "RestrictedZoneRule.zone": Label(
        N_("Zone"), help=N_("where nobody may stand"), choices="zones"
    ),
    "line": Label(N_("Line"), choices="lines"),
    "LineRule.direction": Label(
        N_("Raised when crossed"), help=N_("as seen walking from its first to its last point")
    ),
    "LineRule.clear_after_s": Label(N_("Cleared after"), "s", N_("how long nobody crosses it")),
    "vehicle_zone": Label(
        N_("Zone of the vehicle"),
        help=N_("where a parked or working vehicle stands that is not detected"),
        choices="zones",
    ),
    "sensor": Label(N_("Sensor"), choices="sensors"),
    "sensors": Label(N_("Sensors"), help=N_("none chosen: all"), choices="sensors"),
    "area": Label(N_("Area"), choices="areas"),
    "areas": Label(N_("Areas"), help=N_("none chosen: all"), choices="areas"),
    "labels": Label(N_("What counts"), help=N_("labels of the detector")),
    "label": Label(N_("What counts"), help=N_("label of the detector")),
    "person_labels": Label(N_("Counts as a person"), help=N_("labels of the detector")),
    "vehicle_labels": Label(N_("Counts as a vehicle"), help=N_("labels of the detector")),
    "min_confidence": Label(
        N_("Least confidence"), help=N_("0 to 1: less certain detections do not count")
    ),
    "dwell_s": Label(N_("Raised after"), "s", N_("how long it must last")),
    "clear_after_s": Label(N_("Cleared after"), "s", N_("good evidence to the contrary")),
    "distance_m": Label(N_("Least distance"), "m", N_("raised when a person is nearer")),
    "people": Label(N_("People allowed"), help=N_("raised when more are seen")),
    "frames": Label(N_("Pictures that show it"), help=N_("of the last ones looked at")),
    "window": Label(N_("Pictures looked at"), help=N_("the last ones")),
    "dark_after_s": Label(N_("Dark for"), "s", N_("a dark or covered picture")),
    "frozen_after_s": Label(N_("Frozen for"), "s", N_("a picture that does not change")),
    "offline_after_s": Label(N_("Offline for"), "s", N_("no picture at all")),
    "direction": Label(N_("Dangerous"), help=N_("readings above, or below, a level")),
    "levels": Label(N_("Levels"), help=N_("from mild to worst")),
    "Level.name": Label(N_("Level"), help=N_("alarm, high, idlh…: the severity follows it")),
    "at": Label(N_("At"), help=N_("in the sensor's unit")),
    "deadband": Label(N_("Deadband"), help=N_("how far it must come back, in the sensor's unit")),
    "on_delay_s": Label(N_("Raised after"), "s", N_("how long it must last")),
    "off_delay_s": Label(N_("Cleared after"), "s", N_("good readings within limits")),
    "above_per_min": Label(N_("Faster than"), N_("per minute"), N_("in the sensor's unit")),
    "window_s": Label(N_("Measured over"), "s"),
    "deadband_per_min": Label(
        N_("Deadband"), N_("per minute"), N_("how far it must come back, in the sensor's unit")
    ),
    "after_s": Label(N_("Silent for"), "s", N_("without a good reading")),
    "seen_within_s": Label(N_("A sighting counts for"), "s"),
    "quantity": Label(N_("Quantity"), help=N_("e.g. h2s, ch4, temperature")),
    "unit": Label(N_("Unit"), help=N_("e.g. ppm, %LEL, degC; bool: a switch")),
    "source": Label(N_("Where it comes from")),
    "minimum": Label(N_("Lowest credible reading"), help=N_("readings below are bad evidence")),
    "maximum": Label(N_("Highest credible reading"), help=N_("readings above are bad evidence")),
    "broker": Label(N_("Broker"), help=N_("a name under mqtt.brokers; plant: the box's own")),
    "topic": Label(N_("Topic"), help=N_("of the plant, with + and # where wanted")),
    "value_key": Label(
        N_("Key of the value"), help=N_("in a JSON object; none: the payload is the number")
    ),
    "time_key": Label(N_("Key of the time"), help=N_("ISO 8601 with its zone")),
    "path": Label(N_("File"), help=N_("relative paths start at the site file's folder")),
    "time_column": Label(N_("Column of the time"), help=N_("seconds from the start")),
    "value_column": Label(N_("Column of the value")),
    "pace": Label(N_("Pace")),
    "loop": Label(N_("Again at the end")),
    "fault": Label(N_("Injected fault"), help=N_("for drills and the demo only")),
    "url": Label(N_("Address"), help=N_("rtsp, http or https; secrets as ${VARIABLE}")),
    "device": Label(N_("Device"), help=N_("number N of /dev/videoN")),
    "interval_s": Label(N_("Between two pictures"), "s"),
    "fps_budget": Label(N_("Pictures looked at a second"), "1/s"),
    "detectors": Label(N_("Detectors"), help=N_("names in the manifest of models")),
    "hang_after_s": Label(N_("Restarted after"), "s", N_("a decoder silent for so long")),
    "name": Label(N_("Name"), help=N_("as people read it")),
    "days": Label(N_("Days")),
    "start": Label(N_("From"), help=N_("HH:MM, the plant's time")),
    "end": Label(N_("Until"), help=N_("HH:MM; not after the start: the next day")),
    "times": Label(N_("Times")),
    "reason": Label(N_("Reason"), help=N_("people read it beside a suppressed alarm")),
    "when": Label(N_("Suppresses while it says"), help=N_("a reading of 1 is true, of 0 false")),
    "stale_after_s": Label(N_("A reading counts for"), "s", N_("an older one suppresses nothing")),
    "longest_h": Label(N_("At most"), "h", N_("it ends by itself")),
}
"""By `Model.field`, else by `field`."""


class Kind(NamedTuple):
    """How one of several kinds is shown."""

    text: str
    help: str = ""


KINDS: Mapping[str, Kind] = {
    "restricted_zone": Kind(
        N_("Person in a zone"), N_("Somebody stands in a zone longer than allowed.")
    ),
    "line": Kind(
        N_("Line crossed"), N_("Somebody or something crosses a line, one way or either way.")
    ),
    "vehicle_proximity": Kind(
        N_("Person near a vehicle"), N_("Somebody is closer to a vehicle than allowed.")
    ),
    "crowding": Kind(N_("Too many people"), N_("More people than allowed in a zone or picture.")),
    "fire_smoke": Kind(N_("Fire or smoke"), N_("Flames or smoke in several of the last pictures.")),
    "camera_health": Kind(
        N_("Camera dark, frozen or offline"), N_("Its area is not watched any more.")
    ),
    "threshold": Kind(N_("Reading over a level"), N_("A sensor is above, or below, a level.")),
    "rate": Kind(N_("Reading rises fast"), N_("A sensor rises faster than allowed.")),
    "stale": Kind(N_("Sensor silent"), N_("Nothing good has come from a sensor for too long.")),
    "exposure": Kind(
        N_("People where gas is"),
        N_("A gas is over its level where people are, or may be: nobody seen is not nobody there."),
    ),
    "mqtt": Kind(N_("MQTT")),
    "csv": Kind(N_("Recording (CSV)")),
    "file": Kind(N_("Video file")),
    "url": Kind(N_("Network camera")),
    "usb": Kind(N_("Camera on the box")),
    "folder": Kind(N_("Folder of pictures")),
}
"""Kinds of rules and sources."""

VALUES: Mapping[str, str] = {
    "above": N_("above"),
    "below": N_("below"),
    "either": N_("either way"),
    "left": N_("to the left"),
    "right": N_("to the right"),
    "realtime": N_("as recorded"),
    "fast": N_("as fast as possible"),
    "none": N_("none"),
    "cover_freeze_offline": N_("covered, frozen, offline"),
    "mon": N_("Mon"),
    "tue": N_("Tue"),
    "wed": N_("Wed"),
    "thu": N_("Thu"),
    "fri": N_("Fri"),
    "sat": N_("Sat"),
    "sun": N_("Sun"),
}
"""Fixed values that a field takes."""
