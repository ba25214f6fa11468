"""Small words of the templates, in the site's languages; written by hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

Language = Literal["en", "fr", "de", "es", "it"]
LANGUAGES: tuple[Language, ...] = ("en", "fr", "de", "es", "it")

PEOPLE: Mapping[bool | None, Mapping[str, str]] = {
    True: {"en": "yes", "fr": "oui", "de": "ja", "es": "sí", "it": "sì"},
    False: {"en": "none", "fr": "aucune", "de": "keine", "es": "ninguna", "it": "nessuna"},
    None: {
        "en": "unknown, counts as occupied",
        "fr": "inconnu, considéré occupé",
        "de": "unbekannt, gilt als besetzt",
        "es": "desconocido, se considera ocupado",
        "it": "sconosciuto, considerato occupato",
    },
}
"""Whether people were seen."""

LIMIT: Mapping[str, str] = {
    "en": "limit",
    "fr": "limite",
    "de": "Grenzwert",
    "es": "límite",
    "it": "limite",
}

NOTHING: Mapping[str, str] = {
    "en": "nothing",
    "fr": "aucune",
    "de": "keine",
    "es": "ninguna",
    "it": "nessuna",
}
"""For an incident without measured values."""

ALSO: Mapping[str, str] = {
    "en": "Also",
    "fr": "Aussi",
    "de": "Außerdem",
    "es": "Además",
    "it": "Inoltre",
}
"""Before the names of the other hazards of the incident."""

MEASURES: Mapping[str, Mapping[str, str]] = {
    "dwell": {
        "en": "time inside",
        "fr": "durée de présence",
        "de": "Aufenthalt",
        "es": "permanencia",
        "it": "permanenza",
    },
    "people": {
        "en": "people",
        "fr": "personnes",
        "de": "Personen",
        "es": "personas",
        "it": "persone",
    },
    "distance": {
        "en": "distance",
        "fr": "distance",
        "de": "Abstand",
        "es": "distancia",
        "it": "distanza",
    },
    "distance_estimated": {
        "en": "estimated distance",
        "fr": "distance estimée",
        "de": "geschätzter Abstand",
        "es": "distancia estimada",
        "it": "distanza stimata",
    },
    "crossed_left": {
        "en": "crossings to the left",
        "fr": "franchissements vers la gauche",
        "de": "Übertritte nach links",
        "es": "cruces hacia la izquierda",
        "it": "attraversamenti verso sinistra",
    },
    "crossed_right": {
        "en": "crossings to the right",
        "fr": "franchissements vers la droite",
        "de": "Übertritte nach rechts",
        "es": "cruces hacia la derecha",
        "it": "attraversamenti verso destra",
    },
    "frames_of_window": {
        "en": "pictures that show it",
        "fr": "images concernées",
        "de": "Bilder mit Befund",
        "es": "imágenes con hallazgo",
        "it": "immagini con riscontro",
    },
    "alarms": {
        "en": "alarms",
        "fr": "alarmes",
        "de": "Alarme",
        "es": "alarmas",
        "it": "allarmi",
    },
    "free_space": {
        "en": "free space",
        "fr": "espace libre",
        "de": "freier Platz",
        "es": "espacio libre",
        "it": "spazio libero",
    },
    "temperature": {
        "en": "temperature",
        "fr": "température",
        "de": "Temperatur",
        "es": "temperatura",
        "it": "temperatura",
    },
    "rate": {
        "en": "rate of change",
        "fr": "vitesse de variation",
        "de": "Änderungsrate",
        "es": "velocidad de cambio",
        "it": "velocità di variazione",
    },
    "silence": {
        "en": "without data",
        "fr": "sans données",
        "de": "ohne Daten",
        "es": "sin datos",
        "it": "senza dati",
    },
    "dark": {"en": "dark for", "fr": "noir depuis", "de": "dunkel seit", "es": "oscura desde hace",
             "it": "buia da"},
    "frozen": {"en": "frozen for", "fr": "figé depuis", "de": "eingefroren seit",
               "es": "congelada desde hace", "it": "bloccata da"},
    "offline": {"en": "offline for", "fr": "hors ligne depuis", "de": "offline seit",
                "es": "sin conexión desde hace", "it": "non in linea da"},
}  # fmt: skip
"""Names of measured values, by the name that the rules give them."""

_FORMULA_LENGTH = 4
"""A name of so few characters that is not known is a formula, such as H2S."""


def measure_name(name: str, language: str) -> str:
    """What a measured value is called in a language: a gas by its formula, else as it is named."""
    known = MEASURES.get(name)
    if known is not None:
        return known[language]
    plain = name.replace("_", " ")
    return plain.upper() if len(plain) <= _FORMULA_LENGTH and plain.isascii() else plain


REASSURING: Mapping[str, tuple[str, ...]] = {
    "en": ("no danger", "not dangerous", "no risk", "no hazard", "safe", "false alarm", "harmless",
           "under control", "no action", "all clear", "cleared", "nothing to worry", "normal",
           "only a test", "a drill", "all is well", "ignore", "acceptable", "you can stay"),
    "fr": ("aucun danger", "sans danger", "aucun risque", "fausse alarme", "sous contrôle",
           "inoffensif", "aucune action", "normale", "normal", "exercice", "tout va bien"),
    "de": ("keine gefahr", "ungefährlich", "kein risiko", "fehlalarm", "unter kontrolle",
           "harmlos", "entwarnung", "normal", "übung", "alles in ordnung", "unbedenklich"),
    "es": ("ningún peligro", "sin peligro", "sin riesgo", "falsa alarma", "bajo control",
           "inofensivo", "ninguna acción", "normal", "simulacro", "todo está bien"),
    "it": ("nessun pericolo", "senza pericolo", "nessun rischio", "falso allarme",
           "sotto controllo", "innocuo", "nessuna azione", "normale", "esercitazione",
           "tutto bene"),
}  # fmt: skip
"""What no generated summary may say: reassurance has no evidence."""

ASSERTED: Mapping[str, tuple[str, ...]] = {
    "en": ("vehicle", "truck", "forklift", "machine", "fire", "flame", "smoke", "explo", "leak",
           "gas", "injur", "dead", "death", "died", "kill", "fall", "fell", "collaps", "helmet",
           "crane", "toxic", "flammab", "electr", "chemical", "crowd", "temperature"),
    "fr": ("véhicule", "camion", "chariot", "machine", "feu", "incend", "flamme", "fumée",
           "explos", "fuite", "gaz", "bless", "mort", "chute", "effondr", "casque", "grue",
           "toxique", "inflamm", "électr", "chimique", "température"),
    "de": ("fahrzeug", "lkw", "stapler", "maschine", "feuer", "brand", "flamme", "rauch", "explo",
           "leck", "gas", "verletz", "tote", "tod", "sturz", "helm", "kran", "giftig", "toxisch",
           "brennbar", "elektr", "chemi", "temperatur"),
    "es": ("vehículo", "camión", "carretilla", "máquina", "fuego", "incendio", "llama", "humo",
           "explos", "fuga", "gas", "herid", "muert", "caída", "casco", "grúa", "tóxic",
           "inflamable", "eléctr", "químic", "temperatura"),
    "it": ("veicol", "camion", "carrello", "macchin", "fuoco", "incend", "fiamm", "fumo",
           "esplos", "fuga", "gas", "ferit", "mort", "cadut", "casco", "gru", "tossic",
           "infiammabil", "elettr", "chimic", "temperatura"),
}  # fmt: skip
"""Beginnings of words for things and harm that a summary may name only if the evidence does."""
