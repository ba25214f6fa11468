"""Numbers, times and the domain's words as a reader of one language writes them."""

from __future__ import annotations

from datetime import date as calendar_day
from datetime import datetime
from enum import Enum
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date
from babel.numbers import format_decimal

from dashboard.i18n import N_, translations
from dashboard.seen import LABELS
from dashboard.views import age_text
from dashboard.wording import WORDS
from hazard import quantities
from hazard.triage.phrases import measure_name
from hazard.types import Measured

DAY_UNIT = {"en": "d", "fr": "j", "de": "T", "es": "d", "it": "g"}
"""The letter for days; h, min and s are the same everywhere."""
_TRUTH = {True: N_("yes"), False: N_("no"), None: N_("none")}
_LIMIT = N_("limit")
_UNKNOWN = N_("unknown")
_LONGER = N_("longer")
_LONGEST = 200
QUANTITIES = {
    "pressure": N_("pressure"),
    "flow": N_("flow"),
    "humidity": N_("humidity"),
    "vibration": N_("vibration"),
    "noise": N_("noise"),
    "speed": N_("speed"),
    "weight": N_("weight"),
    "current": N_("current"),
    "voltage": N_("voltage"),
    "power": N_("power"),
    "oxygen": N_("oxygen"),
}
"""What common sensors measure, beside what rules and gases are called."""
_REGION = {"en": "en_GB"}
"""English dates have the day first and a clock of 24 hours."""


class Speech:
    """How one language says numbers, durations, times and the words of the domain."""

    def __init__(self, language: str) -> None:
        self.language = language
        self._locale = Locale.parse(_REGION.get(language, language))
        self._catalogue = translations(language)

    def tr(self, text: str) -> str:
        """A text that code has marked with `N_`, translated; any other text as it is.

        Unlike `_`, it takes no percent sign for a place holder: text from outside may go through.
        """
        return self._catalogue.gettext(text) if text else ""

    def word(self, value: object) -> str:
        """The word for a severity, state, health… in this language."""
        if not isinstance(value, Enum) or type(value) not in WORDS:
            return str(value)
        return self.tr(WORDS[type(value)][value])

    def number(self, value: float, digits: int = 2) -> str:
        """A number with the language's separators and at most so many decimals."""
        pattern = "#,##0." + "#" * digits if digits else "#,##0"
        return format_decimal(value, format=pattern, locale=self._locale)

    def figure(self, value: object) -> str:
        """A figure as text: of a number the digits that it is worth; of bounded length."""
        if isinstance(value, bool) or value is None:
            return self.tr(_TRUTH[value])
        if isinstance(value, float):
            return quantities.number(value, self.language)
        return str(value)[:_LONGEST]

    def exact(self, value: object) -> str:
        """A value that somebody has set: a number keeps all its digits."""
        if isinstance(value, float):
            return quantities.exact(value, self.language)
        return self.figure(value)

    def unit(self, unit: str) -> str:
        """A unit's sign; a plain count (unit 1) has none."""
        return quantities.sign(unit, self.language)

    def percent(self, share: float, digits: int = 0) -> str:
        """A share of 1 in percent."""
        return f"{self.number(100 * share, digits)} %"

    def count(self, value: int | None) -> str:
        """A whole number; what is not known is said to be."""
        return self.tr(_UNKNOWN) if value is None else self.number(value, 0)

    def span(self, seconds: float | None) -> str:
        """A short time, in milliseconds below one second; None is longer than was counted."""
        if seconds is None:
            return self.tr(_LONGER)
        if seconds < 1:
            return f"{self.number(seconds * 1000, 0)} ms"
        return f"{self.number(seconds, 1)} s"

    def measured(self, measured: Measured) -> str:
        """A measured value with its unit, and its limit."""
        text = f"{self.measure(measured.name)} {self.amount(measured)}"
        if measured.threshold is None:
            return text
        return f"{text} ({self.tr(_LIMIT)} {self.exact(measured.threshold)})"

    def amount(self, measured: Measured) -> str:
        """A measured value with its unit, seen to be on its side of its limit."""
        return self.quantity(measured.value, measured.unit, measured.threshold)

    def quantity(self, value: float, unit: str, limit: float | None = None) -> str:
        """A value with its unit's sign."""
        return quantities.quantity(value, unit, self.language, limit=limit)

    def measure(self, name: str) -> str:
        """What a measured value is called; a gas by its formula."""
        known = QUANTITIES.get(name)
        return self.tr(known) if known is not None else measure_name(name, self.language)

    def seen(self, label: str) -> str:
        """What a detector has seen; a label that is not known stays as it is."""
        return self.tr(label) if label in LABELS else label

    def age(self, seconds: float) -> str:
        """A duration in at most two units."""
        return age_text(seconds, DAY_UNIT[self.language])

    def date(self, at: datetime, zone: str) -> str:
        """The day in the site's zone."""
        return format_date(at.astimezone(ZoneInfo(zone)), "medium", locale=self._locale)

    def day(self, day: calendar_day | str) -> str:
        """A day of the calendar; a text (`2026-05-01`) that is none stays as it is."""
        if isinstance(day, str):
            try:
                day = calendar_day.fromisoformat(day)
            except ValueError:
                return str(day)
        return format_date(day, "medium", locale=self._locale)

    def clock(self, at: datetime, zone: str, now: datetime | None = None) -> str:
        """A time in the site's zone, to the second; with its day when that is not today."""
        there = at.astimezone(ZoneInfo(zone))
        if now is not None and there.date() == now.astimezone(ZoneInfo(zone)).date():
            return f"{there:%H:%M:%S}"
        return f"{self.date(at, zone)} {there:%H:%M:%S}"
