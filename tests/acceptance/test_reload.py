"""A site file that changes while the agent runs: taken up, or refused with the place to mend."""

from __future__ import annotations

import copy
import re
import signal
from pathlib import Path

from edge_agent.demo.plant import write_site
from hazard.types import Health
from tests.acceptance.plant import PATIENCE_S, RunningSite
from tests.acceptance.works import ControlRoom, Transmitters, works
from tests.alert_builders import wait_until
from tests.brokers import free_pair


def test_a_changed_file_is_taken_up_and_a_wrong_one_refused_without_a_restart(
    tmp_path: Path,
) -> None:
    port, file = free_pair(), tmp_path / "site.yaml"
    sensors = {"motor": "overtemperature", "tank": "toxic_gas"}
    site = works(port, sensors, reasoning={"enabled": False}, dashboard={"enabled": False})
    with (
        RunningSite(file, site) as running,
        Transmitters(port, motor=80.0, tank=0.0) as transmitters,
    ):
        running.wait_ready()
        pids = running.pids()
        with ControlRoom(port) as control:
            # A lower threshold: the motor's 80 degrees are too much from now on.
            lower = copy.deepcopy(site)
            lower["rules"]["rule-motor"]["levels"] = [{"name": "warning", "at": 70}]
            write_site(file, lower)
            alarm = control.await_revision("area-motor", cause="raised")
            assert alarm["hazard"] == "overtemperature"

            # A wrong file: refused with its place, and the rules in force go on.
            text = file.read_text()
            wrong = text.replace("kind: threshold", "kind: treshold", 1)
            assert wrong != text
            file.write_text(wrong)
            wait_until(
                lambda: (s := running.stage("site")) is not None and s.health is Health.DEGRADED,
                seconds=PATIENCE_S,
                what="stage site degraded",
            )
            code, said = running.status()
            assert code == 1
            reason = next(s["reason"] for s in said["stages"] if s["stage"] == "site")
            line = wrong[: wrong.index("treshold")].count("\n") + 1
            assert re.search(rf"site\.yaml:{line}:\d+ rules\.", reason), reason
            assert "treshold" in reason
            assert "the old one goes on" in reason
            transmitters.show(tank=50.0)
            assert control.await_revision("area-tank", cause="raised")["severity"] == "high"

            # Mended: ready again.
            file.write_text(text)
            running.wait_ready()
            running.wait_status_ready()

            # A signal asks for a look at a file that has not changed.
            running.process.send_signal(signal.SIGHUP)
            running.wait_line(lambda each: '"site.unchanged"' in each, PATIENCE_S)
        assert running.pids() == pids
        assert all(each["restarts"] == 0 for each in running.processes().values())
