"""Words of the notifications in the site's languages; written by hand."""

from __future__ import annotations

from collections.abc import Mapping

from hazard.types import NoticeReason, Severity

Texts = Mapping[str, str]

SEVERITY: Mapping[Severity, Texts] = {
    Severity.INFO: {"en": "INFO", "fr": "INFO", "de": "INFO", "es": "INFO", "it": "INFO"},
    Severity.LOW: {"en": "LOW", "fr": "FAIBLE", "de": "NIEDRIG", "es": "BAJA", "it": "BASSA"},
    Severity.MEDIUM: {
        "en": "MEDIUM",
        "fr": "MOYENNE",
        "de": "MITTEL",
        "es": "MEDIA",
        "it": "MEDIA",
    },
    Severity.HIGH: {"en": "HIGH", "fr": "ÉLEVÉE", "de": "HOCH", "es": "ALTA", "it": "ALTA"},
    Severity.CRITICAL: {
        "en": "CRITICAL",
        "fr": "CRITIQUE",
        "de": "KRITISCH",
        "es": "CRÍTICA",
        "it": "CRITICA",
    },
}
"""Before the title."""

REASON: Mapping[NoticeReason, Texts] = {
    NoticeReason.RAISED: {
        "en": "New alarm.",
        "fr": "Nouvelle alarme.",
        "de": "Neuer Alarm.",
        "es": "Alarma nueva.",
        "it": "Nuovo allarme.",
    },
    NoticeReason.WORSE: {
        "en": "The alarm has become worse.",
        "fr": "L'alarme s'est aggravée.",
        "de": "Der Alarm ist schlimmer geworden.",
        "es": "La alarma ha empeorado.",
        "it": "L'allarme si è aggravato.",
    },
    NoticeReason.ESCALATED: {
        "en": "Nobody has acknowledged this alarm (step {step}).",
        "fr": "Personne n'a acquitté cette alarme (étape {step}).",
        "de": "Niemand hat diesen Alarm quittiert (Stufe {step}).",
        "es": "Nadie ha reconocido esta alarma (paso {step}).",
        "it": "Nessuno ha riconosciuto questo allarme (passo {step}).",
    },
    NoticeReason.REALARM: {
        "en": "The alarm was acknowledged and still stands.",
        "fr": "L'alarme a été acquittée et dure toujours.",
        "de": "Der Alarm wurde quittiert und steht noch an.",
        "es": "La alarma fue reconocida y continúa.",
        "it": "L'allarme è stato riconosciuto e persiste.",
    },
    NoticeReason.TEST: {
        "en": "This is a test. Nothing has happened.",
        "fr": "Ceci est un test. Rien ne s'est passé.",
        "de": "Dies ist ein Test. Es ist nichts geschehen.",
        "es": "Esto es una prueba. No ha ocurrido nada.",
        "it": "Questo è un test. Non è successo nulla.",
    },
    NoticeReason.REPORT: {
        "en": "The weekly report of this plant.",
        "fr": "Le rapport hebdomadaire de ce site.",
        "de": "Der Wochenbericht dieser Anlage.",
        "es": "El informe semanal de esta planta.",
        "it": "Il rapporto settimanale di questo impianto.",
    },
}
"""First line of the text."""

TEST_TITLE: Texts = {
    "en": "Test of the notifications",
    "fr": "Test des notifications",
    "de": "Test der Benachrichtigungen",
    "es": "Prueba de las notificaciones",
    "it": "Test delle notifiche",
}

ACKNOWLEDGED: Texts = {
    "en": "Acknowledged meanwhile by {actor}.",
    "fr": "Acquittée entre-temps par {actor}.",
    "de": "Inzwischen quittiert von {actor}.",
    "es": "Reconocida entretanto por {actor}.",
    "it": "Nel frattempo riconosciuto da {actor}.",
}

ENDED: Texts = {
    "en": "The alarm is back to normal meanwhile.",
    "fr": "L'alarme est revenue à la normale entre-temps.",
    "de": "Der Alarm ist inzwischen wieder normal.",
    "es": "La alarma ha vuelto entretanto a la normalidad.",
    "it": "L'allarme è nel frattempo rientrato.",
}

RAISED_AT: Texts = {
    "en": "Raised",
    "fr": "Déclenchée",
    "de": "Ausgelöst",
    "es": "Activada",
    "it": "Attivato",
}

TOGETHER: Texts = {
    "en": "{count} alarms, told together because there were so many",
    "fr": "{count} alarmes, annoncées ensemble vu leur nombre",
    "de": "{count} Alarme, wegen der Menge zusammen gemeldet",
    "es": "{count} alarmas, comunicadas juntas por su número",
    "it": "{count} allarmi, comunicati insieme per il loro numero",
}

GONE: Texts = {
    "en": "The alarm {alert_id} is no longer in the database.",
    "fr": "L'alarme {alert_id} n'est plus dans la base de données.",
    "de": "Der Alarm {alert_id} ist nicht mehr in der Datenbank.",
    "es": "La alarma {alert_id} ya no está en la base de datos.",
    "it": "L'allarme {alert_id} non è più nella banca dati.",
}
