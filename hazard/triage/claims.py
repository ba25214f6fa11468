"""What a text claims about people, places, times and limits: the words for it, by language.

The words are written by hand. `hazard.triage.evidence` holds each claim against the incident.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

_PEOPLE: Mapping[str, str] = {
    "en": r"people|persons?|workers?|employees?|operators?|staff|men|women|individuals?|visitors?",
    "fr": r"personnes?|travailleurs?|employés?|opérateurs?|ouvriers?|visiteurs?",
    "de": r"personen?|menschen|leute|arbeiter(?:innen)?|mitarbeiter(?:innen)?|beschäftigten?",
    "es": r"personas?|trabajador(?:es)?|empleados?|operarios?|operador(?:es)?|visitantes?",
    "it": r"person[ae]|lavorator[ei]|addett[oi]|opera[io]|operator[ei]|dipendent[ei]",
}
PEOPLE: Final = {one: re.compile(rf"\b(?:{words})\b") for one, words in _PEOPLE.items()}

COUNTED: Final = {
    one: re.compile(rf"(?<![\w.,])([^\W_][\w-]*)\s+(?:[^\W\d]+\s+)?(?:{words})\b")
    for one, words in _PEOPLE.items()
}
"""A number, or a word that may be one, before people; one word may stand between."""
LISTED: Final = {
    one: re.compile(rf"\b(?:{words})(?:\s+[^\W\d]+)?\s*:\s*(\d+)") for one, words in _PEOPLE.items()
}
"""People, a colon and a number."""

_SEVERAL: Mapping[str, str] = {
    "en": r"several|many|multiple|numerous|various|some|few|group of|crowd of",
    "fr": r"plusieurs|de nombreuses|de nombreux|beaucoup de|quelques|un groupe de",
    "de": r"mehrere|viele|einige|zahlreiche|etliche",
    "es": r"varias|varios|muchas|muchos|numerosas|numerosos|algunas|algunos|grupo de",
    "it": r"diverse|diversi|molte|molti|numerose|numerosi|alcune|alcuni|parecchie|gruppo di",
}
SEVERAL: Final = {
    one: re.compile(rf"\b(?:{_SEVERAL[one]})\s+(?:[^\W\d]+\s+)?(?:{_PEOPLE[one]})\b")
    for one in _PEOPLE
}
"""More than one, without a number."""

NOBODY: Final = {
    "en": re.compile(
        r"nobody|no[ -]one\b|\bno (?:people|persons?|workers?|staff|operators?)\b|"
        r"without (?:people|persons|workers)|unoccupied|\bempty\b|deserted|people seen: none"
    ),
    "fr": re.compile(
        r"aucune personne|aucun (?:travailleur|opérateur|employé)|\bpersonne n['\u2019e]|"
        r"sans personne|n['\u2019]y a personne|pas de personne|inoccup|\bvides?\b|"
        r"désert|personnes vues : aucune"
    ),
    "de": re.compile(
        r"niemand|\bkeine (?:personen?|menschen|leute|mitarbeiter|arbeiter)\b|menschenleer|"
        r"unbesetzt|\bleer\b|personen: keine"
    ),
    "es": re.compile(
        r"\bnadie\b|ninguna persona|ningún (?:trabajador|operario|empleado)|sin personas|"
        r"no hay (?:personas|gente)|\bvací[oa]s?\b|desocupad|personas vistas: ninguna"
    ),
    "it": re.compile(
        r"\bnessuno\b|nessuna persona|nessun (?:lavoratore|operatore|addetto)|senza persone|"
        r"non ci sono persone|\bvuot[oai]\b|\bdesert[oa]\b|persone viste: nessuna"
    ),
}
"""That nobody is there, which must have been seen."""

LIMITS: Final = {
    "en": re.compile(r"limit|thresh|above|over\b|exceed|more than|beyond|below|under\b|less than|"
                     r"allowed|maxim|minim|alarm level"),
    "fr": re.compile(r"limit|seuil|au-dess|dépass|plus de|au-delà|moins de|supéri|inféri|maxim|"
                     r"minim|autoris|niveau d"),
    "de": re.compile(r"grenz|schwell|über|mehr als|unter|weniger|höchst|maxim|minim|erlaubt|"
                     r"zulässig|limit"),
    "es": re.compile(r"límit|umbral|más de|encima|super|menos de|debajo|máxim|mínim|permit|"
                     r"inferior|nivel de al|excede"),
    "it": re.compile(r"limit|soglia|oltre|sopra|super|più di|meno di|sotto|massim|minim|"
                     r"consentit|inferior|livello di al|eccede"),
}  # fmt: skip
"""Before a threshold one of these must stand: it was not measured."""
DENIED: Final = {
    "en": re.compile(r"\b(?:no|not|never|without|none)\b"),
    "fr": re.compile(r"\b(?:aucune?|pas|sans|jamais)\b"),
    "de": re.compile(r"\b(?:kein\w*|nicht|nie|ohne)\b"),
    "es": re.compile(r"\b(?:no|sin|ning[uú]na?|nunca)\b"),
    "it": re.compile(r"\b(?:non|nessuna?|senza|mai)\b"),
}
"""Words that deny: only of people, or where the hazard is that something is missing."""
BELOW: Final = {
    "en": re.compile(r"\b(?:below|under|less than|lower than|within)\b"),
    "fr": re.compile(r"\b(?:au-dessous|en dessous|sous|moins de|inférieure?)\b"),
    "de": re.compile(r"\b(?:unter|unterhalb|weniger als|niedriger)\b"),
    "es": re.compile(r"\b(?:debajo|bajo|menos de|inferior)\b"),
    "it": re.compile(r"\b(?:sotto|meno di|inferiore)\b"),
}
"""What says that a value is under its limit."""
LIMIT_IS: Final = re.compile(
    r"(?:limit|threshold|limite|seuil|grenzwert|schwelle|schwellenwert|límite|umbral|soglia)"
    r"\s*(?:of|is|was|de|est|von|ist|liegt bei|es|di|è|:|=)?\s*$"
)
"""What says that the next number is the limit."""

CLOCK: Final = re.compile(
    r"\b(?P<hour>\d{1,2})(?:\s?(?P<sign>[:.h])\s?(?P<minute>\d{2})(?P<second>:\d{2})?)?"
    r"(?P<after>\s?(?:uhr|o['\u2019]clock|[ap]\.?m\b\.?))?",
    re.IGNORECASE,
)
"""A time of day in one of the ways of five languages; `evidence` tells it from a number."""

_PLACES: Mapping[str, str] = {
    "en": "kitchen warehouse office basement roof corridor workshop loading garage tunnel canteen "
    "stair laborator parking kiln furnace boiler hall yard dock silo pit tower depot cellar lobby "
    "entrance building room floor",
    "fr": "cuisine entrepôt bureau sous-sol toit couloir atelier garage tunnel cantine escalier "
    "laboratoire parking fournaise chaufferie chaudière hall quai silo fosse dépôt entrée bâtiment "
    "salle",
    "de": "küche lager büro keller dach flur werkstatt halle garage tunnel kantine treppe labor "
    "parkplatz ofen kessel hof silo grube turm depot eingang gebäude raum rampe",
    "es": "cocina almacén oficina sótano tejado pasillo taller garaje túnel comedor escalera "
    "laboratorio aparcamiento horno caldera patio muelle silo foso depósito entrada edificio sala",
    "it": "cucina magazzin uffici seminterrat tetto corridoio officina garage tunnel mensa scala "
    "laborator parchegg forno caldai cortile banchina silo fossa deposito ingresso edifici sala "
    "capannon",
}
_DAYS: Mapping[str, str] = {
    "en": "yesterday tonight midnight noon morning evening afternoon monday tuesday wednesday "
    "thursday friday saturday sunday",
    "fr": "hier minuit midi matin soir lundi mardi mercredi jeudi vendredi samedi dimanche",
    "de": "gestern mitternacht mittag morgen abend montag dienstag mittwoch donnerstag freitag "
    "samstag sonntag",
    "es": "ayer medianoche mediodía tarde lunes martes miércoles jueves viernes sábado domingo",
    "it": "ieri mezzanotte mezzogiorno mattin sera lunedì martedì mercoledì giovedì venerdì sabato "
    "domenica",
}
PLACES_AND_DAYS: Final = {one: tuple(f"{_PLACES[one]} {_DAYS[one]}".split()) for one in _PLACES}
"""Beginnings of words for places and days that only the incident may bring."""

ALIKE: Final[Mapping[str, tuple[tuple[str, ...], ...]]] = {
    "en": (("fire", "flame"),),
    "fr": (("feu", "incend", "flamme"),),
    "de": (("feuer", "brand", "flamme"), ("giftig", "toxisch")),
    "es": (("fuego", "incendio", "llama"),),
    "it": (("fuoco", "incend", "fiamm"),),
}
"""Beginnings of words that say the same: the evidence may hold either."""

BARE_PLACE: Final = {
    "en": re.compile(
        r"\b(?:(?:in|inside|at|near|within)(?: the)?|area|zone)\s+(?=([^\W\d_][\w-]*))"
    ),
    "fr": re.compile(r"\b(?:dans(?: les?| la| l['\u2019])?|secteur|zone)\s*\b(?=([^\W\d_][\w-]*))"),
    "de": re.compile(
        r"\b(?:in(?: de[rmn]| die)?|im|bei(?: de[rm])?|beim|nahe|bereich|zone|kamera|sensor)\s+"
        r"(?=([^\W\d_][\w-]*))"
    ),
    "es": re.compile(r"\b(?:en(?: el| las?| los)?|dentro de|zona|área)\s+(?=([^\W\d_][\w-]*))"),
    "it": re.compile(
        r"\b(?:in|nel|nella|nei|nelle|nell['\u2019]|reparto|zona|area)\s*\b(?=([^\W\d_][\w-]*))"
    ),
}
"""What stands where a place stands."""
_NO_PLACE: Mapping[str, str] = {
    "en": "the a an this that these its their his her all any each every which progress danger "
    "use place time total excess operation motion part case fact least most once present "
    "front between risk reach range order need about area zone areas zones is are was has "
    "have and or where with of it people person there high low level breach alarm seconds "
    "above below over more less now for by to at plant site vicinity air immediate affected "
    "monitored restricted dangerous whole entire same surrounding sensor camera picture "
    "vehicle equipment hazard gas fire smoke limit moment beginning start end last first "
    "meantime presence exposure path way distance value concentration reading temperature "
    "region location section environment workplace if as but because while until unless "
    "shows sees measures should must will can may",
    "fr": "le la les l un une des ce cet cette ces son sa ses leur leurs du de d chaque tout "
    "toute tous lequel laquelle concerné surveillé interdit où est et avec air périmètre "
    "installation usine site voisinage environnement interdite restreinte dangereuse "
    "concernée surveillée danger zone secteur à en qui que par pour sont a ont même d'où "
    "champ rayon portée véhicule plusieurs",
    "de": "der die das dem den des ein eine einem einer einen dieser diesem dieses diesen ihrer "
    "ihrem seiner seinem jeder jedem gefahr betrieb bereich bereichs nähe zone richtung "
    "kürze folge umgebung bewegung ist sind wird wurde und oder mit ohne wo zu über unter "
    "hat zeigt misst meldet sieht seit von am an alarm luft anlage gesperrten überwachten "
    "betroffenen sperrbereich fahrzeugnähe reichweite werk gleichen selben person personen "
    "fahrzeug kamera sensor messung grenzwert",
    "es": "el la los las un una este esta estos estas ese esa su sus cada todo toda todos peligro "
    "riesgo curso funcionamiento movimiento zona área que total exceso caso alarma aire "
    "planta instalación recinto entorno restringida prohibida peligrosa afectada vigilada "
    "misma mismo proximidad cercanía interior exterior de del donde y a con por es está hay "
    "se cámara sensor vehículo lugar",
    "it": "un una uno il la lo gli questo questa questi quest ogni tutto tutta pericolo corso "
    "funzione movimento zona area cui prossimità eccesso totale caso allarme atto aria "
    "impianto stabilimento interdetta vietata pericolosa interessata sorvegliata stessa "
    "stesso vicinanza raggio di del della dove e è con per a si ha sono telecamera sensore "
    "veicolo luogo quanto",
}
NO_PLACE: Final = {one: frozenset(words.split()) for one, words in _NO_PLACE.items()}
"""Words after such a preposition that name no place."""

HYPHENATED: Final = {
    "en": frozenset(("high-level", "low-level", "real-time", "on-site", "self-contained")),
    "fr": frozenset(
        (
            "au-dessus", "au-dessous", "au-delà", "celui-ci", "celle-ci", "ceux-ci", "celles-ci",
            "est-elle", "est-il", "là-bas", "peut-être", "ci-dessus", "ci-dessous", "lui-même",
            "elle-même", "c'est-à-dire", "vis-à-vis",
        )
    ),
    "de": frozenset(()),
    "es": frozenset(()),
    "it": frozenset(()),
}  # fmt: skip
"""Words with a hyphen that are no identifier."""

_FUNCTION: Mapping[str, str] = {
    "en": "the is of and at with has was are near above by to from for been being this that",
    "fr": "le les une est dans des du et avec sur près ce cette par au aux au-dessus sont",
    "de": "der die das ist ein eine und im mit bei von zum zur wurde auf am dem den sind nicht",
    "es": "el los las una es y con por del se está hay más cerca son ha",
    "it": "il lo gli una è di e con per nel nella alla del della sono più vicino",
}
FUNCTION_WORDS: Final = {one: frozenset(words.split()) for one, words in _FUNCTION.items()}
"""Small words that show in which language a text is."""
