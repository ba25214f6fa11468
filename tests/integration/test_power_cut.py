"""A power cut, simulated: the files of the database as they lie at a random moment under load.

The writing process is stopped as a whole (SIGSTOP) while they are copied, so that a copy is one
moment of all of them. What the disk itself forgets in a power cut cannot be shown this way.
"""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from edge_agent.publish import outbox_messages
from hazard.store import Store
from tests.alert_builders import wait_until
from tests.brokers import RunningBroker

COPIES = 8

WRITER = """
import itertools, sys
from pathlib import Path
from edge_agent.publish import Publisher, outbox_messages
from hazard.store import Store
from tests.alert_builders import write_alert
from tests.integration.test_publisher import a_site
folder, port = Path(sys.argv[1]), int(sys.argv[2])
store = Store.open(folder / "hazard.db", journal=folder / "journal", render=outbox_messages)
told = lambda handed: print("acked", handed.alert_id, flush=True)
publisher = Publisher(store, a_site(port), on_change=told)
publisher.start()
for number in itertools.count(1):
    write_alert(store, number)
    publisher.wake()
"""


@pytest.mark.mosquitto
def test_each_copy_opens_and_holds_every_alert_that_was_handed_over(tmp_path: Path) -> None:
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")  # noqa: T201 - with it the moments come again
    moments = random.Random(seed)
    data = tmp_path / "data"
    data.mkdir()
    broker = RunningBroker("mosquitto", tmp_path)
    broker.start()
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(data), str(broker.port)],
        stdout=subprocess.PIPE,
        text=True,
    )
    acked: list[str] = []

    def listen() -> None:
        assert writer.stdout is not None
        for line in writer.stdout:
            word, _, alert_id = line.strip().partition(" ")
            if word == "acked":  # the log goes the same way
                acked.append(alert_id)

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    copies: list[tuple[Path, frozenset[str]]] = []
    try:
        for number in range(COPIES):
            seen = len(acked)
            wait_until(lambda seen=seen: len(acked) > seen + 3, seconds=60, what="more handed over")
            time.sleep(moments.uniform(0, 0.05))  # the random moment itself
            before = frozenset(acked[:])
            writer.send_signal(signal.SIGSTOP)
            copies.append((tmp_path / f"copy-{number}", before))
            shutil.copytree(data, copies[-1][0])
            writer.send_signal(signal.SIGCONT)
    finally:
        writer.kill()
        writer.wait(10)
        listener.join(10)
        if writer.stdout is not None:
            writer.stdout.close()
        broker.kill()
    assert len(copies) == COPIES
    for copy, before in copies:
        with Store.open(
            copy / "hazard.db", journal=copy / "journal", render=outbox_messages
        ) as store:
            held = {alert.message.alert_id for alert in store.open_alerts()}
            assert before <= held, f"{copy.name} of seed {seed} lacks {sorted(before - held)}"
            assert store.verify_audit()[1] is None
