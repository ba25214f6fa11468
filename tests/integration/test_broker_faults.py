"""What brokers do to a publisher: end it, hang, fill up, lose all, refuse one message. No loss.

In each scene a subscriber with a persistent session (or a fresh one after a loss) ends with every
revision in order.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt.client import Client, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion
from structlog.testing import capture_logs

from edge_agent.publish.aside import Aside
from hazard.store import Store
from hazard.types import AlertMessage, Cause, Health, Words
from tests.alert_builders import a_message, an_alarm, an_incident, wait_until
from tests.brokers import subscribed
from tests.integration.test_publisher import Running, a_site, crashing, revise
from tests.mosquitto import Mosquitto
from tests.programs import not_run, require

pytestmark = pytest.mark.mosquitto
ALL = "hazard/v1/#"
CLIENT_ID = "hazard-plant-a-edge-1-plant"


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    made = Mosquitto(tmp_path)
    yield made
    made.stop()


def alert(store: Store, number: int, **changes: Any) -> None:
    """Alert `aN` with these fields."""
    alarm, incident = an_alarm(f"a{number}"), f"i{number}"
    with store.unit() as unit:
        unit.save_incident(an_incident(incident))
        unit.write_revision(
            a_message(alarm, incident=incident, cause=Cause.RAISED, **changes), alarm
        )
        unit.commit()


def much(size: int) -> Words:
    """Words of so many characters."""
    return Words(summary={"en": "x" * size}, actions={}, source="model")


# ---------------------------------------------------------------- the broker ends it


def test_a_broker_that_is_shut_down_says_so_and_all_arrives_when_it_is_back(
    broker: Mosquitto, node_store: Store
) -> None:
    broker.start()
    with Running(node_store, a_site(broker.port)) as run:
        run.await_ready()
        broker.stop()
        wait_until(lambda: run.health().health is Health.OFFLINE)
        reasons: set[str] = set()

        def said() -> bool:
            reasons.add(run.health().reason)
            return any("nothing listens" in each for each in reasons)

        wait_until(said)
        revise(node_store, 1, 3)
        broker.start()
        with subscribed(broker.port, ALL) as seen:
            wait_until(lambda: seen.revisions("a1") == [1, 2, 3])


def test_a_second_node_of_the_same_name_is_guessed_and_does_not_storm(
    broker: Mosquitto, node_store: Store
) -> None:
    """The two throw each other out; Mosquitto 2.0 tells neither why.

    The node is back at once, so that nobody can rely on seeing it away: the broker's log tells
    that it was thrown out and came back, and the node's own what it made of it.
    """
    broker.start()
    with (
        capture_logs() as logs,
        Running(node_store, a_site(broker.port)) as run,
        subscribed(broker.port, ALL) as seen,
    ):
        run.await_ready()
        other = Client(CallbackAPIVersion.VERSION2, CLIENT_ID, protocol=MQTTv5)

        def turns(wanted: int) -> bool:
            other.loop(0.05)
            return broker.connects(CLIENT_ID) >= wanted

        for _ in range(3):
            before = broker.connects(CLIENT_ID)
            other.connect("127.0.0.1", broker.port)
            wait_until(lambda n=before: turns(n + 2), what="the other in, and the node again")  # type: ignore[misc]
            run.await_ready()
        said = "it hung up 3 times in a row: does another client use this node's name"
        ends = [each["reason"] for each in logs if each["event"] == "mqtt.session_ended"]
        assert len(ends) == 3
        assert said in ends[-1]
        revise(node_store, 1, 3)
        wait_until(lambda: seen.revisions("a1") == [1, 2, 3])
        assert broker.connects(CLIENT_ID) <= 12


def dynamic_security(broker: Mosquitto) -> Callable[..., None]:
    """Users that can be disabled while they are connected; gives the command that does it."""
    plugins = [*Path("/usr/lib").glob("*/mosquitto_dynamic_security.so")]
    if not plugins:
        not_run("mosquitto_dynamic_security.so", "not found", "apt-get install mosquitto")
    file = broker.folder / "dynsec.json"
    admin = ["-u", "admin", "-P", "admin-word"]
    tool = [str(require("mosquitto_ctrl"))]
    subprocess.run(
        [*tool, "dynsec", "init", str(file), *admin[1::2]], check=True, capture_output=True
    )
    broker.lines = ["allow_anonymous false", f"plugin {plugins[0]}"]
    broker.lines.append(f"plugin_opt_config_file {file}")
    broker.start()

    def control(*command: str) -> None:
        where = ["-h", "127.0.0.1", "-p", str(broker.port)]
        subprocess.run([*tool, *where, *admin, "dynsec", *command], check=True, capture_output=True)

    control("createClient", "edge", "-p", "word")
    control("createRole", "all")
    control("addRoleACL", "all", "publishClientSend", "#", "allow")
    control("addRoleACL", "all", "subscribePattern", "#", "allow")
    control("addClientRole", "edge", "all")
    return control


def test_a_broker_that_ends_the_connection_with_a_reason_code_is_quoted(
    broker: Mosquitto, node_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    control = dynamic_security(broker)
    monkeypatch.setenv("BROKER_PASSWORD", "word")
    settings: dict[str, Any] = {"username": "edge", "password": "${BROKER_PASSWORD}"}
    with capture_logs() as logs, Running(node_store, a_site(broker.port, **settings)) as run:
        run.await_ready()
        control("disableClient", "edge")
        wait_until(lambda: any("reason code 152" in str(each) for each in logs))
        wait_until(lambda: "refuses" in run.health().reason, what="refused from then on")
        assert any("Administrative action" in str(each) for each in logs)
        revise(node_store, 1, 3)
        control("enableClient", "edge")
        wait_until(lambda: len(run.handed_over) == 3, seconds=30)


def test_a_node_that_stood_still_is_dropped_and_comes_back(
    broker: Mosquitto, tmp_path: Path
) -> None:
    """Its process is stopped for longer than the keep-alive allows; nobody is told it is well."""
    broker.start()
    with subscribed(broker.port, "hazard/v1/plant-a/node/edge-1/status") as seen:
        process = crashing(tmp_path / "still.db", broker.port, "publish")
        try:
            topic = "hazard/v1/plant-a/node/edge-1/status"
            wait_until(lambda: b'"ready"' in (seen.last(topic) or b""))
            os.kill(process.pid, signal.SIGSTOP)
            wait_until(lambda: b'"crashed"' in (seen.last(topic) or b""), seconds=30)
            assert broker.logged(CLIENT_ID, "exceeded timeout")
            os.kill(process.pid, signal.SIGCONT)
            wait_until(lambda: b'"ready"' in (seen.last(topic) or b""), seconds=30)
        finally:
            process.kill()
            process.wait(10)
            assert process.stdout is not None
            process.stdout.close()


# ---------------------------------------------------------------- the broker hangs


def test_a_broker_that_stops_reading_is_said_to_hang_and_gets_everything_afterwards(
    broker: Mosquitto, node_store: Store
) -> None:
    broker.start()
    with Running(node_store, a_site(broker.port)) as run, subscribed(broker.port, ALL) as seen:
        run.await_ready()
        broker.freeze()
        for number in range(1, 41):
            alert(node_store, number, words=much(20_000))
        run.publisher.wake()
        reasons: set[str] = set()

        def said(words: str) -> bool:
            if run.health().health is not Health.READY:
                reasons.add(run.health().reason)
            return any(words in each for each in reasons)

        for words in ("has not acknowledged anything", "does not answer"):
            wait_until(lambda each=words: said(each), seconds=30, what=words)  # type: ignore[misc]
        broker.thaw()
        for number in range(1, 41):
            wait_until(lambda n=number: seen.revisions(f"a{n}") == [1], seconds=30)  # type: ignore[misc]


def test_a_subscriber_that_reads_nothing_holds_nobody_up(
    broker: Mosquitto, node_store: Store
) -> None:
    """What the broker throws away for it shows as a hole in the sequence."""
    broker.lines += ["max_queued_messages 5", "max_inflight_messages 2"]
    broker.start()
    got: list[int] = []
    slow = Client(CallbackAPIVersion.VERSION2, "slow", protocol=MQTTv5)
    subscribed_it: list[int] = []
    slow.on_subscribe = lambda *_: subscribed_it.append(1)
    slow.on_message = lambda _c, _u, message: got.append(json.loads(message.payload)["sequence"])
    slow.connect("127.0.0.1", broker.port, keepalive=600)
    slow.subscribe("hazard/v1/+/alert/#", qos=1)
    wait_until(lambda: slow.loop(0.1) == 0 and bool(subscribed_it))
    with Running(node_store, a_site(broker.port)) as run:
        for number in range(1, 61):
            alert(node_store, number, words=much(50_000))
        run.publisher.wake()
        wait_until(lambda: len(run.handed_over) == 60, what="all taken over")
        wait_until(lambda: slow.loop(0.1) == 0 and len(got) >= 7, what="the slow one reads again")
        alert(node_store, 61)
        run.publisher.wake()
        wait_until(lambda: slow.loop(0.1) == 0 and 61 in got)
    slow.disconnect()
    assert len(set(got)) < 61
    holes = [(one, two) for one, two in pairwise(got) if two != one + 1]
    assert holes, "what it missed shows"


def sequences(messages: list[tuple[str, bytes, bool, dict[str, Any]]]) -> list[int]:
    """The sequence numbers of alerts, in order of arrival, once each."""
    bodies = [body for topic, body, _, _ in list(messages) if "/alert/" in topic]
    return list(dict.fromkeys(json.loads(body)["sequence"] for body in bodies))


# ---------------------------------------------------------------- one message is not taken


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_an_alert_that_is_too_large_goes_without_detail(
    broker: Mosquitto, node_store: Store, protocol: str
) -> None:
    """MQTT 5 says how large; a broker of 3.1.1 hangs up, until less is sent."""
    broker.lines.append("max_packet_size 8000")
    broker.start()
    with subscribed(broker.port, ALL) as seen:
        with Running(node_store, a_site(broker.port, protocol=protocol)) as run:
            alert(node_store, 1)
            alert(node_store, 2, words=much(10_000))
            alert(node_store, 3)
            run.publisher.wake()
            for number in (1, 2, 3):
                wait_until(lambda n=number: seen.revisions(f"a{n}") == [1], seconds=30)  # type: ignore[misc]
            if protocol == "3.1.1":
                wait_until(lambda: "hangs up at larger messages" in run.health().reason)
            wait_until(lambda: seen.last("hazard/v1/plant-a/active/a2") is not None)
        for topic in ("hazard/v1/plant-a/alert/yard/a2", "hazard/v1/plant-a/active/a2"):
            message = AlertMessage.model_validate_json(seen.last(topic) or b"")
            assert message.reduced
            assert message.words is None
        small = AlertMessage.model_validate_json(
            seen.last("hazard/v1/plant-a/alert/yard/a1") or b""
        )
        assert not small.reduced
    stored = {alert.alert_id: alert for alert in node_store.queries.list_alerts().alerts}
    assert stored["a2"].words is not None


def test_an_alert_that_fits_in_no_way_is_said_and_kept_and_the_others_go_on(
    broker: Mosquitto, node_store: Store
) -> None:
    broker.lines.append("max_packet_size 6000")
    broker.start()
    names = {f"x{n}": "y" * 100 for n in range(60)}
    with subscribed(broker.port, ALL) as seen, Running(node_store, a_site(broker.port)) as run:
        alert(node_store, 1, hazard_name=names)
        alert(node_store, 2)
        run.publisher.wake()
        wait_until(lambda: seen.revisions("a2") == [1], what="the one behind it")
        wait_until(lambda: "messages are not taken" in run.health().reason)
        assert run.health().health is Health.DEGRADED
        assert "alert/yard/a1" in run.health().reason
        assert "raise the broker's maximum packet size" in run.health().reason
        assert node_store.outbox.position("plant") == 0
        assert seen.revisions("a1") == []

        broker.stop()
        broker.lines = ["allow_anonymous true"]
        seen.expect_restart()
        broker.start()
        seen.await_again()
        wait_until(lambda: seen.revisions("a1") == [1], what="it arrives after the mend")
        wait_until(lambda: node_store.outbox.position("plant") == 4)
        wait_until(lambda: run.health().health is Health.READY)


def test_a_topic_that_is_not_allowed_is_said_and_kept_and_the_others_go_on(
    broker: Mosquitto, node_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    acl = broker.folder / "acl"
    allowed = "topic readwrite hazard/v1/plant-a/#\n"
    acl.write_text(f"{allowed}topic deny hazard/v1/plant-a/alert/yard/a1\n")
    broker.lines.append(f"acl_file {acl}")
    broker.start()
    clock = [1000.0]
    monkeypatch.setattr("edge_agent.publish.sending.Aside", lambda: Aside(lambda: clock[0]))
    with subscribed(broker.port, ALL) as seen, Running(node_store, a_site(broker.port)) as run:
        revise(node_store, 1, 3)
        revise(node_store, 2, 3)
        run.publisher.wake()
        wait_until(lambda: seen.revisions("a2") == [1, 2, 3], what="the alert that is allowed")
        wait_until(lambda: "3 messages are not taken" in run.health().reason)
        assert "check username, password and the broker's access list" in run.health().reason
        assert node_store.outbox.position("plant") == 0
        assert run.publisher.counters()["plant"].connects == 1

        acl.write_text(allowed)
        broker.reload()
        wait_until(lambda: bool(broker.logged("Reloading config")))
        clock[0] += 61.0
        wait_until(lambda: seen.revisions("a1") == [1, 2, 3], what="a minute later")
        wait_until(lambda: node_store.outbox.position("plant") == 12)
        assert run.health().health is Health.READY


# ---------------------------------------------------------------- the broker loses what it had


def test_a_broker_with_a_full_disk_loses_nothing_for_those_who_come_back(
    broker: Mosquitto, node_store: Store
) -> None:
    """No file of Mosquitto may grow beyond 4 kB (prlimit): each save fails, as on a full disk.

    It says so in its log and goes on from memory; after the restart everything it knew is gone,
    and comes again from the node. Its file goes too: now and then Mosquitto 2.0 takes a save that
    broke off for whole, and then it does not start on it.
    """
    broker.persist("autosave_on_changes true", "autosave_interval 2")
    broker.start(largest_file_bytes=4096)
    with Running(node_store, a_site(broker.port)) as run:
        with subscribed(broker.port, ALL) as seen:
            for number in range(1, 11):
                alert(node_store, number, words=much(2000))
            run.publisher.wake()
            wait_until(lambda: sequences(seen.messages) == list(range(1, 11)))
        wait_until(lambda: bool(broker.logged("Error")), what="the failed save in its log")
        broker.kill()
        broker.wipe()
        broker.start()
        with subscribed(broker.port, ALL) as late:
            wait_until(lambda: sequences(late.messages) == list(range(1, 11)), seconds=30)
            wait_until(lambda: late.last("hazard/v1/plant-a/active/a10") is not None)


@pytest.mark.parametrize("how", ["killed", "killed and wiped"])
def test_a_killed_broker_gets_again_what_it_had_taken_over(
    broker: Mosquitto, node_store: Store, how: str
) -> None:
    """Queued for a session that was away, and retained: gone with it, though it had said PUBACK."""
    broker.persist("autosave_interval 3600")
    broker.start()
    with Running(node_store, a_site(broker.port)) as run:
        revise(node_store, 1, 4)
        run.publisher.wake()
        wait_until(lambda: len(run.handed_over) == 4)
        broker.kill()
        if how == "killed and wiped":
            broker.wipe()
        broker.start()
        with subscribed(broker.port, ALL) as seen:
            wait_until(lambda: seen.revisions("a1") == [1, 2, 3, 4], seconds=30)
            wait_until(lambda: seen.last("hazard/v1/plant-a/active/a1") is not None)


# ---------------------------------------------------------------- two brokers


def test_a_dead_broker_does_not_touch_the_live_one(
    broker: Mosquitto, node_store: Store, free_port: int
) -> None:
    """One is away for the whole test: the other's cursor, marks and health are its own."""
    broker.start()
    with (
        subscribed(broker.port, ALL) as seen,
        Running(node_store, a_site(broker.port, free_port)) as run,
    ):
        for number in range(1, 21):
            revise(node_store, number, 5)
            run.publisher.wake()
        wait_until(lambda: len(run.handed_over) == 100)
        assert {each.broker for each in run.handed_over} == {"plant"}
        for number in range(1, 21):
            wait_until(lambda n=number: seen.revisions(f"a{n}") == [1, 2, 3, 4, 5])  # type: ignore[misc]
        wait_until(lambda: node_store.outbox.position("plant") == 200)
        assert node_store.outbox.position("group") == 0
        assert node_store.outbox.last_acked("group") == 0
        assert run.health("group").figures["outbox_depth"] == 200
        assert run.health("group").health is Health.OFFLINE
        assert run.health("plant").figures["outbox_depth"] == 0
        assert run.health("plant").health is Health.READY
