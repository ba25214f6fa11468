"""Sentences in the reader's language, made from marked texts and values."""

from __future__ import annotations

from dashboard.formats import Speech
from hazard.catalogue import catalogue
from hazard.triage.words import by_language
from hazard.types import AlertMessage, Severity


class Say(Speech):
    """A language that fills values in: `say(N_("by {who}"), who=name)`."""

    def __call__(self, text: str, **values: object) -> str:
        """The text in the language, with its values."""
        translated = self.tr(text)
        return translated.format(**values) if values else translated

    def severity(self, severity: Severity | str) -> str:
        """A severity's word; a text that is none stays as it is."""
        return self.word(Severity(severity)) if severity in tuple(Severity) else str(severity)

    def kind(self, hazard: str, message: AlertMessage | None = None) -> str:
        """A hazard kind's name: the catalogue's, else the message's, else its id."""
        kind = catalogue().get(hazard)
        if kind is not None:
            return by_language(kind.name)[self.language]
        names = message.hazard_name if message is not None and message.hazard == hazard else {}
        return names.get(self.language) or names.get("en") or hazard
