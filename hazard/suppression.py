"""What keeps alarms from annunciating by somebody's decision, and for how long."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from hazard.base import Model, Name, UtcTime
from hazard.scales import Role


class SuppressionCause(StrEnum):
    """Why an alarm does not annunciate. All but `out_of_service` are by design (ISA-18.2)."""

    MAINTENANCE = "maintenance"
    MACHINE_STATE = "machine_state"
    HOT_WORK = "hot_work"
    CONFINED_SPACE = "confined_space"
    LOCK_OUT = "lock_out"
    FLOOD = "flood"
    OUT_OF_SERVICE = "out_of_service"


PERMITS = (SuppressionCause.HOT_WORK, SuppressionCause.CONFINED_SPACE, SuppressionCause.LOCK_OUT)
"""Work permits: granted by a person with the role for it."""


class SuppressionOrder(Model):
    """One hazard kind is suppressed in one area, or one zone of it, for a time that always ends.

    Permits and out-of-service are orders of people; maintenance windows and machine states of the
    site file give orders of their own while they hold.

    Raises:
        ValueError: if it ends before it starts.
    """

    order_id: str = Field(min_length=1, max_length=64)
    cause: SuppressionCause
    hazard: Name = Field(description="hazard kind of the catalogue")
    area: Name
    zone: Name | None = Field(default=None, description="zone of a camera; null: the whole area")
    starts_at: UtcTime
    ends_at: UtcTime
    granted_by: str = Field(min_length=1, max_length=64, description="a person, or `site file`")
    role: Role | None = Field(default=None, description="of the person; null: the site file")
    reason: str = Field(min_length=1, max_length=500)
    reference: str = Field(default="", max_length=64, description="e.g. the permit's number")
    ended_at: UtcTime | None = Field(default=None, description="set when it was ended earlier")
    ended_by: str | None = Field(default=None, max_length=64)

    def model_post_init(self, _context: object, /) -> None:
        """Refuse an order that ends before it starts."""
        if self.ends_at <= self.starts_at:
            raise ValueError(f"ends_at {self.ends_at} is not after starts_at {self.starts_at}")


class SuppressionNote(Model):
    """What suppresses one alarm now: the order, or the flood alert that it is grouped under."""

    cause: SuppressionCause
    order_id: str = Field(min_length=1, max_length=64, description="order, or id of a flood alert")
    until: UtcTime | None = Field(default=None, description="null: while its cause lasts")
    granted_by: str = Field(max_length=64)
    reason: str = Field(max_length=500)
