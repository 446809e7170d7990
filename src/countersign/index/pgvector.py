"""Vectors in the same PostgreSQL: exact within a tenant while it is small, HNSW for a tenant that is not."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import UUID

import numpy as np
import psycopg

from ..kernel import sql
from ..kernel.access import TenantId, system
from ..kernel.database import Database, Tx
from ..kernel.errors import CountersignError, Unavailable
from ..kernel.sql import Statement
from .models import DimensionMismatch, UnknownCollection, VectorsUnavailable
from .vectors import Near, Point, Vector, VectorStats

queries = sql.load(__package__ or "")

# Up to this many rows of one tenant an exact scan takes milliseconds and finds everything; beyond, HNSW is built.
EXACT_ROWS = 50_000


@dataclass(frozen=True, slots=True)
class _Stored:
    id: UUID
    vector: list[float]


class PgVectorIndex:
    """``halfvec`` tables in the schema ``vectors``, one a collection, behind row-level security like any other."""

    backend: ClassVar[str] = "pgvector"

    def __init__(self, db: Database, exact_rows: int = EXACT_ROWS) -> None:
        self._db = db
        self._exact_rows = exact_rows

    async def ensure(self, collection: str, dimensions: int) -> None:
        async with self._transaction(collection) as tx:
            has = await tx.value(queries.create_vector_table, name=collection, dimensions=dimensions)
        if has != dimensions:
            raise DimensionMismatch.between(collection, has, dimensions)

    async def upsert(self, collection: str, points: Sequence[Point]) -> None:
        by_tenant: dict[int, list[Point]] = defaultdict(list)
        for point in points:
            by_tenant[point.tenant].append(point)
        for tenant, own in by_tenant.items():
            async with self._transaction(collection, tenant, *{len(point.vector) for point in own}) as tx:
                await tx.run(
                    queries.put_vectors,
                    name=collection,
                    ids=[point.id for point in own],
                    kinds=[point.kind for point in own],
                    vectors=[as_text(point.vector) for point in own],
                )

    async def delete(self, collection: str, tenant: int, ids: Sequence[UUID]) -> None:
        async with self._transaction(collection, tenant) as tx:
            await tx.run(queries.remove_vectors, name=collection, ids=list(ids))

    async def search(
        self, collection: str, vector: Vector, k: int, tenant: int, kinds: Sequence[str] | None = None
    ) -> list[Near]:
        wanted = list(kinds) if kinds is not None else None
        return await self._near(tenant, queries.nearest_vectors, collection, vector, k=k, kinds=wanted)

    async def scores(self, collection: str, vector: Vector, tenant: int, ids: Sequence[UUID]) -> dict[UUID, float]:
        if not ids:
            return {}

        found = await self._near(tenant, queries.vector_scores, collection, vector, ids=list(ids))
        return {near.id: near.score for near in found}

    async def fetch(self, collection: str, ids: Sequence[UUID]) -> dict[UUID, Vector]:
        async with self._transaction(collection, read_only=True) as tx:
            rows = await tx.all(_Stored, queries.fetch_vectors, name=collection, ids=list(ids))
        return {row.id: np.asarray(row.vector, np.float32) for row in rows}

    async def stats(self, collection: str) -> VectorStats:
        async with self._transaction(collection, read_only=True) as tx:
            return await tx.one(VectorStats, queries.vector_stats, name=collection)

    async def swap(self, alias: str, collection: str) -> None:
        async with self._transaction(collection) as tx:
            await tx.run(queries.alias_vectors, alias=alias, name=collection)

    async def drop(self, collection: str) -> None:
        async with self._transaction(collection) as tx:
            await tx.run(queries.drop_vector_table, name=collection)

    async def optimize(self, collection: str, tenant: int) -> None:
        async with self._transaction(collection, tenant) as tx:
            await tx.run(queries.speed_vectors, name=collection, least=self._exact_rows)

    async def aclose(self) -> None:
        """The connections belong to the application's database."""

    async def _near(
        self, tenant: int, statement: Statement, collection: str, vector: Vector, **given: Any
    ) -> list[Near]:
        """What is near *vector*. Asked again when the generation that an alias meant was dropped between the look at
        the alias and the table."""
        caller, text = system(TenantId(tenant)), as_text(vector)
        with _said(collection, len(vector)):
            try:
                return await self._db.read(caller, Near, statement, name=collection, vector=text, **given)
            except psycopg.errors.UndefinedTable:
                return await self._db.read(caller, Near, statement, name=collection, vector=text, **given)

    @asynccontextmanager
    async def _transaction(
        self, collection: str, tenant: int = 0, *sizes: int, read_only: bool = False
    ) -> AsyncIterator[Tx]:
        with _said(collection, *sizes):
            async with self._db.transaction(system(TenantId(tenant)), read_only=read_only) as tx:
                yield tx


@contextmanager
def _said(collection: str, *sizes: int) -> Iterator[None]:
    """What SQL says about vectors becomes the errors of this room."""
    try:
        yield
    except Unavailable as error:
        raise VectorsUnavailable(error.detail) from error
    except CountersignError as error:
        reason, has = str(error.extra.get("reason")), error.detail
        if reason == "unknown-collection":
            raise UnknownCollection(f"There is no collection “{collection}” of vectors.") from error
        if reason == "dimension-mismatch":
            given = next(size for size in sizes if size != int(has))
            raise DimensionMismatch.between(collection, int(has), given) from error
        raise
    except (psycopg.errors.QueryCanceled, psycopg.errors.LockNotAvailable) as error:
        raise VectorsUnavailable("The vector search took too long.") from error


def as_text(vector: Vector) -> str:
    """A vector as pgvector reads it; five digits are more than half precision keeps."""
    return "[" + ",".join([f"{value:.5g}" for value in vector.tolist()]) + "]"
