"""`hazard exam` as a command: who passes, who fails, what is stored, and going on after a kill."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from edge_agent.reasoner.backends import CERTIFICATE_FILE, TEST_FLAG, load
from hazard.catalogue import found_by_rules
from hazard.site.reasoning import Reasoning
from hazard.triage.authority import Certificate
from hazard.triage.calibration import Calibration
from hazard.types import Authority, Severity
from models.exam import certificate
from models.exam.bank import Case
from tests.exams import ASKED, BANK, STOP, a_bank, a_case, write_bank

SITE = """
version: 1
site: {id: works, name: Works}
areas: {hall: {name: Hall}}
mqtt: {embedded: true}
reasoning: {%s}
"""


class Desk:
    """Where exams are sat: a folder of models, a bank, and the command."""

    def __init__(self, folder: Path, root: Path) -> None:
        self.folder, self.root = folder, root
        self.models = folder / "models"
        self.report = folder / "report.json"
        self.asked = folder / "asked.txt"
        self.examined(a_bank())

    def examined(self, cases: tuple[Case, ...]) -> None:
        self.bank = write_bank(self.folder / "bank.yaml", cases)

    def start(self, backend: str, *options: str, **environment: str) -> subprocess.Popen[str]:
        own = {BANK: str(self.bank), ASKED: str(self.asked), TEST_FLAG: "1"}
        return subprocess.Popen(
            [
                *(sys.executable, "-m", "edge_agent.cli", "exam", "--backend", backend),
                *("--models-dir", str(self.models), "--json", str(self.report), *options),
            ],
            cwd=self.root,
            env=os.environ | own | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def sit(self, backend: str, *options: str, code: int = 0, **environment: str) -> str:
        """Run to the end; what was printed, and on errors what was complained of."""
        data = () if "--data" in options else ("--data", str(self.bank))
        with self.start(backend, *data, *options, **environment) as child:
            out, err = child.communicate(timeout=120)
        assert child.returncode == code, err
        return out if code == 0 else err

    def figures(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.report.read_text())
        return found

    def certificate(self, name: str) -> Certificate:
        return Certificate.model_validate_json((self.models / name / CERTIFICATE_FILE).read_bytes())

    def questions(self) -> list[str]:
        return self.asked.read_text().split()

    def granted(self, backend: str) -> set[Authority]:
        """What the plant's loader gives if the site wants `decide` everywhere."""
        wishes = dict.fromkeys(found_by_rules(), Authority.DECIDE)
        loaded = load(Reasoning(backend=backend, authority=wishes), self.models)
        return set(loaded.authority.values())


@pytest.fixture
def desk(tmp_path: Path, repo_root: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setenv(TEST_FLAG, "1")
    desk = Desk(tmp_path, repo_root)
    monkeypatch.setenv(BANK, str(desk.bank))
    return desk


def test_who_is_right_passes_and_the_loader_lets_it_decide(desk: Desk) -> None:
    printed = desk.sit("tests.exams:Oracle")
    figures = desk.figures()
    assert figures["passed"] is True
    assert figures["kappa"] > 0.95
    assert figures["recall_high"] == 1.0
    assert figures["bytes"] == 1_234_567
    assert set(figures["baselines"]) == {
        "policy only",
        "always critical",
        "TF-IDF ridge",
        "model without floor",
    }
    assert "PASSED: oracle, on 168 incidents." in printed
    assert "decide, from the floor to critical (every hazard kind)" in printed
    assert desk.granted("tests.exams:Oracle") == {Authority.DECIDE}


def test_the_certificate_names_files_prompt_data_figures_and_the_calibration_beside_it(
    desk: Desk,
) -> None:
    desk.sit("tests.exams:Oracle")
    stored = desk.certificate("oracle")
    fitted = Calibration.model_validate_json(
        (desk.models / "oracle" / certificate.CALIBRATION_FILE).read_bytes()
    )
    assert stored.subject.calibration == fitted.sha256
    assert stored.subject.files == {"scripted": "0" * 64}
    assert stored.subject.quantization == "none"
    assert stored.subject.prompt_hash == "scripted-1"
    assert stored.data_hash == desk.figures()["data_hash"] == fitted.data_hash
    assert stored.figures["kappa"] == desk.figures()["kappa"]
    assert set(stored.kinds) == set(found_by_rules())
    assert stored.test_only
    assert (desk.models / "oracle" / certificate.REPORT_FILE).read_bytes() == (
        desk.report.read_bytes()
    )


def test_another_calibration_than_the_certified_one_voids_the_certificate(desk: Desk) -> None:
    desk.sit("tests.exams:Oracle")
    path = desk.models / "oracle" / certificate.CALIBRATION_FILE
    fitted = Calibration.model_validate_json(path.read_bytes())
    path.write_text(fitted.model_copy(update={"least_probability": 0.001}).model_dump_json())
    assert desk.granted("tests.exams:Oracle") == {Authority.RAISE}


def test_an_echo_of_the_policy_fails_and_may_only_advise(desk: Desk) -> None:
    printed = desk.sit("tests.exams:Parrot")
    assert desk.figures()["passed"] is False
    assert "failed: kappa, against the policy alone" in printed
    assert desk.certificate("parrot").passed is False
    assert desk.granted("tests.exams:Parrot") == {Authority.ADVISE}


@pytest.mark.parametrize("backend", ["Plain", "Worded"])
def test_without_label_logits_a_backend_is_judged_as_it_answers(backend: str, desk: Desk) -> None:
    printed = desk.sit(f"tests.exams:{backend}")
    assert desk.figures()["passed"] is True
    assert "not calibrated" in printed
    assert not (desk.models / backend.lower() / certificate.CALIBRATION_FILE).exists()


def test_who_is_right_too_late_is_the_policy_and_fails(desk: Desk, tmp_path: Path) -> None:
    site = tmp_path / "site.yaml"
    site.write_text(SITE % "deadline_s: 0.01")
    printed = desk.sit("tests.exams:Tardy", "--site", str(site))
    figures = desk.figures()
    assert figures["late"] == figures["incidents"] == 168
    assert figures["p50_ms"] > 10
    assert figures["kappa"] == figures["baselines"]["policy only"]["kappa"]
    assert figures["passed"] is False
    assert "168 missed the deadline of 0.01 s" in printed


def test_a_site_that_asks_for_more_fails_who_would_have_passed(desk: Desk, tmp_path: Path) -> None:
    site = tmp_path / "site.yaml"
    site.write_text(SITE % "exam: {minimum_recall_lower: 0.999}")
    printed = desk.sit("tests.exams:Oracle", "--site", str(site))
    assert "failed: recall of high and critical, lower bound" in printed
    assert desk.certificate("oracle").minimums["recall_high_lower"] == 0.999
    site.write_text(SITE % "exam: {minimum_recall_lower: 0.5}")
    complaint = desk.sit("tests.exams:Oracle", "--site", str(site), code=4)
    assert "below the built-in minimum 0.9, which can only be raised" in complaint


def test_an_exam_that_was_killed_goes_on_where_it_was(desk: Desk, tmp_path: Path) -> None:
    fifo = tmp_path / "stop"
    os.mkfifo(fifo)
    with desk.start(
        "tests.exams:Oracle", "--data", str(desk.bank), **{STOP: f"50:{fifo}"}
    ) as child:
        assert fifo.read_text() == "stopped"
        child.send_signal(signal.SIGKILL)
        child.communicate(timeout=30)
    assert not (desk.models / "oracle" / CERTIFICATE_FILE).exists()
    before = desk.questions()
    assert len(before) == 50
    desk.sit("tests.exams:Oracle")
    assert desk.figures()["passed"] is True
    asked = desk.questions()
    assert len(asked) == len(set(asked)) == 168
    desk.sit("tests.exams:Oracle")  # all is known, and what was fitted has changed no question
    assert desk.questions() == asked
    desk.sit("tests.exams:Oracle", "--fresh")
    assert desk.questions() == [*asked, *asked]


def test_a_few_incidents_give_figures_and_no_certificate(desk: Desk) -> None:
    printed = desk.sit("tests.exams:Oracle", "--limit", "30")
    assert desk.figures()["incidents"] == len(desk.questions()) == 30
    assert "NO VERDICT on oracle (30 incidents): only 30 of 168 incidents were asked" in printed
    assert not (desk.models / "oracle" / CERTIFICATE_FILE).exists()
    desk.sit("tests.exams:Oracle")
    assert len(desk.questions()) == 168


def test_the_policy_as_a_backend_fails_honestly_with_a_certificate(desk: Desk) -> None:
    desk.sit("policy")
    stored = desk.certificate("policy")
    assert not stored.passed
    assert stored.subject.files == {}
    assert len(stored.subject.prompt_hash) == 64
    assert desk.figures()["bytes"] == 0


def test_a_bank_of_ones_own_gives_no_certificate_in_a_plant(desk: Desk) -> None:
    environment = {TEST_FLAG: "0"}
    printed = desk.sit("policy", **environment)
    assert "do not hold the whole packaged bank" in printed
    assert "NO VERDICT on policy" in printed
    assert not (desk.models / "policy" / CERTIFICATE_FILE).exists()


def test_a_backend_that_gives_no_answers_ends_the_exam_with_the_mend(desk: Desk) -> None:
    complaint = desk.sit("tests.exams:Broken", code=3)
    assert "5 times in a row, last: the GPU has fallen off the bus; mend it" in complaint
    assert not (desk.models / "broken" / CERTIFICATE_FILE).exists()


def test_narratives_are_judged_by_who_reads_texts(desk: Desk, tmp_path: Path) -> None:
    told = tmp_path / "told.csv"
    rows = [
        f"N-{n},{4 if n % 2 else 2},Then Ana {'is injured by' if n % 2 else 'stops'} pump {n}"
        for n in range(60)
    ]
    told.write_text("\n".join(["case_id,potential_level,text", *rows]))
    printed = desk.sit("tests.exams:Reader", "--data", str(told))
    figures = desk.figures()
    assert (figures["kappa"], figures["recall_high"]) == (1.0, 1.0)
    assert figures["passed"] is False
    assert "NO VERDICT on reader (60 incidents): narratives have no policy verdict" in printed
    assert "policy only" not in figures["baselines"]
    assert "Ana" not in desk.asked.read_text()
    stored = (
        "".join(path.read_text() for path in desk.models.rglob("*") if path.is_file())
        + desk.report.read_text()
    )
    assert "N-7" in stored
    assert "pump" not in stored
    assert not (desk.models / "reader" / CERTIFICATE_FILE).exists()
    complaint = desk.sit("tests.exams:Plain", "--data", str(told), code=4)
    assert "'plain' judges incidents only, no narratives" in complaint


def test_a_bank_that_is_wrong_is_refused_by_case_and_field(desk: Desk, tmp_path: Path) -> None:
    bad = a_case().model_dump(mode="json") | {"label": "low"}
    path = tmp_path / "bad.yaml"
    path.write_text(json.dumps([bad]))
    complaint = desk.sit("policy", "--data", str(path), code=4)
    assert "case fire-1: " in complaint
    assert f"label {Severity.LOW} is outside acceptable" in complaint


def test_a_report_that_could_not_be_written_is_refused_before_the_exam(
    desk: Desk, tmp_path: Path
) -> None:
    complaint = desk.sit("policy", "--json", str(tmp_path / "nowhere" / "report.json"), code=4)
    assert "there is no such folder" in complaint
    assert not desk.models.exists()
