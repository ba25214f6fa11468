"""What the alarm list is asked for: filters, order and words, as the address bar has them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    ValidationError,
    field_validator,
    model_validator,
)

from dashboard.given import no_number
from dashboard.wording import SUPPRESSED, UNACKNOWLEDGED
from hazard.store.queries import AlertFilter, Order, Ordered
from hazard.types import DecidedBy, IsaState, Name, Severity

Show = Literal["open", "unacknowledged", "suppressed", "ended", "all"]
EARLIEST, LATEST = datetime(1990, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
NAME_SHOWN, VALUE_SHOWN = 40, 80
"""Signs that are repeated of what is not known."""
_STATES: dict[str, frozenset[IsaState]] = {
    "unacknowledged": UNACKNOWLEDGED,
    "suppressed": SUPPRESSED,
}


States = Annotated[tuple[IsaState, ...], Field(max_length=9)]
Severities = Annotated[tuple[Severity, ...], Field(max_length=5)]
Deciders = Annotated[tuple[DecidedBy, ...], Field(max_length=3)]
Names = Annotated[tuple[Name, ...], Field(max_length=50)]
Time = Annotated[datetime | None, BeforeValidator(no_number)]


class ListQuery(BaseModel):
    """Parameters of the alarm list; all may be left out.

    Attributes:
        show: which stage of their life alarms are in; states that are named go before it.
        q: words that all occur, whole words in any order.
        by: who decided the severity.
        since: raised then or later; without an offset it is the site's local time.
        until: raised earlier than that.
    """

    model_config = ConfigDict(extra="ignore")

    show: Show = Field(default="open", description="open alarms are those not back to normal")
    q: Annotated[str, Field(max_length=200, description="words that all occur")] = ""
    state: States = ()
    severity: Severities = ()
    area: Names = ()
    hazard: Names = ()
    node: Names = ()
    by: Deciders = ()
    case: Literal["open", "closed"] | None = Field(
        default=None, description="whether somebody has said what it was"
    )
    since: Time = Field(default=None, description="raised then or later")
    until: Time = Field(default=None, description="raised earlier")
    sort: Order = Order.ATTENTION
    reverse: bool = False

    @field_validator("since", "until")
    @classmethod
    def _sensible(cls, value: datetime | None) -> datetime | None:
        plain = value.replace(tzinfo=UTC) if value is not None else EARLIEST
        if not EARLIEST <= plain <= LATEST:
            raise ValueError("the time is before 1990 or after 2200: give the year with 4 digits")
        return value

    @property
    def ordered(self) -> Ordered:
        """The order."""
        return Ordered(self.sort, self.reverse)

    @property
    def narrowed(self) -> int:
        """How many filters are set beside `show`."""
        fields = ("q", "state", "severity", "area", "hazard", "node", "by", "case")
        return sum(bool(getattr(self, name)) for name in (*fields, "since", "until"))

    def where(self, zone: str) -> AlertFilter:
        """As the store's filter; `zone` is that of times without an offset."""
        states = self.state or tuple(sorted(_STATES.get(self.show, ())))
        return AlertFilter(
            active=None if self.state else {"open": True, "ended": False}.get(self.show),
            states=states,
            severities=self.severity,
            areas=self.area,
            hazards=self.hazard,
            nodes=self.node,
            decided_by=self.by,
            case_closed=None if self.case is None else self.case == "closed",
            after=_aware(self.since, zone),
            before=_aware(self.until, zone),
            text=self.q,
        )

    def parameters(self, **changes: object) -> list[tuple[str, str]]:
        """What differs from the defaults, with some changes, as names and values."""
        values = self.model_copy(update=changes)
        found: list[tuple[str, str]] = []
        for name, info in type(self).model_fields.items():
            value = getattr(values, name)
            if value == info.default:
                continue
            found += [(name, _written(each)) for each in _each(value)]
        return found

    def address(self, path: str = "/alarms", *, page: str | None = None, **changes: object) -> str:
        """The list's address with these parameters, and some changed."""
        parts = self.parameters(**changes)
        if page is not None:
            parts.append(("page", page))
        return f"{path}?{urlencode(parts)}" if parts else path

    def kept(self) -> dict[str, JsonValue]:
        """As a saved view holds it."""
        found: dict[str, JsonValue] = {}
        for name, value in self.parameters():
            known = found.setdefault(name, [])
            if isinstance(known, list):
                known.append(value)
        return found


class FormQuery(ListQuery):
    """The same from a form: a field that is left open comes as an empty text."""

    @model_validator(mode="before")
    @classmethod
    def _filled(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        kept = {
            name: [each for each in value if each != ""] if isinstance(value, list) else value
            for name, value in values.items()
        }
        return {name: value for name, value in kept.items() if value != ""}


def _each(value: object) -> Iterable[object]:
    return value if isinstance(value, tuple) else (value,)


def _written(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat(timespec="minutes")
    return str(value).lower() if isinstance(value, bool) else str(value)


def _aware(at: datetime | None, zone: str) -> datetime | None:
    if at is None:
        return None
    return (at if at.tzinfo is not None else at.replace(tzinfo=ZoneInfo(zone))).astimezone(UTC)


def not_known(kept: dict[str, JsonValue]) -> tuple[str, ...]:
    """What of a saved view this release does not know, as `name: value`; empty: it knows it all."""
    strange = [name for name in kept if name not in ListQuery.model_fields]
    try:
        query_of(kept)
    except ValidationError as error:
        strange += [str(fault["loc"][0]) for fault in error.errors(include_url=False)]
    return tuple(_shown(name, kept.get(name)) for name in dict.fromkeys(strange))


def _shown(name: str, value: object) -> str:
    values = value if isinstance(value, list | tuple) else (value,)
    return f"{name[:NAME_SHOWN]}: {', '.join(str(each) for each in values)[:VALUE_SHOWN]}"


def query_of(kept: dict[str, JsonValue]) -> ListQuery:
    """The query of a saved view.

    Raises:
        ValidationError: (a ValueError) if another release kept a value that this one does not know.
    """
    single = {"show", "q", "case", "since", "until", "sort", "reverse"}
    values = {
        name: value[0] if name in single and isinstance(value, list) and value else value
        for name, value in kept.items()
    }
    return FormQuery.model_validate(values)
