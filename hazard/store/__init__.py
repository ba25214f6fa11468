"""The store: tables, migrations, unit of work, outbox, audit, queries."""

from __future__ import annotations

from hazard.store.operations import OutboxMessage
from hazard.store.store import Store
from hazard.store.unit import Committed, UnitOfWork

__all__ = ["Committed", "OutboxMessage", "Store", "UnitOfWork"]
