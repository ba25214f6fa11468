"""What the agent wrote, said in the reader's language.

The core keeps its texts in English: why a request was refused, why a stage is not ready, why the
policy chose a severity. They are data here. A table of forms (`dashboard.spoken.forms`) has each as
a marked text with named places, `no reading for {seconds} s`; a regular expression made of it finds
the values, and the catalogues translate it. What matches no form is shown as it is, marked as
English, so that a screen reader pronounces it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum
from functools import cache, lru_cache
from string import Formatter
from typing import NamedTuple, Self

from markupsafe import Markup, escape

from dashboard.i18n import LANGUAGES
from dashboard.incident.saying import Say
from dashboard.spoken.forms import FORMS
from hazard.types import CameraState, CauseCode, Health, IsaState, Quality, Role, Severity, Verb

__all__ = ["Told", "begun", "filled", "known", "plain", "sentences", "told"]

LONGEST = 2000
"""Characters; a longer text is shown as it is."""
DEEPEST = 4
"""Texts within texts that are looked into: what comes from outside may nest without end."""
_ENUMS: Mapping[str, type[Enum]] = {
    "severity": Severity,
    "said": Severity,
    "health": Health,
    "camera_state": CameraState,
    "state": IsaState,
    "quality": Quality,
    "cause": CauseCode,
    "role": Role,
    "roles": Role,
    "verb": Verb,
    "verbs": Verb,
}
"""Places whose value is a word of the domain, or several with commas between."""
_LISTS = frozenset({"roles", "verbs", "kinds"})
_NUMBERS = frozenset({"seconds", "hours", "size", "bytes"})
_MEASURES = frozenset({"value", "limit"})
_MEASURED = re.compile(r"(-?\d{1,9}(?:\.\d+)?) ?(|\S{1,16})")
"""A value with its unit's code, or without one."""
_NESTED = frozenset({"why", "detail", "mend", "how"})
"""Places that hold a text of the agent again."""
_PATTERNS: Mapping[str, str] = {
    **dict.fromkeys(_ENUMS, r"[\w-]+"),
    **dict.fromkeys(_LISTS, r"[\w-]+(?:, [\w-]+)*"),
    **dict.fromkeys(_NUMBERS, r"[\d.]+"),
    "kind": r"[\w-]+",
    "count": r"\d+",
    "keys": r'[\w.\[\]"-]+',
    "quoted": r"""'[^']*'|"[^"]*\"""",
    "field": r"\w+",
    **dict.fromkeys(("detail", "why", "comment", "summary", "changes"), ".+?"),
}
_OTHER = "(?:(?!; ).)+?"
"""Any text but two that are joined."""
_WORD = re.compile(r"[^\W\d_]+[ ,'\u2019]")
_FIRST = re.compile(r"^((?:<[^>]*>)*)(.)", re.DOTALL)
_NAMED = re.compile(r"([\w./-]{1,64}): (.+)", re.DOTALL)
"""A text with the name of what it is about before it."""


class Told(str):
    """A text as the reader reads it; in HTML what is left in English is marked so."""

    __slots__ = ("_html",)
    _html: Markup

    def __new__(cls, text: str, html: Markup) -> Self:
        """A text and the same as HTML."""
        made = super().__new__(cls, text)
        made._html = html
        return made

    def __html__(self) -> str:
        """The text as HTML, escaped."""
        return self._html


class _Form(NamedTuple):
    pattern: re.Pattern[str]
    text: str
    literal: int


def told(text: str, language: str) -> Told:
    """What the agent wrote, in a language; parts that no form knows stay as they are."""
    return text if isinstance(text, Told) else _told(text, language, 0)


def plain(text: str) -> Told:
    """A text that is in the reader's language already."""
    return Told(text, escape(text))


def begun(text: Told) -> Told:
    """A text as the beginning of a sentence; one that begins with a name stays as it is."""
    if _WORD.match(text) is None:
        return text
    html = _FIRST.sub(lambda found: found[1] + found[2].upper(), str(text.__html__()), count=1)
    return Told(text[0].upper() + text[1:], Markup(html))  # noqa: S704 - it is HTML already


def known(text: str) -> bool:
    """Whether every part of a text of the agent is one that the forms know."""
    if _matched(text) is not None or _say(LANGUAGES[-1]).tr(text) != text:
        return True
    return "; " in text and all(known(part) for part in text.split("; "))


def sentences(reason: str, language: str) -> tuple[Told, ...]:
    """The reasons that a stored text joins, each by itself."""
    if _matched(reason) is not None:
        return (told(reason, language),)
    return tuple(told(part, language) for part in reason.split("; "))


def filled(language: str, text: str, **values: object) -> Told:
    """A marked text in a language with its values; those that are told keep their marks."""
    translated = _say(language).tr(text)
    return Told(translated.format(**values), Markup(escape(translated)).format(**values))  # noqa: S704 - escaped first


@lru_cache(maxsize=4096)
def _told(text: str, language: str, depth: int) -> Told:
    say = _say(language)
    exact = say.tr(text)
    if exact != text:
        return plain(exact)
    matched = _matched(text) if depth < DEEPEST else None
    if matched is not None:
        form, found = matched
        values = {name: _value(name, found[name], say, depth) for name in found}
        return filled(language, form, **values)
    if "; " in text:
        return _joined([_told(part, language, depth) for part in text.split("; ")])
    if language == "en" or not text:
        return plain(text)
    return Told(text, Markup('<span lang="en">{}</span>').format(text))


def _joined(parts: list[Told]) -> Told:
    return Told("; ".join(parts), Markup("; ").join(parts))


def _matched(text: str, *, deeper: bool = True) -> tuple[str, dict[str, str]] | None:
    """The form that a whole text has, and its values."""
    if len(text) > LONGEST:
        return None
    for form in _forms():
        found = form.pattern.fullmatch(text)
        if found is not None:
            return form.text, found.groupdict()
    named = _NAMED.fullmatch(text) if deeper else None
    if named is not None and _matched(named[2], deeper=False) is not None:
        return "{name}: {why}", {"name": named[1], "why": named[2]}
    return None


def _value(name: str, value: str, say: Say, depth: int) -> object:
    """One value as the reader reads it."""
    if name in _NESTED:
        return _told(value, say.language, depth + 1)
    if name in _NUMBERS:
        return say.number(float(value), 3) if re.fullmatch(r"\d+(\.\d+)?", value) else value
    if name in _MEASURES and (found := _MEASURED.fullmatch(value)) is not None:
        return f"{say.exact(float(found[1]))} {say.unit(found[2])}".strip()
    parts = value.split(", ") if name in _LISTS else [value]
    return ", ".join(_word(name, part, say) for part in parts)


def _word(name: str, value: str, say: Say) -> str:
    if name in ("kind", "kinds"):
        return say.kind(value)
    for member in _ENUMS.get(name, ()):
        if member.value == value:
            return say.word(member)
    return value


@cache
def _say(language: str) -> Say:
    return Say(language)


@cache
def _forms() -> tuple[_Form, ...]:
    """All forms, those with the most of their own words first."""
    made = [_form(*each) if isinstance(each, tuple) else _form(each, each) for each in FORMS]
    return tuple(sorted(made, key=lambda form: -form.literal))


def _form(written: str, text: str) -> _Form:
    pattern, literal = "", 0
    for words, name, _, _ in Formatter().parse(written):
        pattern += re.escape(words)
        literal += len(words)
        if name is not None:
            pattern += f"(?P<{name}>{_PATTERNS.get(name, _OTHER)})"
    return _Form(re.compile(pattern, re.DOTALL), text, literal)
