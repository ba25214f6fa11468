"""Bad input at the core: told with the mend, and nothing else stops."""
# ruff: noqa: E731 - conditions to wait for are named by a lambda

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import paho.mqtt.publish
import pytest
from paho.mqtt.client import MQTTv5

from edge_agent.cli.status import newest
from hazard.store import Store
from hazard.types import Health
from tests.brokers import RunningBroker
from tests.integration.core.node import Client, Node, a_site, run, until


def a_site_with_gas(port: int) -> dict[str, object]:
    source = {"kind": "mqtt", "broker": "plant", "topic": "plant/h2s"}
    site = a_site(
        port,
        sensors={"h2s": {"area": "hall", "quantity": "h2s", "unit": "ppm", "source": source}},
    )
    levels = [{"name": "alarm", "at": 10}]
    site["rules"]["gas"] = {
        "kind": "threshold",
        "hazard": "toxic_gas",
        "sensor": "h2s",
        "levels": levels,
    }
    return site


def test_a_sensor_that_sends_no_numbers_is_degraded_and_its_next_number_counts(
    tmp_path: Path,
) -> None:
    broker = RunningBroker("iotcore", tmp_path)
    broker.start()
    node = Node(tmp_path, a_site_with_gas(broker.port))

    def publish(payload: str) -> None:
        paho.mqtt.publish.single(
            "plant/h2s", payload, qos=1, hostname="127.0.0.1", port=broker.port, protocol=MQTTv5
        )

    async def test() -> None:
        async with node.running() as core:
            await until(lambda: not core._sensing.problems(), "the connection of the sensor")
            stage = lambda: node.stages().get("sensor/h2s")
            for payload in ("high", "NaN", "1e999", '{"value": 3}', ""):
                publish(payload)
            await until(lambda: (s := stage()) and s.health is Health.DEGRADED, "a bad sensor")
            assert stage().reason
            assert node.alerts() == []
            publish("25")
            (alert,) = await until(node.alerts, "the alert")
            assert (alert.hazard, alert.area) == ("toxic_gas", "hall")
            await until(lambda: stage().health is Health.READY, "a good sensor")

    try:
        run(test())
    finally:
        node.remove()
        broker.kill()


def test_an_invalid_new_site_file_is_refused_with_its_line_and_the_old_one_goes_on(
    node: Node,
) -> None:
    async def test() -> None:
        async with node.running(), Client.connected(node, "vision") as vision:
            wrong = a_site()
            wrong["cameras"]["gate"]["area"] = "yrad"
            node.write_site(wrong)
            stage = lambda: node.stages().get("site")
            await until(lambda: (s := stage()) and s.health is Health.DEGRADED, "the refusal")
            assert "site.yaml:" in stage().reason
            assert "yrad" in stage().reason
            number = vision.observe(person=True)
            await until(lambda: vision.acked >= number, "the acknowledgement")
            assert len(node.alerts()) == 1
            node.write_site(a_site())
            await until(lambda: stage().health is Health.READY, "the mended file")
        with Store.open(node.paths.database) as store:
            lines = store.queries.audit_page().lines
            refused = [str(line.details) for line in lines if line.verb == "site.refused"]
            assert any("yrad" in details for details in refused)
            assert store.verify_audit()[1] is None

    run(test())


def core_that_ends(node: Node) -> tuple[int, str]:
    """Exit code and log of a core that cannot run."""
    ended = subprocess.run(
        [sys.executable, "-m", "edge_agent.core"],
        env={**os.environ, **node.paths.environment()},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return ended.returncode, ended.stdout + ended.stderr


def test_a_damaged_database_is_told_with_the_mend(node: Node) -> None:
    node.paths.database.write_bytes(b"this is no database at all" * 400)
    code, log = core_that_ends(node)
    assert code == 3
    assert "put back the newest backup" in log


def test_a_database_of_a_newer_release_is_told_with_the_mend(node: Node) -> None:
    with node.store():
        pass
    with sqlite3.connect(node.paths.database) as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    database.close()
    code, log = core_that_ends(node)
    assert code == 3
    assert "newer" in log


def test_a_data_folder_that_is_a_file_is_told_with_the_mend(node: Node, tmp_path: Path) -> None:
    blocked = tmp_path / "blocked"
    blocked.touch()
    node.paths = type(node.paths)(
        site_file=node.paths.site_file,
        data_dir=blocked / "data",
        run_dir=node.paths.run_dir,
        models_dir=node.paths.models_dir,
    )
    code, log = core_that_ends(node)
    assert code == 3
    assert "make the data and run folders writable" in log


@pytest.mark.parametrize("command", ["run", "check"])
def test_an_invalid_site_file_is_refused_by_the_commands_with_line_value_and_mend(
    tmp_path: Path, command: str
) -> None:
    file = tmp_path / "site.yaml"
    file.write_text(
        "version: 1\nsite: {id: x, name: X}\nareas: {a: {name: A}}\nmqtt: {embeded: 1}\n"
    )
    ended = subprocess.run(
        [sys.executable, "-m", "edge_agent.cli", command, "--site", str(file)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == {"run": 4, "check": 1}[command]
    told = ended.stdout + ended.stderr
    assert "site.yaml:4:" in told
    assert "embedded" in told, "the mend"


def test_a_database_that_cannot_be_read_is_a_stage_of_its_own_in_status(node: Node) -> None:
    async def test() -> None:
        async with node.running():
            await until(lambda: node.stages().get("core"), "a first report")

    run(test())
    node.paths.database.write_bytes(b"this is no database at all" * 400)
    stages = {stage.stage: stage for stage in newest(node.paths)}
    assert stages["database"].health is Health.OFFLINE
    assert str(node.paths.database) in stages["database"].reason
    assert "core" in stages, "what the core said last is still shown"
