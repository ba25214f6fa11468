"""The backend `openai` as the worker uses it: redacted on the way out, names back on the way in."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from edge_agent.reasoner.backends import load
from hazard.catalogue import catalogue
from hazard.errors import ConfigError, ReasonerError
from hazard.site.models import Policy
from hazard.site.reasoning import Reasoning, SeverityExample
from hazard.triage.calibration import UNCALIBRATED
from hazard.triage.policy import assess
from hazard.triage.words import template
from hazard.types import Authority, Severity, Verdict
from models.reasoning.remote.reasoner import RemoteReasoner
from tests.incidents import an_event, an_incident
from tests.openai_server import Act, Server, answer, reply, scripted, words

CROWD = an_incident(
    an_event("crowding", area="acid-bay", subject="gate-7/<Meier>", sources=("gate-7",))
)
LATER_S = 60.0
NEUTRAL_ANSWERS = 3
"""The first question, and two incidents without content."""

LOW = answer("low", low=0.5, high=0.2, medium=0.1, info=0.1, critical=0.05)
HIGH = answer("high", high=0.9, low=0.06, medium=0.01, info=0.01, critical=0.005)
START = (reply(LOW),) * NEUTRAL_ANSWERS


def the_verdict() -> Verdict:
    return assess(CROWD, Policy(), catalogue())


def config(server: Server, **changes: Any) -> Reasoning:
    return Reasoning(backend="openai", routes=(server.route(),), **changes)


@contextmanager
def reasoner(tmp_path: Path, *acts: Act, **changes: Any) -> Iterator[tuple[RemoteReasoner, Server]]:
    with scripted(*START, *acts) as server:
        made = RemoteReasoner(config(server, **changes), tmp_path)
        with closing(made):
            yield made, server


def later() -> float:
    return time.monotonic() + LATER_S


def test_its_opinion_comes_without_prejudice_and_names_the_route(tmp_path: Path) -> None:
    with reasoner(tmp_path, reply(HIGH)) as (asked, _):
        opinion = asked.decide(CROWD, the_verdict(), later())
    assert (opinion.severity, opinion.note) == (None, UNCALIBRATED)
    assert max(opinion.probabilities, key=opinion.probabilities.__getitem__) is Severity.HIGH
    assert opinion.probabilities[Severity.LOW] < 0.04  # it says low of every incident
    assert opinion.authority_limit is Authority.DECIDE
    assert opinion.provenance["route"] == "box"
    assert opinion.provenance["served_model"] == "served-model"
    assert opinion.provenance["system_fingerprint"] == "fp_1"
    assert asked.uncertified is Authority.ADVISE


def test_an_answer_without_probabilities_is_advice(tmp_path: Path) -> None:
    with reasoner(tmp_path, reply(answer("critical"))) as (asked, _):
        opinion = asked.decide(CROWD, the_verdict(), later())
    assert (opinion.severity, opinion.authority_limit) == (Severity.CRITICAL, Authority.ADVISE)


def test_an_answer_of_another_model_than_at_the_start_is_advice(tmp_path: Path) -> None:
    with reasoner(tmp_path, reply(HIGH | {"model": "swapped"})) as (asked, _):
        opinion = asked.decide(CROWD, the_verdict(), later())
    assert opinion.authority_limit is Authority.ADVISE
    assert "swapped" in opinion.note
    assert opinion.provenance["served_model"] == "swapped"


def test_words_get_their_names_back_cleaned_and_other_languages_keep_theirs(tmp_path: Path) -> None:
    said = '{"summary": "There is crowding at item-1 in area-1, people unknown."}'
    with reasoner(tmp_path, words(said)) as (asked, server):
        found = asked.write(CROWD, "medium", ("en", "de"), later())
        sent = server.raw[-1]
    assert found.source == "model", found.note
    assert found.summary["en"] == (
        "There is crowding at gate-7/ Meier in acid-bay, people unknown."
    )
    own = template(CROWD, ("en", "de"), catalogue())
    assert found.actions == own.actions
    assert not re.search(rb"meier|acid|gate-7", sent, re.IGNORECASE)


def test_words_that_are_refused_leave_the_template_with_the_real_names(tmp_path: Path) -> None:
    with reasoner(tmp_path, words("All is safe and under control here.")) as (asked, _):
        found = asked.write(CROWD, "medium", ("en", "fr"), later())
    assert (found.source, "refused" in found.note) == ("template", True)
    assert found.summary == template(CROWD, ("en", "fr"), catalogue()).summary


def test_the_sites_own_examples_are_not_sent(tmp_path: Path) -> None:
    example = SeverityExample(finding="Meier smokes behind the acid bay", severity=Severity.HIGH)
    with reasoner(tmp_path, reply(HIGH), examples=(example,)) as (asked, server):
        asked.decide(CROWD, the_verdict(), later())
        assert len(server.raw) == NEUTRAL_ANSWERS + 1
        assert not any(b"Meier" in raw for raw in server.raw)


def test_it_is_found_by_its_name_and_advises_without_an_exam(tmp_path: Path) -> None:
    with scripted(*START) as server:
        loaded = load(config(server), tmp_path)
        with closing(loaded.reasoner):
            assert set(loaded.authority.values()) == {Authority.ADVISE}
            assert loaded.provenance["route"] == "box"


def test_without_a_server_it_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"reasoning\.routes"):
        RemoteReasoner(Reasoning(backend="openai"), tmp_path)
    with scripted(reply({}, 404)) as server, pytest.raises(ReasonerError, match="box: HTTP 404"):
        RemoteReasoner(config(server), tmp_path)
