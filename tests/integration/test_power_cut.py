"""A power cut, simulated: the files of the database as they lie at random moments under load.

The writing process is stopped as a whole (SIGSTOP) while they are copied, so that a copy is one
moment of all of them. What the disk itself forgets in a power cut cannot be shown this way.

Now and then the database is locked, so that alerts go to the journal: a copy then holds some of
them in the one file and some in the other.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path

import pytest

from edge_agent.publish import outbox_messages
from hazard.store import Store
from tests.alert_builders import wait_until
from tests.brokers import RunningBroker

COPIES = 20

WRITER = """
import itertools, sqlite3, sys, threading, time
from pathlib import Path
from edge_agent.publish import Publisher, outbox_messages
from hazard.alarms import on_note
from hazard.store import Store
from hazard.store.operations import QueueNotice, SaveOrder
from hazard.types import CaseFile, Cause
from tests.alert_builders import a_message, an_alarm, an_evidence, an_incident
from tests.integration.test_publisher import a_site
from tests.integration.test_store_alarm_handling import an_order
from tests.integration.test_store_casework import a_notice
folder, port = Path(sys.argv[1]), int(sys.argv[2])
store = Store.open(
    folder / "hazard.db", journal=folder / "journal", render=outbox_messages, commit_timeout_ms=20
)
said = threading.Lock()
def say(*words):
    with said:
        print(*words, flush=True)
told = lambda handed: say("acked", handed.alert_id, handed.revision)
publisher = Publisher(store, a_site(port), on_change=told)
publisher.start()
def lock_now_and_then():
    while True:
        time.sleep(0.3)
        with sqlite3.connect(folder / "hazard.db", isolation_level=None, timeout=5) as other:
            other.execute("BEGIN IMMEDIATE")
            time.sleep(0.15)
            other.execute("ROLLBACK")
        other.close()
        while not store.load_journal():
            time.sleep(0.01)
threading.Thread(target=lock_now_and_then, daemon=True).start()
for number in itertools.count(1):
    name = f"a{number}"
    alarm = an_alarm(name)
    with store.unit() as unit:
        unit.save_incident(an_incident(f"i{number}"))
        unit.write_revision(a_message(alarm, incident=f"i{number}"), alarm)
        unit.save_evidence(f"i{number}", an_evidence(number))
        unit.add(SaveOrder(node="edge-1", order=an_order(f"o{number}")))
        unit.add(QueueNotice(notice=a_notice(f"n{number}", alert_id=name)))
        durability = unit.commit().durability
    say("stored", name, 1, durability)
    publisher.wake()
    alarm = on_note(alarm, Cause.CASE, alarm.raised_at, "assigned to ben").alarm
    with store.unit() as unit:
        message = a_message(alarm, incident=f"i{number}", cause=Cause.CASE,
                            case=CaseFile(assignee="ben"))
        unit.write_revision(message, alarm, actor="ada")
        durability = unit.commit().durability
    say("stored", name, 2, durability)
    publisher.wake()
"""

Told = dict[str, set[tuple[str, int]]]


class Writer:
    """The process under load, and what it has said until now: stored and handed over."""

    def __init__(self, data: Path, port: int) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(data), str(port)],
            stdout=subprocess.PIPE,
            text=True,
        )
        self.told: Told = defaultdict(set)
        self.journaled = 0
        self._guard = threading.Lock()
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            word, *rest = line.split()
            if word not in ("stored", "acked"):  # the log goes the same way
                continue
            with self._guard:
                self.told[word].add((rest[0], int(rest[1])))
                self.journaled += rest[2:] == ["journal"]

    def count(self, word: str) -> int:
        return len(self.told[word])

    def so_far(self) -> Told:
        with self._guard:
            return {word: set(found) for word, found in self.told.items()}

    def freeze(self) -> None:
        """Stop every thread of it; the signal alone only asks for that."""
        self.process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self.process.pid, os.WSTOPPED)

    def end(self) -> None:
        self.process.kill()
        self.process.wait(10)
        self._listener.join(10)
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.mark.mosquitto
def test_each_copy_opens_and_holds_all_that_was_stored_and_handed_over(tmp_path: Path) -> None:
    seed = int(os.environ.get("POWER_CUT_SEED", "0")) or random.SystemRandom().randrange(2**32)
    print(f"seed {seed}: POWER_CUT_SEED={seed} cuts after the same pauses")  # noqa: T201
    moments = random.Random(seed)
    data = tmp_path / "data"
    data.mkdir()
    broker = RunningBroker("mosquitto", tmp_path)
    broker.start()
    writer = Writer(data, broker.port)
    copies: list[tuple[Path, Told]] = []
    try:
        for number in range(COPIES):
            seen = writer.count("acked")
            wait_until(
                lambda seen=seen: writer.count("acked") > seen + 3,
                seconds=60,
                what="more handed over",
            )
            time.sleep(moments.uniform(0, 0.4))  # the random moment itself
            before = writer.so_far()
            writer.freeze()
            copies.append((tmp_path / f"copy-{number}", before))
            shutil.copytree(data, copies[-1][0])
            writer.process.send_signal(signal.SIGCONT)
        wait_until(lambda: writer.journaled > 0, seconds=60, what="an alert in the journal")
    finally:
        writer.end()
        broker.kill()
    assert len(copies) == COPIES
    in_journal = sum(holds_all(copy, before, seed) for copy, before in copies)
    print(f"{in_journal} of {COPIES} copies had alerts in the journal only")  # noqa: T201


def holds_all(copy: Path, before: Told, seed: int) -> bool:
    """Check one copy; gives whether something of it was in the journal only."""
    with Store.open(copy / "hazard.db", render=outbox_messages) as without:
        in_database = revisions(without)
    with Store.open(copy / "hazard.db", journal=copy / "journal", render=outbox_messages) as store:
        held = revisions(store)
        for word, wanted in before.items():
            missing = sorted(wanted - held)
            assert not missing, f"{copy.name} of seed {seed} lacks what was {word}: {missing}"
        newest = dict(sorted(held))
        assert held == {(a, r) for a, top in newest.items() for r in range(1, top + 1)}
        sequences = store.queries.changes_after({}, limit=100_000)
        assert sum(sequences[0].values()) == len(held), "a number without a revision"
        orders = {order.order_id for order in store.standing_orders()}
        notices = {
            due.notice.alert_id for due in store.notices.due("shift", datetime.now(UTC), 100_000)
        }
        for name, top in newest.items():
            assert f"o{name[1:]}" in orders, f"{copy.name} of seed {seed}: no order beside {name}"
            assert name in notices, f"{copy.name} of seed {seed}: no notice beside {name}"
            found = store.alert(name)
            assert found is not None
            assert found.message.case.assignee == ("ben" if top == 2 else None)
        assert store.journal_waiting == 0
        assert store.verify_audit()[1] is None
    return bool(held - in_database)


def revisions(store: Store) -> set[tuple[str, int]]:
    with store._plain.connect() as connection:
        rows = connection.exec_driver_sql("SELECT alert_id, revision FROM revision")
        return {(row.alert_id, row.revision) for row in rows}
