"""What the pages' catalogues lack: `python -m scripts.catalogues` prints it as .po entries.

A text stands in a template as `_("…")` or `{% trans %}`, in code as `N_("…")`. Its translations go
into `dashboard/locale/LANGUAGE/PAGE.po`, with the placeholders that the English text has.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from babel.messages.catalog import Message
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "dashboard"
METHODS = [("**.py", "python"), ("templates/**.html", "jinja2")]
OPTIONS = {"templates/**.html": {"trimmed": "true", "silent": "false", "newstyle_gettext": "true"}}
KEYWORDS = {"_": None, "N_": None, "gettext": None, "ngettext": (1, 2)}
LANGUAGES = ("fr", "de", "es", "it")
_PLACEHOLDER = re.compile(r"%\((\w+)\)s|\{(\w+)\}|<(/?\w+)|`[^`]*`")

MessageId = str | tuple[str, str]


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with a language's catalogues."""

    language: str
    what: str
    message: MessageId

    def __str__(self) -> str:
        one = self.message if isinstance(self.message, str) else self.message[0]
        return f"{self.language}: {self.what}: {one!r}"


def wanted() -> set[MessageId]:
    """Every text that templates and code have translated."""
    found = extract_from_dir(PACKAGE, METHODS, OPTIONS, keywords=KEYWORDS)
    return {message for _, _, message, _, _ in found if message}


def entries(language: str) -> Iterator[Message]:
    """Every entry of a language's catalogues."""
    for file in sorted((PACKAGE / "locale" / language).glob("*.po")):
        with file.open("rb") as handle:
            yield from (each for each in read_po(handle, locale=language) if each.id)


def faults(language: str) -> Iterator[Fault]:
    """What is missing, no longer wanted, or does not fit its English text."""
    texts, known = wanted(), set()
    for entry in entries(language):
        identity: MessageId = entry.id if isinstance(entry.id, str) else tuple(entry.id)  # type: ignore[assignment]
        known.add(identity)
        if identity not in texts:
            yield Fault(language, "is in no template and no code", identity)
        strings = [entry.string] if isinstance(entry.string, str) else list(entry.string)
        if not all(strings) or entry.fuzzy:
            yield Fault(language, "is not translated", identity)
            continue
        english = [identity] if isinstance(identity, str) else list(identity)
        allowed = {frozenset(_marks(text)) for text in english}
        if any(frozenset(_marks(text)) not in allowed for text in strings):
            yield Fault(language, "has other placeholders, tags or commands than", identity)
    for text in sorted(texts - known, key=str):
        yield Fault(language, "is missing", text)


def _marks(text: str) -> list[str]:
    return [match.group(0) for match in _PLACEHOLDER.finditer(text)]


def _entry(message: MessageId) -> str:
    if isinstance(message, str):
        return f'msgid {_quoted(message)}\nmsgstr ""\n'
    one, many = message
    forms = 'msgstr[0] ""\nmsgstr[1] ""\n'
    return f"msgid {_quoted(one)}\nmsgid_plural {_quoted(many)}\n{forms}"


def _quoted(text: str) -> str:
    plain = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{plain}"'


def main() -> int:
    """Print what is wrong; texts that no language has, once, as entries to be filled in."""
    found = [fault for language in LANGUAGES for fault in faults(language)]
    missing = {fault.message: None for fault in found if fault.what == "is missing"}
    for message in missing:
        print(_entry(message))  # noqa: T201 - a command
    for fault in found:
        if fault.what != "is missing":
            print(f"# {fault}")  # noqa: T201 - a command
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
