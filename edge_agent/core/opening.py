"""Opening the store at the start of the core."""

from __future__ import annotations

from functools import partial

from edge_agent.core.reserve import Reserve
from edge_agent.paths import Paths
from edge_agent.publish.topics import outbox_messages
from hazard.errors import StoreError
from hazard.site.models import Site
from hazard.store.store import Store


def open_store(site: Site, paths: Paths, reserve: Reserve) -> Store:
    """The store; where the disk has no room left to open it, the reserve makes some.

    Raises:
        StoreError: if the database cannot be opened, upgraded or is newer than this program.
    """
    opened = partial(
        Store.open,
        paths.database,
        node=site.site.node,
        commit_timeout_ms=site.store.commit_timeout_ms,
        journal=paths.data_dir / "alerts.journal",
        render=outbox_messages,
    )
    try:
        store = opened()
    except StoreError:
        if not reserve.release():
            raise
        return opened()
    reserve.keep()
    return store
