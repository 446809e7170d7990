"""Find what a question asks a quantity of: "prix de 25 m² de CLO-PLA-001" → 25 m² of that code.

Only reading: the computation is SQL's. A quantity belongs to a code when it stands beside it ("25 CLO-PLA-001",
"CLO-PLA-001 x 25", "CLO-PLA-001 pour 25 m²"), or else when it is the nearest one in the same sentence that no other
code claims. Money, percentages and thicknesses (mm, cm) are never quantities of a product.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal

from .numbers import Number, read_numbers


@dataclass(frozen=True, slots=True)
class Asked:
    """*quantity* of *code* in *unit* (canonical, None when the question gives none)."""

    code: str
    quantity: Decimal
    unit: str | None


@dataclass(frozen=True, slots=True)
class _Code:
    name: str
    start: int
    end: int


_CODE = re.compile(r"(?<![\w-])[A-Za-z]{2,5}(?:-[A-Za-z0-9]{2,6}){1,8}(?![\w-])", re.ASCII)
_TOKEN = re.compile(r"(?<![\w-])[^\W_](?:[\w./-]{0,62}\w)?")
_BEFORE = re.compile(
    r"[ \u00a0\u202f]*(?:(?:de|d['’]|du|des|of|x|×|\*|unités? de|pièces? de)[ \u00a0\u202f]*)?[(«\"']?"
)
_AFTER = re.compile(
    r"[)»\"']?[ \u00a0\u202f]*(?:[x×*:=,(–-]|pour|for|par|en quantité de|quantité|qté|qty)?"
    r"[ \u00a0\u202f:.]*(?:[x×][ ]?)?"
)
_SENTENCE = re.compile(r"[?!;\n]|\.(?:\s|$)")
_SOLD_BY = frozenset({"m²", "m³", "ml", "m", "km", "ha", "u", "kg", "t", "L", "h", "jour", "ens", "forfait", None})
_QUANTITY = ("quantity", "plain")


def codes_in(text: str, known: Collection[str] | None = None) -> list[str]:
    """Product codes of *text* in order, each once, in capitals; with *known*, only those, as they are spelled there."""
    return list(dict.fromkeys(code.name for code in _codes(text, known)))


def read_request(question: str, known: Collection[str] | None = None) -> list[Asked]:
    """Quantities asked of codes, in the order of the codes; a code without a quantity is not in the list.

    *known* restricts the codes to those of the records, whatever their shape (`BA13`), matched in any case.
    """
    codes = _codes(question, known)
    numbers = [n for n in read_numbers(question) if n.kind in _QUANTITY and n.value > 0 and n.unit in _SOLD_BY]
    # Between two codes stand the figures that the one or the other may claim; a figure inside a code is none.
    gaps: list[list[Number]] = [[] for _ in range(len(codes) + 1)]
    starts = [code.start for code in codes]
    for n in numbers:
        gap = bisect_right(starts, n.start)
        if gap == 0 or codes[gap - 1].end <= n.start:
            gaps[gap].append(n)
    taken: dict[int, Number] = {}
    for near in (_beside, _in_sentence):
        for index, code in enumerate(codes):
            if index not in taken and (found := near(question, code, gaps[index] + gaps[index + 1])):
                taken[index] = found
                gaps[index if found.start < code.start else index + 1].remove(found)
    return [Asked(codes[index].name, n.value, n.unit) for index, n in sorted(taken.items())]


def _codes(text: str, known: Collection[str] | None) -> list[_Code]:
    if known is None:
        matches = (m for m in _CODE.finditer(text) if m[0].isupper() or any(map(str.isdigit, m[0])))
        return [_Code(m[0].upper(), m.start(), m.end()) for m in matches]
    spelling = {code.casefold(): code for code in known}
    found = ((spelling.get(m[0].casefold()), m) for m in _TOKEN.finditer(text))
    return [_Code(name, m.start(), m.end()) for name, m in found if name is not None]


def _beside(text: str, code: _Code, numbers: list[Number]) -> Number | None:
    """The figure that touches the code but for a linking word, before it rather than after."""
    before = [n for n in numbers if n.end <= code.start and _BEFORE.fullmatch(text, n.end, code.start)]
    after = [n for n in numbers if n.start >= code.end and _AFTER.fullmatch(text, code.end, n.start)]
    return (before or after or [None])[0]


def _in_sentence(text: str, code: _Code, numbers: list[Number]) -> Number | None:
    """The nearest figure of the same sentence; one with a unit comes before a bare one."""
    near = [n for n in numbers if not _SENTENCE.search(text, min(n.end, code.end), max(n.start, code.start))]
    return min(near, key=lambda n: (n.unit is None, max(code.start - n.end, n.start - code.end)), default=None)
