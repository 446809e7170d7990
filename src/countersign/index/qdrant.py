"""Vectors in Qdrant: one collection for all tenants, kept apart by a payload filter that its index knows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import ClassVar
from uuid import UUID

import numpy as np
from qdrant_client import AsyncQdrantClient, models

from ..kernel.app import App
from .models import DimensionMismatch, UnknownCollection, VectorsUnavailable
from .qdrant_wire import REFUSALS, DoesNotFit, connect, understood
from .vectors import Near, Point, Vector, VectorStats

BATCH = 256
TENANT = "tenant"
SEARCH_SECONDS = 3.0  # a question is answered by its words alone rather than late

PAYLOAD = {
    TENANT: models.KeywordIndexParams(type=models.KeywordIndexType.KEYWORD, is_tenant=True),
    "tenant_id": models.PayloadSchemaType.INTEGER,
    "kind": models.PayloadSchemaType.KEYWORD,
}
QUANTIZATION = {
    "scalar": models.ScalarQuantization(
        scalar=models.ScalarQuantizationConfig(type=models.ScalarType.INT8, quantile=0.99, always_ram=True)
    ),
    "binary": models.BinaryQuantization(binary=models.BinaryQuantizationConfig(always_ram=True)),
}


def of(app: App) -> QdrantIndex:
    """The index on the configured server."""
    return QdrantIndex(connect(app.settings), app.settings.qdrant_quantization)


class QdrantIndex:
    """Payloads carry the seed's fields and ``tenant_id``. ``tenant`` is its text: only text can be a tenant index."""

    backend: ClassVar[str] = "qdrant"

    def __init__(self, client: AsyncQdrantClient, quantization: str = "none") -> None:
        self._client = client
        self._quantization = QUANTIZATION.get(quantization)
        # A quantised vector finds candidates, the whole one puts them in order.
        rescore = models.QuantizationSearchParams(rescore=True, oversampling=2.0) if self._quantization else None
        self._rescore = rescore

    async def ensure(self, collection: str, dimensions: int) -> None:
        async with self._talk(collection):
            if not await self._client.collection_exists(collection):
                try:
                    await self._create(collection, dimensions)
                except REFUSALS:  # somebody else may have been faster
                    if not await self._client.collection_exists(collection):
                        raise
            info = await self._client.get_collection(collection)
            has = _size(info)
            if has != dimensions:
                raise DimensionMismatch.between(collection, has, dimensions)
            # A kill may have come between the collection and its indexes, so each is looked for.
            for name, schema in PAYLOAD.items():
                if name not in info.payload_schema:
                    await self._client.create_payload_index(collection, name, schema)

    async def _create(self, collection: str, dimensions: int) -> None:
        await self._client.create_collection(
            collection,
            vectors_config=models.VectorParams(size=dimensions, distance=models.Distance.COSINE, on_disk=False),
            hnsw_config=models.HnswConfigDiff(m=16, ef_construct=100),
            optimizers_config=models.OptimizersConfigDiff(memmap_threshold=20_000, indexing_threshold=10_000),
            quantization_config=self._quantization,
            replication_factor=1,
            write_consistency_factor=1,
        )

    async def upsert(self, collection: str, points: Sequence[Point]) -> None:
        async with self._talk(collection):
            await self._fits(collection, *{len(point.vector) for point in points})
            for start in range(0, len(points), BATCH):
                part = [_struct(point) for point in points[start : start + BATCH]]
                await self._client.upsert(collection, part, wait=True)

    async def delete(self, collection: str, tenant: int, ids: Sequence[UUID]) -> None:
        if not ids:
            return
        async with self._talk(collection):
            # By filter and not by id alone: nobody deletes another tenant's point.
            chosen = models.FilterSelector(filter=_filter(tenant, ids=ids))
            await self._client.delete(collection, chosen, wait=True)

    async def search(
        self, collection: str, vector: Vector, k: int, tenant: int, kinds: Sequence[str] | None = None
    ) -> list[Near]:
        async with self._talk(collection, len(vector)), _soon():
            found = await self._client.query_points(
                collection,
                query=vector.tolist(),
                query_filter=_filter(tenant, kinds),
                limit=k,
                with_payload=False,
                search_params=models.SearchParams(hnsw_ef=max(200, 4 * k), quantization=self._rescore),
            )
        return [Near(UUID(str(point.id)), point.score) for point in found.points]

    async def scores(self, collection: str, vector: Vector, tenant: int, ids: Sequence[UUID]) -> dict[UUID, float]:
        if not ids:
            return {}
        async with self._talk(collection, len(vector)), _soon():
            found = await self._client.query_points(
                collection,
                query=vector.tolist(),
                query_filter=_filter(tenant, ids=ids),
                limit=len(ids),
                with_payload=False,
                search_params=models.SearchParams(exact=True),
            )
        return {UUID(str(point.id)): point.score for point in found.points}

    async def fetch(self, collection: str, ids: Sequence[UUID]) -> dict[UUID, Vector]:
        async with self._talk(collection):
            wanted = [str(i) for i in ids]
            records = await self._client.retrieve(collection, wanted, with_payload=False, with_vectors=True)
        return {UUID(str(record.id)): np.asarray(record.vector, np.float32) for record in records}

    async def stats(self, collection: str) -> VectorStats:
        async with self._talk(collection):
            counted = await self._client.count(collection, exact=True)
            return VectorStats(counted.count, await self._dimensions(collection))

    async def swap(self, alias: str, collection: str) -> None:
        async with self._talk(collection):
            if not await self._client.collection_exists(collection):
                raise UnknownCollection(f"There is no collection “{collection}” of vectors.")
            known = {each.alias_name for each in (await self._client.get_aliases()).aliases}
            steps: list[models.AliasOperations] = []
            if alias in known:
                steps.append(models.DeleteAliasOperation(delete_alias=models.DeleteAlias(alias_name=alias)))
            make = models.CreateAlias(collection_name=collection, alias_name=alias)
            steps.append(models.CreateAliasOperation(create_alias=make))
            await self._client.update_collection_aliases(steps)

    async def drop(self, collection: str) -> None:
        async with self._talk(collection):
            await self._client.delete_collection(collection)

    async def optimize(self, collection: str, tenant: int) -> None:
        """Qdrant builds its HNSW by itself beyond ``indexing_threshold``."""

    async def aclose(self) -> None:
        await self._client.close()

    async def _dimensions(self, collection: str) -> int:
        return _size(await self._client.get_collection(collection))

    async def _fits(self, collection: str, *sizes: int) -> None:
        has = await self._dimensions(collection)
        for size in sizes:
            if size != has:
                raise DimensionMismatch.between(collection, has, size)

    @asynccontextmanager
    async def _talk(self, collection: str, *sizes: int) -> AsyncIterator[None]:
        """What Qdrant says about a collection becomes the errors of this room; *sizes* are those of given vectors."""
        async with understood(collection):
            try:
                async with understood(collection):
                    yield
            except DoesNotFit as error:
                await self._fits(collection, *sizes)
                raise VectorsUnavailable(f"Qdrant refused: {error}") from error


@asynccontextmanager
async def _soon() -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(SEARCH_SECONDS):
            yield
    except TimeoutError as error:
        raise VectorsUnavailable("Qdrant took too long to answer.") from error


def _size(info: models.CollectionInfo) -> int:
    vectors = info.config.params.vectors
    return vectors.size if isinstance(vectors, models.VectorParams) else 0


def _struct(point: Point) -> models.PointStruct:
    payload = {**point.payload, "tenant_id": point.tenant, TENANT: str(point.tenant), "kind": point.kind}
    return models.PointStruct(id=str(point.id), vector=point.vector.tolist(), payload=payload)


def _filter(tenant: int, kinds: Sequence[str] | None = None, ids: Sequence[UUID] | None = None) -> models.Filter:
    must: list[models.Condition] = [models.FieldCondition(key=TENANT, match=models.MatchValue(value=str(tenant)))]
    if kinds is not None:
        must.append(models.FieldCondition(key="kind", match=models.MatchAny(any=list(kinds))))
    if ids is not None:
        must.append(models.HasIdCondition(has_id=[str(i) for i in ids]))
    return models.Filter(must=must)
