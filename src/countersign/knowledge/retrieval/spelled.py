"""Numbers written in words: a source says "deux plaques" or "quatre-vingt-dix jours" where an answer says 2 or 90."""

from __future__ import annotations

import re
from decimal import Decimal

from .numbers import Number
from .units import unit_at

_VALUES: dict[str, int] = {
    word: int(value)
    for line in (
        "0 zéro zero,1 un une one,2 deux two double,3 trois three triple,4 quatre four,5 cinq five,6 six,7 sept seven",
        "8 huit eight,9 neuf nine,10 dix ten,11 onze eleven,12 douze twelve,13 treize thirteen,14 quatorze fourteen",
        "15 quinze fifteen,16 seize sixteen,17 seventeen,18 eighteen,19 nineteen,20 vingt vingts twenty",
        "30 trente thirty,40 quarante forty,50 cinquante fifty,60 soixante sixty,70 septante seventy",
        "80 huitante octante eighty,90 nonante ninety",
    )
    for value, *words in map(str.split, line.split(","))
    for word in words
}
_HUNDREDS = {"cent": 100, "cents": 100, "hundred": 100, "mille": 1000, "thousand": 1000}

_WORD = "|".join(sorted((*_VALUES, *_HUNDREDS), key=len, reverse=True))
_PHRASE = re.compile(rf"(?<![\w-])(?:{_WORD})(?:[ \u00a0-](?:et[ \u00a0-])?(?:{_WORD})){{0,6}}(?![\w-])", re.IGNORECASE)
_SINGLE = frozenset({"un", "une", "one"})


def spelled_numbers(text: str) -> list[Number]:
    """Whole numbers of *text* in words. "un" counts only before a unit ("un an"): elsewhere it is an article."""
    found: list[Number] = []
    for match in _PHRASE.finditer(text):
        after = match.end() + (text[match.end() : match.end() + 1] in ("\u00a0", " "))
        unit = unit_at(text, after) if after > match.end() else None
        if match[0].lower() in _SINGLE and unit is None:
            continue
        value = Decimal(_value(re.split("[ \u00a0-]", match[0].lower())))
        end = unit[1] if unit else match.end()
        kind = "quantity" if unit else "plain"
        found.append(Number(text[match.start() : end], match.start(), end, value, unit[0] if unit else None, kind))
    return found


def _value(words: list[str]) -> int:
    total, current = 0, 0
    for word in words:
        if _HUNDREDS.get(word) == 1000:
            total, current = total + max(1, current) * 1000, 0
        elif word in _HUNDREDS:
            current = max(1, current) * 100
        elif word in ("vingt", "vingts") and current % 100 == 4:
            current += 76  # quatre-vingts
        elif word in _VALUES:
            current += _VALUES[word]
    return total + current
