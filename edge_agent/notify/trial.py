"""A test message, sent at once and outside of the queue."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

from edge_agent.notify.channels import open_channel
from edge_agent.notify.texts import text_of
from hazard.errors import HazardError
from hazard.site.models import Site
from hazard.store.notices import DueNotice
from hazard.types import Notice, NoticeReason


def try_channel(name: str, site: Site) -> str:
    """Why the channel did not take a test message; empty if it did."""
    config = site.notify.channels[name]
    now = datetime.now(UTC)
    notice = Notice(
        notice_id=f"test-{uuid.uuid4().hex}",
        channel=name,
        reason=NoticeReason.TEST,
        created_at=now,
    )
    due = DueNotice(notice=notice, attempts=0, message=None)
    try:
        open_channel(name, config).send(text_of(due, config.language, site), (due,), now)
    except HazardError as error:
        return str(error)
    return ""
