"""Which areas a change concerns, and which of its fields give rights."""

from __future__ import annotations

from typing import Any

import pytest

from hazard.site.diff import changed_sections
from hazard.site.models import Site
from hazard.site.reach import areas_of_change, reserved_of_change
from hazard.site.yaml_edit import merge_patch

USB = {"kind": "usb", "device": 0}
MQTT = {"kind": "mqtt", "topic": "plant/h2s"}
WASH = {
    "area": "yard",
    "hazards": ["person_down"],
    "reason": "washing",
    "times": [{"start": "06:00", "end": "07:00"}],
}
STATE = {"area": "yard", "hazards": ["person_down"], "reason": "still", "sensor": "h2s"}
PLANT: dict[str, Any] = {
    "version": 1,
    "site": {"id": "plant", "name": "Plant"},
    "areas": {"yard": {"name": "Yard"}, "works": {"name": "Works"}},
    "cameras": {
        "gate": {
            "area": "yard",
            "source": USB,
            "zones": {"pit": {"polygon": [[0, 0], [1, 0], [1, 1]]}},
        }
    },
    "sensors": {"h2s": {"area": "works", "quantity": "h2s", "unit": "ppm", "source": MQTT}},
    "rules": {
        "pit": {"kind": "restricted_zone", "camera": "gate", "zone": "pit"},
        "eyes": {"kind": "camera_health"},
    },
    "alarms": {
        "maintenance": {"wash": WASH, "paint": WASH | {"area": "works", "reason": "painting"}}
    },
    "mqtt": {"embedded": True},
}


@pytest.mark.parametrize(
    ("patch", "areas"),
    [
        ({"rules": {"pit": {"dwell_s": 5}}}, {"yard"}),
        ({"rules": {"pit": None}}, {"yard"}),
        ({"rules": {"eyes": {"offline_after_s": 9}}}, None),
        ({"cameras": {"gate": {"area": "works"}}}, {"yard", "works"}),
        (
            {"sensors": {"h2s": {"unit": "ppb"}}, "rules": {"pit": {"dwell_s": 5}}},
            {"yard", "works"},
        ),
        ({"alarms": {"maintenance": {"wash": WASH | {"reason": "new"}}}}, {"yard"}),
        ({"alarms": {"maintenance": {"wash": None}}}, {"yard"}),
        ({"alarms": {"maintenance": {"wash": {"area": "works"}}}}, {"yard", "works"}),
        ({"alarms": {"machine_states": {"off": STATE}}}, {"yard", "works"}),
        ({"alarms": {"maintenance": {"wash": None}, "longest_shelf_h": 2}}, None),
        ({"areas": {"dock": {"name": "Dock"}}}, {"dock"}),
        ({"policy": {"incident_window_s": 9}}, None),
        ({"rules": {"pit": {"dwell_s": 5}}, "privacy": {"blur_people": False}}, None),
    ],
)
def test_a_change_concerns_the_areas_of_before_and_after(
    patch: dict[str, Any], areas: set[str] | None
) -> None:
    old, new = Site.model_validate(PLANT), Site.model_validate(merge_patch(PLANT, patch))
    assert areas_of_change(old, new, changed_sections(old, new)) == areas


def test_fields_that_give_rights_are_named() -> None:
    patch = {"privacy": {"blur_people": False}, "alarms": {"users": {"eve": {"role": "operator"}}}}
    old = Site.model_validate(PLANT)
    new = Site.model_validate(merge_patch(PLANT, patch))
    assert set(reserved_of_change(changed_sections(old, new))) == {
        "privacy.blur_people",
        "alarms.users",
    }
