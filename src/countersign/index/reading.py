"""First half of the indexer: entries whose source changed are read again, and deleted ones leave with their points."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID

import structlog

from ..kernel import sql
from ..kernel.database import Tx
from ..kernel.errors import CountersignError
from ..kernel.json import dumps
from .models import Collection, UnknownCollection, point_id
from .run import Run
from .sources import Rendered, Source, source_of
from .vectors import vector_index

log = structlog.get_logger("index.reading")
queries = sql.load(__package__ or "")

READ_BATCH = 200
REMOVE_BATCH = 1000


@dataclass(frozen=True, slots=True)
class _Stale:
    no: int
    kind: str
    source_id: int
    code: str | None
    words: int | None
    text_hash: bytes | None
    deleted: bool


@dataclass(frozen=True, slots=True)
class _Deleted:
    no: int
    id: UUID | None


async def read(run: Run) -> None:
    """Brings text, payload and words of stale entries up to date, a batch a transaction."""
    total = await run.count(queries.stale_count)
    while True:
        async with run.transaction() as tx:
            stale = await tx.all(_Stale, queries.take_stale, collection=run.collection, most=READ_BATCH)
            if not stale:
                return
            by_kind: dict[str, list[_Stale]] = defaultdict(list)
            for entry in stale:
                by_kind[entry.kind].append(entry)
            for kind, entries in by_kind.items():
                try:
                    async with tx.connection.transaction():  # a savepoint: one kind's bad statement stays its own
                        await _read_kind(tx, kind, entries)
                except Exception as error:
                    log.error("index.unreadable", kind=kind, collection=run.collection, exc_info=error)
                    await tx.run(queries.fail_entries, nos=[entry.no for entry in entries], error=reason(error))
                    run.report.failed += len(entries)
        run.report.read += len(stale)
        await run.tell(run.report.read, total, "read")


async def _read_kind(tx: Tx, kind: str, entries: Sequence[_Stale]) -> None:
    buried = [entry for entry in entries if entry.deleted]
    wanted = [entry for entry in entries if not entry.deleted]
    reworded: list[int] = []
    if wanted:
        source = await source_of(tx, kind)
        rows = await tx.all(Rendered, source.read, ids=[entry.source_id for entry in wanted])
        found = {row.source_id: row for row in rows}
        alive = [(entry, found[entry.source_id]) for entry in wanted if entry.source_id in found]
        await _write(tx, source, alive)
        reworded = [entry.no for entry, row in alive if _reworded(entry, row)]
        gone = [entry for entry in wanted if entry.source_id not in found]
        await tx.run(queries.bury_entries, nos=[entry.no for entry in gone])
        buried += gone
    if changed := reworded + [entry.no for entry in buried if entry.words is not None]:
        await tx.run(queries.refresh_words, nos=changed)


async def _write(tx: Tx, source: Source, alive: Sequence[tuple[_Stale, Rendered]]) -> None:
    hashes = [hashes_of(source.kind, row) for _, row in alive]
    await tx.run(
        queries.write_entries,
        nos=[entry.no for entry, _ in alive],
        ids=[point_id(source.kind, source.table, row.source_id) for _, row in alive],
        titles=[row.title for _, row in alive],
        codes=[row.code for _, row in alive],
        urls=[row.url for _, row in alive],
        contents=[row.content for _, row in alive],
        payloads=[dumps(row.payload) for _, row in alive],
        text_hashes=[text for text, _ in hashes],
        content_hashes=[content for _, content in hashes],
    )


async def remove(run: Run, live: Sequence[Collection]) -> None:
    """Deleted entries: their points first, then the rows, so that no point is ever forgotten."""
    index = vector_index(run.app)
    while True:
        async with run.transaction(read_only=True) as tx:
            gone = await tx.all(_Deleted, queries.deleted_entries, collection=run.collection, most=REMOVE_BATCH)
        if not gone:
            return
        if ids := [entry.id for entry in gone if entry.id is not None]:
            for generation in live:
                with suppress(UnknownCollection):  # its points went with it
                    await index.delete(generation.physical, run.caller.tenant_id, ids)
        async with run.transaction() as tx:
            await tx.run(queries.drop_entries, nos=[entry.no for entry in gone])
        run.report.removed += len(gone)


def embedded_text(title: str | None, content: str) -> str:
    """What is embedded: the title (for a passage its breadcrumb) and the content."""
    return content if not title or content.startswith(title) else f"{title}\n{content}"


def hashes_of(kind: str, row: Rendered) -> tuple[bytes, bytes]:
    """SHA-256 of what is embedded, and of everything that the point carries."""
    text = _text_hash(row)
    rest = dumps([kind, row.title, row.code, row.url, dict(sorted(row.payload.items()))])
    return text, hashlib.sha256(text + rest.encode()).digest()


def reason(error: Exception) -> str:
    """The first line of what went wrong, for the entry's row."""
    text = error.detail if isinstance(error, CountersignError) else f"{type(error).__name__}: {error}"
    return (text.splitlines() or [""])[0][:1000]


def _text_hash(row: Rendered) -> bytes:
    return hashlib.sha256(embedded_text(row.title, row.content).encode()).digest()


def _reworded(entry: _Stale, row: Rendered) -> bool:
    return entry.words is None or entry.code != row.code or entry.text_hash != _text_hash(row)
