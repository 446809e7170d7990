"""Figures that may enter a computation: in base measures, grouped by what they measure, few enough to try them all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from decimal import ROUND_HALF_UP, Decimal

from .formats import quantity
from .numbers import Number
from .units import Dims, measure

LIMIT = 120
"""Operands of one dimension that are considered, the first cited first."""

_PAYABLE = Decimal(10) ** 20


def dims_of(number: Number) -> Dims | None:
    """Dimensions of a figure; None for a bare one, which may stand for any."""
    return None if number.unit is None else measure(number.unit).dims


def base_of(number: Number) -> Decimal:
    """Value in base measures (98 mm → 0.098)."""
    return number.value if number.unit is None else number.value * measure(number.unit).factor


def precision(value: Decimal) -> Decimal:
    """One step of the last digit shown: 45,50 → 0.01; 12 k€ → 1000."""
    return Decimal(1).scaleb(int(value.as_tuple().exponent))


@dataclass(slots=True)
class Operands:
    """Figures that may enter a computation, grouped by what they measure and sorted by base value."""

    groups: dict[Dims | None, list[Number]] = field(default_factory=dict[Dims | None, list[Number]])
    values: dict[Dims | None, list[Decimal]] = field(default_factory=dict[Dims | None, list[Decimal]])
    factors: list[Number] = field(default_factory=list[Number])
    close: list[Number] | None = None
    """Figures by which 1, 10, 100… may multiply; None for all. From afar, a shifted comma would pass for a result."""
    sums: bool = True
    """Whether the sentence lets expect a sum or a difference of figures that it does not spell out as one."""
    asked: frozenset[tuple[Decimal, str | None]] = frozenset()
    """Quantities of the question: they multiply what one unit takes, they are not multiplied by it."""

    @classmethod
    def of(
        cls,
        numbers: Iterable[Number],
        factors: Iterable[Number] = (),
        *,
        bare: Iterable[Number] = (),
        close: list[Number] | None = None,
        sums: bool = True,
        asked: Iterable[Number] = (),
    ) -> Operands:
        """*factors* (asked quantities) may also multiply as plain numbers; *bare* figures come from sources."""
        operands = cls(factors=[n for n in factors if n.value > 0][:LIMIT], close=close, sums=sums)
        operands.asked = frozenset((n.value, n.unit) for n in asked)
        seen: set[tuple[Decimal, Dims | None]] = set()
        sides: tuple[tuple[Iterable[Number], bool], ...] = ((numbers, False), (bare, True))
        for some, wild in sides:
            for number in some:
                dims = dims_of(number)
                key = (base_of(number), dims) if dims is not None or wild else (base_of(number), ())
                group = operands.groups.setdefault(key[1], [])
                if number.value > 0 and key not in seen and len(group) < LIMIT:
                    seen.add(key)
                    group.append(number)
        operands.groups = {dims: group for dims, group in operands.groups.items() if group}
        for dims, group in operands.groups.items():
            group.sort(key=base_of)
            operands.values[dims] = [base_of(number) for number in group]
        return operands


def leading(numbers: Iterable[Number]) -> list[Number]:
    """The first figures of each dimension, each value once: what of a long source can enter a computation."""
    kept: list[Number] = []
    seen: set[tuple[Decimal, Dims | None]] = set()
    counts: dict[Dims | None, int] = {}
    for number in numbers:
        key = (base_of(number), dims_of(number))
        if key not in seen and counts.get(key[1], 0) < LIMIT:
            seen.add(key)
            counts[key[1]] = counts.get(key[1], 0) + 1
            kept.append(number)
    return kept


def asked_amounts(asked: Sequence[Number], rates: Sequence[Number]) -> list[Number]:
    """The usual step before a result: each asked quantity times each rate per that unit (25 m² × 45,50 €/m²)."""
    amounts: list[Number] = []
    for wanted in asked:
        for rate in rates:
            top, slash, below = (rate.unit or "").partition("/")
            if slash and wanted.unit and measure(below).dims == dims_of(wanted) and len(amounts) < LIMIT:
                scale = measure(wanted.unit).factor / measure(below).factor
                value = wanted.value * scale * rate.value
                if rate.kind == "money" and value < _PAYABLE:
                    value = value.quantize(Decimal("0.01"), ROUND_HALF_UP)
                amounts.append(replace(rate, text=quantity(value, top), value=value, unit=top, alternatives=()))
    return amounts
