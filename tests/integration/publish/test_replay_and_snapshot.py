"""What a subscriber asks for that has missed something: revisions again, or the present state."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from edge_agent.publish.replays import LONGEST
from hazard.types import Verb
from tests.alert_builders import wait_until
from tests.brokers import RunningBroker, Subscriber, subscribed
from tests.commanding import Commanded, Person, a_site, a_token
from tests.mosquitto import Mosquitto


def asked(from_sequence: int, **arguments: Any) -> dict[str, Any]:
    return {
        "node": "edge-1",
        "token": a_token(),
        "arguments": {"from_sequence": from_sequence, **arguments},
    }


def replayed(person: Person) -> list[int]:
    """The sequences of revisions that came as a replay, in order."""
    return [
        json.loads(body)["sequence"]
        for topic, body, _, facts in list(person.messages)
        if "/alert/" in topic and facts.get("replayed") == "1"
    ]


def test_a_subscriber_that_missed_revisions_gets_them_by_sequence(
    by_token: Commanded, open_broker: RunningBroker
) -> None:
    for number in (1, 2, 3):
        by_token.raised(number, revisions=20)
    with Person(open_broker.port) as ada:
        ada.listen("hazard/v1/plant-a/alert/#")
        answer = ada.ask("replay", asked(11, to_sequence=45), correlation=b"r")
        assert replayed(ada) == list(range(11, 46))
        topics = [topic for topic, *_ in ada.messages]
    assert answer["state"] == "done"
    expected = {"from_sequence": 11, "to_sequence": 45, "next_sequence": None, "sent": 35}
    assert answer["values"] == expected
    assert "/alert/" in topics[0], "the answer comes after what was asked for"
    assert "/response/" in topics[-1]


def test_a_replay_of_what_is_not_there_says_so(
    by_token: Commanded, open_broker: RunningBroker
) -> None:
    by_token.raised()
    with Person(open_broker.port) as ada:
        values = ada.ask("replay", asked(5))["values"]
        assert (values["sent"], values["next_sequence"]) == (0, None)
        assert ada.ask("replay", asked(0))["state"] == "refused"


@pytest.mark.mosquitto
def test_a_long_gap_is_filled_in_steps_and_new_alerts_do_not_wait_for_it(
    tmp_path: Path, mosquitto: RunningBroker
) -> None:
    with Commanded(tmp_path, a_site(mosquitto.port, commands="token")) as node:
        for number in range(1, 7):
            node.raised(number, revisions=200)
        wait_until(lambda: node.publisher.counters()["plant"].acked >= 2400, seconds=60)
        with Person(mosquitto.port) as ada:
            ada.listen("hazard/v1/plant-a/alert/#")
            ada.send("replay", asked(1))
            wait_until(lambda: len(replayed(ada)) > 10)
            node.raised(7)
            answer = ada.answer()
            topics = [topic for topic, *_ in ada.messages]
            values = answer["values"]
            assert (values["sent"], values["next_sequence"]) == (LONGEST, LONGEST + 1)
            fresh = topics.index("hazard/v1/plant-a/alert/yard/a7")
            assert fresh < len(topics) - 2, "the new alert has overtaken the replay"
            ada.ask("replay", asked(values["next_sequence"]))
            assert replayed(ada) == list(range(1, 1202))


@pytest.fixture
def mosquitto(tmp_path: Path) -> Any:
    running = RunningBroker("mosquitto", tmp_path)
    running.start()
    yield running
    running.kill()


@pytest.mark.mosquitto
def test_a_replay_goes_on_after_the_broker_was_killed(
    tmp_path: Path, mosquitto: RunningBroker
) -> None:
    """Whoever asked is forgotten by the broker, as it forgets all; what was asked for is sent."""
    with Commanded(tmp_path, a_site(mosquitto.port, commands="token")) as node:
        for number in range(1, 5):
            node.raised(number, revisions=200)
        wait_until(lambda: node.publisher.counters()["plant"].acked >= 1600, seconds=60)
        with Person(mosquitto.port) as ada:
            ada.listen("hazard/v1/plant-a/alert/#")
            ada.send("replay", asked(1))
            wait_until(lambda: len(replayed(ada)) > 50)
            mosquitto.kill()
            assert node.publisher.counters()["plant"].replayed < 800
        mosquitto.start()
        wait_until(lambda: node.publisher.counters()["plant"].answered == 1, seconds=60)
        assert node.publisher.counters()["plant"].replayed >= 800
        assert node.publisher.commands() == {("plant", "replay", "done"): 1}


def test_a_replay_that_did_not_come_by_mqtt_goes_to_every_broker(
    by_token: Commanded, open_broker: RunningBroker
) -> None:
    by_token.raised(revisions=3)
    with subscribed(open_broker.port, "hazard/v1/plant-a/alert/#") as seen:
        outcome = by_token.publisher.replay("from-the-dashboard", 2)
        assert outcome.state.value == "done"
        wait_until(
            lambda: (
                [
                    json.loads(body)["sequence"]
                    for _, body, _, facts in seen.messages
                    if ("replayed", "1") in [tuple(each) for each in facts["UserProperty"]]
                ]
                == [2, 3]
            )
        )
    assert by_token.publisher.snapshot("from-the-dashboard").state.value == "refused"


def snapshot(person: Person) -> list[dict[str, Any]]:
    """The values of all parts."""
    number = len(person.answers())
    person.send("snapshot", {"token": a_token(person.name)})
    parts = person.answer(number)["values"]["parts"]
    wait_until(lambda: len(person.answers()) >= number + parts)
    return [answer["values"] for answer in person.answers()[number:]]


def test_a_snapshot_is_the_present_state(by_token: Commanded, open_broker: RunningBroker) -> None:
    first, second = by_token.raised(1, revisions=3), by_token.raised(2)
    with Person(open_broker.port, "bob") as bob:
        (values,) = snapshot(bob)
    assert values["sequence"] == 4
    assert values["node_status"]["sequence"] == 4
    assert values["node_status"]["status"] == "ready"
    states = {area["area"]: area["state"] for area in values["areas"]}
    assert states == {"yard": "high", "hall": "clear"}
    found = {each["alert_id"]: each["revision"] for each in values["alerts"]}
    assert found == {first.alert_id: 3, second.alert_id: 1}
    assert values["left_out"] == []


@pytest.mark.mosquitto
def test_a_snapshot_comes_in_parts_that_the_broker_takes(tmp_path: Path) -> None:
    broker = Mosquitto(tmp_path, "max_packet_size 12000").start()
    try:
        with (
            Commanded(tmp_path, a_site(broker.port, commands="token")) as node,
            Person(broker.port) as ada,
        ):
            for number in range(1, 31):
                node.raised(number)
            parts = snapshot(ada)
            reconnects = node.publisher.health()[0].figures["reconnects"]
    finally:
        broker.kill()
    assert len(parts) > 2
    assert [each["part"] for each in parts] == list(range(1, len(parts) + 1))
    found = [alert["alert_id"] for each in parts for alert in each["alerts"]]
    assert sorted(found) == sorted(f"a{number}" for number in range(1, 31))
    assert reconnects == 0


AREA = "hazard/v1/plant-a/area/yard"


def area(seen: Subscriber) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(seen.last(AREA) or b"{}")
    return found


def annunciate(person: Person, seconds: float = 2.0) -> dict[str, Any]:
    asked_for = {"area": "yard", "seconds": seconds}
    return person.ask("test-annunciator", {"token": a_token(), "arguments": asked_for})


@pytest.mark.usefixtures("by_token")
def test_a_test_of_the_lights_shows_critical_and_then_the_truth_again(
    open_broker: RunningBroker,
) -> None:
    with subscribed(open_broker.port, AREA) as seen, Person(open_broker.port) as ada:
        wait_until(lambda: area(seen).get("state") == "clear")
        answer = annunciate(ada)
        assert answer["state"] == "done"
        wait_until(lambda: area(seen)["test"])
        assert (area(seen)["state"], area(seen)["counts"]) == ("critical", {})
        assert area(seen)["test_until"] == answer["values"]["test_until"].replace("+00:00", "Z")
        wait_until(lambda: not area(seen)["test"])
        assert (area(seen)["state"], area(seen)["test_until"]) == ("clear", None)
        tests = [properties for _, body, _, properties in seen.messages if b'"test":true' in body]
        assert all(each["MessageExpiryInterval"] <= 2 for each in tests), "ends also at a crash"


def test_a_real_alarm_ends_a_test_at_once_and_keeps_others_from_starting(
    by_token: Commanded, open_broker: RunningBroker
) -> None:
    with subscribed(open_broker.port, AREA) as seen, Person(open_broker.port) as ada:
        annunciate(ada, 30.0)
        wait_until(lambda: area(seen).get("test"))
        by_token.raised()
        wait_until(lambda: not area(seen)["test"])
        assert area(seen)["state"] == "high"
        answer = annunciate(ada)
        assert answer["state"] == "refused"
        assert "no test now" in answer["text"]
        assert annunciate(ada, 31.0)["state"] == "refused"
    assert {request.verb for request in by_token.carried_out} == {Verb.TEST_ANNUNCIATOR}


def test_the_status_names_the_newest_sequence(
    by_token: Commanded, open_broker: RunningBroker
) -> None:
    topic = "hazard/v1/plant-a/node/edge-1/status"
    by_token.raised(revisions=3)
    by_token.publisher.reconfigure(by_token.site)
    with subscribed(open_broker.port, topic) as late:
        wait_until(lambda: json.loads(late.last(topic) or b"{}").get("sequence") == 3)
