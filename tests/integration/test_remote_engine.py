"""Servers of OpenAI's protocol that answer, fail, lie and stall; none learns what it should not."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from hazard.catalogue import catalogue
from hazard.errors import ConfigError, Interrupted, ReasonerError
from hazard.site.reasoning import Route
from hazard.triage.render import render
from hazard.types import Incident
from models.reasoning.engine import Prompt, Scores
from models.reasoning.remote.engine import RemoteEngine
from models.reasoning.remote.redact import Redacted, redacted
from tests.incidents import an_incident, gas
from tests.openai_server import (
    Act,
    Server,
    answer,
    bomb,
    drip_body,
    drip_head,
    endless,
    hang,
    hang_up,
    reply,
    scripted,
    with_logprobs,
    words,
    words_without_end,
)
from tests.unit.models.remote.test_redaction import ANY_INCIDENTS, HARMLESS, free_texts

LABELS = ("info", "low", "medium", "high", "critical")
DECIDE = Prompt("decide", "You grade findings.", (("a", "high"),), "The severity is")
WRITE = Prompt("write", "You write alarm texts.", (), '{"summary": "')
NEUTRAL = "nothing is known"
LEAK = an_incident(gas(12.5, area="acid-bay", subject="Meier's sensor", sources=("north-7",)))
SOON_S, LATER_S = 0.6, 60.0
GOOD = answer("high", high=0.6, low=0.2, critical=0.1)
SESAME = "sesame-do-not-show"


@contextmanager
def engine(*routes: Route, allow_public: bool = False) -> Iterator[RemoteEngine]:
    made = RemoteEngine(
        routes,
        allow_public=allow_public,
        allowed_prompts=frozenset({DECIDE.sha256, WRITE.sha256}),
        allowed_texts=frozenset({NEUTRAL}),
    )
    with closing(made):
        yield made


def red(incident: Incident = LEAK) -> Redacted:
    return redacted(incident, catalogue())


def score(
    asked: RemoteEngine, within_s: float = LATER_S, prompt: Prompt = DECIDE, text: str = ""
) -> Scores:
    found = red()
    with asked.protecting(found):
        return asked.score(
            prompt,
            text or render(found.incident, catalogue()),
            LABELS,
            deadline_monotonic_s=time.monotonic() + within_s,
        )


def write(asked: RemoteEngine, within_s: float = LATER_S, stop: Any = lambda: False) -> str:
    found = red()
    with asked.protecting(found):
        return asked.write(
            WRITE,
            render(found.incident, catalogue()),
            max_tokens=50,
            deadline_monotonic_s=time.monotonic() + within_s,
            stop=stop,
        )


def likeliest(scores: Scores) -> str:
    return max(scores.log_probabilities, key=scores.log_probabilities.__getitem__)


# ---------------------------------------------------------------- what is asked


def test_a_decision_is_one_token_with_its_alternatives() -> None:
    with scripted(reply(GOOD)) as server, engine(server.route()) as asked:
        scores = score(asked)
        assert (likeliest(scores), scores.measured) == ("high", True)
        (body,) = server.bodies
        assert server.paths == ["/v1/chat/completions"]
        wanted = {"max_tokens": 1, "temperature": 0, "logprobs": True, "top_logprobs": 20}
        assert wanted.items() <= body.items()
        assert [message["role"] for message in body["messages"]] == [
            "system", "user", "assistant", "user",
        ]  # fmt: skip
        assert body["messages"][-1]["content"].endswith(
            "Answer with exactly one word: info, low, medium, high, critical."
        )
        assert asked.answered is not None
        assert asked.answered.provenance() == {
            "route": "box",
            "route_public": "false",
            "model": "m",
            "served_model": "served-model",
            "system_fingerprint": "fp_1",
        }


def test_words_are_streamed_and_end_at_the_quote() -> None:
    act = words('{"summ', 'ary": "Gas in area-1', ', 12.5 ppm."', "} and more", "x" * 99)
    with scripted(act) as server, engine(server.route()) as asked:
        assert write(asked) == "Gas in area-1, 12.5 ppm."
        assert server.bodies[0]["stream"] is True


def test_a_server_that_streams_nothing_but_answers_whole_is_read() -> None:
    whole = answer('{"summary": "Gas."}')
    whole["choices"][0]["finish_reason"] = "stop"
    with scripted(reply(whole)) as server, engine(server.route()) as asked:
        assert write(asked) == "Gas."


def test_a_server_without_probabilities_only_advises() -> None:
    with scripted(reply(answer("Critical"))) as server, engine(server.route()) as asked:
        scores = score(asked)
        assert (likeliest(scores), scores.measured) == ("critical", False)


def mistral(handler: Any) -> None:
    """Refuses keys that it does not know, as Mistral's API does."""
    body = json.loads(handler.server.raw[-1])
    unknown = [key for key in ("seed", "logprobs") if key in body]
    if unknown:
        detail = {"type": "extra_forbidden", "loc": ["body", unknown[0]]}
        reply({"message": {"detail": [detail]}}, 422)(handler)
    else:
        reply(answer("high"))(handler)


def test_a_server_that_refuses_keys_is_asked_with_less_and_remembered() -> None:
    with scripted(mistral) as server, engine(server.route()) as asked:
        assert not score(asked).measured
        assert len(server.raw) == 3
        assert not score(asked).measured
        assert len(server.raw) == 4


def test_a_server_that_refuses_every_request_is_named_with_what_it_says() -> None:
    act = reply({"error": "no model m"}, 400)
    with (
        scripted(act) as server,
        engine(server.route()) as asked,
        pytest.raises(ReasonerError, match=r"box: HTTP 400, .*no model m"),
    ):
        score(asked)


# ---------------------------------------------------------------- redaction


def test_no_name_of_the_site_is_in_what_is_sent() -> None:
    with scripted(reply(GOOD), words("Gas.")) as server, engine(server.route()) as asked:
        score(asked)
        write(asked)
        for raw in server.raw:
            assert not re.search(rb"acid|bay|meier|north|tank|h2s-1|rule-x", raw, re.IGNORECASE)


@given(ANY_INCIDENTS)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_free_text_of_any_incident_is_ever_sent(
    talking: tuple[Server, RemoteEngine], incident: Incident
) -> None:
    server, asked = talking
    before, refusal = len(server.raw), ""
    found = redacted(incident, catalogue())
    try:
        with asked.protecting(found):
            asked.score(
                DECIDE,
                render(found.incident, catalogue()),
                LABELS,
                deadline_monotonic_s=time.monotonic() + LATER_S,
            )
    except ReasonerError as error:
        refusal = str(error)
    if refusal:
        assert "redaction cannot be guaranteed" in refusal
        assert len(server.raw) == before
        return
    sent = server.bodies[-1]["messages"][-1]["content"].casefold().rpartition("\n")[0]
    for free in free_texts(incident):
        assert free in HARMLESS or not re.search(rf"(?<!\w){re.escape(free)}(?!\w)", sent)


@pytest.fixture(scope="module")
def talking() -> Iterator[tuple[Server, RemoteEngine]]:
    with scripted(reply(GOOD)) as server, engine(server.route()) as asked:
        yield server, asked


@pytest.mark.parametrize(
    ("prompt", "text", "said"),
    [
        (DECIDE, render(LEAK, catalogue()), "words that are on no list"),
        (DECIDE, "Meier says: leak", "words that are on no list"),
        (Prompt("decide", "You grade. Examples of this site: ...", ()), "", "product's own text"),
        (Prompt("decide", DECIDE.system, (("Meier's", "high"),)), "", "product's own text"),
    ],
)
def test_where_redaction_cannot_be_guaranteed_nothing_is_sent(
    prompt: Prompt, text: str, said: str
) -> None:
    with scripted(reply(GOOD)) as server, engine(server.route()) as asked:
        with pytest.raises(
            ReasonerError, match=rf"redaction cannot be guaranteed.*{said}"
        ) as caught:
            score(asked, prompt=prompt, text=text)
        assert "Meier" not in str(caught.value)
        assert server.raw == []


def test_an_incident_that_nobody_redacted_is_not_sent() -> None:
    with scripted(reply(GOOD)) as server, engine(server.route()) as asked:
        deadline_s = time.monotonic() + LATER_S
        text = render(red().incident, catalogue())
        with pytest.raises(ReasonerError, match="was not redacted"):
            asked.score(DECIDE, text, LABELS, deadline_monotonic_s=deadline_s)
        with pytest.raises(ReasonerError, match="was not redacted"):
            asked.write(
                WRITE, text, max_tokens=9, deadline_monotonic_s=deadline_s, stop=lambda: False
            )
        with asked.protecting(red()), pytest.raises(ReasonerError, match="a label is no severity"):
            asked.score(DECIDE, text, ("Meier",), deadline_monotonic_s=deadline_s)
        assert server.raw == []
        asked.score(DECIDE, NEUTRAL, LABELS, deadline_monotonic_s=deadline_s)
        assert len(server.raw) == 1


def test_the_protection_of_one_thread_is_none_for_another() -> None:
    with scripted(reply(GOOD)) as server, engine(server.route()) as asked:
        faults: list[str] = []

        def other() -> None:
            try:
                asked.score(
                    DECIDE,
                    render(red().incident, catalogue()),
                    LABELS,
                    deadline_monotonic_s=time.monotonic() + LATER_S,
                )
            except ReasonerError as error:
                faults.append(str(error))

        with asked.protecting(red()):
            thread = threading.Thread(target=other)
            thread.start()
            thread.join()
        assert "was not redacted" in faults[0]
        assert server.raw == []


# ---------------------------------------------------------------- servers that fail


HTML = reply(b"<html>", Content_Type="text/html")
NAN = json.dumps(answer("high", high=0.5)).replace("-0.69", 'NaN, "x": -0.69').encode()
LIE = answer("high")
LIE["choices"][0]["logprobs"] = {"content": [with_logprobs({"high": 7.0})]}


@pytest.mark.parametrize(
    ("act", "said"),
    [
        (reply(b"{"), "box: sent no JSON"),
        (reply(b"\xff\xfe\x00"), "box: sent no JSON"),
        (reply([]), "box: sent JSON that is no object"),
        (reply({}), "box: sent an answer without choices"),
        (reply(NAN), "box: sent no JSON .NaN"),
        (reply(LIE), "box: sent a probability above one"),
        (HTML, "box: sent text/html, not JSON: does its url end in /v1"),
        (endless, "box: sent more than 1048576 bytes"),
        (bomb, "box: sent its answer as gzip"),
        (reply({}, 404), "box: HTTP 404"),
        (reply({}, 204), "box: HTTP 204"),
        (reply(answer("as an AI I cannot")), "box: answered 'as an AI I cannot'"),
    ],
)
def test_an_answer_that_cannot_be_believed_is_an_error_that_names_the_route(
    act: Act, said: str
) -> None:
    with (
        scripted(act) as server,
        engine(server.route()) as asked,
        pytest.raises(ReasonerError, match=said),
    ):
        score(asked)


def test_a_redirect_is_not_followed() -> None:
    with (
        scripted(reply(GOOD)) as other,
        scripted(reply({}, 307, Location=f"{other.route().url}/chat/completions")) as server,
        engine(server.route()) as asked,
    ):
        with pytest.raises(ReasonerError, match=r"box: redirects \(HTTP 307\)"):
            score(asked)
        assert other.raw == []


@pytest.mark.parametrize("act", [hang, drip_head, drip_body])
def test_a_server_that_stalls_or_drips_cannot_hold_on_after_the_deadline(act: Act) -> None:
    with (
        scripted(act) as server,
        engine(server.route()) as asked,
        pytest.raises(ReasonerError, match=r"box: no whole answer within the 0\.\d+ s"),
    ):
        score(asked, SOON_S)


@pytest.mark.parametrize("act", [hang, words_without_end])
def test_words_end_at_the_deadline(act: Act) -> None:
    with (
        scripted(act) as server,
        engine(server.route()) as asked,
        pytest.raises(ReasonerError, match="box: no whole answer"),
    ):
        write(asked, SOON_S)


@pytest.mark.parametrize("act", [hang, words_without_end])
def test_words_give_way_at_once_also_while_the_server_is_silent(act: Act) -> None:
    with scripted(act, words("Gas.")) as server, engine(server.route()) as asked:
        with pytest.raises(Interrupted):
            write(asked, stop=server.asked.is_set)
        assert write(asked) == "Gas."


@pytest.mark.parametrize("act", [hang, words_without_end])
def test_a_server_is_told_when_its_words_are_no_longer_wanted(act: Act) -> None:
    with scripted(act) as server, engine(server.route()) as asked:
        with pytest.raises(Interrupted):
            write(asked, stop=server.asked.is_set)
        assert server.gone.wait(30)


@pytest.mark.parametrize("first", [reply({}, 500), reply({}, 503), hang_up, reply({}, 429)])
def test_what_passes_is_tried_again(first: Act) -> None:
    with scripted(first, reply(GOOD)) as server, engine(server.route()) as asked:
        assert likeliest(score(asked)) == "high"
        assert len(server.raw) == 2


def test_a_server_is_asked_no_more_than_three_times() -> None:
    with scripted(reply({}, 500)) as server, engine(server.route()) as asked:
        with pytest.raises(ReasonerError, match="box: HTTP 500"):
            score(asked)
        assert len(server.raw) == 3


def test_retry_after_is_honoured_where_it_fits_and_not_where_it_does_not() -> None:
    with (
        scripted(reply({}, 429, Retry_After="1"), reply(GOOD)) as server,
        engine(server.route()) as asked,
    ):
        before_s = time.monotonic()
        score(asked)
        assert time.monotonic() - before_s >= 1.0  # a wait that was asked for: no bound on speed
    with (
        scripted(reply({}, 429, Retry_After="3600"), reply(GOOD)) as server,
        engine(server.route()) as asked,
    ):
        with pytest.raises(ReasonerError, match="box: HTTP 429"):
            score(asked)
        assert len(server.raw) == 1


def test_a_server_that_is_not_there_is_named_with_its_address(free_port: int) -> None:
    route = Route(name="box", url=f"http://127.0.0.1:{free_port}/v1", model="m")
    with engine(route) as asked, pytest.raises(ReasonerError, match=rf"box: .*:{free_port}/v1"):
        score(asked)


def test_a_name_that_leads_to_the_internet_is_not_asked_as_one_of_the_plant(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The site forgot `public: true`, so that nobody has allowed it."""
    outside = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("8.8.8.8", 0))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: outside)
    route = Route(name="box", url="http://api.example.com:9/v1", model="m")
    with (
        engine(route) as asked,
        pytest.raises(ReasonerError, match=r"box: its address 8\.8\.8\.8 is on the internet"),
    ):
        score(asked)


def test_after_three_failures_a_server_is_left_alone() -> None:
    with scripted(reply({}, 404)) as server, engine(server.route()) as asked:
        for _ in range(3):
            with pytest.raises(ReasonerError, match="HTTP 404"):
                score(asked)
        with pytest.raises(ReasonerError, match=r"not asked for .* \(failed before: HTTP 404"):
            score(asked)
        assert len(server.raw) == 3


def test_a_question_ends_though_its_deadline_is_far_away() -> None:
    with scripted(hang) as server:
        made = RemoteEngine(
            [server.route()],
            allow_public=False,
            allowed_prompts=frozenset({DECIDE.sha256}),
            longest_s=SOON_S,
        )
        with closing(made), pytest.raises(ReasonerError, match="box: no whole answer"):
            score(made, 600.0)


def test_nothing_is_asked_after_the_deadline() -> None:
    with scripted(reply(GOOD)) as server, engine(server.route()) as asked:
        with pytest.raises(ReasonerError, match="no time was left"):
            score(asked, -1.0)
        assert server.raw == []


def test_a_closed_engine_says_so_and_can_be_closed_twice() -> None:
    with scripted(reply(GOOD)) as server, engine(server.route()) as asked:
        score(asked)
        asked.close()
        with pytest.raises(ReasonerError, match="closed"):
            score(asked)


def test_closing_ends_a_question_that_waits() -> None:
    with scripted(hang) as server, engine(server.route()) as asked:
        faults: list[str] = []

        def wait() -> None:
            try:
                score(asked)
            except ReasonerError as error:
                faults.append(str(error))

        thread = threading.Thread(target=wait)
        thread.start()
        assert server.asked.wait(30)
        asked.close()
        thread.join(30)
        assert "closed" in faults[0]


# ---------------------------------------------------------------- secrets


def with_key(server: Server, monkeypatch: pytest.MonkeyPatch, key: str = SESAME) -> Route:
    monkeypatch.setenv("REASONER_KEY", key)
    return server.route(api_key="${REASONER_KEY}")


def test_the_key_is_sent_and_shown_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    echo = {"error": f"Incorrect API key provided: {SESAME}"}
    acts = (reply(GOOD), reply(echo, 401), reply(echo, 404))
    with scripted(*acts) as server, engine(with_key(server, monkeypatch)) as asked:
        score(asked)
        assert server.headers[0]["Authorization"] == f"Bearer {SESAME}"
        said = [str(asked.answered), repr(asked._links)]
        for mend in (r"refuses the API key \(HTTP 401\): check api_key of the route box", "404"):
            with pytest.raises(ReasonerError, match=mend) as caught:
                score(asked)
            said.append(str(caught.value))
        assert not any("sesame" in text for text in said)


def test_a_key_that_no_header_can_carry_is_refused_unshown(monkeypatch: pytest.MonkeyPatch) -> None:
    with scripted(reply(GOOD)) as server:
        route = with_key(server, monkeypatch, f"{SESAME}\nX: y")
        with pytest.raises(ConfigError, match="box: the secret of api_key") as caught:
            engine(route).__enter__()
        assert "sesame" not in str(caught.value)


def test_proxies_and_passwords_of_the_environment_are_not_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login a password b\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with scripted(reply(GOOD)) as proxy, scripted(reply(GOOD)) as server:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.server_port}")
        with engine(server.route()) as asked:
            score(asked)
        assert (len(server.raw), len(proxy.raw)) == (1, 0)
        assert "Authorization" not in server.headers[0]


# ---------------------------------------------------------------- private first


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("tls")
    cert, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(
        [
            "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
            "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
            "-keyout", str(key), "-out", str(cert),
        ],
        check=True,
        capture_output=True,
    )  # fmt: skip
    return cert, key


def public(server: Server, certificate: tuple[Path, Path]) -> Route:
    return Route(
        name="far",
        url=f"https://localhost:{server.server_port}/v1",
        model="m",
        public=True,
        ca_file=certificate[0],
    )


def test_private_routes_are_asked_first_and_public_ones_only_if_allowed(
    certificate: tuple[Path, Path],
) -> None:
    with (
        scripted(reply({}, 404)) as bad,
        scripted(reply(answer("low"))) as good,
        scripted(reply(answer("critical")), certificate=certificate) as far,
    ):
        routes = (public(far, certificate), bad.route("bad"), good.route("good"))
        with engine(*routes, allow_public=True) as asked:
            assert likeliest(score(asked)) == "low"
        assert (len(bad.raw), len(good.raw), len(far.raw)) == (1, 1, 0)
        with engine(*routes[:2], allow_public=True) as asked:
            assert likeliest(score(asked)) == "critical"
            assert asked.answered is not None
            assert (asked.answered.route, asked.answered.public) == ("far", True)
        with engine(*routes[:2]) as asked, pytest.raises(ReasonerError, match=r"bad: HTTP 404$"):
            score(asked)
        assert len(far.raw) == 1
        with pytest.raises(ConfigError, match="no server that may be asked"):
            engine(routes[0]).__enter__()


def test_a_public_route_gets_only_what_is_left(certificate: tuple[Path, Path]) -> None:
    with (
        scripted(hang) as private,
        scripted(reply(GOOD), certificate=certificate) as far,
        engine(public(far, certificate), private.route(), allow_public=True) as asked,
    ):
        with pytest.raises(ReasonerError, match=r"box: no whole answer .*; far: no time was left"):
            score(asked, SOON_S)
        assert far.raw == []


def test_a_server_whose_certificate_is_not_trusted_is_told_nothing(
    certificate: tuple[Path, Path],
) -> None:
    with scripted(reply(GOOD), certificate=certificate) as server:
        route = Route(name="box", url=f"https://localhost:{server.server_port}/v1", model="m")
        with engine(route) as asked, pytest.raises(ReasonerError, match=r"(?i)certificate"):
            score(asked)
        assert server.raw == []


def test_a_certificate_file_that_holds_none_is_named(tmp_path: Path) -> None:
    for content in (None, "no certificate"):
        file = tmp_path / f"{content}.pem"
        if content:
            file.write_text(content)
        route = Route(name="box", url="https://localhost/v1", model="m", ca_file=file)
        with pytest.raises(ConfigError, match=r"box: ca_file .* holds no certificates"):
            engine(route).__enter__()
