"""A table of users: its columns, its rows, and what can be wrong with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, NewType, Self

from ...kernel.errors import Conflict, Invalid, NotFound, PreconditionFailed
from .faults import BadValue

TableId = NewType("TableId", int)
TYPES = ("string", "text", "integer", "decimal", "boolean", "date", "datetime", "json")
OPERATORS = ("eq", "ne", "lt", "le", "gt", "ge", "contains", "empty", "filled")


class NoSuchTable(NotFound):
    """There is no table of this name."""


class NoSuchRow(NotFound):
    """There is no such row. It may have been deleted."""


class TableExists(Conflict):
    """There is a table “%(table)s” already."""


class RowChanged(PreconditionFailed):
    """This row has changed since you read it. Reload it and try again."""


class TableChanged(PreconditionFailed):
    """This table was changed since you read it. Reload it and try again."""


class BadDefinition(Invalid):
    """This definition of a table is not possible."""


class BadValues(Invalid):
    """Some values do not fit their columns."""

    faults: Sequence[tuple[str, BadValue]] = ()

    @classmethod
    def of(cls, faults: Sequence[tuple[str, BadValue]]) -> Self:
        """Each of *faults* with the name of its column."""
        listed = [{"field": shown(name), "error": fault.detail} for name, fault in faults]
        made = cls("; ".join(f"{one['field']} {one['error']}" for one in listed), errors=listed)
        made.faults = faults
        return made


class NotAFilter(BadValues):
    """“%(given)s” is no filter. Write column:operator:value, where the operator is %(operators)s."""


class BadFilter(BadValues):
    """The value for “%(column)s” %(why)s."""


class NotConfirmed(Invalid):
    """Dropping a column loses what it holds. Confirm it by the name of the column."""


class TableNotConfirmed(Invalid):
    """Deleting a table loses all its rows for good. Confirm it by the name of the table."""


class TableInUse(Conflict):
    """%(agents)s: these agents answer from this table. Let them answer from something else first."""


def shown(text: object) -> str:
    """*text* as a message may repeat it: short, and whole characters only."""
    return str(text)[:80].encode(errors="replace").decode()


@dataclass(frozen=True, slots=True)
class Column:
    """One column. *references* names a table whose id it holds."""

    name: str
    type: str
    nullable: bool = True
    indexed: bool = False
    unique: bool = False
    length: int | None = None
    precision: int | None = None
    scale: int | None = None
    default: Any = None
    references: str | None = None

    @property
    def spelled(self) -> str:
        """The type as people write it: ``string(50)``, ``decimal(10,2)``."""
        if self.type == "string":
            return f"string({self.length})"
        return f"decimal({self.precision},{self.scale})" if self.type == "decimal" else self.type

    @property
    def relation(self) -> str:
        """Name of the relation by a column that refers to another table: ``supplier`` for ``supplier_id``."""
        return self.name.removesuffix("_id") or self.name

    def as_json(self) -> dict[str, Any]:
        """As stored: what does not apply is left out."""
        return {name: value for name, value in asdict(self).items() if value is not None}


@dataclass(frozen=True, slots=True)
class Table:
    """One row of ``dynamic_tables``."""

    id: TableId
    name: str
    table_name: str
    description: str | None
    schema_definition: dict[str, Any]
    qdrant_collection: str | None
    embedding_template: str | None
    created_at: datetime
    updated_at: datetime
    row_count: int
    indexed_count: int

    @property
    def columns(self) -> list[Column]:
        """Its columns, in order."""
        return [Column(**column) for column in self.schema_definition["columns"]]

    @property
    def indexes(self) -> list[list[str]]:
        """Indexes over several columns."""
        return self.schema_definition.get("indexes", [])


@dataclass(frozen=True, slots=True)
class Filter:
    """A condition on one column; *value* is text as people wrote it."""

    column: str
    op: str
    value: str = ""
