"""Alembic's environment: it is only ever called with a connection from `hazard.store.schema`."""

from __future__ import annotations

from typing import Any, Literal

from alembic import context

from hazard.store import side_tables
from hazard.store.tables import UtcDateTime


def render_item(kind: str, item: Any, _context: Any) -> str | Literal[False]:
    """Write our own column type as the plain type that lies under it."""
    if kind == "type" and isinstance(item, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    return False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=side_tables.ReadingRow.metadata,
    render_item=render_item,
)
with context.begin_transaction():
    context.run_migrations()
