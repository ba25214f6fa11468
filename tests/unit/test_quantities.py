"""Quantities as a person reads them."""

from __future__ import annotations

import math

import pytest

from hazard.quantities import exact, number, quantity, sign


@pytest.mark.parametrize(
    ("value", "said"),
    [(0.5999, "0.6"), (14.832, "14.8"), (124.6, "125"), (12345.6, "12346"), (0.00412, "0.00412"),
     (-0.0000001, "0"), (6.0, "6"), (0.0, "0")],
)  # fmt: skip
def test_a_value_has_the_digits_that_it_is_worth(value: float, said: str) -> None:
    assert number(value, "en") == said


@pytest.mark.parametrize(
    ("value", "limit", "said"),
    [(9.996, 10, "9.996"), (10.04, 10, "10.04"), (125.2, 125, "125.2"), (10.0, 10, "10"),
     (14.832, 10, "14.8"), (2.004, 2.0, "2.004"), (2.0001, 2.0, "2")],
)  # fmt: skip
def test_rounding_moves_no_value_beyond_its_limit_and_near_it_one_more_digit_is_shown(
    value: float, limit: float, said: str
) -> None:
    assert number(value, "en", limit=limit) == said


def test_each_language_has_its_decimal_sign_and_its_own_words_for_units() -> None:
    assert quantity(20.51, "%LEL", "en") == "20.5 % LEL"
    assert quantity(20.51, "%LEL", "de") == "20,5 % UEG"
    assert quantity(20.51, "%LEL", "fr") == "20,5 % LIE"
    assert quantity(1450, "rpm", "it") == "1450 giri/min"
    assert quantity(11, "/10 min", "fr") == "11 en 10 min"


@pytest.mark.parametrize(
    ("code", "shown"),
    [("degC", "°C"), ("degC/min", "°C/min"), ("ug/m3", "µg/m³"), ("um", "µm"), ("1", ""), ("", ""),
     ("mg/m³", "mg/m³"), ("m/s2", "m/s²"), ("uS/cm", "µS/cm"), ("kohm", "kΩ"), ("units", "units"),
     ("um<b>", "um<b>")],
)  # fmt: skip
def test_a_unit_is_written_with_its_sign_and_an_unknown_one_stays(code: str, shown: str) -> None:
    assert sign(code, "en") == shown


def test_what_is_no_number_is_unknown_and_a_limit_keeps_its_digits() -> None:
    assert quantity(math.nan, "ppm", "de") == "unbekannt"
    assert exact(1013.25, "es") == "1013,25"
