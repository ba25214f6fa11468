"""`hazard replay` on what a running node has decided: the same, and if not, what differs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edge_agent.demo.plant import write_site
from edge_agent.paths import Paths, default_models_dir
from edge_agent.reasoner.backends import TEST_FLAG
from hazard.store.store import Store
from hazard.types import Assessment
from tests.acceptance.plant import PATIENCE_S, ROOT, RunningSite
from tests.acceptance.works import ControlRoom, Transmitters, works
from tests.brokers import free_pair
from tests.reasoners import PROMPT_VERSION

SCRIPTED = {"backend": "tests.reasoners:Scripted", "model": "critical"}
HAZARD = (sys.executable, "-m", "edge_agent.cli")
FLAG = {TEST_FLAG: "1"}


class Node:
    """A node that has decided something and was stopped; its site file may be changed."""

    def __init__(self, folder: Path, reasoning: dict[str, Any], **environment: str) -> None:
        self.port = free_pair()
        self.site_file, self.environment = folder / "site.yaml", environment
        self.site = works(
            self.port, {"t1": "overtemperature"}, reasoning=reasoning, dashboard={"enabled": False}
        )
        with (
            RunningSite(self.site_file, self.site, **environment) as running,
            Transmitters(self.port, t1=20.0) as transmitters,
        ):
            running.wait_ready()
            with ControlRoom(self.port) as control:
                transmitters.show(t1=150.0)
                self.decided = control.await_revision("area-t1", cause="decided")
            self.paths: Paths = running.paths
            running.interrupt()
        with Store.open(self.paths.database) as store:
            self.at_once, self.by_model = store.queries.assessments_about(self.decided["alert_id"])

    def replay(self, which: str, *options: str, **environment: str) -> tuple[int, str]:
        """`hazard replay`: exit code, and standard output and error."""
        done = subprocess.run(
            [*HAZARD, "replay", which, "--site", str(self.site_file), *options],
            capture_output=True,
            text=True,
            check=False,
            cwd=ROOT,
            timeout=PATIENCE_S,
            env={**os.environ, **self.environment, **environment},
        )
        return done.returncode, done.stdout + done.stderr

    def rewrite(self, **sections: Any) -> None:
        write_site(self.site_file, {**self.site, **sections})


@pytest.fixture(scope="module")
def decided(tmp_path_factory: pytest.TempPathFactory) -> Node:
    return Node(tmp_path_factory.mktemp("replay"), SCRIPTED, **FLAG)


@pytest.fixture
def node(decided: Node) -> Iterator[Node]:
    yield decided
    decided.rewrite()


def test_what_a_replay_needs_is_stored_and_what_subscribers_do_not_need_is_not_sent(
    node: Node,
) -> None:
    opinion = node.by_model.opinion
    assert opinion is not None
    assert {"prompt", "prompt_hash", "quantization", "sha256:scripted", "label_logits"} <= set(
        opinion.provenance
    )
    assert node.by_model.incident is not None
    assert "prompt" not in node.decided["opinion"]["provenance"]
    assert node.decided["opinion"]["provenance"]["prompt_hash"] == "scripted-1"


def test_the_same_backend_says_the_same(node: Node, tmp_path: Path) -> None:
    report = tmp_path / "replay.json"
    code, text = node.replay(node.by_model.assessment_id[:8], "--json", str(report))
    assert code == 0, text
    assert "SAME: model and policy say what was stored" in text
    assert "tolerance 0.02" in text
    found = json.loads(report.read_text())
    assert (found["same"], found["answer"], found["causes"]) == (True, [], [])
    assert found["assessment_id"] == node.by_model.assessment_id


def test_a_backend_that_says_another_thing_differs_and_it_is_said_in_what(node: Node) -> None:
    node.rewrite(reasoning={**SCRIPTED, "model": "low"})
    code, text = node.replay(node.by_model.assessment_id)
    assert code == 1, text
    assert "DIFFERS" in text
    assert "the model's severity: was critical, is low" in text
    assert "probability of critical: was 1.0, is 0.0" in text
    assert "severity of the assessment: was high, is medium" in text
    assert "says: was critical, is low" in text


def test_another_prompt_hash_with_the_same_answer_is_told(node: Node) -> None:
    code, text = node.replay(node.by_model.assessment_id, **{PROMPT_VERSION: "2"})
    assert code == 0, text
    assert "although these differ" in text
    assert "prompt hash: was scripted-1, is scripted-2" in text


def test_a_stricter_policy_differs_also_for_what_the_policy_decided_at_once(node: Node) -> None:
    assert node.replay(node.at_once.assessment_id)[0] == 0
    node.rewrite(policy={"kinds": {"overtemperature": {"floor": "high"}}})
    code, text = node.replay(node.at_once.assessment_id)
    assert code == 1, text
    assert "no model had been asked" in text
    assert "floor under today's policy: was low, is high" in text
    assert "policy hash" in text


@pytest.mark.parametrize(
    ("which", "mend"),
    [
        ("0" * 32, "the alarm's page names"),
        ("abc", "at least 8 characters"),
        ("%_%_%_%_", "no ass"),
    ],
)
def test_an_id_that_is_not_there_is_refused_with_the_mend(
    node: Node, which: str, mend: str
) -> None:
    code, text = node.replay(which)
    assert code == 2
    assert mend in text
    assert "Traceback" not in text


def test_the_id_of_an_alert_is_answered_with_its_assessments(node: Node) -> None:
    code, text = node.replay(node.decided["alert_id"])
    assert code == 2
    assert node.by_model.assessment_id in text
    assert node.at_once.assessment_id in text


@pytest.mark.weights
def test_the_packaged_model_says_the_same_again(tmp_path: Path) -> None:
    models = str(default_models_dir())
    node = Node(tmp_path, {"backend": "smollm2", "deadline_s": 60.0}, HAZARD_MODELS_DIR=models)
    stored: Assessment = node.by_model
    assert stored.opinion is not None, stored.reason
    code, text = node.replay(stored.assessment_id)
    assert code == 0, text
    assert "SAME: model and policy say what was stored" in text
    assert "although" not in text
