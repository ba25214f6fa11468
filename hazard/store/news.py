"""News of a PostgreSQL: its own word at each commit, so that nobody has to ask again and again.

Triggers (`hazard.store.changes`) send a notification with each transaction that changes alarms or
requests; PostgreSQL delivers it when the transaction is committed (LISTEN, NOTIFY).
"""

from __future__ import annotations

import threading
from typing import Any

import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from hazard.store.changes import CHANNEL

LOOK_S = 1.0
"""How often the thread looks whether it is to end."""
AGAIN_S = 1.0
"""Wait after a failure; each try counts as news, since a notification may have been missed."""

log = structlog.get_logger(__name__)


class News:
    """Counts what one PostgreSQL tells, in a thread with a connection of its own.

    Attributes:
        version: grows with each commit that changed alarms or requests, and while nobody can say.
        listening: notifications come; False: the database cannot be reached now.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.version = 0
        self.listening = False
        self._told = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="news", daemon=True)
        self._thread.start()

    def wait(self, seconds: float) -> None:
        """Wait until something is told that no call before has returned for."""
        self._told.wait(seconds)
        self._told.clear()

    def _tell(self) -> None:
        self.version += 1
        self._told.set()

    def close(self) -> None:
        """End, and wait for it."""
        self._stop.set()
        self._thread.join(LOOK_S + 5)

    def _run(self) -> None:
        failures = (SQLAlchemyError, self._engine.dialect.loaded_dbapi.Error)
        while not self._stop.is_set():
            try:
                self._listen()
            except failures as error:
                if self.listening:
                    log.warning("store.news_lost", error=str(error)[:300])
            self.listening = False
            self._tell()
            self._stop.wait(AGAIN_S)

    def _listen(self) -> None:
        with self._engine.execution_options(isolation_level="AUTOCOMMIT").connect() as link:
            link.exec_driver_sql(f"LISTEN {CHANNEL}")
            driver: Any = link.connection.driver_connection
            self.listening = True
            self._tell()  # what was committed before the LISTEN
            while not self._stop.is_set():
                for _ in driver.notifies(timeout=LOOK_S):
                    self._tell()
                    if self._stop.is_set():
                        return
