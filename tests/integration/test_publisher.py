"""The publisher against real brokers: nothing is lost, order holds, state is true."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Self

import pytest

from edge_agent.publish import HandedOver, Publisher, outbox_messages
from hazard.alarms import Alarm, on_action, on_condition, on_note
from hazard.site.models import Area, Site, SiteIdentity
from hazard.site.mqtt import Broker, Mqtt
from hazard.store import Store
from hazard.types import (
    AlertMessage,
    Cause,
    Health,
    ProcessCondition,
    Severity,
    StageHealth,
    Verb,
)
from tests.alert_builders import (
    T0,
    a_message,
    a_request,
    an_alarm,
    an_incident,
    later,
    wait_until,
    write_alert,
)
from tests.brokers import RunningBroker, subscribed
from tests.mosquitto import Mosquitto

ALL = "hazard/v1/#"
STATUS = "hazard/v1/plant-a/node/edge-1/status"
AREA = "hazard/v1/plant-a/area/yard"


@pytest.fixture(params=["iotcore", pytest.param("mosquitto", marks=pytest.mark.mosquitto)])
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RunningBroker]:
    running = RunningBroker(request.param, tmp_path)
    running.start()
    yield running
    running.kill()


def a_site(*ports: int, heartbeat_s: float = 10.0, **changes: object) -> Site:
    names = ("plant", "group")
    brokers = {
        name: Broker(**({"port": port, "keepalive_s": 5} | changes))
        for name, port in zip(names, ports, strict=False)
    }
    return Site(
        site=SiteIdentity(id="plant-a", name="Plant A"),
        areas={"yard": Area(name="Yard")},
        mqtt=Mqtt(brokers=brokers, heartbeat_s=heartbeat_s),
    )


class Running:
    """A publisher for a block, with what it handed over."""

    def __init__(self, store: Store, site: Site) -> None:
        self.handed_over: list[HandedOver] = []
        self.publisher = Publisher(store, site, on_change=self.handed_over.append)

    def __enter__(self) -> Self:
        self.publisher.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self.publisher.stop(5.0)

    def health(self, broker: str = "plant") -> StageHealth:
        (found,) = [h for h in self.publisher.health() if h.stage == f"mqtt/{broker}"]
        return found

    def await_ready(self) -> None:
        wait_until(lambda: self.health().health is Health.READY, what="a connected publisher")


def write(store: Store, alarm: Alarm, cause: Cause, number: int = 1) -> AlertMessage:
    incident = f"i{number}"
    with store.unit() as unit:
        unit.save_incident(an_incident(incident))
        unit.write_revision(a_message(alarm, incident=incident, cause=cause), alarm)
        return unit.commit().messages[0]


def revise(store: Store, number: int, revisions: int) -> Alarm:
    """Alert `aN` with so many revisions."""
    alarm = an_alarm(f"a{number}")
    write(store, alarm, Cause.RAISED, number)
    for _ in range(revisions - 1):
        alarm = on_note(alarm, Cause.WORDS, later(1)).alarm
        write(store, alarm, Cause.WORDS, number)
    return alarm


def end(store: Store, alarm: Alarm, number: int = 1) -> Alarm:
    """Acknowledge, return, reset."""
    for verb in (Verb.ACKNOWLEDGE, None, Verb.RESET):
        if verb is None:
            alarm = on_condition(alarm, ProcessCondition.NORMAL, later(3)).alarm
        else:
            request = a_request(verb, revision=alarm.revision, alert_id=alarm.alert_id)
            alarm = on_action(alarm, request, later(4)).alarm
        write(store, alarm, Cause.ACTION, number)
    return alarm


def test_every_revision_arrives_in_order(node_store: Store, broker: RunningBroker) -> None:
    with subscribed(broker.port, ALL) as seen, Running(node_store, a_site(broker.port)) as run:
        for number in range(1, 6):
            revise(node_store, number, 8)
            run.publisher.wake()
        wait_until(lambda: len(run.handed_over) == 40, what="40 PUBACKs")
        for number in range(1, 6):
            wait_until(lambda n=number: seen.revisions(f"a{n}") == list(range(1, 9)))
    assert node_store.outbox.depth(node_store.outbox.position("plant"))[0] == 0


def test_a_message_carries_its_facts_as_properties(
    node_store: Store, broker: RunningBroker
) -> None:
    topic = "hazard/v1/plant-a/alert/yard/a1"
    with subscribed(broker.port, ALL) as seen, Running(node_store, a_site(broker.port)) as run:
        stored = write_alert(node_store)
        run.publisher.wake()
        wait_until(lambda: seen.last(topic) is not None)
        (properties,) = [each[3] for each in seen.messages if each[0] == topic]
        payload = seen.last(topic)
    assert payload is not None
    assert AlertMessage.model_validate_json(payload) == stored
    assert properties["ContentType"] == "application/json"
    assert bytes.fromhex(properties["CorrelationData"]) == b"a1"
    facts = dict(properties["UserProperty"])
    assert (facts["schema"], facts["severity"]) == ("hazard/v1", "high")
    assert (facts["revision"], facts["sequence"]) == ("1", "1")


def test_a_late_subscriber_knows_what_is_active(node_store: Store, broker: RunningBroker) -> None:
    with Running(node_store, a_site(broker.port)) as run:
        run.publisher.set_watch({})
        write_alert(node_store)
        run.publisher.wake()
        wait_until(lambda: len(run.handed_over) == 1)
        with subscribed(broker.port, "hazard/v1/plant-a/active/+", AREA) as late:
            wait_until(lambda: late.last("hazard/v1/plant-a/active/a1") is not None)
            wait_until(lambda: b'"state":"high"' in (late.last(AREA) or b""))
            assert all(retained for _, _, retained, _ in late.messages)


def test_the_active_state_is_cleared_at_normal(node_store: Store, broker: RunningBroker) -> None:
    with subscribed(broker.port, ALL) as seen, Running(node_store, a_site(broker.port)) as run:
        run.publisher.set_watch({})
        end(node_store, revise(node_store, 1, 1))
        run.publisher.wake()
        wait_until(lambda: seen.last("hazard/v1/plant-a/active/a1") == b"")
        wait_until(lambda: b'"state":"clear"' in (seen.last(AREA) or b""))


def test_work_on_the_case_of_an_alarm_that_is_over_does_not_make_it_active_again(
    node_store: Store, broker: RunningBroker
) -> None:
    active, alert = "hazard/v1/plant-a/active/a1", "hazard/v1/plant-a/alert/yard/a1"
    with subscribed(broker.port, ALL) as seen, Running(node_store, a_site(broker.port)) as run:
        over = end(node_store, revise(node_store, 1, 1))
        run.publisher.wake()
        wait_until(lambda: seen.last(active) == b"")
        noted = on_note(over, Cause.CASE, later(9)).alarm
        last = write(node_store, noted, Cause.CASE)
        run.publisher.wake()
        wait_until(lambda: f'"revision":{last.revision}'.encode() in (seen.last(alert) or b""))
        wait_until(lambda: node_store.outbox.depth(node_store.outbox.position("plant"))[0] == 0)
        run.publisher.reconfigure(a_site(broker.port, heartbeat_s=5.0))
        with subscribed(broker.port, active, STATUS) as late:
            wait_until(lambda: late.last(STATUS) is not None)
            assert late.last(active) is None
        assert seen.last(active) == b""


def test_an_area_that_nobody_watches_is_unknown(node_store: Store, broker: RunningBroker) -> None:
    with subscribed(broker.port, AREA) as seen, Running(node_store, a_site(broker.port)) as run:
        wait_until(lambda: b'"state":"unknown"' in (seen.last(AREA) or b""))
        run.publisher.set_watch({})
        wait_until(lambda: b'"state":"clear"' in (seen.last(AREA) or b""))
        run.publisher.set_watch({"yard": "camera gate-1 is dark"})
        wait_until(lambda: b"gate-1 is dark" in (seen.last(AREA) or b""))


def test_a_clean_stop_is_told_from_a_crash(node_store: Store, broker: RunningBroker) -> None:
    with subscribed(broker.port, STATUS, AREA) as seen:
        with Running(node_store, a_site(broker.port)) as run:
            run.publisher.set_watch({})
            run.publisher.set_stages([])
            wait_until(lambda: b'"ready"' in (seen.last(STATUS) or b""))
        wait_until(lambda: b'"stopped"' in (seen.last(STATUS) or b""))
        assert b'"state":"unknown"' in (seen.last(AREA) or b"")


def test_a_degraded_node_says_which_stage_and_why(node_store: Store, broker: RunningBroker) -> None:
    with subscribed(broker.port, STATUS) as seen, Running(node_store, a_site(broker.port)) as run:
        bad = StageHealth(stage="vision", health=Health.OFFLINE, reason="no camera", at=T0)
        run.publisher.set_stages([bad])
        wait_until(lambda: b"vision: no camera" in (seen.last(STATUS) or b""))


@pytest.mark.parametrize("health", list(Health))
def test_the_status_names_the_reasoners_state_also_when_it_is_ready_and_at_once(
    node_store: Store, broker: RunningBroker, health: Health
) -> None:
    def said() -> dict[str, Any]:
        found: dict[str, Any] = json.loads(seen.last(STATUS) or b"{}")
        return found

    with subscribed(broker.port, STATUS) as seen, Running(node_store, a_site(broker.port)) as run:
        dark = StageHealth(stage="camera/a", health=Health.DEGRADED, reason="dark", at=T0)
        for state in (Health.READY, Health.STARTING, health):
            reasoner = StageHealth(stage="reasoner", health=state, reason="why", at=T0)
            run.publisher.set_stages([dark, reasoner])
            told = {"stage": "reasoner", "health": state.value, "reason": "why"}
            wait_until(lambda told=told: said().get("reasoner") == told)  # type: ignore[misc]
        run.publisher.set_stages([dark])
        wait_until(lambda: said()["reasoner"] is None)


def test_a_broker_killed_and_wiped_in_the_middle_loses_nothing(
    node_store: Store, broker: RunningBroker
) -> None:
    """The subscriber's session dies with the broker too: what it missed comes again.

    A subscriber that comes back in the middle of the resending hears the end of it first, and
    all of it once more when it is repeated: it goes by the highest revision.
    """
    with subscribed(broker.port, ALL) as seen, Running(node_store, a_site(broker.port)) as run:
        revise(node_store, 1, 5)
        run.publisher.wake()
        wait_until(lambda: len(run.handed_over) == 5)
        seen.expect_restart()
        broker.kill()
        seen.messages.clear()
        alarm = revise(node_store, 2, 5)
        run.publisher.wake()
        wait_until(lambda: run.health().health is Health.OFFLINE, what="offline in health")
        broker.start()
        seen.await_again()
        everything = [1, 2, 3, 4, 5]
        wait_until(lambda: sorted(seen.revisions("a2")) == everything, what="the second alert")
        wait_until(lambda: seen.last("hazard/v1/plant-a/active/a2") is not None)
        end(node_store, alarm, 2)
        run.publisher.wake()
        wait_until(lambda: seen.last("hazard/v1/plant-a/active/a2") == b"")
        figures = run.health().figures
        assert figures["reconnects"]
        assert isinstance(figures["resent"], int)
        assert figures["resent"] >= 5
        wait_until(lambda: sorted(seen.revisions("a1")) == everything, what="the first alert")


def test_a_state_of_an_alert_that_ended_meanwhile_is_cleared(
    node_store: Store, broker: RunningBroker
) -> None:
    topic, foreign = "hazard/v1/plant-a/active/old", "hazard/v1/plant-a/active/other"
    with subscribed(broker.port, ALL) as seen:
        for where, node in ((topic, "edge-1"), (foreign, "edge-2")):
            body = json.dumps({"node": node, "alert_id": "old"})
            info = seen._client.publish(where, body, qos=1, retain=True)
            info.wait_for_publish(5)
        with Running(node_store, a_site(broker.port)) as run:
            wait_until(lambda: seen.last(topic) == b"", what="the dead state cleared")
            assert seen.last(foreign) != b""
            run.await_ready()


def test_active_alarms_of_a_database_that_was_replaced_do_not_end_by_themselves(
    node_store: Store, broker: RunningBroker, tmp_path: Path
) -> None:
    topic = "hazard/v1/plant-a/active/a1"
    with subscribed(broker.port, ALL) as seen:
        revise(node_store, 1, 3)
        with Running(node_store, a_site(broker.port)) as run:
            wait_until(lambda: seen.last(topic) is not None, what="the active state")
            run.await_ready()
        with Store.open(tmp_path / "new.db", node="edge-1", render=outbox_messages) as empty:
            with Running(empty, a_site(broker.port)) as run:
                told = "1 active alarms of another database of this node (e.g. a1)"
                wait_until(lambda: told in run.health().reason, what="told in the health")
                assert run.health().health is Health.DEGRADED
                assert seen.last(topic) != b""
            revise(empty, 9, 1)
            with Running(empty, a_site(broker.port)) as run:
                wait_until(lambda: told in run.health().reason, what="told again")
                assert seen.last(topic) != b""


def test_a_broker_that_is_away_is_named_with_the_mend(node_store: Store, free_port: int) -> None:
    with Running(node_store, a_site(free_port)) as run:
        wait_until(lambda: run.health().health is Health.OFFLINE)
        assert "start the broker" in run.health().reason


@pytest.mark.mosquitto
def test_two_brokers_have_their_own_progress(
    node_store: Store, tmp_path: Path, free_port: int
) -> None:
    running = RunningBroker("mosquitto", tmp_path)
    running.start()
    try:
        with Running(node_store, a_site(running.port, free_port)) as run:
            write_alert(node_store)
            run.publisher.wake()
            wait_until(lambda: len(run.handed_over) == 1)
            assert run.handed_over[0].broker == "plant"
            wait_until(lambda: node_store.outbox.position("plant") == 2)
            assert node_store.outbox.position("group") == 0
            assert run.health("group").figures["outbox_depth"] == 2
    finally:
        running.kill()


@pytest.mark.mosquitto
def test_a_wrong_password_is_said_clearly_and_loses_nothing(
    node_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    passwords = tmp_path / "passwords"
    subprocess.run(["mosquitto_passwd", "-b", "-c", str(passwords), "edge", "right"], check=True)
    running = RunningBroker("mosquitto", tmp_path, passwords=passwords)
    running.start()
    monkeypatch.setenv("BROKER_PASSWORD", "wrong")
    secret = {"username": "edge", "password": "${BROKER_PASSWORD}"}
    try:
        with Running(node_store, a_site(running.port, **secret)) as run:
            write_alert(node_store)
            wait_until(lambda: run.health().health is Health.OFFLINE)
            reason = run.health().reason
            assert "refuses" in reason
            assert "check username" in reason
            assert "wrong" not in reason
            monkeypatch.setenv("BROKER_PASSWORD", "right")
            wait_until(lambda: len(run.handed_over) == 1, what="delivery with the right one")
    finally:
        running.kill()


CRASHING = """
import sys, threading
from tests.integration.test_publisher import *
path, port, what = sys.argv[1], int(sys.argv[2]), sys.argv[3]
store = Store.open(path, journal=Path(path + ".journal"), render=outbox_messages)
publisher = Publisher(store, a_site(port))
if what == "publish":
    publisher.set_stages([])
    publisher.start()
else:
    write_alert(store)
print("ready", flush=True)
threading.Event().wait()
"""


def crashing(path: Path, port: int, what: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", CRASHING, str(path), str(port), what],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def kill(process: subprocess.Popen[str]) -> None:
    os.kill(process.pid, signal.SIGKILL)
    process.wait(10)
    assert process.stdout is not None
    process.stdout.close()


def test_the_last_will_tells_of_a_killed_node(tmp_path: Path, broker: RunningBroker) -> None:
    with subscribed(broker.port, STATUS) as seen:
        process = crashing(tmp_path / "crash.db", broker.port, "publish")
        try:
            wait_until(lambda: b'"ready"' in (seen.last(STATUS) or b""))
        finally:
            kill(process)
        wait_until(lambda: b'"crashed"' in (seen.last(STATUS) or b""), what="the last will")


@pytest.mark.mosquitto
def test_the_status_of_a_node_that_is_gone_expires_where_no_will_tells_of_it(
    node_store: Store, tmp_path: Path
) -> None:
    """A killed broker that comes back knows what was retained, but no will."""
    broker = Mosquitto(tmp_path).persist().start()
    told = "told/last"

    def retained() -> set[str]:
        with subscribed(broker.port, STATUS, AREA, told) as late:
            wait_until(lambda: late.last(told) is not None)
            return {topic for topic, *_ in late.messages}

    try:
        with subscribed(broker.port, STATUS, told) as seen:
            seen._client.publish(told, b"x", qos=1, retain=True).wait_for_publish(5)
            with Running(node_store, a_site(broker.port, heartbeat_s=1.0)) as run:
                run.publisher.set_stages([])
                wait_until(lambda: b'"ready"' in (seen.last(STATUS) or b""))
                expiry_s = [each[3]["MessageExpiryInterval"] for each in seen.messages if each[3]]
                assert max(expiry_s) == 3
                assert retained() == {STATUS, AREA, told}
                broker.save()
                broker.kill()
        broker.start()
        wait_until(lambda: retained() == {told}, what="neither ready nor clear")
    finally:
        broker.kill()


def test_a_kill_between_store_and_publish_loses_nothing(
    tmp_path: Path, broker: RunningBroker
) -> None:
    path = tmp_path / "crash.db"
    kill(crashing(path, broker.port, "store"))
    with (
        subscribed(broker.port, ALL) as seen,
        Store.open(path, render=outbox_messages) as store,
        Running(store, a_site(broker.port)),
    ):
        wait_until(lambda: seen.revisions("a1") == [1])


def test_a_locked_database_costs_no_alert(
    node_store: Store, broker: RunningBroker, tmp_path: Path
) -> None:
    with (
        subscribed(broker.port, ALL) as seen,
        Running(node_store, a_site(broker.port)) as run,
        closing(sqlite3.connect(tmp_path / "hazard.db", isolation_level=None)) as other,
    ):
        run.await_ready()
        write_alert(node_store, 1)
        other.execute("BEGIN EXCLUSIVE")
        assert write_alert(node_store, 2).durability == "journal"
        assert write_alert(node_store, 3).durability == "journal"
        run.publisher.wake()
        wait_until(lambda: seen.revisions("a3") == [1], what="publication out of the journal")
        assert "2 units wait" in node_store.health().reason
        assert "end it, or wait" in node_store.health().reason
        other.execute("ROLLBACK")
        assert node_store.load_journal()
        assert write_alert(node_store, 4).durability == "store"
        run.publisher.wake()
        wait_until(lambda: seen.revisions("a4") == [1])
        wait_until(lambda: node_store.outbox.position("plant") == 8, what="all marked")
    sequences = [alert.sequence for alert in node_store.queries.list_alerts().alerts]
    assert sorted(sequences) == [1, 2, 3, 4]
    assert node_store.verify_audit()[1] is None


def test_a_new_site_file_moves_only_the_broker_that_changed(
    node_store: Store, tmp_path: Path
) -> None:
    first, second = RunningBroker("iotcore", tmp_path), RunningBroker("iotcore", tmp_path)
    first.start()
    second.start()
    try:
        with Running(node_store, a_site(first.port)) as run, subscribed(second.port, ALL) as seen:
            run.await_ready()
            run.publisher.reconfigure(a_site(second.port))
            write_alert(node_store)
            run.publisher.wake()
            wait_until(lambda: seen.revisions("a1") == [1])
    finally:
        first.kill()
        second.kill()


def test_a_listener_that_fails_stops_nothing(node_store: Store, broker: RunningBroker) -> None:
    called = threading.Event()

    def listener(_handed_over: HandedOver) -> None:
        called.set()
        raise RuntimeError("listener")

    publisher = Publisher(node_store, a_site(broker.port), on_change=listener)
    publisher.start()
    try:
        for number in (1, 2):
            write_alert(node_store, number, severity=Severity.LOW)
        assert called.wait(10)
        wait_until(lambda: node_store.outbox.position("plant") == 4)
    finally:
        publisher.stop(3.0)
