"""The evidence check in five languages: what may be said of two incidents, and what may not."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hazard.catalogue import catalogue
from hazard.triage.evidence import refused
from hazard.triage.numerals import NUMBER_WORDS
from hazard.triage.phrases import LANGUAGES
from hazard.triage.words import MAX_WORDS, localised_actions, template
from hazard.types import HazardEvent, Incident, Measured, Track
from tests.incidents import KINDS, an_event, an_incident, gas

LEAK = an_incident(
    gas(12.5, occupied=True),
    an_event(
        subject="gate-1/taped-off/track-7",
        measured=(Measured(name="dwell", value=3.2, unit="s", threshold=1.0, source="gate-1"),),
        occupied=True,
    ),
)
"""H2S 12.5 ppm (limit 10) at h2s-1 in tank-farm at 06:30, and one uncounted person at gate-1."""
CROWD = an_incident(
    an_event(
        "crowding",
        area="press-line",
        subject="gate-1/aisle",
        measured=(Measured(name="people", value=6, unit="1", threshold=4, source="gate-1"),),
        occupied=True,
    )
)
"""Six people where four are allowed, in press-line at 06:30, seen by gate-1."""
EMPTY = an_incident(gas(12.5, occupied=False))
"""The leak where nobody is seen."""

TRUE: Mapping[str, tuple[tuple[Incident, str], ...]] = {
    "en": (
        (LEAK, "Toxic gas in tank-farm: h2s-1 measures 12.5 ppm, limit 10 ppm."),
        (LEAK, "At 06:30 toxic gas reached 12.5 ppm in tank-farm, above the limit of 10 ppm."),
        (LEAK, "Toxic gas at 6:30 am in tank-farm; a person is in taped-off for 3.2 s."),
        (LEAK, "Sensor h2s-1 shows toxic gas and camera gate-1 a person in tank-farm."),
        (CROWD, "Crowding in press-line: 6 people, limit 4."),
        (
            CROWD,
            "Six people are in press-line, and the limit is four people.",
        ),
        (CROWD, "Camera gate-1 sees too many people in press-line: crowding since 06:30."),
        (EMPTY, "Toxic gas in tank-farm at 12.5 ppm, and nobody is seen there."),
    ),
    "fr": (
        (LEAK, "Gaz toxique dans tank-farm : h2s-1 mesure 12,5 ppm, limite 10 ppm."),
        (LEAK, "À 06h30, le gaz toxique atteint 12,5 ppm dans tank-farm, limite 10 ppm."),
        (LEAK, "Gaz toxique dans tank-farm depuis 06:30 : 12,5 ppm au-dessus du seuil de 10 ppm."),
        (LEAK, "Le capteur h2s-1 signale un gaz toxique et la caméra gate-1 une personne."),
        (CROWD, "Trop de monde dans press-line : 6 personnes, limite 4."),
        (CROWD, "Six personnes sont dans press-line, trop pour la limite de 4."),
        (CROWD, "La caméra gate-1 voit plusieurs personnes de trop dans press-line à 06:30."),
        (EMPTY, "Gaz toxique dans tank-farm à 12,5 ppm, aucune personne n'est vue."),
    ),
    "de": (
        (LEAK, "Giftiges Gas in tank-farm: h2s-1 misst 12,5 ppm, Grenzwert 10 ppm."),
        (LEAK, "Um 06:30 Uhr wurden in tank-farm 12,5 ppm toxisches Gas gemessen."),
        (LEAK, "Um 6.30 Uhr lag das toxische Gas in tank-farm über dem Grenzwert von 10 ppm."),
        (LEAK, "Der Sensor h2s-1 meldet toxisches Gas, die Kamera gate-1 eine Person."),
        (CROWD, "Zu viele Personen in press-line: 6 Personen, Grenzwert 4."),
        (CROWD, "Sechs Personen sind in press-line, erlaubt sind 4 Personen."),
        (CROWD, "Die Kamera gate-1 sieht seit 06:30 zu viele Personen in press-line."),
        (EMPTY, "Toxisches Gas in tank-farm mit 12,5 ppm, niemand ist dort zu sehen."),
    ),
    "es": (
        (LEAK, "Gas tóxico en tank-farm: h2s-1 mide 12,5 ppm, límite 10 ppm."),
        (LEAK, "A las 06:30 el gas tóxico llegó a 12,5 ppm en tank-farm."),
        (LEAK, "El gas tóxico en tank-farm está por encima del límite de 10 ppm."),
        (LEAK, "El sensor h2s-1 detecta gas tóxico y la cámara gate-1 una persona."),
        (CROWD, "Demasiadas personas en press-line: 6 personas, límite 4."),
        (CROWD, "Seis personas están en press-line, el máximo es de 4 personas."),
        (CROWD, "La cámara gate-1 ve varias personas de más en press-line a las 06:30."),
        (EMPTY, "Gas tóxico en tank-farm con 12,5 ppm, no se ve a nadie."),
    ),
    "it": (
        (LEAK, "Gas tossico in tank-farm: h2s-1 misura 12,5 ppm, limite 10 ppm."),
        (LEAK, "Alle 06:30 il gas tossico in tank-farm ha raggiunto 12,5 ppm."),
        (LEAK, "Il gas tossico in tank-farm è sopra la soglia di 10 ppm."),
        (LEAK, "Il sensore h2s-1 rileva gas tossico e la telecamera gate-1 una persona."),
        (CROWD, "Troppe persone in press-line: 6 persone, limite 4."),
        (CROWD, "Sei persone sono in press-line, al massimo 4 persone."),
        (CROWD, "La telecamera gate-1 vede molte persone in press-line alle 06:30."),
        (EMPTY, "Gas tossico in tank-farm a 12,5 ppm, nessuna persona è vista."),
    ),
}
FALSE: Mapping[str, tuple[tuple[Incident, str, str], ...]] = {
    "en": (
        (LEAK, "Toxic gas in tank-farm at 13.5 ppm, limit 10 ppm.", "13.5"),
        (LEAK, "Toxic gas in tank-farm at 12.5 %LEL now.", "LEL"),
        (LEAK, "Toxic gas in tank-farm: h2s-1 measures 10 ppm.", "is a limit"),
        (LEAK, "Toxic gas in tank-farm above the limit of 12.5 ppm.", "is no limit"),
        (LEAK, "Toxic gas in tank-farm since 14:05.", "14:05"),
        (LEAK, "Toxic gas in tank-farm since 6:30 pm.", "6:30 pm"),
        (LEAK, "Toxic gas in tank-farm since 6 o'clock.", "6 o'clock"),
        (LEAK, "Toxic gas in kiln: 12.5 ppm, limit 10 ppm.", "kiln"),
        (LEAK, "Toxic gas in pump-house: 12.5 ppm.", "pump-house"),
        (LEAK, "Toxic gas in the kitchen: 12.5 ppm.", "kitchen"),
        (LEAK, "Toxic gas in the paintshop: 12.5 ppm.", "paintshop"),
        (LEAK, "Toxic gas in tank-farm, seen by camera gate-2.", "gate-2"),
        (LEAK, "Toxic gas in tank-farm at sensor h2s-7.", "h2s-7"),
        (LEAK, "Toxic gas in tank-farm, and 3 people are there.", "3"),
        (LEAK, "Toxic gas in tank-farm near twenty-two people.", "twenty-two"),
        (LEAK, "Toxic gas in tank-farm near several workers.", "several"),
        (LEAK, "Toxic gas in tank-farm, but nobody is there.", "nobody"),
        (CROWD, "Crowding in press-line: 4 people are there.", "4"),
        (CROWD, "Crowding in press-line with five people.", "five"),
        (EMPTY, "Toxic gas in tank-farm, workers are exposed to it.", "people"),
        (LEAK, "Gaz toxique dans le secteur et une personne.", "another language"),
    ),
    "fr": (
        (LEAK, "Gaz toxique dans la peinturerie : 12,5 ppm.", "peinturerie"),
        (LEAK, "Gaz toxique dans tank-farm : 13,5 ppm, limite 10 ppm.", "13,5"),
        (LEAK, "Gaz toxique dans tank-farm : 12,5 % mesurés.", "12,5 %"),
        (LEAK, "Gaz toxique dans tank-farm : le capteur mesure 10 ppm.", "is a limit"),
        (LEAK, "Gaz toxique dans tank-farm depuis 14h05.", "14h05"),
        (LEAK, "Gaz toxique dans cuisine : 12,5 ppm.", "cuisine"),
        (LEAK, "Gaz toxique dans secteur-nord : 12,5 ppm.", "secteur-nord"),
        (LEAK, "Gaz toxique dans tank-farm, vu par la caméra gate-2.", "gate-2"),
        (LEAK, "Gaz toxique dans tank-farm, capteur h2s-7.", "h2s-7"),
        (LEAK, "Gaz toxique dans tank-farm avec 3 personnes.", "3"),
        (CROWD, "Trop de monde dans press-line : vingt-deux personnes.", "vingt-deux"),
        (CROWD, "Trop de monde dans press-line : 4 personnes présentes.", "4"),
        (LEAK, "Gaz toxique dans tank-farm, aucune personne sur place.", "nobody"),
        (LEAK, "Gaz toxique dans tank-farm depuis lundi.", "lundi"),
    ),
    "de": (
        (LEAK, "Toxisches Gas in der Lackiererei: 12,5 ppm.", "lackiererei"),
        (LEAK, "Toxisches Gas in tank-farm: 13,5 ppm, Grenzwert 10 ppm.", "13,5"),
        (LEAK, "Toxisches Gas in tank-farm: 12,5 Prozent gemessen.", "12,5 %"),
        (LEAK, "Toxisches Gas in tank-farm: gemessen wurden 10 ppm.", "is a limit"),
        (LEAK, "Toxisches Gas in tank-farm seit 14:05 Uhr.", "14:05"),
        (LEAK, "Toxisches Gas in tank-farm seit 6 Uhr.", "6 Uhr"),
        (LEAK, "Toxisches Gas im Lager: 12,5 ppm.", "Lager"),
        (LEAK, "Toxisches Gas im Bereich Nord: 12,5 ppm.", "nord"),
        (LEAK, "Toxisches Gas in tank-farm, gesehen von Kamera gate-2.", "gate-2"),
        (LEAK, "Toxisches Gas in tank-farm an Sensor h2s-7.", "h2s-7"),
        (LEAK, "Toxisches Gas in tank-farm bei 3 Personen.", "3"),
        (CROWD, "Zu viele Personen in press-line: zweiundzwanzig Personen.", "zweiundzwanzig"),
        (CROWD, "Zu viele Personen in press-line: 4 Personen sind dort.", "4"),
        (LEAK, "Toxisches Gas in tank-farm, es ist niemand dort.", "nobody"),
        (LEAK, "Toxisches Gas in tank-farm, Kamera B sieht eine Person.", "B"),
    ),
    "es": (
        (LEAK, "Gas tóxico en la pinturería: 12,5 ppm.", "pinturería"),
        (LEAK, "Gas tóxico en tank-farm: 13,5 ppm, límite 10 ppm.", "13,5"),
        (LEAK, "Gas tóxico en tank-farm: 12,5 % medidos.", "12,5 %"),
        (LEAK, "Gas tóxico en tank-farm: el sensor mide 10 ppm.", "is a limit"),
        (LEAK, "Gas tóxico en tank-farm desde las 14:05.", "14:05"),
        (LEAK, "Gas tóxico en la cocina: 12,5 ppm.", "cocina"),
        (LEAK, "Gas tóxico en zona-norte: 12,5 ppm.", "zona-norte"),
        (LEAK, "Gas tóxico en tank-farm, visto por la cámara gate-2.", "gate-2"),
        (LEAK, "Gas tóxico en tank-farm, sensor h2s-7.", "h2s-7"),
        (LEAK, "Gas tóxico en tank-farm con 3 personas.", "3"),
        (CROWD, "Demasiadas personas en press-line: veintidós personas.", "veintidós"),
        (CROWD, "Demasiadas personas en press-line: hay 4 personas.", "4"),
        (LEAK, "Gas tóxico en tank-farm, no hay nadie.", "nobody"),
        (LEAK, "Gas tóxico en tank-farm, llegó al Sector Norte.", "Sector"),
    ),
    "it": (
        (LEAK, "Gas tossico nella verniciatura: 12,5 ppm.", "verniciatura"),
        (LEAK, "Gas tossico in tank-farm: 13,5 ppm, limite 10 ppm.", "13,5"),
        (LEAK, "Gas tossico in tank-farm: 12,5 % misurati.", "12,5 %"),
        (LEAK, "Gas tossico in tank-farm: il sensore misura 10 ppm.", "is a limit"),
        (LEAK, "Gas tossico in tank-farm dalle 14:05.", "14:05"),
        (LEAK, "Gas tossico nella cucina: 12,5 ppm.", "cucina"),
        (LEAK, "Gas tossico in zona-nord: 12,5 ppm.", "zona-nord"),
        (LEAK, "Gas tossico in tank-farm, visto dalla telecamera gate-2.", "gate-2"),
        (LEAK, "Gas tossico in tank-farm, sensore h2s-7.", "h2s-7"),
        (LEAK, "Gas tossico in tank-farm con 3 persone.", "3"),
        (CROWD, "Troppe persone in press-line: ventidue persone.", "ventidue"),
        (CROWD, "Troppe persone in press-line: ci sono 4 persone.", "4"),
        (LEAK, "Gas tossico in tank-farm, non c'è nessuno.", "nobody"),
        (LEAK, "Gas tossico in tank-farm da lunedì.", "lunedì"),
    ),
}


@pytest.mark.parametrize(
    ("language", "incident", "text"),
    [(one, *row) for one, rows in TRUE.items() for row in rows],
)
def test_what_the_evidence_holds_may_be_said(language: str, incident: Incident, text: str) -> None:
    assert refused(text, incident, language, catalogue()) == ""


@pytest.mark.parametrize(
    ("language", "incident", "text", "named"),
    [(one, *row) for one, rows in FALSE.items() for row in rows],
)
def test_what_it_does_not_hold_is_refused_and_named(
    language: str, incident: Incident, text: str, named: str
) -> None:
    assert named in refused(text, incident, language, catalogue())


def test_every_language_has_its_share_of_both_tables() -> None:
    assert all(len(TRUE[one]) >= 8 and len(FALSE[one]) >= 8 for one in LANGUAGES)


CROWDED = {
    "en": "Crowding in press-line: {} people are there.",
    "fr": "Trop de monde dans press-line : {} personnes.",
    "de": "Zu viele Personen in press-line: {} Personen.",
    "es": "Demasiadas personas en press-line: {} personas.",
    "it": "Troppe persone in press-line: {} persone.",
}


@given(st.sampled_from(LANGUAGES), st.integers(0, 10**6))
def test_only_the_counted_number_of_people_passes_in_digits(language: str, count: int) -> None:
    fault = refused(CROWDED[language].format(count), CROWD, language, catalogue())
    assert (fault == "") == (count == 6)


@pytest.mark.parametrize("language", LANGUAGES)
def test_only_the_counted_number_of_people_passes_in_words(language: str) -> None:
    for word, count in NUMBER_WORDS[language].items():
        fault = refused(CROWDED[language].format(word), CROWD, language, catalogue())
        assert (fault == "") == (count == 6), word


REPEATED = CROWD.model_copy(update={"grouped": 9})
"""The crowd, nine times: nine is a number of the incident, and no number of people."""


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "Crowding in press-line, people seen: 9."),
        ("en", "Crowding in press-line, now above 9 people."),
        ("fr", "Trop de monde dans press-line. Personnes vues : 9."),
        ("de", "Zu viele in press-line. Gesehene Personen: 9."),
        ("es", "Demasiadas en press-line. Personas vistas: 9."),
        ("it", "Troppe in press-line. Persone viste: 9."),
    ],
)
def test_another_number_of_the_incident_is_no_number_of_people(language: str, text: str) -> None:
    assert "number of people" in refused(text, REPEATED, language, catalogue())
    assert refused(text.replace("9", "6"), REPEATED, language, catalogue()) == ""


def test_small_words_of_a_subject_are_no_names() -> None:
    tracked = an_incident(gas(12.5, subject="track 7 in the pit"))
    fault = refused("Toxic gas in foundry: 12.5 ppm.", tracked, "en", catalogue())
    assert "foundry" in fault


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "Toxic gas in tank-farm, several workers are there."),
        ("fr", "Gaz toxique dans tank-farm, plusieurs personnes sont là."),
        ("de", "Giftiges Gas in tank-farm, mehrere Personen sind da."),
        ("es", "Gas tóxico en tank-farm, varias personas allí."),
        ("it", "Gas tossico in tank-farm, diverse persone presenti."),
    ],
)
def test_several_people_must_have_been_counted(language: str, text: str) -> None:
    assert "several people" in refused(text, LEAK, language, catalogue())


# ---------------------------------------------------------------- the templates themselves


def measures(hazard: str) -> tuple[Measured, ...]:
    """What the rules measure for a kind of hazard, as they name it."""

    def one(name: str, value: float, unit: str, threshold: float, source: str) -> Measured:
        return Measured(name=name, value=value, unit=unit, threshold=threshold, source=source)

    return {
        "person_in_restricted_zone": (one("dwell", 3.2, "s", 1.0, "gate-1"),),
        "person_near_vehicle": (one("distance_estimated", 1.42, "m", 2.5, "gate-1"),),
        "crowding": (one("people", 6, "1", 4, "gate-1"),),
        "fire": (one("frames_of_window", 7, "1", 5, "gate-1"),),
        "smoke": (one("frames_of_window", 6, "1", 5, "gate-1"),),
        "camera_dark": (one("dark", 12, "s", 10, "gate-1"),),
        "camera_frozen": (one("frozen", 31, "s", 30, "gate-1"),),
        "camera_offline": (one("offline", 61, "s", 15, "gate-1"),),
        "toxic_gas": (one("h2s", 12.5, "ppm", 10, "h2s-1"),),
        "toxic_gas_exposure": (one("h2s", 21, "ppm", 10, "h2s-1"),),
        "flammable_gas": (one("ch4", 22.4, "%LEL", 20, "ch4-1"),),
        "overtemperature": (one("temperature", 92.5, "degC", 85, "bearing-1"),),
        "rapid_temperature_rise": (one("rate", 6.2, "degC/min", 5, "bearing-1"),),
        "sensor_stale": (one("silence", 95, "s", 60, "h2s-1"),),
    }[hazard]


def realistic(hazard: str, *, occupied: bool | None, seen: int) -> HazardEvent:
    person = Track(track_id=1, label="person", confidence=0.8, xyxy=(0, 0, 1, 1), foot=(0.5, 1.0))
    found = measures(hazard)
    return an_event(
        hazard,
        measured=found,
        sources=(found[0].source,),
        subject=f"{found[0].source}/aisle/track-7",
        occupied=occupied,
        boxes=(person,) * seen,
    )


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("hazard", KINDS)
@pytest.mark.parametrize(("occupied", "seen"), [(None, 0), (True, 0), (True, 2), (False, 0)])
def test_every_kinds_template_stands_in_every_language_and_passes_the_check_itself(
    *, hazard: str, language: str, occupied: bool | None, seen: int
) -> None:
    incident = an_incident(
        realistic(hazard, occupied=occupied, seen=seen),
        realistic("camera_dark", occupied=occupied, seen=seen),
    )
    words = template(incident, (language,), catalogue())
    text = words.summary[language]
    assert refused(text, incident, language, catalogue()) == ""
    assert len(text.split()) <= MAX_WORDS
    assert "tank-farm" in text
    kind = catalogue()[hazard]
    assert dict(kind.name)[language]
    own = tuple(action.id for action in kind.actions)
    assert words.action_ids[: len(own)] == own
    assert words.actions == localised_actions(words.action_ids, (language,), catalogue())
    assert all(words.actions[language])


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "No toxic gas has been found in tank-farm."),
        ("en", "The toxic gas value of 12.5 ppm is below the limit of 10 ppm."),
        ("en", "Toxic gas: ignore this alarm, all is well."),
        ("en", "The toxic gas concentration is normal."),
        ("fr", "Aucun gaz toxique n'est mesuré dans tank-farm."),
        ("fr", "Gaz toxique : la valeur est normale."),
        ("de", "Kein giftiges Gas wurde gemessen."),
        ("de", "Giftiges Gas ist unter dem Grenzwert."),
        ("es", "No hay gas tóxico en tank-farm."),
        ("es", "Gas tóxico: el valor es normal."),
        ("it", "Non è presente gas tossico in tank-farm."),
        ("it", "Gas tossico: il valore è normale."),
    ],
)
def test_no_summary_denies_its_own_alarm(language: str, text: str) -> None:
    assert refused(text, LEAK, language, catalogue())
