"""A real dashboard process on a database, and a browser's session to it."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import queue
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from edge_agent.bench.dashboard.lives import AREAS, LANGUAGES, NODE, SITE
from hazard.errors import HazardError
from hazard.store import Store
from hazard.types import Role

COOKIE = "hazard_session"
STARTS_WITHIN_S = 60.0
ANSWERS_WITHIN_S = 60.0
SAID = "Dashboard: "


class Served:
    """One running dashboard.

    Attributes:
        address: where it listens.
        cookie: of somebody who may do everything.
    """

    def __init__(self, process: subprocess.Popen[str], address: str, cookie: str) -> None:
        self._process = process
        self.address, self.cookie = address, cookie
        where = urlsplit(address)
        self.port = where.port or 80
        self._link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=ANSWERS_WITHIN_S)

    def time_ms(self, path: str) -> float:
        """Milliseconds from the request to the last byte of the answer.

        Raises:
            HazardError: if the answer is not 200.
        """
        headers = {"Cookie": f"{COOKIE}={self.cookie}", "Accept": "text/html"}
        began_s = time.perf_counter()
        self._link.request("GET", path, headers=headers)
        answer = self._link.getresponse()
        body = answer.read()
        took_ms = (time.perf_counter() - began_s) * 1000
        if answer.status != http.client.OK:
            raise HazardError(f"{path}: {answer.status} {body[:300].decode(errors='replace')}")
        return took_ms

    def close(self) -> None:
        """Close the connection."""
        self._link.close()

    def memory_kb(self) -> int:
        """Resident memory of the process."""
        status = Path(f"/proc/{self._process.pid}/status").read_text(encoding="ascii")
        return int(next(line.split()[1] for line in status.splitlines() if "VmRSS" in line))


def site_file(folder: Path) -> Path:
    """The site file of the plant that fills the stores."""
    site: dict[str, Any] = {
        "version": 1,
        "site": {"id": SITE, "name": "Bench", "node": NODE, "languages": list(LANGUAGES)},
        "areas": {area: {"name": name} for area, (name, _) in AREAS.items()},
        "mqtt": {"brokers": {"plant": {"host": "127.0.0.1", "port": 9}}},
        "reasoning": {"enabled": False},
    }
    file = folder / "site.yaml"
    file.write_text(json.dumps(site, indent=1), encoding="utf-8")
    return file


@contextlib.contextmanager
def served(folder: Path, database: str | Path) -> Iterator[Served]:
    """The dashboard of a node's database in `folder`, or of a PostgreSQL, for the block.

    Raises:
        HazardError: if it does not start.
    """
    cookie = _session(database)
    (folder / "run").mkdir(exist_ok=True)
    environment = {
        **os.environ,
        "HAZARD_SITE_FILE": str(site_file(folder)),
        "HAZARD_DATA_DIR": str(folder),
        "HAZARD_RUN_DIR": str(folder / "run"),
        "HAZARD_DASHBOARD_HOST": "127.0.0.1",
        "HAZARD_DASHBOARD_PORT": "0",
    }
    if "://" in str(database):
        environment["HAZARD_DASHBOARD_DATABASE"] = str(database)
    with (folder / "dashboard.log").open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "edge_agent.launch", "dashboard", "dashboard"],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    try:
        made = Served(process, _address(process, folder / "dashboard.log"), cookie)
        try:
            yield made
        finally:
            made.close()
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)
        if process.stdout is not None:
            process.stdout.close()


def _session(database: str | Path) -> str:
    now = datetime.now(UTC)
    with Store.open(database, commit_timeout_ms=10_000) as store:
        name = f"bench {uuid.uuid4().hex[:8]}"
        account = store.people.accounts.create(name, Role.ADMINISTRATOR, (), by="bench", now=now)
        return store.people.logins.open_session(account, now, lifetime=timedelta(hours=12))


def _address(process: subprocess.Popen[str], log: Path) -> str:
    said: queue.Queue[str] = queue.Queue()

    def read() -> None:
        with contextlib.suppress(ValueError):
            for line in process.stdout or ():
                said.put(line)
        said.put("")

    threading.Thread(target=read, daemon=True).start()
    try:
        line = said.get(timeout=STARTS_WITHIN_S)
    except queue.Empty:
        line = ""
    if SAID not in line:
        raise HazardError(f"the dashboard did not start: {line}{log.read_text()[-500:]}")
    return line.partition(SAID)[2].split()[0]
