"""Identifiers of the core."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta


def new_id() -> str:
    """A fresh identifier, sortable by time to the millisecond."""
    stamp = int((datetime.now(UTC) - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(milliseconds=1))
    return f"{stamp:012x}{uuid.uuid4().hex[:12]}"
