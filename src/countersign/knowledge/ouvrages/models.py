"""An ouvrage: an item of a price library, simple or composed of supplies and labour."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from ...kernel.errors import Conflict, Invalid, NotFound, PreconditionFailed

TYPES = ("compose", "simple", "fourniture", "main_oeuvre")
STORED = Decimal("0.0001")  # prices are stored to four decimals


class NoSuchOuvrage(NotFound):
    """There is no such ouvrage, or it was deleted."""


class CodeTaken(Conflict):
    """Another ouvrage has this code. Choose another one."""


class OuvrageInUse(Conflict):
    """Others stand below this ouvrage or are made of it. Move or change those first."""


class OuvrageChanged(PreconditionFailed):
    """This ouvrage has changed since you read it. Reload it and repeat your change."""


class ValueMissing(Invalid):
    """Code, name, type, unit and currency cannot be empty. Fill them in."""


class UnknownType(Invalid):
    """This type of ouvrage does not exist. Choose compose, simple, fourniture or main_oeuvre."""


class NoSuchParent(Invalid):
    """There is no such ouvrage to stand below. Choose another one, or none."""


class NotComposed(Invalid):
    """Only a composed ouvrage is made of others. Change its type first."""


class StillComposed(Invalid):
    """It is made of components. Take them out before it becomes something else."""


class NoSuchComponent(Invalid):
    """There is no such ouvrage to be a component. Choose another one."""


class ComponentTwice(Invalid):
    """A component is there twice. Add the quantities up in one line."""


class UnitMismatch(Invalid):
    """A component cannot be counted in this unit. Use its own unit or one of the same measure."""


class BadQuantity(Invalid):
    """A quantity is above 0 and below a million, with four decimals at most. Correct it."""


class BadPrice(Invalid):
    """A price is a number with four decimals at most. Correct it."""


class CostUnknown(Invalid):
    """The components do not tell a cost yet. Give each of them a price first."""


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
        if self.type != "compose" or self.cost is None or self.unit_price is None:
            return False
        return self.unit_price != self.cost.quantize(STORED, ROUND_HALF_UP)

    @property
    def etag(self) -> str:
        """The version of it and of its composition, for ``If-Match``."""
        return f'"{self.id}-{self.updated_at.timestamp():.6f}"'


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
class Branch:
    """One line of the tree; *below* counts what stands directly under it."""

    id: int
    parent_id: int | None
    code: str
    name: str
    type: str
    category: str | None
    unit: str
    unit_price: Decimal | None
    currency: str
    below: int


@dataclass(frozen=True, slots=True)
class Part:
    """One line of a composition as it is written; *unit* is the component's own when None."""

    component_id: int
    quantity: Decimal
    unit: str | None = None


@dataclass(frozen=True, slots=True)
class PriceChange:
    """One change of a stored price.

    *source* is ``import``, its ``undo``, ``edit``, or ``outside``: then nobody signed in made it and *actor* is None.
    """

    changed_at: datetime
    actor: str | None
    source: str
    import_log_id: int | None
    import_name: str | None
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
class Whole(Ouvrage):
    """An ouvrage with its composition and what stands below it, as one statement returns them."""

    lines: list[list[Any]]
    below: list[list[Any]]

    def components(self) -> list[Component]:
        """What it is made of, in order."""
        return [
            Component(self.id, key, code, name, kind, Decimal(quantity), unit, _decimal(price), _decimal(total))
            for key, code, name, kind, quantity, unit, price, total in self.lines
        ]

    def children(self) -> list[Summary]:
        """What stands below it, two levels deep in the order of the tree."""
        return [
            Summary(key, parent, code, name, kind, category, unit, _decimal(price), currency)
            for key, parent, code, name, kind, category, unit, price, currency in self.below
        ]


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


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
