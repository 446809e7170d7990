"""Where a figure occurs: in which source or in the question, under which spelling or conversion."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from .arithmetic import rounds_to
from .numbers import Number, read_numbers
from .operands import base_of, precision
from .records import Records
from .spelled import spelled_numbers
from .units import Dims, measure

QUESTION = 0
"""Place of the question; the sources are 1, 2, 3…"""

SMALL = Decimal(12)
"""A bare whole number up to this is a counting word: it does not match "3 mm" by its digit alone."""

_NOUN = re.compile(r"[ \u00a0]([^\W\d_]{3,})")
_IN_NAME = re.compile(r"(?<![\w-])[A-Z]{1,4}([0-9]{2,3})(?!\w)", re.ASCII)
"""The size in a name: rails R48 and studs M48 make a partition of 72/48."""
_LINK = re.compile(
    "pour|par|des|les|dans|avec|sur|sous|sans|est|sont|soit|mais|puis|aux|une|the|for|per|and|with|fois|selon|max|mini?"
)
_APPROXIMATE = re.compile(
    r"(?:environ|env\.|autour de|près de|à peu près|≈|~|about|around|approximately|roughly|presque)[ \u00a0]?\Z",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Place:
    """A figure as a source (1, 2, …) or the question (0) has it."""

    at: int
    number: Number
    names: bool = False
    """It counts things ("48 vis") or is half of a name (`98/48`): never a price or a length told without its unit."""
    row: frozenset[Dims] = frozenset()
    """Units that stand in cells of their own on its line (`| Vis | 6.3 | u | 27.94 |`)."""


class Evidence:
    """Every figure of the sources and of the question, ready to be looked up by value."""

    def __init__(self, sources: Sequence[str], question: str) -> None:
        self.numbers: list[list[Number]] = []
        self._by_value: dict[Decimal, list[Place]] = {}
        self._by_measure: dict[tuple[Dims, Decimal], list[Place]] = {}
        self._counted: dict[str, dict[Decimal, list[Place]]] = {}
        self._halves: dict[Decimal, list[Place]] = {}
        self._sold_by: list[frozenset[Dims]] = []
        for at, text in enumerate((question, *sources)):
            records, written = Records(text), read_numbers(text)
            self.numbers.append([records.priced(number) for number in written])
            self._sold_by.append(frozenset(measure(unit).dims for unit in records.sold_by))
            told = [number for number in self.numbers[-1] if number.unit is not None]
            self._index(at, text, [*told, *written, *spelled_numbers(text)], records)
            for name in {match[1]: match for match in _IN_NAME.finditer(text)}.values():
                half = Number(name[1], name.start(1), name.end(1), Decimal(name[1]), None, "plain")
                self._halves.setdefault(half.value, []).append(Place(at, half, names=True))
        self._sorted = sorted(self._by_value)

    def _index(self, at: int, text: str, numbers: Sequence[Number], records: Records) -> None:
        seen: set[tuple[Decimal, str | None, bool, frozenset[Dims]]] = set()
        for number in numbers:
            noun, bare = counted_noun(text, number), number.unit is None
            row = records.units_of(number) if bare else frozenset[Dims]()
            place = Place(at, number, bare and (noun is not None or _half_of_name(text, number)), row)
            if noun is not None and at != QUESTION:
                self._counted.setdefault(_stem(noun), {}).setdefault(number.value, []).append(place)
            key = (number.value, number.unit, place.names, place.row)
            if key not in seen:
                seen.add(key)
                self._add(place)

    def sells(self, at: int, unit: str | None) -> bool:
        """Whether source *at* may state a price in *unit*: it says what it is sold by, or it does not say."""
        below = (unit or "").partition("/")[2]
        return not below or not self._sold_by[at] or measure(below).dims in self._sold_by[at]

    def find(self, answer: str, number: Number, cited: frozenset[int], scope: frozenset[int]) -> Place | None:
        """Best place that supports *number* of *answer*: same unit first, then a cited source, the question last.

        *scope* is what a count of other things must stand in: "4 vis" of another source does not make 4 supplies.
        A source that is not cited supports nothing that the question says itself ("25 × 45,50 €", asked for 25 m²).
        """
        noun = counted_noun(answer, number)
        candidates: list[Place] = [place for value in number.readings for place in self._by_value.get(value, ())]
        if noun is not None and _stem(noun) in self._counted:
            # The sources count these things: another count of them is another figure.
            candidates = list(self._counted[_stem(noun)].get(number.value, ()))
        if number.unit is not None:
            scale = measure(number.unit)
            candidates += self._by_measure.get((scale.dims, base_of(number)), ())
            scale = measure(number.unit.partition("/")[0])
            candidates += self._by_measure.get((scale.dims, number.value * scale.factor), ())
        candidates += self._rounded(answer, number)
        if _half_of_name(answer, number):
            candidates += self._halves.get(number.value, ())
        in_cell = answer[(line := answer.rfind("\n", 0, number.start) + 1) : line + 12].lstrip().startswith("|")
        counting = is_count(number) and not in_cell and (number.value <= SMALL or (noun or "").endswith(("s", "x")))
        ranked = [
            (agreement, 0 if place.at in cited else 1 if place.at else 2, place.at, index)
            for index, place in enumerate(candidates)
            if (agreement := self._agreement(number, place)) is not None
            and not (counting and place.number.unit not in (None, "u"))
            and not (noun and counting and place.names and place.at and place.at not in scope)
        ]
        if not ranked:
            return None
        best = candidates[min(ranked)[3]]
        if cited and best.at not in cited:
            best = next((candidates[rank[3]] for rank in sorted(ranked) if rank[2] == QUESTION), best)
        return best

    def _agreement(self, number: Number, place: Place) -> int | None:
        """How well two units agree, 0 best; None when they contradict each other."""
        mine, theirs = number.unit, place.number.unit
        if mine == theirs:
            return 0
        if mine is None or theirs is None:
            if mine is None:
                return 3
            of = mine.partition("/")[2] if number.kind == "money" else mine
            other_row = bool(place.row and of and measure(of).dims not in place.row)
            counts = is_count(place.number) and place.number.value <= SMALL and number.kind == "quantity"
            return None if other_row or ((place.names or (counts and not place.row)) and mine != "u") else 3
        if measure(mine).dims == measure(theirs).dims:
            same = base_of(number) == base_of(place.number) or measure(mine).factor == measure(theirs).factor
            return 1 if same else None
        # A price told without its unit is still that price, unless the source says what it is sold by;
        # so are hours told under "for 1 m²".
        (top, _, below), (other, _, beneath) = mine.partition("/"), theirs.partition("/")
        if bool(below) == bool(beneath) or measure(top).dims != measure(other).dims:
            return None
        exact = number.value * measure(top).factor == place.number.value * measure(other).factor
        sold_by = self._sold_by[place.at]
        if not (exact or top == other) or (below and sold_by and measure(below).dims not in sold_by):
            return None
        # A sum of money is no price of one unit: "= 1,20 €" of a composition does not make 1,20 €/m².
        return None if below and number.kind == "money" else 2

    def _add(self, place: Place) -> None:
        number = place.number
        for value in number.readings:
            self._by_value.setdefault(value, []).append(place)
        if number.unit is not None:
            self._by_measure.setdefault((measure(number.unit).dims, base_of(number)), []).append(place)
        if "/" in (number.unit or ""):  # "0,6 h/m²" also tells "36 minutes"
            top = measure((number.unit or "").partition("/")[0])
            self._by_measure.setdefault((top.dims, number.value * top.factor), []).append(place)

    def _rounded(self, answer: str, number: Number) -> list[Place]:
        """Places whose figure rounds to this one: to the cent, a large sum to the euro, `12 k€`, "environ 46"."""
        step, digits = precision(number.value), len(number.value.as_tuple().digits)
        approximate = about(answer, number)
        told = number.value if approximate is None else approximate
        if number.kind == "money":
            exact = Decimal("0.01") < step < 1 or (step == 1 and digits < 4)
        else:
            exact = step == 1 or (step < 1 and digits < 3)
        if exact and approximate is None:
            return []
        low = bisect_left(self._sorted, told - precision(told))
        high = bisect_right(self._sorted, told + precision(told))
        close = (value for value in self._sorted[low:high] if value != told and rounds_to(value, told))
        return [place for value in close for place in self._by_value[value]]


def about(text: str, number: Number) -> Decimal | None:
    """Value that "environ", "≈" or "about" announces, as precise as told: "environ 1 140 €" is told to the ten."""
    if not _APPROXIMATE.search(text, max(0, number.start - 16), number.start):
        return None
    told = number.value.normalize()
    return told if len(told.as_tuple().digits) >= 3 else number.value


def _half_of_name(text: str, number: Number) -> bool:
    return (
        number.unit is None and "/" in text[max(0, number.start - 1) : number.start] + text[number.end : number.end + 1]
    )


def is_count(number: Number) -> bool:
    """A bare whole number, written in digits only."""
    return number.unit is None and not number.alternatives and number.value == number.value.to_integral_value()


def counted_noun(text: str, number: Number) -> str | None:
    """What a bare whole number counts ("3 plaques" → "plaques"); None for any other figure."""
    if not is_count(number) or not (match := _NOUN.match(text, number.end)):
        return None
    noun = match[1].lower()
    return None if _LINK.fullmatch(noun) else noun


def _stem(noun: str) -> str:
    return noun.rstrip("sx")
