"""Texts and times that somebody gives, taken exactly as the API's document says."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator
from pydantic_core import PydanticKnownError

from hazard.types import UtcTime


def no_number(value: Any) -> Any:
    """Refuse a number where a time is wanted: pydantic takes it for seconds since 1970.

    Raises:
        ValueError: if it is one.
    """
    try:
        float(value)
    except (TypeError, ValueError):
        return value
    raise ValueError("want a time such as 2026-03-01T12:00:00Z, not a number")


def no_longer_than(characters: int) -> BeforeValidator:
    """For a text that is stripped: its length counts as it was given, white space and all."""

    def check(value: Any) -> Any:
        if isinstance(value, str) and len(value) > characters:
            raise PydanticKnownError("string_too_long", {"max_length": characters})
        return value

    return BeforeValidator(check)


GivenTime = Annotated[UtcTime, BeforeValidator(no_number)]
"""An aware time in words."""
