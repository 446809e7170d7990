"""Sums and differences that a sentence announces: "6 dB de mieux", "18,5 % de plus", "les deux ensemble".

More and less are said of different things: 53,90 € is 18,5 % more than 45,50 €, which is 15,6 % less than 53,90 €.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import combinations
from typing import Literal

from .arithmetic import rounds_to
from .formats import number as shown
from .numbers import Number
from .operands import base_of, dims_of
from .units import measure

Way = Literal["more", "less", "apart"]
Span = tuple[int, int]

_REACH = 40
_MOST = 12


def _any_of(*phrases: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w)(?:{'|'.join(phrases)})(?!\w)", re.IGNORECASE)


_BY = "(?:cher|élevé|épais|haut|grand|lourd|long)\\w*"
_MORE = _any_of(
    rf"(?:de|en) plus|de mieux|plus {_BY}|surcoût|suppléments?|hausse|augment\w*|majoration|gain",
    r"more|dearer|higher|extra|increase\w*|above|additional",
)
_LESS = _any_of(
    rf"(?:de|en) moins|moins {_BY}|baisse|économi\w*|réduction|réduit\w*|rabais",
    r"less|cheaper|lower|saving\w*|save\w*|decrease\w*|below",
)
_APART = _any_of(
    r"écarts?|différences?|reste\w*|manque\w*|dépasse\w*|difference|gap|left|remain\w*|short",
)
_WAYS: tuple[tuple[Way, re.Pattern[str]], ...] = (("more", _MORE), ("less", _LESS), ("apart", _APART))
_AGAINST = _any_of(
    r"contre|au lieu de|par rapport|comparé\w*|tandis que|alors que|que (?:la|le|les)|que l['’]\w+",
    r"than|versus|vs|against|instead of|compared|whereas|while",
)
_TOGETHER = _any_of(
    r"total\w*|totaux|sommes?|ensemble|en tout|cumul\w*|les (?:deux|trois|quatre)|TTC|(?:en|à) ajout\w+",
    r"sum|together|both|altogether|overall|combined|including|incl",
)
_THEREFORE = _any_of(r"soit|donc|dont|so|i\.e|hence|thus")


@dataclass(frozen=True, slots=True)
class Comparison:
    """Whether the figure is the difference that its sentence announces, and the computation as it should be."""

    holds: bool
    text: str


def compares(text: str, span: Span) -> bool:
    """Whether a sentence sets one thing against another, so that it may repeat a figure of both."""
    return any(pattern.search(text, *span) for pattern in (_MORE, _LESS, _APART, _AGAINST))


def announces_sum(text: str, span: Span) -> Literal["clearly", "perhaps"] | None:
    """Whether a sentence speaks of a sum or a difference, or only draws some conclusion ("soit", an equals sign)."""
    if _TOGETHER.search(text, *span) or compares(text, span) or "+" in text[slice(*span)]:
        return "clearly"
    return "perhaps" if _THEREFORE.search(text, *span) or "=" in text[slice(*span)] else None


class Ways:
    """Where a text says more, less or apart: found once, asked for each figure."""

    def __init__(self, text: str) -> None:
        self._text = text
        found: list[tuple[int, Way]] = [(m.start(), way) for way, some in _WAYS for m in some.finditer(text)]
        self._found = sorted(found)

    def of(self, target: Number, span: Span) -> Way | None:
        """Which difference *target* is said to be: words after it come first, then the nearest before it."""
        sign = self._text[max(0, target.start - 2) : target.start].strip()[-1:]
        if target.unit == "%" and (sign == "+" or target.value < 0):
            return "more" if sign == "+" else "less"
        at = bisect_left(self._found, (target.end,))
        if at < len(self._found) and self._found[at][0] < min(span[1], target.end + _REACH):
            return self._found[at][1]
        at = bisect_left(self._found, (target.start,)) - 1
        return self._found[at][1] if at >= 0 and self._found[at][0] >= span[0] else None


def comparison_for(target: Number, way: Way, near: Sequence[Number], locale: str = "fr") -> Comparison | None:
    """*target* as the difference of two figures *near* it, announced as *way*; None when it is that of none."""
    if target.value == 0:
        return None
    pairs = [
        (low, high) if _size(low) < _size(high) else (high, low)
        for low, high in combinations(list(near)[-_MOST:], 2)
        if _comparable(low, high) and _size(low) != _size(high)
    ]
    if target.unit == "%":
        return _in_percent(target, pairs, way, locale)
    for low, high in pairs:
        if not _comparable(target, low) or _per(target) not in ("", _per(low), _per(high)):
            continue
        scale = Decimal(1) if target.kind == "money" else measure(target.unit or "").factor
        if rounds_to((_size(high) - _size(low)) / scale, abs(target.value)):
            return Comparison(True, f"{high.text} − {low.text} = {target.text}")
    return None


def _in_percent(target: Number, pairs: Sequence[tuple[Number, Number]], way: Way, locale: str) -> Comparison | None:
    """A share of the smaller figure when the sentence says "more", of the larger when it says "less"."""
    other: Comparison | None = None
    for low, high in pairs:
        if _size(low) <= 0:
            continue
        gap = _size(high) - _size(low)
        of_low, of_high = gap / _size(low) * 100, gap / _size(high) * 100
        right, wrong = (of_high, of_low) if way == "less" else (of_low, of_high)
        told = _told(low, high, high if way == "less" else low, right, target, locale)
        if rounds_to(right, abs(target.value)):
            return Comparison(True, told)
        if way == "apart" and rounds_to(wrong, abs(target.value)):
            return Comparison(True, _told(low, high, high, wrong, target, locale))
        if other is None and rounds_to(wrong, abs(target.value)):
            other = Comparison(False, told)
    return other


def _told(low: Number, high: Number, of: Number, share: Decimal, target: Number, locale: str) -> str:
    x, y, base = (shown(n.value, locale, decimals=_decimals(n)) for n in (high, low, of))
    return f"({x} − {y}) ÷ {base} × 100 = {shown(share, locale, decimals=_decimals(target))}"


def _decimals(number: Number) -> int:
    return min(12, max(0, -int(number.value.as_tuple().exponent)))


def _comparable(a: Number, b: Number) -> bool:
    if a.kind == "money" and b.kind == "money":
        return (a.unit or "").partition("/")[0] == (b.unit or "").partition("/")[0]
    return a.unit is not None and a.kind == b.kind and dims_of(a) == dims_of(b)


def _per(number: Number) -> str:
    return (number.unit or "").partition("/")[2]


def _size(number: Number) -> Decimal:
    """Value to compare by: of money as it is told, of anything else in base measures."""
    return number.value if number.kind == "money" else base_of(number)
