"""The whole product is killed and started again: the alarm is still there, once."""

from __future__ import annotations

from pathlib import Path

import psutil

from hazard.store.engine import make_engine, store_url
from hazard.store.ledger import gaps, revisions
from hazard.types import AlertMessage
from tests.acceptance.plant import PATIENCE_S, RunningSite, hazard
from tests.acceptance.works import ControlRoom, Desk, Transmitters, works
from tests.alert_builders import wait_until
from tests.brokers import free_pair


def stored(running: RunningSite) -> list[AlertMessage]:
    """Every revision in the database; fails if one is missing."""
    engine = make_engine(store_url(running.paths.database), busy_ms=1000, sync="NORMAL")
    try:
        with engine.connect() as connection:
            lines = revisions(connection, "plant")
    finally:
        engine.dispose()
    assert gaps(lines) == 0
    return [line.message for line in lines]


def test_a_latched_alarm_outlives_the_death_of_every_process(tmp_path: Path) -> None:
    port, file = free_pair(), tmp_path / "site.yaml"
    site = works(port, {"tank": "toxic_gas"}, reasoning={"enabled": False})
    with Transmitters(port, tank=50.0) as transmitters:
        with RunningSite(file, site) as first, ControlRoom(port) as control:
            raised = control.await_revision("area-tank", cause="raised")
            worded = control.await_revision("area-tank", cause="words")
            assert raised["latched"]
            assert worded["state"] == "unacknowledged"
            family = first.family()
            assert len(family) > 3
            first.process.kill()
            assert psutil.wait_procs(family, timeout=PATIENCE_S)[1] == []
        alert_id, before = raised["alert_id"], [each.revision for each in stored(first)]

        with RunningSite(file) as second, ControlRoom(port) as control:
            address, code = second.wait_code()
            second.wait_ready()
            told = control.retained(alert_id)
            assert told["state"] == "unacknowledged"
            assert told["revision"] >= max(before)
            with Desk(address, code, "A. Rossi") as desk:
                answer = desk.asks(alert_id, "acknowledge", told["revision"], "on my way")
                assert answer["state"] == "done", answer
                transmitters.show(tank=0.0)
                normal = control.await_revision("area-tank", state="latched_acknowledged")
                if normal["condition"] != "normal":
                    normal = control.await_revision("area-tank", condition="normal")
                assert normal["acknowledged_by"] == "A. Rossi"
                answer = desk.asks(alert_id, "reset", normal["revision"])
                assert answer["state"] == "done", answer
            control.await_revision("area-tank", state="normal")
            control.await_cleared(alert_id)

            everything = {(each.alert_id, each.revision) for each in stored(second)}
            assert {name for name, _ in everything} == {alert_id}, "a twin alert"
            assert len([each for each in stored(second) if each.cause == "raised"]) == 1
            wait_until(
                lambda: {(b["alert_id"], b["revision"]) for b in control.revisions()} == everything,
                seconds=PATIENCE_S,
                what="every revision over MQTT, those from before the death too",
            )
            second.wait_ready()
            second.wait_status_ready()


def test_a_second_run_of_the_same_site_is_refused_and_told_who_runs_it(tmp_path: Path) -> None:
    port, file = free_pair(), tmp_path / "site.yaml"
    off = {"enabled": False}
    site = works(port, {"tank": "toxic_gas"}, reasoning=off, dashboard=off)
    with RunningSite(file, site) as running:
        wait_until(lambda: bool(running.pids()), seconds=PATIENCE_S, what="the first run")
        code, text = hazard("run", "--site", str(file))
        assert code == 3
        assert f"already run by process {running.process.pid}" in text
        assert "stop that one first" in text
        assert running.interrupt() < PATIENCE_S
        assert running.finish() == 0
