"""Plain scalars of the core schema of YAML 1.2.2 (section 10.3.2), without its surprises."""

from __future__ import annotations

import math
import re

_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INT = re.compile(r"[-+]?[0-9][0-9_]*")
_BASED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9][0-9_]*(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_LEADING_ZERO = re.compile(r"[-+]?0[0-9_]+")
_MAX_DIGITS = 30


class Unreadable(ValueError):  # noqa: N818 - says what the scalar is
    """A scalar that looks like a number and is none that a site file may hold."""

    def __init__(self, what: str, mend: str) -> None:
        super().__init__(what)
        self.what = what
        self.mend = mend


def plain_value(text: str) -> str | float | bool | None:
    """The value of an unquoted scalar: nothing, true or false, a number, else the text itself.

    Raises:
        Unreadable: if it is not finite, has a leading zero, or too many digits.
    """
    if text in _WORDS:
        return _WORDS[text]
    if _NOT_FINITE.fullmatch(text):
        raise Unreadable("not a finite number", "write a number")
    if _BASED.fullmatch(text) or _INT.fullmatch(text) or _FLOAT.fullmatch(text):
        return _number(text)
    return text


def _number(text: str) -> int | float:
    if _LEADING_ZERO.fullmatch(text):
        what = "a leading zero: decimal here, octal elsewhere"
        raise Unreadable(what, "write it without the zero, 0o… for octal, or quote it as text")
    if len(text) > _MAX_DIGITS:
        raise Unreadable("a number with too many digits", "shorten it, or quote it")
    digits = text.replace("_", "")
    if _BASED.fullmatch(digits):
        return int(digits, 0)
    if _INT.fullmatch(digits):
        return int(digits)
    value = float(digits)
    if math.isinf(value):
        raise Unreadable("not a finite number", "write a smaller number")
    return value
