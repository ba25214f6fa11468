"""The remote engine against a real server of OpenAI's protocol: llama.cpp's own, over HTTP."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import pytest
import xllamacpp

from hazard.catalogue import catalogue
from hazard.errors import Interrupted, ReasonerError
from hazard.site.reasoning import Route
from hazard.triage.render import render
from models.reasoning.engine import Prompt
from models.reasoning.remote.engine import RemoteEngine
from models.reasoning.remote.redact import redacted
from tests.incidents import an_event, an_incident, gas
from tests.programs import require_weights

pytestmark = pytest.mark.weights

KEY = "sesame"
LATER_S = 90.0
LABELS = ("info", "low", "medium", "high", "critical")
CROWD = an_incident(
    an_event("crowding", area="acid-bay", subject="gate-7", occupied=True, sources=("gate-7",))
)
LEAK = an_incident(gas(12.5, area="acid-bay"))
DECIDE = Prompt(
    "decide",
    "You grade findings in an industrial plant by how badly people can be hurt. "
    "You answer with one of info, low, medium, high, critical.",
    (('area "area-1", lasting 9 s\n- Smoke, at "item-1", people unknown', "high"),),
    "The severity is",
)
WRITE = Prompt(
    "write",
    "You write alarm texts for a plant's control room: one plain sentence. Add nothing.",
    (
        (
            'area "area-1", lasting 4 s\n- Smoke, at "item-1", people seen',
            '{"summary": "There is smoke at item-1 in area-1, and people were seen."}',
        ),
    ),
    '{"summary": "',
)


@dataclass
class Llama:
    """A running server."""

    url: str
    server: Any


@pytest.fixture(scope="module")
def llama() -> Llama:
    params = xllamacpp.CommonParams()
    params.model.path = str(require_weights("smollm2"))
    params.n_ctx, params.n_parallel = 1024, 1
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    params.cpuparams.poll = params.cpuparams_batch.poll = 0
    params.cache_ram_mib, params.warmup, params.verbosity, params.ui = 0, False, -1, False
    params.hostnames, params.port, params.api_keys = ["127.0.0.1"], 0, [KEY]
    server = xllamacpp.Server(params)
    return Llama(f"{server.listening_address}/v1", server)


@pytest.fixture
def engine(llama: Llama, monkeypatch: pytest.MonkeyPatch) -> Iterator[RemoteEngine]:
    with closing(made(llama, KEY, monkeypatch)) as engine:
        yield engine


def made(llama: Llama, key: str, monkeypatch: pytest.MonkeyPatch) -> RemoteEngine:
    monkeypatch.setenv("LLAMA_KEY", key)
    fields = {"name": "llama", "url": llama.url, "model": "smollm2", "api_key": "${LLAMA_KEY}"}
    return RemoteEngine(
        [Route.model_validate(fields)],
        allow_public=False,
        allowed_prompts=frozenset({DECIDE.sha256, WRITE.sha256}),
    )


def test_a_decision_has_probabilities_and_names_the_model_that_gave_them(
    engine: RemoteEngine,
) -> None:
    found = redacted(LEAK, catalogue())
    text = render(found.incident, catalogue())
    with engine.protecting(found):
        cold, warm = (
            engine.score(DECIDE, text, LABELS, deadline_monotonic_s=time.monotonic() + LATER_S)
            for _ in range(2)
        )
    assert cold.measured
    assert set(warm.log_probabilities) == set(LABELS)
    assert len({round(value, 6) for value in warm.log_probabilities.values()}) > 2
    assert warm.cached_tokens > 80
    assert warm.new_tokens < 10
    assert engine.answered is not None
    assert engine.answered.route == "llama"
    assert "smollm2-135m-instruct" in engine.answered.served_model
    assert engine.answered.fingerprint


def test_words_are_written_and_get_their_names_back(engine: RemoteEngine) -> None:
    found = redacted(CROWD, catalogue())
    with engine.protecting(found):
        text = engine.write(
            WRITE,
            render(found.incident, catalogue()),
            max_tokens=60,
            deadline_monotonic_s=time.monotonic() + LATER_S,
            stop=lambda: False,
        )
    assert "acid-bay" not in text
    assert "acid-bay" in found.restore(text) or "gate-7" in found.restore(text)


def test_words_give_way_and_the_server_goes_on(engine: RemoteEngine) -> None:
    found = redacted(CROWD, catalogue())
    text = render(found.incident, catalogue())
    deadline_s = time.monotonic() + LATER_S
    with engine.protecting(found):
        with pytest.raises(Interrupted):
            engine.write(
                WRITE, text, max_tokens=60, deadline_monotonic_s=deadline_s, stop=lambda: True
            )
        engine.score(DECIDE, text, LABELS, deadline_monotonic_s=deadline_s)


def test_a_wrong_key_is_refused_with_the_mend(
    llama: Llama, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = redacted(LEAK, catalogue())
    with (
        closing(made(llama, "open-wide", monkeypatch)) as engine,
        engine.protecting(found),
        pytest.raises(ReasonerError, match="check api_key of the route llama") as caught,
    ):
        engine.score(
            DECIDE,
            render(found.incident, catalogue()),
            LABELS,
            deadline_monotonic_s=time.monotonic() + LATER_S,
        )
    assert "open-wide" not in str(caught.value)
