"""Where rows go: the columns of ouvrages or of a table of users, and what each may hold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from ..tables.models import Column as TableColumn
from ..tables.models import Table
from ..tables.service import BadValue, read_value
from .models import BadMapping

TYPES = ("compose", "simple", "fourniture", "main_oeuvre")


@dataclass(frozen=True, slots=True)
class Field:
    """A column that rows can fill. *read* makes a value of its text or number, or raises ``BadMapping``."""

    type: str
    needed: bool
    read: Callable[[Any], Any]
    default: Any = None  # in place of nothing, where nothing may not stand

    @property
    def is_number(self) -> bool:
        return self.type in ("decimal", "integer")

    @property
    def is_date(self) -> bool:
        return self.type in ("date", "datetime")


@dataclass(frozen=True, slots=True)
class Target:
    """Ouvrages, or a *table* of users. *key* finds a row again; empty: every row is a new one."""

    name: str
    fields: dict[str, Field]
    key: tuple[str, ...]
    table: Table | None = None


def _words(most: int) -> Callable[[str], str]:
    def read(text: str) -> str:
        if len(text) > most:
            raise BadMapping(f"is longer than {most} characters")
        return text

    return read


def _amount(digits: int) -> Callable[[Decimal], Decimal]:
    def read(number: Decimal) -> Decimal:
        if number.adjusted() >= digits:
            raise BadMapping("is too large")
        shown = number.as_tuple().exponent
        if isinstance(shown, int) and -4 <= shown <= 0:
            return number
        if (rounded := round(number, 4)).adjusted() >= digits:
            raise BadMapping("is too large")
        return rounded

    return read


def _type(text: str) -> str:
    if text not in TYPES:
        raise BadMapping(f"« {text[:80]} » is none of {', '.join(TYPES)}")
    return text


OUVRAGES = Target(
    "ouvrages",
    {
        "code": Field("text", True, _words(50)),
        "name": Field("text", True, _words(255)),
        "description": Field("text", False, _words(100_000)),
        "type": Field("text", True, _type),
        "category": Field("text", False, _words(100)),
        "subcategory": Field("text", False, _words(100)),
        "unit": Field("text", True, _words(20)),
        "currency": Field("text", False, _words(3)),
        "unit_price": Field("decimal", False, _amount(8)),
        "default_quantity": Field("decimal", False, _amount(6)),
    },
    ("code",),
)


def of_table(table: Table) -> Target:
    """The columns of a table of users; a row is found again by its first unique column."""
    unique = next(((column.name,) for column in table.columns if column.unique), ())
    fields = {
        column.name: Field(
            column.type,
            not column.nullable and column.default is None,
            _typed(column),
            None if column.nullable else column.default,
        )
        for column in table.columns
    }
    return Target(table.name, fields, unique, table)


def _typed(column: TableColumn) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        try:
            return read_value(column, value)
        except BadValue as error:
            raise BadMapping(str(error)) from error

    return read
