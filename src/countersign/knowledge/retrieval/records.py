"""Units that a source states apart from its figures: "Unité : m²", `unit_price: 45.50`, a column of units."""

from __future__ import annotations

import re
from dataclasses import replace

from .numbers import Number
from .units import Dims, measure, unit_at

_SOLD_BY = re.compile(
    r"(?<!\w)unit(?:é|e)?[\"']?[ \u00a0]?[:=|][ \u00a0]?[\"']?|(?<!\w)(?:pour|for)[ \u00a0]1[ \u00a0]", re.IGNORECASE
)
_DURATIONS = frozenset({"jour", "semaine", "mois", "an"})
_PRICE = re.compile(
    r"(?:prix|price|tarif|coût|cost)(?:[ _](?:unitaire|unit|moyen|avg|HT|average))?"
    r"[\"']?[ \u00a0]?[:=|][ \u00a0]?[\"']?\Z",
    re.IGNORECASE,
)
_IN_LABEL = re.compile(r"(?:\(|_)([^\W\d_]{1,4}[²³23]?)(?=\)|[\"']?[ \u00a0]?:)")
"""The unit that a label carries: "Épaisseur (mm) : 7", `thickness_mm: 7`."""


class Records:
    """One source, asked what the bare figures in it are figures of."""

    def __init__(self, text: str) -> None:
        found = (unit_at(text, match.end()) for match in _SOLD_BY.finditer(text))
        self.sold_by = list(dict.fromkeys(unit[0] for unit in found if unit and unit[0] not in _DURATIONS))
        """Units that its records say they are sold by."""
        self._text = text
        self._rows: dict[int, frozenset[Dims]] = {}

    def priced(self, number: Number) -> Number:
        """A bare figure after the word price is money, per unit when the source names one unit only."""
        if number.unit is not None or not _PRICE.search(self._text, max(0, number.start - 40), number.start):
            return number
        return replace(number, unit=f"€/{self.sold_by[0]}" if len(self.sold_by) == 1 else "€", kind="money")

    def units_of(self, number: Number) -> frozenset[Dims]:
        """What a bare figure may be a figure or a price of: what its price is per, else the units of its row."""
        below = (self.priced(number).unit or "").partition("/")[2]
        return frozenset({measure(below).dims}) if below else self._row(number.start)

    def _row(self, position: int) -> frozenset[Dims]:
        start = self._text.rfind("\n", 0, position) + 1
        if start not in self._rows:
            end = self._text.find("\n", position)
            line = self._text[start : end if end >= 0 else len(self._text)]
            cells = [cell.strip() for cell in re.split(r"[|\t;]", line)] + _IN_LABEL.findall(line)
            found = [(unit_at(cell, 0), len(cell)) for cell in cells if 0 < len(cell) < 24]
            self._rows[start] = frozenset(measure(unit[0]).dims for unit, size in found if unit and unit[1] == size)
        return self._rows[start]
