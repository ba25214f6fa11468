"""What every serialisable type of the domain is made of."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


def _aware_utc(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise ValueError("time has no zone: give an aware UTC datetime")
    try:
        return value.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("time is beyond the calendar: years 1 to 9999 in UTC") from error


UtcTime = Annotated[datetime, AfterValidator(_aware_utc)]
"""An aware datetime, normalised to UTC; a naive one is refused."""

Name = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[a-z0-9][a-z0-9_-]*$")]
"""An identifier safe in topics, file names and URLs: lower case, digits, `-` and `_`."""

Relative = Annotated[float, Field(ge=0.0, le=1.0)]
"""A coordinate as a share of the picture's width or height."""


class Model(BaseModel):
    """Base of all serialisable domain types: frozen, extra keys forbidden."""

    model_config = ConfigDict(frozen=True, extra="forbid")
