"""An ouvrage: an item of a price library, simple or composed of supplies and labour."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from ...kernel.errors import NotFound

TYPES = ("compose", "simple", "fourniture", "main_oeuvre")


class NoSuchOuvrage(NotFound):
    """There is no such ouvrage, or it was deleted."""


@dataclass(frozen=True, slots=True)
class Ouvrage:
    """One row with what it costs by its composition. Prices are exact, in *currency* per *unit*."""

    id: int
    code: str
    name: str
    description: str | None
    type: str
    category: str | None
    subcategory: str | None
    unit: str
    unit_price: Decimal | None
    currency: str
    technical_specs: dict[str, Any]
    parent_id: int | None
    parent_code: str | None
    depth: int
    cost: Decimal | None
    is_indexed: bool
    updated_at: datetime

    @property
    def differs(self) -> bool:
        """Whether the stored price of a composed item is not what its components cost."""
        return self.type == "compose" and self.cost is not None and self.unit_price not in (None, self.cost)


@dataclass(frozen=True, slots=True)
class Summary:
    """One line of a list of ouvrages."""

    id: int
    parent_id: int | None
    code: str
    name: str
    type: str
    category: str | None
    unit: str
    unit_price: Decimal | None
    currency: str


@dataclass(frozen=True, slots=True)
class PriceChange:
    """One change of a stored price; *actor* is None when nobody signed in made it."""

    changed_at: datetime
    actor: str | None
    old_unit_price: Decimal | None
    new_unit_price: Decimal | None


@dataclass(frozen=True, slots=True)
class Component:
    """One line of a composition: *quantity* of the component in one unit of its parent."""

    parent_id: int
    id: int
    code: str
    name: str
    type: str
    quantity: Decimal
    unit: str
    unit_price: Decimal | None
    total: Decimal | None


@dataclass(frozen=True, slots=True)
class Quote:
    """The exact price of a quantity, computed by PostgreSQL."""

    id: int
    code: str
    name: str
    quantity: Decimal
    unit: str
    currency: str
    unit_price: Decimal | None
    total: Decimal | None
    supplies: Decimal | None
    labour: Decimal | None


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a breakdown, in reading order. *total_quantity* is for one unit of the root, in *price_unit*."""

    line: int
    depth: int
    parent_id: int | None
    id: int
    code: str
    name: str
    type: str
    kind: str
    is_leaf: bool
    quantity: Decimal
    unit: str
    total_quantity: Decimal | None
    price_unit: str
    unit_price: Decimal | None
    total: Decimal | None
    currency: str
    problem: str | None
