"""Recompute a figure from cited ones: products, quotients, sums, differences, percentages, with units that agree.

A match proves something only when few candidates could have matched. Candidates within half of the figure are
counted; each one covers one step of the precision shown, so their share of that span is the odds of a match by chance.
The odds allowed are generous between figures of the same sentence, strict between figures of a whole source, and
stricter when the result had to be rounded.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal, InvalidOperation

from .formats import number as shown
from .numbers import Number
from .operands import Operands, base_of, dims_of, precision
from .plausible import compelling, far_fetched, turned
from .units import Dims, combine, measure

_PERCENT: Dims = (("%", 1),)
_EURO: Dims = (("€", 1),)
_DIVISIBLE = frozenset({"€", "$", "£", "CHF", "m", "kg", "s", "mois", "jour"})
"""What is taken in percent: nobody says 10 % of a thermal resistance."""

_CONTEXT = Context(prec=50, rounding=ROUND_HALF_UP)
_POWERS_OF_TEN = frozenset(Decimal(1).scaleb(power) for power in range(-6, 10))
_NOISE = Decimal("1e-15")


@dataclass(frozen=True, slots=True)
class Odds:
    """Chance of a coincidence that is accepted for an exact result and for a rounded one."""

    exact: Decimal
    rounded: Decimal


SENTENCE = Odds(Decimal("0.34"), Decimal("0.25"))
NEARBY = Odds(Decimal("0.34"), Decimal("0.1"))
SOURCE = Odds(Decimal("0.2"), Decimal("0.02"))


def rounds_to(result: Decimal, target: Decimal) -> bool:
    """Whether *result*, rounded half up to the decimals that *target* shows, is *target*."""
    try:
        settled = result.quantize(_NOISE, context=_CONTEXT)
        return settled.quantize(precision(target), context=_CONTEXT) == target
    except InvalidOperation:  # more digits than any price has
        return False


def recompute(target: Number, operands: Operands, odds: Odds, locale: str = "fr") -> str | None:
    """How *target* follows from two of the operands ("25 × 45,50 = 1 137,50"), or None."""
    if target.value == 0:
        return None
    search = _Search(target, locale, operands)
    search.run_bare(operands)
    for dims, factor in _goals(target, operands):
        search.run(operands, dims, factor)
    if dims_of(target) == _EURO:
        for dims in list(operands.groups):  # "12 € de moins" between two prices per m²
            if dims and _EURO[0] in dims and len(dims) > 1:
                search.run_sums(operands, dims, _factor(operands.groups[dims]))
    return search.verdict(odds)


def scaled(target: Number, asked: Sequence[Number], operands: Operands, odds: Odds, locale: str = "fr") -> str | None:
    """How *target* is an asked quantity times one figure: a rate per its unit, or what one unit takes; or None."""
    if target.value == 0:
        return None
    search = _Search(target, locale, Operands(close=list(asked)))
    groups, values = operands.groups, operands.values
    for wanted in asked:
        search.pairs("n", [wanted], groups.get(None, []), values.get(None, []), Decimal(1))
        for goal, factor in _goals(target, operands):
            search.pairs("n", [wanted], groups.get(goal, []), values.get(goal, []), factor)
            for dims in [d for d in groups if d and combine(dims_of(wanted) or (), d) == goal and dims_of(wanted)]:
                search.pairs("×", [wanted], groups[dims], values[dims], factor)
    return search.verdict(odds)


def _goals(target: Number, operands: Operands) -> list[tuple[Dims, Decimal]]:
    """What the target may measure, with its factor; a bare one anything that the operands measure."""
    if target.unit is not None:
        return [(measure(target.unit).dims, measure(target.unit).factor)]
    seen = [dims for dims in operands.groups if dims not in (None, _PERCENT, ())]
    return [((), Decimal(1)), *((d, _factor(operands.groups[d])) for d in seen[:6] if operands.groups[d])]


def total(target: Number, lists: Sequence[Sequence[Number]], locale: str = "fr") -> str | None:
    """How *target* is the sum of one of the *lists* ("12,50 + 3,20 + 1,10 = 16,80"), or None."""
    if target.value <= 0:
        return None
    near, right = 0, list[Sequence[Number]]()
    sums: set[Decimal] = set()
    for parts in lists:
        kinds = {dims_of(part) for part in parts}
        if len(parts) < 2 or kinds not in ({dims_of(target)}, {None}, {_EURO} if target.kind == "money" else {None}):
            continue
        factor = measure(target.unit).factor if target.unit and kinds == {dims_of(target)} else Decimal(1)
        result = sum(map(base_of, parts), Decimal(0)) / factor
        if result not in sums and target.value / 2 <= result <= target.value * 3 / 2:
            near += 1
        sums.add(result)
        if rounds_to(result, target.value):
            right.append(parts)
    if not right or near * precision(target.value) / target.value > SOURCE.exact:
        return None
    few = [shown(part.value, locale, decimals=_decimals(part.value)) for part in right[0]]
    terms = " + ".join(few) if len(few) <= 6 else f"{few[0]} + {few[1]} + … + {few[-1]}"
    return f"{terms} = {shown(target.value, locale, decimals=_decimals(target.value))}"


def _factor(group: list[Number]) -> Decimal:
    unit = group[0].unit
    return measure(unit).factor if unit else Decimal(1)


def _decimals(value: Decimal) -> int:
    return min(12, max(0, -int(value.as_tuple().exponent)))


class _Search:
    """Candidates near one target: how many there are, and those that match."""

    def __init__(self, target: Number, locale: str, operands: Operands) -> None:
        self.target, self.operands = target, operands
        self.value, self.unit = abs(target.value), target.unit
        self.locale, self.close = locale, operands.close
        self.step = precision(target.value)
        self.sums_bare = dims_of(target) in (None, _EURO)
        self.round = len(target.value.normalize().as_tuple().digits) < 2
        self.near = 0
        self.exact: str | None = None
        self.rounded: str | None = None

    def verdict(self, odds: Odds) -> str | None:
        chance = self.near * self.step / self.value
        if self.exact and chance <= odds.exact:
            return self.exact
        return self.rounded if self.rounded and chance <= odds.rounded else None

    def run(self, operands: Operands, goal: Dims, factor: Decimal) -> None:
        groups, values = operands.groups, operands.values
        known = [dims for dims in groups if dims is not None and dims != _PERCENT and groups[dims]]
        for left in known:
            for right in known:
                if left <= right and combine(left, right) == goal:
                    self.pairs("×", groups[left], groups[right], values[right], factor)
                if combine(left, right, -1) == goal:
                    self.pairs("÷", groups[left], groups[right], values[right], factor)
                for sign in ("%", "%+", "%-") if goal == _PERCENT and left == right else ():
                    self.pairs(sign, groups[left], groups[right], values[right], factor)
        self.run_sums(operands, goal, factor)
        # A bare factor is already among the dimensionless operands.
        same = groups.get(goal, [])
        self.pairs("n", [n for n in operands.factors if dims_of(n)], same, values.get(goal, []), factor)

    def run_sums(self, operands: Operands, goal: Dims, factor: Decimal) -> None:
        """Sums, differences and percentages of figures that measure the same."""
        groups, values = operands.groups, operands.values
        same = groups.get(goal, [])
        for sign in ("+", "−") if self.operands.sums else ():
            self.pairs(sign, same, same, values.get(goal, []), factor)
        if all(name in _DIVISIBLE for name, _ in goal):
            for sign in ("p", "+p", "-p"):
                self.pairs(sign, groups.get(_PERCENT, []), same, values.get(goal, []), factor)

    def run_bare(self, operands: Operands) -> None:
        """Asked quantities times the bare figures of a source ("| 45.50 |"), and sums of those."""
        bare, values = operands.groups.get(None, []), operands.values.get(None, [])
        self.pairs("n", operands.factors, bare, values, Decimal(1))
        for sign in ("+", "−") if self.sums_bare and self.operands.sums else ():
            self.pairs(sign, bare, bare, values, Decimal(1))

    def pairs(self, sign: str, left: list[Number], right: list[Number], values: list[Decimal], factor: Decimal) -> None:
        """Count and match `a sign b`: for each *a*, the *b* that would do are one slice of the sorted values."""
        low, high = self.value * factor / 2, self.value * factor * 3 / 2
        half = self.step * factor / 2
        slack = half + self.value * factor * Decimal("1e-20")
        exact = self.value * factor
        near = 0
        for a in left if right else ():
            if self._shifts(sign, a):
                continue
            first = _operand(sign, a)
            span = _solve(sign, first, low, high)
            near += max(0, bisect_right(values, span[1]) - bisect_left(values, span[0]))
            hit = _solve(sign, first, exact - slack, exact + slack)
            for at in range(bisect_left(values, hit[0]), bisect_right(values, hit[1])):
                b = right[at]
                if a is not b and not (self.exact and self.rounded) and not self._shifts(sign, b):
                    self._match(sign, a, b, _apply(sign, first, values[at]) / factor)
        self.near += near // 2 if left is right and sign in "+×" else near  # a + b and b + a are one candidate

    def _shifts(self, sign: str, operand: Number) -> bool:
        """Whether computing with *operand* only moves the comma (× 10, 10 % from afar) or takes one step (+ 1)."""
        if operand.value not in _POWERS_OF_TEN:
            return False
        if operand.value == 1 and operand.unit != "%":
            return True
        if self.close is None or sign in ("+p", "-p", "+", "−"):
            return False
        return not any(operand is number for number in self.close)

    def _match(self, sign: str, a: Number, b: Number, result: Decimal) -> None:
        if not rounds_to(result, self.value) or (self.round and not compelling(sign, a, b)):
            return
        exact = abs(result - self.value) <= _NOISE
        if far_fetched(sign, a, b) or turned(sign, a, b, self.target, self.operands) or (sign in "+−" and not exact):
            return
        if exact and not self.exact:
            self.exact = self._how(sign, a, b)
        elif not exact and not self.rounded:
            self.rounded = self._how(sign, a, b)

    def _how(self, sign: str, a: Number, b: Number) -> str:
        if sign == "×" and "/" in (a.unit or "") and "/" not in (b.unit or ""):
            a, b = b, a  # the quantity first, then what one costs
        x, y = (shown(n.value, self.locale, decimals=_decimals(n.value)) for n in (a, b))
        result = shown(self.value, self.locale, decimals=_decimals(self.value))
        if sign in "×÷+−" and any(n.unit and measure(n.unit).factor != 1 for n in (a, b)):
            x, y, result = a.text, b.text, f"{result}\u00a0{self.unit}" if self.unit else result
        texts = {"p": f"{y} × {x} %", "+p": f"{y} + {x} %", "-p": f"{y} − {x} %", "%": f"{x} ÷ {y} × 100"}
        texts |= {"n": f"{x} × {y}", "%+": f"({x} − {y}) ÷ {y} × 100", "%-": f"({y} − {x}) ÷ {y} × 100"}
        return f"{texts.get(sign) or f'{x} {sign} {y}'} = {result}"


def _operand(sign: str, a: Number) -> Decimal:
    """The first operand as the number that is computed with: a percentage becomes a coefficient."""
    if sign in ("p", "+p", "-p"):
        share = a.value / 100
        return share if sign == "p" else 1 + share if sign == "+p" else 1 - share
    return a.value if sign == "n" else base_of(a)


def _apply(sign: str, a: Decimal, b: Decimal) -> Decimal:
    match sign:
        case "+":
            return a + b
        case "−":
            return a - b
        case "÷":
            return a / b
        case "%":
            return a / b * 100
        case "%+":
            return (a / b - 1) * 100
        case "%-":
            return (1 - a / b) * 100
        case _:
            return a * b


def _solve(sign: str, a: Decimal, low: Decimal, high: Decimal) -> tuple[Decimal, Decimal]:
    """Range of *b* for which `a sign b` lies between *low* and *high* (both above zero); empty when there is none."""
    nothing = (Decimal(1), Decimal(0))
    match sign:
        case "+":
            return low - a, high - a
        case "−":
            return a - high, a - low
        case "%":
            low, high = low / 100, high / 100
        case "%+":
            low, high = 1 + low / 100, 1 + high / 100
        case "%-":
            low, high = 1 - high / 100, 1 - low / 100
        case _:
            pass
    if a <= 0 or high <= 0:
        return nothing
    if sign in ("÷", "%", "%+", "%-"):
        return a / high, (a / low if low > 0 else Decimal("Infinity"))
    return low / a, high / a
