"""What a command writes to the audit: a line in the command line's own chain."""

from __future__ import annotations

import getpass
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import JsonValue
    from sqlalchemy import Engine


def record(engine: Engine, verb: str, subject: str, what: Mapping[str, JsonValue]) -> None:
    """Write who does what, before it is done.

    Raises:
        HazardError: if the database does not take it: nothing is done unseen.
    """
    from sqlalchemy.exc import DBAPIError

    from hazard.store.audit import AuditEntry, append_audit
    from hazard.store.writer import store_error

    entry = AuditEntry(datetime.now(UTC), getpass.getuser()[:64], verb, subject, {**what})
    try:
        with engine.execution_options(writer=True).begin() as connection:
            append_audit(connection, "command_line", entry)
    except DBAPIError as error:
        raise store_error(error) from error
