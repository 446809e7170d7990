"""The index as other rooms use it: mark what changed, search, see how far it is.

A room registers a ``Source`` once and marks rows in the transaction that changes them; the rest happens in the
background. Everything that is marked is found by its words within seconds and by its meaning once it is embedded.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from uuid import UUID

from ..kernel import sql
from ..kernel.app import App
from ..kernel.audit import audit
from ..kernel.database import Tx
from ..kernel.jobs import JobId, enqueue
from .jobs import REINDEX, RUN
from .models import CollectionStats, FailedEntry, UnknownCollection, Work
from .recall import Probe, probe_with
from .search import search
from .sources import Source, register, resolve_with, source_of
from .vectors import backend_name

__all__ = [
    "Probe",
    "Source",
    "failures",
    "forget",
    "forget_collection",
    "forget_points",
    "known",
    "mark",
    "mark_all",
    "probe_with",
    "register",
    "reindex",
    "resolve_with",
    "retry",
    "run_soon",
    "search",
    "stats",
    "touch",
    "work",
]

queries = sql.load(__package__ or "")


async def mark(tx: Tx, collection: str, kind: str, ids: Iterable[int], *, force: bool = False) -> int:
    """Rows *ids* of *kind* are new or changed and belong into *collection*; returns how many were not waiting yet.

    *force* writes them again, also what has not changed; known vectors are kept.
    """
    source = await source_of(tx, kind)
    ids = list(ids)
    marked = int(await tx.value(queries.mark_entries, collection=collection, kind=kind, table=source.table, ids=ids))
    if force:
        await tx.run(queries.force_rows, collection=collection, kind=kind, ids=ids)
    if marked or force:
        await run_soon(tx, collection)
    return marked


async def mark_all(tx: Tx, collection: str, kind: str, *, force: bool = False) -> int:
    """Every row of *kind* belongs into *collection*, and nothing else of that kind; returns how many rows there are.

    *force* writes all of them again, also what has not changed; known vectors are kept.
    """
    source = await source_of(tx, kind)
    if source.within is not None:
        ids: list[int] = await tx.value(source.within, collection=collection)
    else:
        ids = await tx.value(source.every_id, ids=None)
    await tx.run(queries.mark_missing, collection=collection, kind=kind, ids=ids)
    await tx.value(queries.mark_entries, collection=collection, kind=kind, table=source.table, ids=ids)
    if force:
        await tx.run(queries.force_entries, collection=collection)
    await run_soon(tx, collection)
    return len(ids)


async def touch(tx: Tx, kind: str, ids: Iterable[int]) -> None:
    """Rows *ids* changed: they are read again in every collection that holds them."""
    for collection in await tx.value(queries.touch_entries, kind=kind, ids=list(ids)):
        await run_soon(tx, collection)


async def forget(tx: Tx, kind: str, ids: Iterable[int]) -> None:
    """Rows *ids* are gone: no search finds them once *tx* is committed."""
    for collection in await tx.value(queries.forget_rows, kind=kind, ids=list(ids)):
        await run_soon(tx, collection)


async def forget_points(tx: Tx, ids: Sequence[UUID]) -> None:
    """Entries *ids* turned out to have no row any more."""
    for collection in await tx.value(queries.forget_points, ids=list(ids)):
        await run_soon(tx, collection)


async def forget_collection(tx: Tx, collection: str) -> int:
    """Empties the tenant's part of *collection*; returns how many entries leave."""
    gone = await tx.run(queries.forget_collection, collection=collection)
    if gone:
        await run_soon(tx, collection)
    return gone


async def run_soon(tx: Tx, collection: str) -> JobId:
    """The indexer looks at *collection* after the commit; one job serves many marks. Call it late in a transaction."""
    return await enqueue(tx, RUN, key=collection, collection=collection)


async def reindex(tx: Tx, collection: str, *, force: bool = False) -> JobId:
    """A new generation of *collection* is built beside the present one, which answers until then.

    It does not answer when validated questions find less in it, unless *force* says so.
    """
    await audit(tx, "reindex", "index", None, new={"collection": collection, "force": force})
    return await enqueue(tx, REINDEX, key=collection, collection=collection, force=force)


async def known(tx: Tx, app: App, collection: str) -> None:
    """Raises ``UnknownCollection`` when nothing of the tenant is there by this name."""
    if collection not in {one.collection for one in await stats(tx, app)}:
        raise UnknownCollection(f"There is no collection “{collection}”.")


async def failures(tx: Tx, collection: str | None = None, most: int = 100) -> list[FailedEntry]:
    """Entries that could not be read or indexed, with the reason; those that gave up first."""
    return await tx.all(FailedEntry, queries.failed_entries, collection=collection, most=most)


async def retry(tx: Tx, collection: str) -> int:
    """Tries at once what failed in *collection*; returns how many entries that are. The indexer looks in any case."""
    again = await tx.run(queries.retry_entries, collection=collection)
    await audit(tx, "retry", "index", None, new={"collection": collection, "entries": again})
    await run_soon(tx, collection)
    return again


async def work(tx: Tx) -> dict[str, Work]:
    """What the tenant's indexing jobs do, or did last, by collection."""
    return {work.collection: work for work in await tx.all(Work, queries.index_work)}


async def stats(tx: Tx, app: App) -> list[CollectionStats]:
    """Every collection that holds entries of the caller's tenant, and those that exist and are still empty."""
    backend = backend_name(app)
    filled = await tx.all(CollectionStats, queries.entry_stats, backend=backend)
    return filled + await tx.all(CollectionStats, queries.empty_collections, backend=backend)
