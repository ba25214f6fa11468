"""Commands at a broker that knows no users: each carries a signed token that expires."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from edge_agent.cli import app
from hazard.site.models import Site
from hazard.types import Health
from tests.alert_builders import wait_until
from tests.brokers import RunningBroker
from tests.commanding import SIGNS, Commanded, Person, a_site, a_token

ACK = {"alert_id": "a1", "revision": 1}


def unsigned(user: str) -> str:
    """A token that says of itself that nobody signed it (`alg: none`)."""
    parts = ({"alg": "none", "typ": "JWT"}, {"sub": user, "aud": "plant-a", "exp": 4_000_000_000})
    made = [base64.urlsafe_b64encode(json.dumps(each).encode()).rstrip(b"=") for each in parts]
    return b".".join([*made, b""]).decode()


def test_a_token_lets_its_user_command(by_token: Commanded, open_broker: RunningBroker) -> None:
    by_token.raised()
    with Person(open_broker.port) as ada:
        answer = ada.ask("acknowledge", {**ACK, "token": a_token()}, answer_to="answers/1")
    assert answer["state"] == "done"
    (alert,) = by_token.store.open_alerts()
    assert alert.message.acknowledged_by == "ada"
    stored = json.dumps([each.model_dump(mode="json") for each in by_token.carried_out])
    assert "token" not in stored


BAD: list[tuple[Any, str]] = [
    (lambda: None, "no token"),
    (lambda: a_token(hours=-1), "expired"),
    (lambda: a_token(site="plant-b"), "another site"),
    (lambda: a_token("bob"), "another user's"),
    (lambda: a_token(secret="x" * 40), "not good"),
    (lambda: a_token() + "x", "not good"),
    (lambda: "rubbish", "not good"),
    (lambda: unsigned("ada"), "not good"),
    (lambda: a_token(verbs=["comment", "assign"]), "not for acknowledge"),
]


@pytest.mark.parametrize(("token", "why"), BAD)
def test_a_bad_token_is_refused_and_never_repeated(
    by_token: Commanded,
    open_broker: RunningBroker,
    token: Any,
    why: str,
    capfd: pytest.CaptureFixture[str],
) -> None:
    by_token.raised()
    given = token()
    with Person(open_broker.port) as ada:
        answer = ada.ask("acknowledge", {**ACK, "token": given} if given else ACK)
    assert answer["state"] == "refused"
    assert why in answer["text"]
    assert by_token.carried_out == []
    (line,) = by_token.audited("command.refused")
    assert line.actor == "ada"
    told = json.dumps([answer, line.model_dump(mode="json")]) + "".join(capfd.readouterr())
    if given is not None:
        assert given not in told


def test_a_token_narrows_the_areas_of_its_user(
    by_token: Commanded, open_broker: RunningBroker
) -> None:
    by_token.raised()
    comment = {"alert_id": "a1", "comment": "x"}
    with Person(open_broker.port) as ada, Person(open_broker.port, "eve") as eve:
        ada.ask("comment", {**comment, "token": a_token(areas=["yard"])})
        eve.ask("comment", {**comment, "token": a_token("eve")})
        none = eve.ask("comment", {**comment, "token": a_token("eve", areas=["yard"])})
    assert none["state"] == "refused"
    assert "other areas" in none["text"]
    assert [request.areas for request in by_token.carried_out] == [("yard",), ("hall",)]


def test_without_a_good_secret_commands_are_refused_and_it_is_said(
    by_token: Commanded, open_broker: RunningBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_token.raised()
    monkeypatch.setenv("TOKEN_SECRET", "short")
    with Person(open_broker.port) as ada:
        answer = ada.ask("acknowledge", {**ACK, "token": a_token(secret="short" * 10)})
    assert answer["state"] == "refused"
    (stage,) = by_token.publisher.health()
    assert stage.health is Health.DEGRADED
    assert "5 characters" in stage.reason
    assert "short" not in stage.reason + answer["text"]


def test_where_commands_are_off_nobody_listens(tmp_path: Path, open_broker: RunningBroker) -> None:
    with (
        Commanded(tmp_path, a_site(open_broker.port, commands="off")) as node,
        Person(open_broker.port) as ada,
    ):
        node.raised()
        ada.send("acknowledge", {**ACK, "token": a_token()})
        node.raised(2)
        wait_until(lambda: node.publisher.counters()["plant"].acked >= 4)
        assert node.publisher.commands() == {}
        assert ada.answers() == []


def site_file(folder: Path, site: Site) -> Path:
    """The site as a file; a secret is written as its reference, never by a dump."""
    text = json.loads(site.model_dump_json(exclude_defaults=True))
    text["mqtt"] |= {"token_secret": "${TOKEN_SECRET}"}
    file = folder / "site.yaml"
    file.write_text(json.dumps(text), encoding="utf-8")
    return file


def test_hazard_token_gives_a_token_that_is_taken(
    by_token: Commanded, open_broker: RunningBroker, tmp_path: Path
) -> None:
    by_token.raised()
    file = site_file(tmp_path, by_token.site)
    made = CliRunner().invoke(app, ["token", "--user", "ada", "--hours", "2", "--site", str(file)])
    assert made.exit_code == 0, made.output
    with Person(open_broker.port) as ada:
        assert ada.ask("acknowledge", {**ACK, "token": made.stdout.strip()})["state"] == "done"


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["--user", "carl"], "no user 'carl'"),
        (["--user", "ada", "--verbs", "explode"], "no verb 'explode'"),
        (["--user", "ada", "--areas", "moon"], "no area 'moon'"),
        (["--user", "ada", "--days", "1000"], "at most 366 days"),
        (["--user", "ada", "--hours", "0"], "more than 0"),
    ],
)
def test_hazard_token_refuses_what_would_be_of_no_use(
    tmp_path: Path, options: list[str], why: str, free_port: int
) -> None:
    file = site_file(tmp_path, a_site(free_port, commands="token"))
    made = CliRunner().invoke(app, ["token", "--site", str(file), *options])
    assert made.exit_code != 0
    assert why in str(made.exception)
    assert SIGNS not in made.output
