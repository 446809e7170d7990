"""The composition of an ouvrage as a tree, quantities multiplied through, exact to the last digit."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from ...kernel.database import Tx
from . import service
from .models import Component, Ouvrage

DEEPEST = 8


@dataclass(frozen=True, slots=True)
class Branch:
    """One line of the tree. *amount* is what one unit of the root takes; *total* is what that costs."""

    depth: int
    component: Component
    amount: Decimal
    total: Decimal | None


async def composition(tx: Tx, ouvrage: Ouvrage) -> list[Branch]:
    """Every component of *ouvrage*, each below the one it belongs to: one statement a level."""
    made_of: dict[int, list[Component]] = {}
    level = [ouvrage.id]
    for _ in range(DEEPEST):
        found = await service.components(tx, level) if level else []
        for component in found:
            made_of.setdefault(component.parent_id, []).append(component)
        level = [c.id for c in found if c.type == "compose" and c.id not in made_of]
    return _branches(made_of, ouvrage.id, Decimal(1), 0)


def _branches(made_of: dict[int, list[Component]], parent: int, times: Decimal, depth: int) -> list[Branch]:
    found: list[Branch] = []
    for component in made_of.get(parent, []) if depth < DEEPEST else []:
        total = None if component.total is None else component.total * times
        found.append(Branch(depth, component, component.quantity * times, total))
        found += _branches(made_of, component.id, component.quantity * times, depth + 1)
    return found


def sum_of(branches: list[Branch]) -> Decimal | None:
    """Exact sum of the first level; None when a price is missing or there is nothing to add."""
    totals = [b.total for b in branches if b.depth == 0]
    known = [total for total in totals if total is not None]
    return sum(known, Decimal(0)) if totals and len(known) == len(totals) else None
