"""Tables of users: creating them, changing their columns, what hydration may follow. Rows are in ``rows``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ...index import service as index
from ...kernel import sql
from ...kernel.audit import audit
from ...kernel.database import Row, Tx
from ...kernel.json import dumps
from . import rows
from .faults import BadValue as BadValue
from .indexing import reread
from .models import (
    Column,
    NoSuchTable,
    NotConfirmed,
    Table,
    TableChanged,
    TableExists,
    TableInUse,
    TableNotConfirmed,
)
from .refusals import ColumnExists, LastColumn, NamedByTemplate
from .schema import check_template, read_column, read_definition, renamed, uses
from .values import read as read_value

__all__ = ["BadValue", "read_value"]  # an import reads values as a form does

queries = sql.load(__package__ or "")

MOST_RELATED = 50


async def tables(tx: Tx) -> list[Table]:
    """Every table of the tenant by name."""
    return await tx.all(Table, queries.tables, name=None)


async def table(tx: Tx, name: str) -> Table:
    """One table. Raises ``NoSuchTable``."""
    found = await tx.first(Table, queries.tables, name=name)
    if found is None:
        raise NoSuchTable()
    return found


async def table_by_id(tx: Tx, table_id: int) -> Table:
    """One table by its database id. Raises ``NoSuchTable``."""
    found = next((each for each in await tables(tx) if each.id == table_id), None)
    if found is None:
        raise NoSuchTable()
    return found


def etag(of: Table) -> str:
    """The version of a table's definition, for ``If-Match``."""
    return f'"{of.id}-{of.updated_at.timestamp():.6f}"'


async def create(
    tx: Tx,
    name: str,
    definition: Any,
    *,
    description: str | None = None,
    template: str | None = None,
    tags: tuple[str, ...] = (),
) -> Table:
    """A new table by its definition; *tags* go into its audit row.

    Raises ``BadDefinition``, ``TableExists``, or what the database says of a name.
    """
    await tx.run(queries.check_name, name=name)
    schema = read_definition(definition)
    template = check_template(template, [Column(**column) for column in schema["columns"]])
    made = await tx.value(
        queries.add_table,
        name=name,
        description=description or None,
        schema=dumps(schema),
        collection=name,
        template=template,
    )
    if made is None:
        raise TableExists(table=name)
    await tx.run(queries.build_table, table=made)
    await audit(tx, "create", "dynamic_table", made, new={"name": name, "schema": schema}, tags=tags)
    return await table(tx, name)


async def drop(tx: Tx, name: str, *, confirm: str) -> None:
    """Deletes a table with all its rows, which are found no more once *tx* is committed; *confirm* repeats its name.

    Raises ``TableNotConfirmed``, ``TableInUse``, ``Conflict`` while another table refers to it.
    """
    if confirm != name:
        raise TableNotConfirmed()
    old = await _locked(tx, name)
    if answering := [row["name"] for row in await tx.all(Row, queries.agents_of, name=name, real=old.table_name)]:
        raise TableInUse(agents=", ".join(answering))
    await index.forget(tx, name, await tx.value(queries.empty_table, table=old.id))
    await tx.run(queries.drop_table, table=old.id)
    await audit(tx, "delete", "dynamic_table", old.id, old={"name": name, "schema": old.schema_definition})


async def describe(
    tx: Tx, name: str, *, description: str | None, template: str | None, seen: str | None = None
) -> Table:
    """Saves description and template; every row is read again when the template changes.

    *seen* is the ``etag`` of what was read. Raises ``BadDefinition``, ``TableChanged``.
    """
    old = await _locked(tx, name, seen)
    new = replace(old, description=description or None, embedding_template=check_template(template, old.columns))
    await _save(tx, old, new)
    return await table(tx, name)


async def add_column(tx: Tx, name: str, given: Any, *, seen: str | None = None, tags: tuple[str, ...] = ()) -> Table:
    """Adds a column at the end. Raises ``BadDefinition``, ``TableChanged``."""
    old = await _locked(tx, name, seen)
    column = read_column(given)
    if column.name in [c.name for c in old.columns]:
        raise ColumnExists(column=column.name)
    definition = read_definition(
        {**old.schema_definition, "columns": [*map(Column.as_json, old.columns), column.as_json()]}
    )
    await tx.run(queries.alter_table, table=old.id, verb="add", column=column.name, new=dumps(column.as_json()))
    await _save(tx, old, replace(old, schema_definition=definition), tags)
    return await table(tx, name)


async def rename_column(tx: Tx, name: str, column: str, to: str, *, seen: str | None = None) -> Table:
    """Renames a column, in the template and in the indexes too. Raises ``BadDefinition``, ``TableChanged``."""
    old = await _locked(tx, name, seen)
    if to in [c.name for c in old.columns]:
        raise ColumnExists(column=to)
    await tx.run(queries.alter_table, table=old.id, verb="rename", column=column, new=dumps({"name": to}))
    columns = [replace(c, name=to) if c.name == column else c for c in old.columns]
    indexes = [[to if one == column else one for one in names] for names in old.indexes]
    definition = {**old.schema_definition, "columns": [c.as_json() for c in columns], "indexes": indexes}
    template = renamed(old.embedding_template, column, to)
    await _save(tx, old, replace(old, schema_definition=definition, embedding_template=template))
    return await table(tx, name)


async def drop_column(tx: Tx, name: str, column: str, *, confirm: str, seen: str | None = None) -> Table:
    """Drops a column and all it holds; *confirm* repeats its name.

    Raises ``NotConfirmed``, ``BadDefinition``, ``TableChanged``.
    """
    if confirm != column:
        raise NotConfirmed()
    old = await _locked(tx, name, seen)
    if uses(old.embedding_template, column):
        raise NamedByTemplate(column=column)
    kept = [c.as_json() for c in old.columns if c.name != column]
    if not kept:
        raise LastColumn()
    await tx.run(queries.alter_table, table=old.id, verb="drop", column=column, new=None)
    definition = {**old.schema_definition, "columns": kept, "indexes": [i for i in old.indexes if column not in i]}
    await _save(tx, old, replace(old, schema_definition=definition))
    return await table(tx, name)


async def preview(tx: Tx, name: str, template: str | None, row_id: int | None = None) -> str | None:
    """How a real row reads by *template*; None when there is no row. Raises ``BadDefinition``."""
    of = await table(tx, name)
    template = check_template(template, of.columns)
    if row_id is None:
        first = await rows.rows(tx, of, limit=1)
        row_id = first[0]["id"] if first else None
    if row_id is None or template is None:
        return None
    return await tx.value(queries.preview, table=of.id, template=template, ids=[row_id])


# -- hydration


async def live(tx: Tx, of: Table, ids: Sequence[int]) -> list[Row]:
    """Those rows of *ids* that still live, in no order: one statement for all of them."""
    return await rows.rows_by(tx, of, "id", ids, 1)


async def related(tx: Tx, of: Table, found: Sequence[Row], relations: Sequence[str]) -> dict[str, dict[int, list[Row]]]:
    """Rows that stand in each of *relations* to *found*, by the id of these: one statement a relation.

    Forward relations are named by the column that refers (``supplier`` for ``supplier_id``), backward ones by the table
    that refers. An unknown one is empty.
    """
    every = {each.name: each for each in await tables(tx)}
    return {name: await _related(tx, of, found, name, every) for name in relations}


async def _related(
    tx: Tx, of: Table, found: Sequence[Row], relation: str, every: dict[str, Table]
) -> dict[int, list[Row]]:
    for column in of.columns:
        if column.references and column.relation == relation:
            keys = sorted({row[column.name] for row in found if row[column.name] is not None})
            if column.references in every:
                targets = await rows.rows_by(tx, every[column.references], "id", keys, 1)
            else:
                targets = await tx.all(Row, queries.ouvrages_named, ids=keys)
            by_id = {target["id"]: target for target in targets}
            return {row["id"]: [by_id[row[column.name]]] for row in found if row[column.name] in by_id}
    if relation in every:
        for column in every[relation].columns:
            if column.references == of.name:
                below = await rows.rows_by(tx, every[relation], column.name, [row["id"] for row in found], MOST_RELATED)
                return {row["id"]: [b for b in below if b[column.name] == row["id"]] for row in found}
    return {}


def relations_of(of: Table, every: Sequence[Table]) -> frozenset[str]:
    """Names of the relations that ``related`` knows."""
    forward = {column.relation for column in of.columns if column.references}
    return frozenset(forward | {t.name for t in every if any(c.references == of.name for c in t.columns)})


async def _locked(tx: Tx, name: str, seen: str | None = None) -> Table:
    await tx.run(queries.lock_table, name=name)
    found = await table(tx, name)
    if seen is not None and seen != etag(found):
        raise TableChanged()
    return found


async def _save(tx: Tx, old: Table, new: Table, tags: tuple[str, ...] = ()) -> None:
    await tx.run(
        queries.save_definition,
        table=new.id,
        schema=dumps(new.schema_definition),
        template=new.embedding_template,
        description=new.description,
    )
    if (old.embedding_template, old.schema_definition) != (new.embedding_template, new.schema_definition):
        await reread(tx, new)
    await audit(
        tx,
        "update",
        "dynamic_table",
        new.id,
        old={"schema": old.schema_definition, "template": old.embedding_template, "description": old.description},
        new={"schema": new.schema_definition, "template": new.embedding_template, "description": new.description},
        tags=tags,
    )
