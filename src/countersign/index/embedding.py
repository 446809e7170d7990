"""Second half of the indexer: a vector for every text, each text embedded once, stored with its payload."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeAlias
from uuid import UUID

import structlog

from ..kernel import sql
from ..kernel.errors import CountersignError, Unavailable
from ..providers.embedders import Embedder
from .models import Collection
from .reading import embedded_text, reason
from .run import Run
from .sources import source_of
from .vectors import Point, Vector, VectorIndex, vector_index

log = structlog.get_logger("index.embedding")
queries = sql.load(__package__ or "")

BATCH_TEXTS = 64
BATCH_CHARACTERS = 12_000
GIVE_UP_AFTER = 3

Vectors: TypeAlias = dict[bytes, Vector]  # by the hash of their text


@dataclass(frozen=True, slots=True)
class _Pending:
    no: int
    id: UUID
    kind: str
    source_id: int
    title: str | None
    content: str
    payload: dict[str, Any]
    text_hash: bytes
    content_hash: bytes

    @property
    def text(self) -> str:
        return embedded_text(self.title, self.content)


@dataclass(frozen=True, slots=True)
class _Known:
    vector_hash: bytes
    id: UUID
    physical: str


@dataclass(frozen=True, slots=True)
class _Kept:
    no: int


@dataclass(frozen=True, slots=True)
class Embedding:
    """Fills *targets* (generations of one embedder, the newest last) with the vectors of a run's entries."""

    run: Run
    embedder: Embedder
    targets: Sequence[Collection]

    @property
    def index(self) -> VectorIndex:
        return vector_index(self.run.app)

    async def fill(self) -> None:
        """Embeds until nothing waits. Raises when the embedder or the vector index does not work."""
        newest, run = self.targets[-1], self.run
        done: asyncio.Task[Vectors] | None = None
        coming: asyncio.Task[Vectors] | None = None
        async with run.transaction() as tx:
            await tx.run(queries.outdate_entries, collection=run.collection, generation=newest.id)
        total = await run.count(queries.waiting_count, generation=newest.id)
        batch = await self._following(0)
        try:
            while batch:
                done = coming or self._begin(batch, {})
                following, coming = await self._following(batch[-1].no), None
                await asyncio.wait([done])
                if following and done.exception() is None:  # the embedder works on while these are stored
                    coming = self._begin(following, done.result())
                await self._batch(batch, done)
                await run.tell(run.report.indexed + run.report.failed, total, "indexed")
                batch = following
        finally:
            await _end(done, coming)
        for target in self.targets:
            await self.index.optimize(target.physical, run.caller.tenant_id)

    async def _following(self, after: int) -> list[_Pending]:
        """The batch behind entry *after*; empty at the end."""
        async with self.run.transaction(read_only=True) as tx:
            collection = self.run.collection
            return _within(
                await tx.all(_Pending, queries.pending_entries, collection=collection, after=after, most=BATCH_TEXTS)
            )

    def _begin(self, batch: list[_Pending], before: Vectors) -> asyncio.Task[Vectors]:
        return asyncio.create_task(self._vectors(batch, before))

    async def _batch(self, batch: list[_Pending], vectors: Awaitable[Vectors]) -> None:
        try:
            await self._store(batch, await vectors)
        except Unavailable as error:  # the service and not a text: everything waits, the job tries again later
            async with self.run.transaction() as tx:
                await tx.run(queries.note_error, nos=[entry.no for entry in batch], error=reason(error))
            raise
        except Exception as error:
            if isinstance(error, CountersignError) and error.status < 500:
                raise
            await self._one_by_one(batch, error)

    async def _one_by_one(self, batch: list[_Pending], error: Exception) -> None:
        """Finds the entry that spoils a batch. When the first few fail alone too, no text is at fault: gives up."""
        log.warning("index.batch_failed", collection=self.run.collection, entries=len(batch), error=reason(error))
        for place, entry in enumerate(batch, 1):
            try:
                await self._store([entry], await self._vectors([entry], {}))
            except Exception as alone:
                async with self.run.transaction() as tx:
                    await tx.run(queries.fail_entries, nos=[entry.no], error=reason(alone))
                self.run.report.failed += 1
                if self.run.report.indexed == 0 and place >= GIVE_UP_AFTER:
                    raise

    async def _store(self, batch: list[_Pending], vectors: Vectors) -> None:
        now = datetime.now(UTC).isoformat(timespec="seconds")
        points = [
            Point(
                entry.id,
                self.run.caller.tenant_id,
                entry.kind,
                vectors[entry.text_hash],
                {"title": entry.title, **entry.payload, "content": entry.content, "indexed_at": now},
            )
            for entry in batch
        ]
        for target in self.targets:
            await self.index.upsert(target.physical, points)
        kept = await self._finish(batch)
        self.run.report.indexed += len(kept)
        # An entry that was removed meanwhile must not leave its point behind.
        if orphans := [entry.id for entry in batch if entry.no not in kept]:
            for target in self.targets:
                await self.index.delete(target.physical, self.run.caller.tenant_id, orphans)

    async def _vectors(self, batch: list[_Pending], before: Vectors) -> Vectors:
        """By text hash. What some collection holds already is fetched; what is new is embedded, each text once.

        Those of the batch *before* are being stored just now and may not be found there yet.
        """
        hashes = {entry.text_hash for entry in batch}
        async with self.run.transaction(read_only=True) as tx:
            known = await tx.all(
                _Known,
                queries.known_vectors,
                embedder=self.embedder.id,
                backend=self.index.backend,
                hashes=list(hashes),
            )
        found: Vectors = {key: vector for key, vector in before.items() if key in hashes}
        by_place: dict[str, list[_Known]] = defaultdict(list)
        for point in known:
            by_place[point.physical].append(point)
        for physical, points in by_place.items():
            stored = await self.index.fetch(physical, [point.id for point in points])
            found |= {point.vector_hash: stored[point.id] for point in points if point.id in stored}
        new = {entry.text_hash: entry.text for entry in batch if entry.text_hash not in found}
        if new:
            vectors = await self.embedder.passages(list(new.values()), caller=self.run.caller)
            found |= dict(zip(new, vectors, strict=True))
            self.run.report.embedded += len(new)
        return found

    async def _finish(self, batch: list[_Pending]) -> set[int]:
        """Records what is stored, in the entries and in their sources; returns those that still exist."""
        async with self.run.transaction() as tx:
            rows = await tx.all(
                _Kept,
                queries.finish_entries,
                nos=[entry.no for entry in batch],
                text_hashes=[entry.text_hash for entry in batch],
                content_hashes=[entry.content_hash for entry in batch],
                generation=self.targets[-1].id,
                embedder=self.embedder.id,
            )
            kept = {row.no for row in rows}
            by_kind: dict[str, list[_Pending]] = defaultdict(list)
            for entry in batch:
                if entry.no in kept:
                    by_kind[entry.kind].append(entry)
            for kind, entries in by_kind.items():
                source = await source_of(tx, kind)
                if source.indexed is not None:
                    ids = [entry.source_id for entry in entries]
                    await tx.run(source.indexed, ids=ids, points=[entry.id for entry in entries])
        return kept


async def _end(*tasks: asyncio.Task[Vectors] | None) -> None:
    """Nothing is embedded any more when a run ends, however it ends."""
    under_way = [task for task in tasks if task is not None]
    for task in under_way:
        task.cancel()
    await asyncio.gather(*under_way, return_exceptions=True)


def _within(waiting: list[_Pending]) -> list[_Pending]:
    """As many entries as make a call of a few seconds; at least one."""
    size, fitting = 0, 0
    for entry in waiting:
        size += len(entry.text)
        if fitting and size > BATCH_CHARACTERS:
            break
        fitting += 1
    return waiting[:fitting]
