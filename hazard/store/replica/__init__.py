"""The replica: what the node's database holds, fed into a PostgreSQL of the same schema."""

from __future__ import annotations

from hazard.store.replica.feeder import Feeder, Progress
from hazard.store.replica.source import Source
from hazard.store.replica.target import Replaced, Target

__all__ = ["Feeder", "Progress", "Replaced", "Source", "Target"]
