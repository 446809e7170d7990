"""How ouvrages become searchable."""

from __future__ import annotations

from collections.abc import Sequence

from ...index import service as index
from ...kernel import sql
from ...kernel.database import Row, Tx

queries = sql.load(__package__ or "")

KIND = "ouvrage"
SOURCE = index.register(index.Source(KIND, "ouvrages", queries.read_entries, queries.entries_indexed))


async def collections(tx: Tx) -> list[str]:
    """Collections of agents that answer from ouvrages, by name."""
    return sorted(row["name"] for row in await tx.all(Row, queries.reading_collections))


async def live_ids(tx: Tx, type: str | None = None) -> list[int]:
    """Every live ouvrage, or those of one type."""
    return list(await tx.value(queries.live_ids, type=type))


async def mark(tx: Tx, collection: str, ids: Sequence[int], *, force: bool = False) -> None:
    """These belong into *collection* and are read again; *force* writes them although they have not changed."""
    await index.mark(tx, collection, KIND, ids, force=force)
