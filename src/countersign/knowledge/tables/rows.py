"""Rows of users' tables: listing, writing, deleting; each change marks the index in its own transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from ...index import service as index
from ...kernel import sql
from ...kernel.audit import audit
from ...kernel.database import Row, Tx
from ...kernel.events import publish
from ...kernel.json import dumps, loads
from ...kernel.lists import BadCursor, cursor, place
from .faults import BadValue
from .indexing import mark
from .models import OPERATORS, BadFilter, Column, Filter, NoSuchRow, NotAFilter, RowChanged, Table, shown
from .values import read, read_all

queries = sql.load(__package__ or "")


async def rows(
    tx: Tx,
    of: Table,
    *,
    filters: Sequence[Filter] = (),
    q: str | None = None,
    sort: str = "id",
    limit: int = 50,
    after: str | None = None,
    offset: int = 0,
) -> list[Row]:
    """Live rows that *filters* and words leave, by the column *sort* (``-`` before it: downwards), empty values last.

    *after* is a ``cursor_at`` of the same order. Raises ``BadValues``, ``BadCursor``.
    """
    value, ident = place(after) or (None, None)
    if value is not None:
        value = _placed(of, sort.removeprefix("-"), value)
    found = await tx.all(
        Row,
        queries.rows,
        table=of.id,
        filters=dumps(_checked(of, filters)),
        words=q or None,
        sort=sort.removeprefix("-"),
        down=sort.startswith("-"),
        limit=limit,
        offset=offset,
        value=value,
        after=ident,
    )
    return [_read(of, row["row"]) for row in found]


def cursor_at(row: Row, sort: str) -> str:
    """The place of *row* in the order *sort*."""
    value = row[sort.removeprefix("-")]
    return cursor(value if value is None or isinstance(value, (str, bool)) else str(value), row["id"])


def _placed(of: Table, sort: str, value: Any) -> str:
    """The value of a cursor, when it can be one of *sort*. Raises ``BadCursor``."""
    own = {"id": "integer", "created_at": "datetime", "updated_at": "datetime"}
    known = {**{column.name: column for column in of.columns}, **{name: Column(name, own[name]) for name in own}}
    if sort in known and known[sort].type not in ("string", "text"):
        try:
            value = read(replace(known[sort], precision=1000, scale=500), value)
        except BadValue as error:
            raise BadCursor() from error
    if value is None:
        raise BadCursor()
    return str(value)


async def count(tx: Tx, of: Table, *, filters: Sequence[Filter] = (), q: str | None = None) -> int:
    """How many rows there would be in all."""
    return int(await tx.value(queries.count_rows, table=of.id, filters=dumps(_checked(of, filters)), words=q or None))


async def rows_by(tx: Tx, of: Table, column: str, values: Sequence[int], most: int) -> list[Row]:
    """Live rows whose *column* is one of *values*, at most *most* for each."""
    found = await tx.all(Row, queries.rows_by, table=of.id, column=column, values=list(values), most=most)
    return [_read(of, row["row"]) for row in found]


async def row(tx: Tx, of: Table, row_id: int) -> Row:
    """One live row. Raises ``NoSuchRow``."""
    found = await rows_by(tx, of, "id", [row_id], 1)
    if not found:
        raise NoSuchRow()
    return found[0]


async def add(tx: Tx, of: Table, values: Mapping[str, Any], *, tags: tuple[str, ...] = ()) -> Row:
    """A new row; *tags* go into its audit row. Raises ``BadValues``; 409 when a value that must be unique is there."""
    checked = read_all(of.columns, values, whole=True)
    made = int(await tx.value(queries.write_row, table=of.id, row=None, values=dumps(checked)))
    await audit(tx, "create", of.name, made, new=checked, tags=tags)
    await mark(tx, of, made)
    await _tell(tx, of, "created", made)
    return await row(tx, of, made)


async def update(tx: Tx, of: Table, row_id: int, values: Mapping[str, Any], *, seen: str | None = None) -> Row:
    """Changes what *values* names; *seen* is the ``etag`` of what was read. Raises ``BadValues``, ``RowChanged``."""
    await tx.run(queries.lock_row, table=of.id, row=row_id)
    old = await row(tx, of, row_id)
    if seen is not None and seen != etag(old):
        raise RowChanged()
    checked = read_all(of.columns, values, whole=False)
    if await tx.value(queries.write_row, table=of.id, row=row_id, values=dumps(checked)) is None:
        raise NoSuchRow()
    await audit(tx, "update", of.name, row_id, old={name: old[name] for name in checked}, new=checked)
    await mark(tx, of, row_id)
    await _tell(tx, of, "updated", row_id)
    return await row(tx, of, row_id)


async def delete(tx: Tx, of: Table, row_id: int) -> None:
    """Takes a row out of sight; it is found no more once the transaction is committed. Raises ``NoSuchRow``."""
    old = await row(tx, of, row_id)
    if not await tx.value(queries.delete_row, table=of.id, row=row_id):
        raise NoSuchRow()
    await audit(tx, "delete", of.name, row_id, old=old)
    await index.forget(tx, of.name, [row_id])
    await _tell(tx, of, "deleted", row_id)


# What companies connect other software to has events of its own; a table may not borrow those of other things.
_SUBJECTS = {
    "product": ("product", "products", "produit", "produits"),
    "order": ("orders", "commande", "commandes"),
}


async def _tell(tx: Tx, of: Table, verb: str, row_id: int) -> None:
    subject = next((event for event, names in _SUBJECTS.items() if of.name in names), "row")
    await publish(tx, f"{subject}.{verb}", table=of.name, id=row_id)


def etag(found: Row) -> str:
    """The version of a row, for ``If-Match``."""
    return f'"{found["id"]}-{found["updated_at"].timestamp():.6f}"'


def _checked(of: Table, filters: Sequence[Filter]) -> list[dict[str, Any]]:
    """Filters with values of their column's type. Raises ``BadValues``."""
    known = {**{column.name: column for column in of.columns}, "id": Column("id", "integer")}
    found: list[dict[str, Any]] = []
    for one in filters:
        column = known.get(one.column)
        if column is None or one.op not in OPERATORS:
            raise NotAFilter(given=f"{shown(one.column)}:{shown(one.op)}", operators=", ".join(OPERATORS))
        value: Any = one.value
        if one.op not in ("contains", "empty", "filled") and column.type not in ("json", "string", "text"):
            try:
                value = read(column, one.value)
            except BadValue as error:
                raise BadFilter(column=one.column, why=error.detail) from error
        found.append({"column": one.column, "op": one.op, "value": value})
    return found


def _read(of: Table, text: str) -> Row:
    """A row from its JSON text, each value as its type: exact numbers, dates, times."""
    found: Row = loads(text)
    for column in of.columns:
        value = found.get(column.name)
        if value is not None and column.type in _FROM_JSON:
            found[column.name] = _FROM_JSON[column.type](value)
    for name in ("created_at", "updated_at"):
        found[name] = datetime.fromisoformat(found[name])
    return found


_FROM_JSON: dict[str, Any] = {"decimal": Decimal, "date": date.fromisoformat, "datetime": datetime.fromisoformat}
