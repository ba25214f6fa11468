"""Words of the figures and the reports in five languages: `words.yaml`, read once."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from ruamel.yaml import YAML

LANGUAGES = ("en", "fr", "de", "es", "it")


@cache
def words() -> dict[str, dict[str, dict[str, str]]]:
    """All texts by group, key and language."""
    text = files(__package__).joinpath("words.yaml").read_text(encoding="utf-8")
    found: dict[str, dict[str, dict[str, str]]] = YAML(typ="safe", pure=True).load(text)
    return found


def word(group: str, key: str, language: str) -> str:
    """The word of a severity, a cause, a figure…; English where the language is none of the five.

    Raises:
        KeyError: if there is no such word.
    """
    texts = words()[group][key]
    return texts.get(language, texts["en"])


def say(key: str, language: str, **values: object) -> str:
    """The text of this key with its fields filled in.

    Raises:
        KeyError: if there is no such text, or a field is missing.
    """
    return word("text", key, language).format(**values)
