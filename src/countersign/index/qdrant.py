"""Vectors in Qdrant: one collection for all tenants, kept apart by a payload filter that its index knows."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import ClassVar
from uuid import UUID

import httpx
import numpy as np
from qdrant_client import AsyncQdrantClient, models
from qdrant_client.http.exceptions import ApiException, ResponseHandlingException, UnexpectedResponse

from ..kernel.settings import Settings
from .models import DimensionMismatch, UnknownCollection, VectorsUnavailable
from .vectors import Near, Point, Vector, VectorStats

BATCH = 256
TENANT = "tenant"


def connect(settings: Settings) -> AsyncQdrantClient:
    """A client of the configured server; it connects when it is first used."""
    key = settings.qdrant_api_key.get_secret_value() if settings.qdrant_api_key else None
    return AsyncQdrantClient(url=settings.qdrant_url, api_key=key, timeout=10, check_compatibility=False)


class QdrantIndex:
    """Payloads carry the seed's fields and ``tenant_id``. ``tenant`` is its text: only text can be a tenant index."""

    backend: ClassVar[str] = "qdrant"

    def __init__(self, client: AsyncQdrantClient) -> None:
        self._client = client

    async def ensure(self, collection: str, dimensions: int) -> None:
        async with self._talk(collection):
            if await self._client.collection_exists(collection):
                has = await self._dimensions(collection)
                if has != dimensions:
                    raise DimensionMismatch.between(collection, has, dimensions)
                return
            await self._client.create_collection(
                collection,
                vectors_config=models.VectorParams(size=dimensions, distance=models.Distance.COSINE, on_disk=False),
                hnsw_config=models.HnswConfigDiff(m=16, ef_construct=100),
                optimizers_config=models.OptimizersConfigDiff(memmap_threshold=20_000, indexing_threshold=10_000),
                replication_factor=1,
                write_consistency_factor=1,
            )
            tenant = models.KeywordIndexParams(type=models.KeywordIndexType.KEYWORD, is_tenant=True)
            await self._client.create_payload_index(collection, TENANT, tenant)
            for name, kind in (("tenant_id", "integer"), ("kind", "keyword")):
                await self._client.create_payload_index(collection, name, models.PayloadSchemaType(kind))

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
        async with self._talk(collection, len(vector)):
            found = await self._client.query_points(
                collection,
                query=vector.tolist(),
                query_filter=_filter(tenant, kinds),
                limit=k,
                with_payload=False,
                search_params=models.SearchParams(hnsw_ef=max(200, 4 * k)),
            )
        return [Near(UUID(str(point.id)), point.score) for point in found.points]

    async def scores(self, collection: str, vector: Vector, tenant: int, ids: Sequence[UUID]) -> dict[UUID, float]:
        if not ids:
            return {}
        async with self._talk(collection, len(vector)):
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
        info = await self._client.get_collection(collection)
        vectors = info.config.params.vectors
        return vectors.size if isinstance(vectors, models.VectorParams) else 0

    async def _fits(self, collection: str, *sizes: int) -> None:
        has = await self._dimensions(collection)
        for size in sizes:
            if size != has:
                raise DimensionMismatch.between(collection, has, size)

    @asynccontextmanager
    async def _talk(self, collection: str, *sizes: int) -> AsyncIterator[None]:
        """What Qdrant, over HTTP or in memory, says about a collection becomes the errors of this room."""
        try:
            yield
        except UnexpectedResponse as error:
            if error.status_code == 404:
                raise UnknownCollection(f"There is no collection “{collection}” of vectors.") from error
            if error.status_code == 400:
                await self._fits(collection, *sizes)
            raise VectorsUnavailable(f"Qdrant refused: {_first_line(error)}") from error
        except (ResponseHandlingException, ApiException, httpx.HTTPError) as error:
            raise VectorsUnavailable(f"Qdrant does not answer: {_first_line(error)}") from error
        except ValueError as error:
            if "not found" in str(error):
                raise UnknownCollection(f"There is no collection “{collection}” of vectors.") from error
            await self._fits(collection, *sizes)
            raise


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


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:300]
