"""The collection that an agent searches: one kind of records each, filled when an agent begins to answer from them."""

from __future__ import annotations

from ...index import service as index
from ...kernel import sql
from ...kernel.database import Row, Tx
from ...kernel.jobs import enqueue
from .models import Agent, HoldsOthers, Hydratable, SearchedOtherwise

queries = sql.load(__package__ or "")

ENSURE = "agents.ensure"
DOCUMENTS = "document"


async def settle(tx: Tx, before: Agent | None, after: Agent | None, known: dict[str, Hydratable]) -> None:
    """Empties what *before* searched and nobody else does, fills what *after* searches. Raises ``CollectionTaken``."""
    old, new = (_source(one, known) for one in (before, after))
    if old == new:
        return
    if before is not None and old is not None:
        await _leave(tx, before, old[1], known)
    if after is not None and new is not None:
        await _enter(tx, after, new[1])


async def _leave(tx: Tx, agent: Agent, kind: str, known: dict[str, Hydratable]) -> None:
    """Documents stay: they are listed and read by themselves. A table keeps its own collection."""
    collection = agent.qdrant_collection
    owned = kind == DOCUMENTS or any(table.collection == collection for table in known.values())
    if not owned and not await tx.all(Row, queries.sharers, collection=collection, id=agent.id):
        await index.forget_collection(tx, collection)


async def _enter(tx: Tx, agent: Agent, kind: str) -> None:
    collection = agent.qdrant_collection
    for other in await tx.all(Row, queries.sharers, collection=collection, id=agent.id):
        if (other["retrieval_mode"], other["table"]) != (agent.retrieval_mode, agent.table):
            raise SearchedOtherwise(agent=other["name"], collection=collection)
    if foreign := await tx.value(queries.other_kinds, collection=collection, kind=kind):
        raise HoldsOthers(collection=collection, kinds=", ".join(foreign))
    if kind != DOCUMENTS:
        await index.mark_all(tx, collection, kind)
    # An empty collection answers too, instead of being said to be missing.
    await enqueue(tx, ENSURE, key=collection, collection=collection)


def _source(agent: Agent | None, known: dict[str, Hydratable]) -> tuple[str, str] | None:
    """Collection and kind that *agent* searches; None when there is no such table any more."""
    if agent is None:
        return None
    if agent.table is None:
        return agent.qdrant_collection, DOCUMENTS
    table = known.get(agent.table)
    return (agent.qdrant_collection, table.kind) if table else None
