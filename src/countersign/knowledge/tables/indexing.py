"""How rows of users' tables become searchable: kinds that only the database knows."""

from __future__ import annotations

from dataclasses import replace

from ...index import service as index
from ...kernel import sql
from ...kernel.database import Tx
from .models import Table

queries = sql.load(__package__ or "")


@index.resolve_with
async def source(tx: Tx, kind: str) -> index.Source | None:
    """The source of the table that is named *kind*; None when the tenant has none."""
    of = await tx.first(Table, queries.tables, name=kind)
    if of is None:
        return None
    read = replace(queries.read_entries, text=queries.read_entries.text.replace("%(table)s", str(int(of.id))))
    return index.Source(kind, of.table_name, read)


async def mark(tx: Tx, of: Table, row_id: int) -> None:
    """The row is new or changed; without a template nobody searches the table."""
    if of.embedding_template is not None:
        for collection in await tx.value(queries.searched_in, table=of.id):
            await index.mark(tx, collection, of.name, [row_id])


async def reread(tx: Tx, of: Table) -> None:
    """Every row reads otherwise now; without a template none is found any more."""
    for collection in await tx.value(queries.searched_in, table=of.id):
        await index.mark_all(tx, collection, of.name)
