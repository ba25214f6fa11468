"""Room on the disk as a finding: told at once, cleared by clearly more room, held where unknown."""

from __future__ import annotations

from datetime import timedelta

import pytest

from hazard.alarms.storage import FULL, LOW, Room, StorageWatch, full_bytes, low_bytes
from hazard.catalogue import catalogue
from hazard.ports import Tick
from hazard.site.models import Policy
from hazard.triage.policy import assess
from hazard.triage.words import template
from hazard.types import Condition, HazardEvent, Incident, Severity
from tests.alert_builders import T0

TOTAL = 100_000_000_000
LIMIT = low_bytes(TOTAL)


class Disk:
    """A watch and its clock."""

    def __init__(self, watch: StorageWatch | None = None) -> None:
        self.watch, self.now_s = watch or StorageWatch(), 0.0

    def at(self, free: int | None, after_s: float = 1.0) -> HazardEvent | None:
        self.now_s += after_s
        room = Room(free, TOTAL) if free is not None else None
        now = Tick(T0 + timedelta(seconds=self.now_s), self.now_s)
        return self.watch.step(now, room, node="edge-1", area="yard")


def test_a_low_disk_is_told_once_and_at_once() -> None:
    disk = Disk()
    assert disk.at(LIMIT) is None
    found = disk.at(LIMIT - 1)
    assert found is not None
    assert (found.condition, found.level, found.area) == (Condition.ACTIVE, LOW, "yard")
    assert disk.at(LIMIT - 2) is None


def test_a_full_disk_is_told_again_and_stays_as_bad_until_it_is_well() -> None:
    disk = Disk()
    first = disk.at(LIMIT - 1)
    worse = disk.at(full_bytes(TOTAL) - 1)
    assert first is not None
    assert worse is not None
    assert (worse.event_id, worse.level) == (first.event_id, FULL)
    assert disk.at(LIMIT - 1) is None


def test_it_clears_with_clearly_more_room_for_a_minute_only() -> None:
    disk = Disk()
    first = disk.at(LIMIT - 1)
    assert disk.at(LIMIT + 1, 120) is None
    assert disk.at(LIMIT * 2) is None
    assert disk.at(LIMIT + 1, 59) is None
    assert disk.at(LIMIT * 2) is None
    assert disk.at(LIMIT * 2, 59) is None
    cleared = disk.at(LIMIT * 2, 2)
    assert first is not None
    assert cleared is not None
    assert (cleared.event_id, cleared.condition) == (first.event_id, Condition.CLEARED)
    again = disk.at(0)
    assert again is not None
    assert again.event_id != first.event_id


def test_a_disk_that_cannot_be_looked_at_holds_it() -> None:
    disk = Disk()
    assert disk.at(None) is None
    disk.at(LIMIT - 1)
    held = disk.at(None)
    assert held is not None
    assert held.condition is Condition.HELD
    assert disk.at(None) is None
    back = disk.at(LIMIT - 1)
    assert back is not None
    assert back.condition is Condition.ACTIVE


def test_a_finding_that_stood_before_a_restart_goes_on() -> None:
    before = Disk()
    first = before.at(0)
    after = Disk(StorageWatch(first))
    assert after.at(0) is None
    assert after.at(LIMIT * 2) is None
    cleared = after.at(LIMIT * 2, 61)
    assert first is not None
    assert cleared is not None
    assert cleared.event_id == first.event_id


@pytest.mark.parametrize(("free", "severity"), [(LIMIT - 1, Severity.LOW), (0, Severity.HIGH)])
def test_its_severity_and_words_come_from_the_catalogue(free: int, severity: Severity) -> None:
    found = Disk().at(free)
    assert found is not None
    incident = Incident(
        incident_id="i1",
        area="yard",
        opened_at=T0,
        updated_at=T0,
        hazard=found.hazard,
        events=(found,),
    )
    assert assess(incident, Policy(), catalogue()).floor is severity
    words = template(incident, ("en", "fr", "de", "es", "it"), catalogue(), "")
    said = str(words.model_dump())
    assert "free space" in said
    assert "freier Platz" in said
    assert "data folder" in said


def test_a_small_disk_has_smaller_limits() -> None:
    assert low_bytes(32_000_000) == 1_600_000
    assert full_bytes(32_000_000) == 160_000
    assert low_bytes(TOTAL) == 200_000_000
