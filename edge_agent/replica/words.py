"""What went wrong with the replica, in words and with the mend; never with the password."""

from __future__ import annotations

from sqlalchemy.exc import OperationalError, SQLAlchemyError

from hazard.errors import HazardError

MAX_CHARS = 300
_MENDS = (
    ("password", "check user and password in store.replica_url"),
    ("no pg_hba.conf", "let this box in in PostgreSQL's pg_hba.conf"),
    ("does not exist", "make the database and its user, see docs/operations.md"),
    ("permission denied", "make this user the owner of the database"),
    ("read-only", "name the primary in store.replica_url: a standby takes no rows"),
    ("no space", "free space on PostgreSQL's disk"),
    ("too many", "raise PostgreSQL's max_connections: each box needs one"),
    ("certificate", "check sslmode and the certificates in store.replica_url"),
)


def told(error: Exception) -> str:
    """The error in one line; alarms go on without the replica, and it catches up."""
    if isinstance(error, HazardError):
        return str(error)[:MAX_CHARS]
    if isinstance(error, ModuleNotFoundError):
        return f"the driver {error.name} is not installed: install the extra `postgres`"
    if isinstance(error, SQLAlchemyError):
        said = str(getattr(error, "orig", None) or error).strip().splitlines() or ["no reason"]
        lowered = said[0].lower()
        mend = next((mend for words, mend in _MENDS if words in lowered), "")
        away = "start PostgreSQL, or check address and network"
        mend = mend or (away if isinstance(error, OperationalError) else "see PostgreSQL's log")
        return f"{said[0][:MAX_CHARS]}: {mend}"
    return f"a fault of the program ({type(error).__name__}): report it with the log of replica"
