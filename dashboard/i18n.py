"""The pages' words in five languages: gettext catalogues, read as they are kept (.po).

English is what stands in templates and code. A page has a catalogue of its own in each language,
`locale/LANGUAGE/PAGE.po`; they are read together. Code marks texts that are translated later, where
they are shown, with `N_`.
"""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import Translations

LANGUAGES = ("en", "fr", "de", "es", "it")
LOCALE = Path(__file__).parent / "locale"


def N_(text: str) -> str:  # noqa: N802 - gettext's own name
    """Mark a text for translation; it is translated where it is shown."""
    return text


class Said(ValueError):  # noqa: N818 - named for what it is
    """A refusal that a person reads: a marked text with values, told in the reader's language."""

    def __init__(self, text: str, **values: object) -> None:
        super().__init__(text % values)
        self.text = text
        self.values = values

    def told(self, language: str) -> str:
        """The text in a language."""
        return tell(language, self.text, **self.values)


def tell(language: str, text: str, **values: object) -> str:
    """A marked text (with `%(name)s` for values) in a language."""
    return translations(language).gettext(text) % values


@cache
def catalogue(language: str) -> Catalog:
    """All words of a language; that of English is empty."""
    merged = Catalog(locale=language)
    for file in sorted((LOCALE / language).glob("*.po")):
        with file.open("rb") as handle:
            for message in read_po(handle, locale=language):
                if message.id:
                    merged[message.id] = message
    return merged


@cache
def translations(language: str) -> Translations:
    """The language's words, as gettext uses them."""
    if language == "en":
        return Translations()
    compiled = io.BytesIO()
    write_mo(compiled, catalogue(language))
    compiled.seek(0)
    return Translations(compiled)
