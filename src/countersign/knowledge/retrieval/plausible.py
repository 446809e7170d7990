"""Which computations somebody would make: a match proves nothing when nobody would have computed that."""

from __future__ import annotations

from .numbers import Number
from .operands import Operands, dims_of


def far_fetched(sign: str, a: Number, b: Number) -> bool:
    """Two figures straight from sources that nobody would compute with: an area by a thickness, a spacing by the price
    of another line, two prices per unit of one record (its lines add up, not the price of a part and of the whole)."""
    rates = ["/" in (n.unit or "") for n in (a, b)]
    if sign in "×÷" and not any(rates) and any(n.at and dims_of(n) == () for n in (a, b)):
        return True
    if not (a.at and b.at):
        return False
    if sign == "÷":
        return not any(rates) and dims_of(a) != dims_of(b)
    if sign == "×" and any(rates):
        return a.at == b.at and a.line != b.line
    return sign in "+−" and all(rates) and a.at == b.at


def compelling(sign: str, a: Number, b: Number) -> bool:
    """Whether a result as round as 9 or 300 may rest on this: a price, a rate, an amount of work, units that combine.

    Small whole numbers are sums and products of each other all the time: "9 mois" is no proof of 3 × 3.
    """
    if any(n.kind == "money" or "/" in (n.unit or "") for n in (a, b)):
        return True
    if sign == "n":
        return all(name in ("m", "kg") for name, _ in dims_of(a) or (("", 0),))
    return sign in "×÷" and bool(dims_of(a)) and bool(dims_of(b))


def turned(sign: str, a: Number, b: Number, target: Number, operands: Operands) -> bool:
    """Whether the terms stand the wrong way: what is asked times what one unit takes, a sum amid its terms."""
    if sign == "n" and (b.value, b.unit) in operands.asked:
        return b.unit is not None and (a.value, a.unit) not in operands.asked
    if sign in "+−" and operands.close is not None and all(any(n is c for c in operands.close) for n in (a, b)):
        return min(a.start, b.start) < target.start < max(a.start, b.start)
    return False
