"""Words that names of places and sensors do not need and attacks on a prompt do, in five languages.

`TELLING` words have no place in a name: who they speak to is a language model. `TOUCHY` words do
occur in names (`low-pressure-line`, `test-bench`, `no-entry`): one of them may be part of a
compound name beside a word that is neither; alone, twice, or among words with spaces, no. Words
are compared folded: compatibility forms, case, accents, and digits that stand for letters.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

MAX_WORDS = 10
"""Words in a text, parts of compound names counted: `camera-north/crossing/track-7` has five."""

MAX_SPOKEN = 5
"""Words with spaces between them; more are a sentence."""

MAX_WORD = 24
"""Letters and digits in a row; more are code, a hash or a flood."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


TELLING = _words(
    """
    answer answers antwort antworte antworten anweisung anweisungen asistente assistant
    assistante assistent assistente bewerte bewertung bos bypass chatbot clasifica clasificar
    classer classifica classificare classification classifier classify criticality criticidad
    criticita criticite declassare declasser deescalate degradar dimentica dimenticare
    dimenticate disregard downgrade drillonly einordnen einstufen einstufung endoftext eos eot
    fais faites fingi fingir forget gpt gravedad gravita gravite harmless harmlos herabstufen
    herunterstufen ignora ignorad ignorar ignorare ignorate ignore ignored ignoren ignorer
    ignores ignorez ignoriere ignorieren ignoriert ignoring imagina imagine imaginez immagina
    info informatif information informational informativ informative informativo innocuo
    inofensivo inoffensif inst instruccion instrucciones instruct instruction instructions
    istruzione istruzioni jailbreak klassifiziere klassifizieren kritikalitat llm olvida olvidar
    olvide oublie oublier oubliez override overrule overwrite pretend prompt prompts reply
    repondez repondre reponds reponse respond responda responde responder response respuesta
    retrograder rispondere rispondete rispondi risposta roleplay schwere schweregrad severidad
    severite severities severity ungefahrlich vergessen vergiss
    """
)
"""Withheld wherever they stand, within longer words too if they have six letters or more."""

TOUCHY = _words(
    """
    acknowledged action admin administrateur administrator alarming all alles alta alto always
    anyone aqui are aucun aucune baja bajo bas bassa basse basso be beendet befehl behoben
    benutzer bitte calm clear cleared closed command controlado controllato controlled critica
    critical critico critique danger dangereuse dangereux dangerous demo developer done drill
    drills dummy ejercicio eleve elevee emergencia emergency emergenza ended ensayo entrainement
    entwarnung erledigt esercitazione essai everyone everything exercice exercise faible fake
    falsch false falso fausse faux fine finished finito fixed formacion gefahr gefahrlich
    gefahrlos gering geringe good grave handled harm haut haute hazard here hier high higher
    highest hoch hohe hoher human ici immer inform informed insignifiant insignificant
    insignificante is ist jamais just kein keine keinen kritisch kritische label labels leve
    lieve low lower lowest mai maitrise majeur major massimo maximal maximo maximum media medio
    medium menor mineur mineure minima minimal minimale minimo minimum minor minore mittel
    mittlere mock model modele modell modello modelo moyen moyenne must nada nadie needed
    negligible nessun nessuna nessuno never nicht nichts niedrig niedrige niedriger niemand
    niente nil ningun ninguna ningunos no nobody none noone normal normale normalement not
    notfall nothing nulla nunca nur ohne ok okay only operator orden order orders ordinary
    ordine ordnung ordre output over panic pas peaceful peligro peligroso pericolo pericoloso
    personne please practice prioridad priorita prioritat priorite priority probe probealarm
    prova prueba qui rating regel regeln regla reglas regle regles regola regole rehearsal
    required resolu resolved resuelto rien riesgo right rischio risiko risk risolto risque rol
    role rolle routine rubric rule rules ruolo safe safely safety sans secure securise securite
    segura seguridad seguro sempre senza seulement severe shall should sicher sicherheit sicura
    sicurezza sicuro sie siempre simulacion simulacro simulated simulation simulator simulazione
    sin sind sistema solo soltanto solved somebody sono supervisor sur sure system systeme
    systems terminado terminato termine test testalarm testing testlauf tests that these this
    those todo todos toujours tous tout toutes training trivial true tutti tutto ubung
    unbedenklich unimportant unwichtig urgence urgent user usted usuario utente utilisateur
    verdadero vero votre vous vrai wahr was we without wrong you your zero
    """
)
"""At most one of them, and only as part of a compound name."""

_LONG = 6
_SPELLED = 4
_CODE = 12
_JOINED = 3
_INVISIBLE = frozenset("\u00ad\u034f\u180e\ufeff")
_BARE = str.maketrans({"\u0131": "i", "ø": "o", "ł": "l", "đ": "d", "æ": "ae", "œ": "oe", "ħ": "h"})
_DIGITS = (str.maketrans("013457@$", "oieastas"), str.maketrans("013457@$", "oleastas"))
"""Digits as letters; 1 is an i or an l."""

_WORD = re.compile(r"[^\W_]+")
_NAME = re.compile(r"[^\s/]+")


def folded(text: str) -> str:
    """`text` in plain small letters: compatibility forms, case, accents, invisible signs undone."""
    text = unicodedata.normalize("NFKC", text).casefold().translate(_BARE)
    return "".join(
        char
        for char in unicodedata.normalize("NFKD", text)
        if not unicodedata.combining(char)
        and unicodedata.category(char) != "Cf"
        and char not in _INVISIBLE
    )


def speaks(text: str) -> bool:
    """Whether `text` may speak to its reader, instead of naming a thing.

    True for a text of too many or too long words, with letters that are no Latin ones, with a
    word of `TELLING`, or with a word of `TOUCHY` that is not the only one and part of a compound.
    """
    plain = folded(text).replace("°", " ")
    words = _WORD.findall(plain)
    if not plain.isascii() or len(words) > MAX_WORDS or len(plain.split()) > MAX_SPOKEN:
        return True
    if any(len(word) > MAX_WORD for word in words) or any(map(_coded, _WORD.findall(text))):
        return True
    return _tells(words) or _touches(plain)


def _coded(word: str) -> bool:
    """Whether it looks like base64: long, with small letters, capitals and digits."""
    kinds = (str.islower, str.isupper, str.isdigit)
    return len(word) >= _CODE and all(any(map(kind, word)) for kind in kinds)


def _tells(words: list[str]) -> bool:
    for reading in _readings(words):
        if TELLING.intersection(_joined(reading)):
            return True
        if any(long in word for word in _whole(reading) for long in _LONG_TELLING):
            return True
    return False


def _touches(plain: str) -> bool:
    """Words that a name may hold once, as a part of it."""
    found: set[str] = set()
    for name in _NAME.findall(plain):
        words = _WORD.findall(name)
        touchy = set().union(*(TOUCHY & set(_joined(r)) for r in _readings(words)))
        if not touchy:
            continue
        beside = [w for w in words if len(w) >= _SPELLED - 1 and w.isalpha() and w not in TOUCHY]
        if not beside or " " in plain:
            return True
        found |= touchy
    return len(found) > 1


def _readings(words: list[str]) -> Iterator[list[str]]:
    """The words, and how they read with digits for letters; numbers stay numbers."""
    yield words
    for table in _DIGITS:
        yield [word if word.isdigit() else word.translate(table) for word in words]


def _joined(words: list[str]) -> Iterator[str]:
    """The words, and neighbours as if they were written together (`in-fo`)."""
    yield from _whole(words)
    for count in range(2, _JOINED + 1):
        for start in range(len(words) - count + 1):
            yield "".join(words[start : start + count])


def _whole(words: list[str]) -> Iterator[str]:
    """The words, and those that are spelled out (`s-e-v-e-r-e`)."""
    yield from words
    letters = "".join(word if len(word) == 1 else " " for word in words)
    yield from (run for run in letters.split() if len(run) >= _SPELLED)


_LONG_TELLING = frozenset(word for word in TELLING if len(word) >= _LONG)
