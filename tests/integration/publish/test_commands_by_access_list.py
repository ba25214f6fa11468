"""Commands at a broker whose access list binds each user to a topic of their own."""

from __future__ import annotations

import json
from typing import Any

import pytest

from edge_agent.publish.commands.clerk import REFUSALS_PER_MINUTE
from hazard.types import Role, Verb, Via
from tests.alert_builders import wait_until
from tests.brokers import Subscriber
from tests.commanding import RESPONSES, Commanded, Person, quiet, request_response
from tests.integration.publish.conftest import USERS
from tests.mosquitto import Mosquitto

pytestmark = pytest.mark.mosquitto

ACK = {"alert_id": "a1", "revision": 1}


def known(broker: Mosquitto, name: str, **more: Any) -> Person:
    return Person(broker.port, name, password=USERS[name], **more)


def ada(broker: Mosquitto) -> Person:
    return known(broker, "ada")


def test_mosquitto_rr_acknowledges_and_is_answered(by_acl: Commanded, guarded: Mosquitto) -> None:
    by_acl.raised()
    said = request_response(
        guarded.port,
        "hazard/v1/plant-a/command/ada/acknowledge",
        json.dumps(ACK),
        *("-u", "ada", "-P", "a", "-e", f"{RESPONSES}ada/rr-1"),
        *("-D", "publish", "correlation-data", "c-1"),
    )
    answer = json.loads(said)
    assert (answer["state"], answer["verb"], answer["user"]) == ("done", "acknowledge", "ada")
    assert (answer["site"], answer["node"]) == ("plant-a", "edge-1")
    (alert,) = by_acl.store.open_alerts()
    assert (alert.message.acknowledged, alert.message.acknowledged_by) == (True, "ada")
    (request,) = by_acl.carried_out
    assert (request.via, request.role, request.actor) == (Via.MQTT, Role.OPERATOR, "ada")


def test_a_user_cannot_command_as_another(by_acl: Commanded, guarded: Mosquitto) -> None:
    by_acl.raised()
    with known(guarded, "bob") as bob, ada(guarded) as real:
        with quiet(bob):
            bob.send("acknowledge", ACK, as_user="ada")
        assert real.ask("comment", {"alert_id": "a1", "comment": "seen"})["state"] == "done"
    assert [request.verb for request in by_acl.carried_out] == [Verb.COMMENT]


def test_who_is_not_in_the_site_file_is_refused_and_audited(
    by_acl: Commanded, guarded: Mosquitto
) -> None:
    by_acl.raised()
    with known(guarded, "mallory") as person:
        answer = person.ask("acknowledge", ACK, answer_to="answers/mallory")
        topics = [topic for topic, *_ in person.messages]
    assert answer["state"] == "refused"
    assert "alarms.users" in answer["text"]
    assert topics == [f"{RESPONSES}mallory"]
    (line,) = by_acl.audited("command.refused")
    assert (line.actor, line.details["via"]) == ("mallory", "mqtt")
    assert by_acl.carried_out == []


def test_the_answer_has_the_commands_correlation_data(
    by_acl: Commanded, guarded: Mosquitto
) -> None:
    by_acl.raised()
    with ada(guarded) as person:
        person.ask("acknowledge", ACK, correlation=b"\x00\xff7", answer_to="answers/ada")
        ((topic, _, correlation, _),) = person.messages
    assert (topic, correlation) == ("answers/ada", b"\x00\xff7")


def test_a_command_by_mqtt_3_1_1_is_answered_on_the_users_topic(
    by_acl: Commanded, guarded: Mosquitto
) -> None:
    by_acl.raised()
    with known(guarded, "ada", v5=False) as person:
        answer = person.ask("acknowledge", {**ACK, "request_id": "r-7"})
        assert (answer["state"], answer["request_id"]) == ("done", "r-7")
        assert person.messages[0][0] == f"{RESPONSES}ada"


def test_a_command_is_carried_out_once(by_acl: Commanded, guarded: Mosquitto) -> None:
    by_acl.raised()
    named = {"alert_id": "a1", "comment": "on my way", "request_id": "r1"}
    unnamed = {"alert_id": "a1", "comment": "there"}
    with ada(guarded) as person:
        first, again = person.ask("comment", named), person.ask("comment", named)
        assert (first["state"], again["state"]) == ("done", "done")
        assert first["text"] == again["text"]
        assert first["request_id"] == again["request_id"] == "r1"
        person.ask("comment", unnamed, correlation=b"7")
        person.ask("comment", unnamed, correlation=b"7")
        person.ask("comment", unnamed, correlation=b"8")
        other = person.ask("comment", {**named, "comment": "another"})
    assert other["state"] == "refused"
    assert "used for something else" in other["text"]
    assert [request.comment for request in by_acl.carried_out] == ["on my way", "there", "there"]


def test_a_request_id_is_a_users_own(by_acl: Commanded, guarded: Mosquitto) -> None:
    by_acl.raised()
    comment = {"alert_id": "a1", "comment": "here", "request_id": "1"}
    with ada(guarded) as first, known(guarded, "bob") as second:
        first.ask("comment", comment)
        second.ask("comment", comment)
    assert [request.actor for request in by_acl.carried_out] == ["ada", "bob"]


def test_an_old_revision_is_a_conflict(by_acl: Commanded, guarded: Mosquitto) -> None:
    by_acl.raised()
    with ada(guarded) as person:
        person.ask("acknowledge", ACK)
        answer = person.ask("acknowledge", {"alert_id": "a1", "revision": 2, "request_id": "x"})
        assert answer["state"] == "refused"
    assert not by_acl.audited("command.refused")


BAD: list[tuple[str, dict[str, Any] | bytes, str]] = [
    ("acknowledge", {"alert_id": "a1"}, "revision is missing"),
    ("reset", {"alert_id": "a1"}, "revision is missing"),
    ("shelve", {"alert_id": "a1", "comment": "why", "duration_s": 60}, "revision is missing"),
    ("acknowledge", {"revision": 1}, "alert_id is missing"),
    ("acknowledge", b"{not json", "command.v1.json"),
    ("acknowledge", b"[" * 50_000, "command.v1.json"),
    ("acknowledge", b"\xff\xfe", "command.v1.json"),
    ("acknowledge", {**ACK, "severity": "low"}, "severity"),
    ("acknowledge", {**ACK, "comment": "x" * 70_000}, "65536"),
    ("comment", {"alert_id": "a1", "arguments": {"more": "x" * 1_100}}, "want at most 1024"),
    ("test-annunciator", b'{"arguments": {"area": "yard", "seconds": 1e999}}', "not finite"),
    ("test-annunciator", b'{"arguments": {"area": "yard", "seconds": NaN}}', "not finite"),
    ("explode", ACK, "no command 'explode'"),
    ("grant-permit", {}, "arguments.area is missing"),
    ("change-site", {}, "on the node's own dashboard only"),
    ("start-job", {}, "on the node's own dashboard only"),
    ("replay", {"arguments": {"from_sequence": 1}}, "node is missing"),
    ("test-annunciator", {"arguments": {"seconds": 5}}, "arguments.area is missing"),
    ("test-annunciator", {"node": "edge-1", "arguments": {"area": "moon"}}, "no area 'moon'"),
    ("acknowledge", {**ACK, "alert_id": "gone", "node": "edge-1"}, "there is no alert 'gone'"),
]


@pytest.mark.parametrize(("verb", "payload", "why"), BAD)
def test_a_bad_command_is_refused_with_what_to_do(
    by_acl: Commanded,
    guarded: Mosquitto,
    verb: str,
    payload: dict[str, Any] | bytes,
    why: str,
) -> None:
    by_acl.raised()
    with ada(guarded) as person:
        answer = person.ask(verb, payload)
    assert answer["state"] == "refused"
    assert why in answer["text"]
    assert by_acl.audited("command.refused")
    assert by_acl.carried_out == []


def test_what_another_node_may_have_is_passed_over_in_silence(
    by_acl: Commanded, guarded: Mosquitto
) -> None:
    by_acl.raised()
    with ada(guarded) as person, quiet(person):
        person.send("acknowledge", {**ACK, "node": "edge-2"})
        person.send("acknowledge", {"alert_id": "elsewhere", "revision": 1})
        person.send("test-annunciator", {"arguments": {"area": "roof", "seconds": 5}})
    assert by_acl.carried_out == []
    assert by_acl.audited("command.refused") == []


@pytest.mark.parametrize(
    ("topic", "why"),
    [
        ("answers/+", "wildcards"),
        ("hazard/v1/plant-a/command/bob/acknowledge", "not yours"),
        ("hazard/v1/plant-a/response/bob", "not yours"),
        ("hazard/v1/plant-a/area/yard", "not yours"),
        ("$SYS/x", "not yours"),
        ("homeassistant/sensor/x/config", "not yours"),
        ("plant/h2s/1", "sensor h2s reads it"),
    ],
)
def test_an_answer_is_not_sent_where_it_would_be_something_else(
    by_acl: Commanded, guarded: Mosquitto, topic: str, why: str
) -> None:
    by_acl.raised()
    with ada(guarded) as person:
        answer = person.ask("acknowledge", ACK, answer_to=topic)
        assert [each[0] for each in person.messages] == [f"{RESPONSES}ada"]
    assert answer["state"] == "refused"
    assert why in answer["text"]
    assert by_acl.carried_out == []


def test_a_retained_command_is_refused_and_taken_off_the_broker(
    by_acl: Commanded, guarded: Mosquitto
) -> None:
    by_acl.raised()
    with ada(guarded) as person:
        answer = person.ask("acknowledge", ACK, retain=True)
        assert answer["state"] == "refused"
        assert "retain" in answer["text"]
    assert by_acl.carried_out == []
    wait_until(lambda: by_acl.publisher.counters()["plant"].cleared == 1)


def test_a_retained_command_from_before_is_never_carried_out(
    guarded: Mosquitto, by_acl: Commanded
) -> None:
    by_acl.raised()
    by_acl.publisher.stop(5.0)
    with ada(guarded) as person:
        person.send("acknowledge", ACK, retain=True)
        person.send("comment", {"alert_id": "a1", "comment": "while it was away"})
        again = type(by_acl.publisher)(by_acl.store, by_acl.site)
        again.start()
        try:
            answer = person.answer()
        finally:
            again.stop(5.0)
    assert (answer["verb"], answer["state"]) == ("acknowledge", "refused")
    assert by_acl.carried_out == []
    node = Subscriber(
        guarded.port,
        "hazard/v1/plant-a/command/+/+",
        username="node",
        password=USERS["node"],
    )
    try:
        assert node.messages == []
    finally:
        node.close()


PORTION = 10
"""Commands that a sender sends before it waits: what the clerk cannot take at once is dropped."""


def test_refusals_fill_neither_audit_nor_broker(by_acl: Commanded, guarded: Mosquitto) -> None:
    by_acl.raised()
    many = REFUSALS_PER_MINUTE + 40
    with ada(guarded) as person:
        for number in range(1, many + 1):
            person.send("acknowledge", {"alert_id": f"x{number}"})
            if number % PORTION == 0:
                wait_until(lambda n=number: sum(by_acl.publisher.commands().values()) >= n)  # type: ignore[misc]
        assert set(by_acl.publisher.commands()) == {("plant", "acknowledge", "refused")}
        wait_until(lambda: len(person.answers()) == REFUSALS_PER_MINUTE, what="their answers")
        assert person.ask("comment", {"alert_id": "a1", "comment": "still here"})["state"] == "done"
    assert len(by_acl.audited("command.refused")) == REFUSALS_PER_MINUTE
    assert by_acl.store.verify_audit()[1] is None
