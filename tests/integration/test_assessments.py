"""Finding one assessment in the database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hazard.errors import StoreError
from hazard.store import Store
from hazard.types import Assessment, Authority, DecidedBy, Severity
from tests.alert_builders import T0, later, write_alert
from tests.incidents import an_incident

IDS = ("0123456789abcdef", "0123456789ffffff", "fedcba9876543210")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "hazard.db") as opened:
        write_alert(opened)
        incident_id = opened.open_alerts()[0].message.incident_id
        with opened.unit() as unit:
            for number, name in enumerate(IDS):
                unit.save_assessment(an_assessment(name, incident_id, number))
            unit.commit()
        yield opened


def an_assessment(name: str, incident_id: str, number: int) -> Assessment:
    return Assessment(
        assessment_id=name,
        incident_id=incident_id,
        severity=Severity.HIGH,
        floor=Severity.LOW,
        default=Severity.HIGH,
        decided_by=DecidedBy.POLICY,
        authority=Authority.ADVISE,
        reason="crowding: floor low",
        decided_at=later(number),
        policy_hash="p",
        incident=an_incident(),
    )


@pytest.mark.parametrize("name", [*IDS, "fedcba98", "0123456789a"])
def test_it_is_found_by_its_id_or_the_beginning_of_it_with_its_incident(
    store: Store, name: str
) -> None:
    found = store.queries.assessment(name)
    assert found is not None
    assert found.assessment_id.startswith(name)
    assert found.incident == an_incident()
    assert found.policy_hash == "p"


@pytest.mark.parametrize("name", ["fedcba987654321f", "________", "%%%%%%%%", "FEDCBA98\x00"])
def test_what_is_not_there_is_none(store: Store, name: str) -> None:
    assert store.queries.assessment(name) is None


@pytest.mark.parametrize(
    ("name", "mend"), [("fedcba9", "at least 8"), ("", "at least 8"), ("01234567", "give more")]
)
def test_one_that_names_none_or_several_is_refused_with_the_mend(
    store: Store, name: str, mend: str
) -> None:
    with pytest.raises(StoreError, match=mend):
        store.queries.assessment(name)


def test_those_of_an_alert_are_found_by_it_and_by_its_incident_oldest_first(store: Store) -> None:
    message = store.open_alerts()[0].message
    for subject in (message.alert_id, message.incident_id):
        found = store.queries.assessments_about(subject)
        assert [each.assessment_id for each in found] == list(IDS)
        assert found[0].decided_at == T0
    assert store.queries.assessments_about("nobody") == ()
