"""Numbers written as words, in the site's languages: 0 to 99, hundred, thousand, dozen.

Articles that are also a one (`une`, `ein`, `una`) are no numbers here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_UNITS: Final[Mapping[str, str]] = {
    "en": "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen",
    "fr": "zéro - deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze "
    "seize dix-sept dix-huit dix-neuf",
    "de": "null - zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn vierzehn "
    "fünfzehn sechzehn siebzehn achtzehn neunzehn",
    "es": "cero - dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince "
    "dieciséis diecisiete dieciocho diecinueve",
    "it": "zero - due tre quattro cinque sei sette otto nove dieci undici dodici tredici "
    "quattordici quindici sedici diciassette diciotto diciannove",
}
"""0 to 19; `-` where the word is an article too."""
_TENS: Final[Mapping[str, str]] = {
    "en": "twenty thirty forty fifty sixty seventy eighty ninety",
    "fr": "vingt trente quarante cinquante soixante septante octante nonante",
    "de": "zwanzig dreißig vierzig fünfzig sechzig siebzig achtzig neunzig",
    "es": "veinte treinta cuarenta cincuenta sesenta setenta ochenta noventa",
    "it": "venti trenta quaranta cinquanta sessanta settanta ottanta novanta",
}
_OTHERS: Final[Mapping[str, Mapping[str, int]]] = {
    "en": {"hundred": 100, "thousand": 1000, "dozen": 12, "both": 2, "couple": 2, "pair": 2},
    "fr": {"cent": 100, "mille": 1000, "douzaine": 12, "dizaine": 10, "quatre-vingts": 80,
           "quatre-vingt": 80, "soixante-dix": 70, "quatre-vingt-dix": 90},
    "de": {"hundert": 100, "tausend": 1000, "dutzend": 12, "beide": 2, "beiden": 2},
    "es": {"cien": 100, "ciento": 100, "mil": 1000, "docena": 12, "ambos": 2, "ambas": 2,
           "veintiuno": 21, "veintidós": 22, "veintitrés": 23, "veinticuatro": 24,
           "veinticinco": 25, "veintiséis": 26, "veintisiete": 27, "veintiocho": 28,
           "veintinueve": 29},
    "it": {"cento": 100, "mille": 1000, "dozzina": 12, "entrambi": 2, "entrambe": 2},
}  # fmt: skip
_JOINED: Final = {
    "en": "{ten}-{one}",
    "fr": "{ten}-{one}",
    "de": "{one}und{ten}",
    "it": "{ten}{one}",
}


def _words(language: str) -> dict[str, int]:
    ones = {word: n for n, word in enumerate(_UNITS[language].split()) if word != "-"}
    tens = {word: 10 * n for n, word in enumerate(_TENS[language].split(), 2)}
    joined = {
        _JOINED[language].format(ten=ten, one=one): n + digit
        for ten, n in tens.items()
        for one, digit in ones.items()
        if language in _JOINED and 0 < digit < 10  # noqa: PLR2004 - digits
    }
    known = {**joined, **ones, **tens, **_OTHERS[language]}
    return {word.casefold(): count for word, count in known.items()}


NUMBER_WORDS: Final[Mapping[str, Mapping[str, int]]] = {one: _words(one) for one in _UNITS}
"""By language: words that a summary might hide a figure in, case folded."""
