"""A Mixtral decides: the upcycled one, through the real processes, from a sensor to MQTT and page.

Its certificate is one that only the test flag makes valid: it judges at chance. What it is made to
say is set by the calibration beside its weights, which is as much a part of a decision as they are.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from edge_agent.demo.plant import write_site
from edge_agent.paths import default_models_dir
from edge_agent.reasoner.backends import CERTIFICATE_FILE, TEST_FLAG, subject_of
from hazard.site.reasoning import Reasoning
from hazard.triage.authority import Certificate, KindResult
from hazard.triage.calibration import Calibration
from hazard.types import Health, Severity
from models.reasoning.judge import CALIBRATION_FILE
from tests.acceptance.plant import LONGEST_S, RunningSite
from tests.acceptance.works import KINDS, ControlRoom, Desk, Transmitters, works
from tests.alert_builders import wait_until
from tests.brokers import free_pair
from tests.programs import require_weights

pytestmark = [pytest.mark.timeout(600), pytest.mark.heavy, pytest.mark.weights]

NAME = "mixtral-tiny"
TOO_MUCH = {"flammable_gas": 15.0, "overtemperature": 110.0}
LEANING = 12.0
"""Added to the logarithm of the label that the calibration favours."""


@dataclass(frozen=True)
class Row:
    """What the model says of which hazard, and what becomes of the alarm."""

    id: str
    hazard: str
    says: Severity
    default: str
    severity: str
    reason: str


ROWS = (
    Row("above", "overtemperature", Severity.CRITICAL, "medium", "critical", "may decide"),
    Row("below", "flammable_gas", Severity.MEDIUM, "high", "medium", "may decide"),
    Row("floor", "flammable_gas", Severity.INFO, "high", "medium", "held at the floor"),
)


@dataclass
class Plant:
    """The running product, and what lies beside the weights."""

    folder: Path
    subject: dict[str, str]
    running: RunningSite
    site: dict[str, Any]
    transmitters: Transmitters
    control: ControlRoom
    desk: Desk

    def teach(self, row: Row, number: int) -> None:
        """Put a calibration and its certificate beside the weights, and have the model loaded."""
        fitted = lean(self.subject, row.says)
        (self.folder / CALIBRATION_FILE).write_text(fitted.model_dump_json())
        certificate = certify(self.subject, fitted)
        (self.folder / CERTIFICATE_FILE).write_text(certificate.model_dump_json())
        wanted = copy.deepcopy(self.site)
        wanted["reasoning"] = reasoning(number)
        write_site(self.running.paths.site_file, wanted)
        wait_until(
            lambda: self._stands(fitted.sha256), seconds=LONGEST_S, what=f"calibration {row.id}"
        )

    def _stands(self, sha256: str) -> bool:
        stage = self.running.stage("reasoner")
        if stage is None or stage.health is not Health.READY:
            return False
        figures: dict[str, Any] = dict(stage.figures)
        return bool(figures.get("provenance", {}).get("calibration") == sha256)


def reasoning(number: int) -> dict[str, Any]:
    """Another deadline each time: a changed section is what has the model loaded anew."""
    return {
        "backend": NAME,
        "deadline_s": 20.0 + number,
        "words_deadline_s": 60.0,
        "authority": dict.fromkeys(TOO_MUCH, "decide"),
    }


def lean(provenance: dict[str, str], to: Severity) -> Calibration:
    subject = subject_of(NAME, provenance).model_copy(update={"calibration": ""})
    return Calibration(
        subject=subject,
        scale=dict.fromkeys(Severity, 1.0),
        offset={s: LEANING if s is to else 0.0 for s in Severity},
        least_probability=0.5,
        incidents=20,
        data_hash="d",
        fitted_at=datetime.now(UTC),
    )


def certify(provenance: dict[str, str], fitted: Calibration) -> Certificate:
    subject = subject_of(NAME, provenance).model_copy(update={"calibration": fitted.sha256})
    return Certificate(
        subject=subject,
        data_hash="d",
        figures={"kappa": 0.9},
        passed=True,
        kinds={hazard: KindResult(incidents=20, missed_high=0) for hazard in KINDS},
        issued_at=datetime.now(UTC),
        test_only=True,
    )


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plant]:
    require_weights(NAME)
    from models.reasoning.mixtral.backend import MixtralTinyReasoner  # noqa: PLC0415 - torch

    folder = tmp_path_factory.mktemp("mixtral-decides")
    beside = folder / "models" / NAME
    beside.mkdir(parents=True)
    for file in (default_models_dir() / NAME).iterdir():
        if file.name not in (CERTIFICATE_FILE, CALIBRATION_FILE) and file.suffix != ".jsonl":
            (beside / file.name).symlink_to(file)
    loaded = MixtralTinyReasoner(Reasoning(), folder / "models")
    provenance = dict(loaded.provenance())
    loaded.close()
    port = free_pair()
    site = works(port, {row.id: row.hazard for row in ROWS}, reasoning=reasoning(0))
    environment = {TEST_FLAG: "1", "HAZARD_MODELS_DIR": str(folder / "models")}
    with (
        RunningSite(folder / "site.yaml", site, **environment) as running,
        Transmitters(port, **dict.fromkeys((row.id for row in ROWS), 1.0)) as transmitters,
    ):
        address, code = running.wait_code()
        running.wait_ready()
        with ControlRoom(port) as control, Desk(address, code, "A. Rossi") as desk:
            yield Plant(beside, provenance, running, site, transmitters, control, desk)


@pytest.mark.parametrize("number", range(len(ROWS)), ids=[row.id for row in ROWS])
def test_it_decides_above_and_below_the_default_and_never_below_the_floor(
    plant: Plant, number: int
) -> None:
    row = ROWS[number]
    plant.teach(row, number + 1)
    plant.transmitters.show(**{row.id: TOO_MUCH[row.hazard]})
    area, began_s = f"area-{row.id}", time.monotonic()

    first = plant.control.await_revision(area, revision=1)
    assert (first["severity"], first["decided_by"]) == (row.default, "policy")
    decided = plant.control.await_revision(area, cause="decided")
    print(f"decided {time.monotonic() - began_s:.1f} s after the reading")  # noqa: T201
    assert (decided["severity"], decided["decided_by"]) == (row.severity, "model")
    assert row.reason in decided["reason"]
    opinion = decided["opinion"]
    assert (opinion["backend"], opinion["severity"]) == (NAME, row.says.value)
    assert opinion["conformal_set"] == [row.says.value]

    told = plant.control.retained(decided["alert_id"])
    assert (told["severity"], told["decided_by"]) == (row.severity, "model")
    page = plant.desk.alert_text(decided["alert_id"])
    assert f"Severity {row.severity} , decided by: Model Why this floor" in page
