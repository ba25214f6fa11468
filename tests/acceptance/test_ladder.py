"""Who decides the severity, through the real processes: on MQTT and in the page.

One `hazard run`; for each row the site file gets another reasoner, which is taken up without a
restart, and a sensor in an area of its own raises the alarm.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from edge_agent.demo.plant import write_site
from edge_agent.reasoner.backends import CERTIFICATE_FILE, TEST_FLAG, subject_of
from hazard.site.reasoning import Reasoning
from hazard.triage.authority import Certificate, KindResult
from hazard.types import Health
from tests.acceptance.plant import LONGEST_S, PATIENCE_S, RunningSite
from tests.acceptance.works import KINDS, ControlRoom, Desk, Transmitters, works
from tests.alert_builders import wait_until
from tests.brokers import free_pair
from tests.reasoners import Scripted

pytestmark = pytest.mark.timeout(400)

TOO_MUCH = {"toxic_gas": 50.0, "flammable_gas": 15.0, "overtemperature": 110.0}
"""A value beyond the first level. Floor and default are then, by the catalogue: flammable gas
medium and high, overtemperature low and medium."""


@dataclass(frozen=True)
class Row:
    """A reasoner, what the site lets it do, what it says; and what becomes of the alarm."""

    id: str
    backend: str
    hazard: str
    wish: str
    says: str
    severity: str
    by: str
    reason: str


ROWS = (
    Row(
        "an-adviser-decides-nothing",
        *("Adviser", "overtemperature", "decide", "critical"),
        *("medium", "policy", "may only advise"),
    ),
    Row(
        "raise-lifts-by-one-level-only",
        *("Scripted", "overtemperature", "raise", "critical"),
        *("high", "model", "may raise medium by one"),
    ),
    Row(
        "raise-never-lowers",
        *("Scripted", "flammable_gas", "raise", "low"),
        *("high", "policy", "may only raise"),
    ),
    Row(
        "decide-goes-up-to-critical",
        *("Scripted", "overtemperature", "decide", "critical"),
        *("critical", "model", "may decide"),
    ),
    Row(
        "decide-brings-the-default-down",
        *("Scripted", "flammable_gas", "decide", "medium"),
        *("medium", "model", "may decide"),
    ),
    Row(
        "decide-never-goes-below-the-floor",
        *("Scripted", "flammable_gas", "decide", "info"),
        *("medium", "model", "held at the floor"),
    ),
    Row(
        "one-that-cannot-tell-leaves-the-default",
        *("Scripted", "flammable_gas", "decide", "unsure"),
        *("high", "fallback", "unsure"),
    ),
    Row(
        "one-that-is-late-leaves-the-default",
        *("Slow", "flammable_gas", "decide", "low"),
        *("high", "fallback", "late"),
    ),
    Row(
        "one-that-crashes-leaves-the-default",
        *("Crashing", "flammable_gas", "decide", "low"),
        *("high", "fallback", "ZeroDivisionError"),
    ),
    Row(
        "one-that-hangs-leaves-the-default",
        *("Hanging", "flammable_gas", "decide", "low"),
        *("high", "fallback", "late"),
    ),
)
DEFAULT = {"flammable_gas": "high", "overtemperature": "medium"}


@dataclass
class Plant:
    """The running product, and everyone around it."""

    running: RunningSite
    site: dict[str, Any]
    transmitters: Transmitters
    control: ControlRoom
    desk: Desk

    def takes_up(self, row: Row) -> None:
        """Name the row's reasoner in the site file, and wait until it is loaded."""
        wanted = copy.deepcopy(self.site)
        wanted["reasoning"] = reasoning(row)
        write_site(self.running.paths.site_file, wanted)
        wait_until(lambda: self._stands(row), seconds=PATIENCE_S, what=f"reasoner {row.backend}")

    def _stands(self, row: Row) -> bool:
        stage = self.running.stage("reasoner")
        if stage is None or stage.health is not Health.READY:
            return False
        said: dict[str, Any] = dict(stage.figures)
        provenance, authority = said.get("provenance", {}), said.get("authority", {})
        if (said["backend"], provenance.get("says")) != (row.backend.lower(), row.says):
            return False
        limited = row.backend == "Adviser"
        return bool(authority.get(row.hazard) == ("advise" if limited else row.wish))


def reasoning(row: Row) -> dict[str, Any]:
    return {
        "backend": f"tests.reasoners:{row.backend}",
        "model": row.says,
        "authority": {row.hazard: row.wish},
    }


def certify(models_dir: Path) -> None:
    """Certificates for the scripted backends, valid only where tests are allowed."""
    provenance = dict(Scripted(Reasoning(), models_dir).provenance())
    for name in {row.backend.lower() for row in ROWS}:
        certificate = Certificate(
            subject=subject_of(name, provenance),
            data_hash="d",
            figures={"kappa": 0.9},
            passed=True,
            kinds={hazard: KindResult(incidents=20, missed_high=0) for hazard in KINDS},
            issued_at=datetime.now(UTC),
            test_only=True,
        )
        (models_dir / name).mkdir(parents=True)
        (models_dir / name / CERTIFICATE_FILE).write_text(certificate.model_dump_json())


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plant]:
    folder = tmp_path_factory.mktemp("ladder")
    certify(folder / "models")
    port = free_pair()
    site = works(port, {row.id: row.hazard for row in ROWS}, reasoning=reasoning(ROWS[0]))
    environment = {TEST_FLAG: "1", "HAZARD_MODELS_DIR": str(folder / "models")}
    with (
        RunningSite(folder / "site.yaml", site, **environment) as running,
        Transmitters(port, **dict.fromkeys((row.id for row in ROWS), 1.0)) as transmitters,
    ):
        address, code = running.wait_code()
        running.wait_ready()
        with ControlRoom(port) as control, Desk(address, code, "A. Rossi") as desk:
            yield Plant(running, site, transmitters, control, desk)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_severity_is_decided_by_whoever_may(plant: Plant, row: Row) -> None:
    plant.takes_up(row)
    worker = plant.running.pids()["reasoner"]
    plant.transmitters.show(**{row.id: TOO_MUCH[row.hazard]})
    area = f"area-{row.id}"

    first = plant.control.await_revision(area, revision=1)
    assert (first["severity"], first["decided_by"]) == (DEFAULT[row.hazard], "policy")
    decided = plant.control.await_revision(area, cause="decided")
    assert (decided["severity"], decided["decided_by"]) == (row.severity, row.by)
    assert row.reason in decided["reason"]
    assert (decided["opinion"] is None) == (row.backend in ("Slow", "Crashing", "Hanging"))

    plant.control.await_revision(area, cause="words")
    told = plant.control.retained(decided["alert_id"])
    assert (told["severity"], told["decided_by"]) == (row.severity, row.by)
    shown = {"model": "Model", "policy": "Policy", "fallback": "Policy default"}[row.by]
    page = plant.desk.alert_text(decided["alert_id"])
    assert f"Severity {row.severity} , decided by: {shown} Why this floor" in page
    if row.backend == "Hanging":
        plant.running.wait_restarted("reasoner", worker, LONGEST_S)
        plant.running.wait_ready()
        plant.running.wait_status_ready()
    else:
        assert plant.running.pids()["reasoner"] == worker
