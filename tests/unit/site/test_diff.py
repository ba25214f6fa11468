"""What one site file changes against another."""

from __future__ import annotations

from pathlib import Path

import pytest

from hazard.site.diff import changed_sections
from hazard.site.loader import load_site
from hazard.site.models import Camera, Site
from tests.unit.site.sites import GOOD


def site_of(folder: Path, text: str) -> Site:
    path = folder / "site.yaml"
    path.write_text(text)
    return load_site(path)


def test_the_same_file_changes_nothing(tmp_path: Path) -> None:
    diff = changed_sections(site_of(tmp_path, GOOD), site_of(tmp_path, GOOD + "# a comment\n"))
    assert not diff
    assert diff.summary() == "nothing changed"


def test_added_removed_and_changed_entries_are_named(tmp_path: Path) -> None:
    old = site_of(tmp_path, GOOD)
    text = GOOD.replace("dwell_s: 1", "dwell_s: 2").replace("  hall:\n", "  hall:\n", 1)
    text = text.replace("  gas:\n", "  gas-levels:\n")
    diff = changed_sections(old, site_of(tmp_path, text))
    assert diff.summary() == "rules.press changed; rules.gas removed; rules.gas-levels added"
    assert diff.names("rules") == {"press", "gas", "gas-levels"}
    assert diff.restart == ()


@pytest.mark.parametrize(
    ("old", "new", "name", "later"),
    [
        ("port: 8080", "port: 8081", "dashboard.port", True),
        ("host: mqtt.example.com", "host: other.example.com", "mqtt.brokers", False),
        ("  id: north", "  id: south", "site.id", True),
        ("fps_budget: 10", "fps_budget: 5", "cameras.gate", False),
        ("maximum: 200", "maximum: 300", "sensors.h2s-1", False),
        ("floor: medium", "floor: high", "policy.kinds", False),
        ("[en, de]", "[en]", "site.languages", False),
    ],
)
def test_only_what_is_bound_at_the_start_waits_for_a_restart(
    tmp_path: Path, old: str, new: str, name: str, *, later: bool
) -> None:
    diff = changed_sections(site_of(tmp_path, GOOD), site_of(tmp_path, GOOD.replace(old, new)))
    (change,) = diff.changes
    assert f"{change.section}.{change.name}" == name
    assert bool(change.restart) is later
    assert ("after a restart" in diff.summary()) is later


def test_the_first_camera_and_the_first_channel_wait_for_their_process() -> None:
    none = Site.model_validate(
        {
            "site": {"id": "plant", "name": "Plant"},
            "areas": {"yard": {"name": "Yard"}},
            "mqtt": {"embedded": True},
        }
    )
    camera = Camera.model_validate({"area": "yard", "source": {"kind": "usb", "device": 0}})
    one = none.model_copy(update={"cameras": {"gate": camera}})
    two = none.model_copy(update={"cameras": {"gate": camera, "dock": camera}})
    (first,) = changed_sections(none, one).restart
    assert str(first).startswith("cameras.gate added (after a restart: the vision group starts")
    assert not changed_sections(one, two).restart
