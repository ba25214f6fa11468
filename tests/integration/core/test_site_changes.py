"""People change the site file through the agent: written, in force without restart, recorded."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hazard.site.versions import BY_HAND
from hazard.types import Role, Verb
from tests.integration.core.node import SOON_S, Client, Node, a_site, run, until

YAML = """\
# The plant by the river.
version: 1
site: {id: plant, name: Plant, node: edge-1}
areas:
  yard: {name: Yard}
  hall: {name: Hall}
cameras:
  gate:
    area: yard
    source: {kind: folder, path: .}
    zones:
      # drawn by Bob
      pit: {polygon: [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0]]}
rules:
  pit: {kind: restricted_zone, camera: gate, zone: pit, dwell_s: 3600}   # nearly never
mqtt: {brokers: {plant: {host: 127.0.0.1, port: 9}}}
reasoning: {enabled: false}
dashboard: {enabled: false}
observe: {metrics_port: 0}
"""
REPOSITORY = Path(__file__).parents[3]
SOONER: dict[str, Any] = {"rules": {"pit": {"dwell_s": 0}}}


@pytest.fixture
def plant(tmp_path: Path) -> Iterator[Node]:
    """A node whose site file was written by hand, with comments."""
    node = Node(tmp_path, a_site())
    node.paths.site_file.write_text(YAML)
    yield node
    node.remove()


def sha(node: Node) -> str:
    return hashlib.sha256(node.paths.site_file.read_bytes()).hexdigest()


def ask(node: Node, patch: dict[str, Any], *, base: str = "", **more: Any) -> str:
    values = {"role": Role.SAFETY_OFFICER, "comment": "people wait at the pit", **more}
    arguments = {"base_sha256": base or sha(node), "patch": patch}
    return node.ask(Verb.CHANGE_SITE, "", 0, arguments=arguments, **values)


async def answered(node: Node, request_id: str) -> tuple[str, str]:
    return await until(  # type: ignore[no-any-return]
        lambda: (found := node.outcome(request_id))[0] != "pending" and found, "an answer"
    )


def values(node: Node, request_id: str) -> dict[str, Any]:
    with node.store() as store:
        return dict(store.queries.request_state(request_id).values)


def versions(node: Node) -> list[Any]:
    with node.store() as store:
        return list(store.versions.heads())


def test_a_change_is_in_force_at_once_and_the_zone_then_raises(plant: Node) -> None:
    async def test() -> None:
        async with plant.running() as core, Client.connected(plant, "vision") as vision:
            vision.observe(person=True)
            await until(lambda: versions(plant), "the first version")
            state, text = await answered(plant, asked := ask(plant, SOONER))
            assert (state, text) == (
                "done",
                "version 2 of the site file is in force: rules.pit.dwell_s: 3600 → 0",
            )
            assert values(plant, asked) == {"version": 2, "sha256": sha(plant), "restart": []}
            assert core.site.rules["pit"].dwell_s == 0  # type: ignore[union-attr]
            await until(lambda: len(vision.of("configure")) > 1, "the vision group's new site")
            await until(lambda: vision.observe(person=True) and plant.alerts(), "the alarm")
        text = plant.paths.site_file.read_text()
        assert text != YAML
        for comment in ("# The plant by the river.", "# drawn by Bob", "# nearly never"):
            assert comment in text
        newest, first = versions(plant)
        assert (newest.actor, newest.reason) == ("ada", "people wait at the pit")
        assert (first.actor, first.version) == (BY_HAND, 1)
        with plant.store() as store:
            lines = store.queries.audit_page().lines
            assert store.versions.get(2).text == text
        done = next(line for line in lines if line.verb == "request.done")
        assert (done.actor, done.subject) == ("ada", "change-site")
        assert done.details["sha256"] == sha(plant)

    run(test())


def test_who_comes_second_is_told_who_was_first_and_what_changed(plant: Node) -> None:
    async def test() -> None:
        async with plant.running():
            looked_at = sha(plant)
            await answered(plant, ask(plant, SOONER))
            before = plant.paths.site_file.read_text()
            second = ask(plant, {"areas": {"dock": {"name": "Dock"}}}, base=looked_at)
            state, text = await answered(plant, second)
            assert state == "conflict"
            assert "by ada" in text
            assert "version 2: rules.pit.dwell_s: 3600 → 0" in text
            assert plant.paths.site_file.read_text() == before

    run(test())


def test_an_earlier_version_comes_back(plant: Node) -> None:
    async def test() -> None:
        async with plant.running() as core:
            await answered(plant, ask(plant, SOONER))
            restore = plant.ask(
                Verb.RESTORE_SITE,
                "",
                0,
                role=Role.INTEGRATOR,
                comment="too many alarms",
                arguments={"base_sha256": sha(plant), "version": 1},
            )
            state, text = await answered(plant, restore)
            assert (state, text) == ("done", "version 3, which is version 1 again, is in force")
            assert plant.paths.site_file.read_text() == YAML
            assert core.site.rules["pit"].dwell_s == 3600  # type: ignore[union-attr]
            assert versions(plant)[0].restored_from == 1

    run(test())


def test_what_must_not_be_is_refused_and_the_file_stays(plant: Node) -> None:
    async def test() -> None:
        async with plant.running():
            wrong = ask(plant, {"rules": {"pit": {"zone": "moat", "dwell_s": -1}}})
            state, text = await answered(plant, wrong)
            assert state == "refused"
            assert "rules.pit.zone" in text
            told = {each["path"]: each for each in values(plant, wrong)["problems"]}
            assert told["rules.pit.dwell_s"]["value"] == "-1"
            assert all(each["mend"] for each in told.values())

            for request, words in (
                (ask(plant, SOONER, role=Role.OPERATOR), "not for ada as operator"),
                (ask(plant, SOONER, comment=" "), "say why"),
                (ask(plant, SOONER, areas=("hall",)), "this concerns yard"),
                (ask(plant, {"policy": {"incident_window_s": 5}}, areas=("yard",)), "whole plant"),
                (ask(plant, {"rules": {"pit": {"dwell_s": 3600}}}), "changes nothing"),
                (
                    ask(plant, {"alarms": {"users": {"eve": {"role": "administrator"}}}}),
                    "alarms.users",
                ),
                (
                    ask(plant, {"privacy": {"blur_people": False}}, role=Role.INTEGRATOR),
                    "privacy.blur_people is not for ada as integrator",
                ),
                (ask(plant, {"mqtt": {"brokers": {"plant": {"password": "hunter2"}}}}), "secret"),
            ):
                state, text = await answered(plant, request)
                assert state == "refused"
                assert words in text
            state, _ = await answered(plant, ask(plant, SOONER, areas=("yard",)))
            assert state == "done"
        with plant.store() as store:
            assert "hunter2" not in store.queries.audit_page().model_dump_json()

    run(test())


def test_what_waits_for_a_restart_is_said(plant: Node) -> None:
    async def test() -> None:
        async with plant.running():
            state, text = await answered(plant, ask(plant, {"dashboard": {"port": 8443}}))
            assert state == "done"
            assert "waits for a restart of the agent: dashboard.port changed" in text

    run(test())


def test_a_file_that_is_write_protected_is_left_alone(plant: Node) -> None:
    async def test() -> None:
        async with plant.running():
            plant.paths.site_file.chmod(0o444)
            state, text = await answered(plant, ask(plant, SOONER))
            assert state == "refused"
            assert "cannot be written" in text
            assert "make the file and its folder writable" in text
            assert plant.paths.site_file.read_text() == YAML

    run(test())


def test_mode_and_link_stay_when_the_file_is_written(plant: Node, tmp_path: Path) -> None:
    async def test() -> None:
        real = tmp_path / "real.yaml"
        plant.paths.site_file.rename(real)
        real.chmod(0o640)
        plant.paths.site_file.symlink_to(real.name)
        async with plant.running():
            state, _ = await answered(plant, ask(plant, SOONER))
        assert state == "done"
        assert plant.paths.site_file.is_symlink()
        assert real.stat().st_mode & 0o777 == 0o640
        assert "dwell_s: 0" in real.read_text()

    run(test())


def test_what_is_edited_by_hand_becomes_a_version_too(plant: Node) -> None:
    async def test() -> None:
        async with plant.running():
            await until(lambda: versions(plant), "the first version")
            plant.paths.site_file.write_text(YAML.replace("name: Plant", "name: Mill"))
            await until(lambda: len(versions(plant)) == 2, "the version of the edited file")
            newest = versions(plant)[0]
            assert (newest.actor, newest.summary) == (BY_HAND, 'site.name: "Plant" → "Mill"')
        plant.paths.site_file.write_text(YAML.replace("name: Plant", "name: Works"))
        async with plant.running():
            await until(lambda: len(versions(plant)) == 3, "what was edited while nobody ran")
            assert versions(plant)[0].actor == BY_HAND

    run(test())


KILLED = """
import os, signal, sys
import edge_agent.core.site_changes as changes
from edge_agent.core.__main__ import main
whole = changes.write_site_file
def write_and_die(path, text):
    whole(path, text)
    os.kill(os.getpid(), signal.SIGKILL)
changes.write_site_file = write_and_die
sys.exit(main())
"""


def test_a_core_that_dies_between_file_and_record_ends_the_request_at_the_next_start(
    plant: Node,
) -> None:
    async def test() -> None:
        async with plant.running():
            await until(lambda: versions(plant), "the first version")
        request = ask(plant, SOONER)
        process = subprocess.Popen(  # noqa: ASYNC220 - ends by itself
            [sys.executable, "-c", KILLED],
            cwd=REPOSITORY,
            env={**os.environ, **plant.paths.environment()},
        )
        assert await asyncio.to_thread(process.wait, SOON_S) == -signal.SIGKILL
        assert "dwell_s: 0" in plant.paths.site_file.read_text()
        assert len(versions(plant)) == 1
        assert plant.outcome(request)[0] == "pending"
        with contextlib.suppress(OSError):
            plant.paths.socket.unlink()
        async with plant.running():
            state, text = await answered(plant, request)
            assert state == "done"
            assert "rules.pit.dwell_s: 3600 → 0" in text
            newest = versions(plant)[0]
            assert (newest.version, newest.actor) == (2, "ada")
            assert newest.sha256 == sha(plant)

    run(test())
