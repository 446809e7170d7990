"""Equations that an answer writes out ("25 m² × 45,50 €/m² = 1 137,50 €"): are they true?"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from .arithmetic import rounds_to
from .formats import number as shown
from .numbers import Number
from .operands import base_of, dims_of
from .units import combine, measure

_MOST_OPERANDS = 8
_MARKS = {"times": "×", "over": "÷", "plus": "+", "minus": "−"}


@dataclass(frozen=True, slots=True)
class Equation:
    """Positions of the operands among the figures, whether the result is right, and the equation as it should be."""

    operands: tuple[int, ...]
    holds: bool
    text: str


# Words may stand between a figure and the operator ("2 plaques × 3,20 €"), brackets may not: their order of
# computation would have to be guessed, so such an equation is not judged.
_OPERATOR = re.compile(
    r"[^0-9()\[\]=≈×÷+*/−\n]{0,24}?(?:(?P<times>×|\*|(?<!\w)[xX](?!\w)|\bfois\b|multiplié(?:e|s|es)? par)"
    r"|(?P<over>÷|divisé(?:e|s|es)? par|(?<=[ \u00a0])/(?=[ \u00a0]))"
    r"|(?P<plus>\+)|(?P<minus>−|(?<=[ \u00a0])[-–](?=[ \u00a0])))[ \u00a0\u202f]{0,2}"
)
_EQUALS = re.compile(r"[^0-9()\[\]=≈×÷+*/−\n]{0,24}?\)?[ \u00a0\u202f]?[=≈][ \u00a0\u202f]?")
_GOES_ON = re.compile(r"[ \u00a0]?(?:[×÷*/]|[xX][ \u00a0])")
_DANGLING = re.compile(r"(?:[×÷+*/(−]|[ \u00a0][xX–-])[ \u00a0(]*\Z")


def equation_for(text: str, numbers: Sequence[Number], index: int, locale: str = "fr") -> Equation | None:
    """The equation whose result is figure *index*; None when there is none or it cannot be judged."""
    if index < 2 or not _EQUALS.fullmatch(_between(text, numbers, index)) or _GOES_ON.match(text, numbers[index].end):
        return None
    first, signs = index - 1, list[str]()
    while first > 0 and len(signs) < _MOST_OPERANDS - 1:
        operator = _OPERATOR.fullmatch(_between(text, numbers, first))
        if operator is None:
            break
        signs.insert(0, operator.lastgroup or "")
        first -= 1
    before = text[max(0, numbers[first].start - 6) : numbers[first].start].replace("**", "")
    if not signs or (_DANGLING.search(before) and not before.rstrip().endswith("(")) or _DANGLING.search(before[:-1]):
        return None
    operands, target = numbers[first:index], numbers[index]
    if _units_disagree(operands, signs, target):
        return None
    plain = _evaluate([n.value for n in operands], operands, signs)
    factor = measure(target.unit).factor if target.unit else Decimal(1)
    based = _evaluate([base_of(n) for n in operands], operands, signs)
    if plain is None or based is None:
        return None
    result = based / factor
    if _units_settle(operands, signs, target):  # 10 kg/m² × 95 m² are 950 kg, not 950 t
        holds = rounds_to(result, target.value)
        settled = not holds and rounds_to(plain, target.value)
    else:
        holds, settled = rounds_to(plain, target.value) or rounds_to(result, target.value), False
    told = (
        _in_units(operands, signs, target, result, locale)
        if settled
        else _told(operands, signs, target, plain, locale, holds)
    )
    return Equation(tuple(range(first, index)), holds, told)


def _between(text: str, numbers: Sequence[Number], index: int) -> str:
    return text[numbers[index - 1].end : numbers[index].start].replace("**", "")


def _evaluate(values: list[Decimal], operands: Sequence[Number], signs: Sequence[str]) -> Decimal | None:
    """Value of the chain, products first; a percentage is a share, after plus or minus of what stands before it."""
    total, term, pending = Decimal(0), values[0] / 100 if operands[0].unit == "%" else values[0], Decimal(1)
    for sign, value, operand in zip(signs, values[1:], operands[1:], strict=True):
        share = operand.unit == "%" and operands[0].unit != "%"
        amount = value / 100 if share else value
        if sign == "times":
            term *= amount
        elif sign == "over":
            if amount == 0:
                return None
            term /= amount
        else:
            total += pending * term
            pending = Decimal(1) if sign == "plus" else Decimal(-1)
            term = total * amount if share else amount
    return total + pending * term


def _units_disagree(operands: Sequence[Number], signs: Sequence[str], target: Number) -> bool:
    """`25 m² × 45,50 €/ml = 1 137,50 €`: the arithmetic may be right, the figure is not."""
    currencies = {(n.unit or "").partition("/")[0] for n in operands if n.kind == "money"}
    if currencies and target.kind == "money" and (target.unit or "").partition("/")[0] not in currencies:
        return True
    if len(operands) != 2 or signs[0] not in ("times", "over") or "/" not in "".join(n.unit or "" for n in operands):
        return False
    left, right, result = dims_of(operands[0]), dims_of(operands[1]), dims_of(target)
    if left is None or right is None or result is None:
        return False
    return combine(left, right, 1 if signs[0] == "times" else -1) != result


def _units_settle(operands: Sequence[Number], signs: Sequence[str], target: Number) -> bool:
    """Whether the units of both operands make that of the result, so that nothing is left to guess."""
    if len(operands) != 2 or signs[0] not in ("times", "over"):
        return False
    left, right, result = dims_of(operands[0]), dims_of(operands[1]), dims_of(target)
    return bool(left and right and result) and combine(left, right, 1 if signs[0] == "times" else -1) == result


def _in_units(operands: Sequence[Number], signs: Sequence[str], target: Number, result: Decimal, locale: str) -> str:
    exact = shown(result.normalize(), locale)
    return f"{operands[0].text} {_MARKS[signs[0]]} {operands[1].text} = {exact}\u00a0{target.unit}"


def _told(
    operands: Sequence[Number], signs: Sequence[str], target: Number, result: Decimal, locale: str, holds: bool
) -> str:
    def plain(value: Decimal) -> str:
        return shown(value, locale, decimals=min(12, max(0, -int(value.as_tuple().exponent))))

    parts = [plain(operands[0].value)]
    for sign, operand in zip(signs, operands[1:], strict=True):
        parts.append(f"{_MARKS[sign]} {plain(operand.value)}{' %' if operand.unit == '%' else ''}")
    decimals = min(12, max(-int(target.value.as_tuple().exponent), 2 if target.kind == "money" else 0))
    right = plain(target.value) if holds else shown(result, locale, decimals=decimals)
    return f"{' '.join(parts)} = {right}"
