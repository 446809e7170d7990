"""What is searchable and what a search returns; the errors of this room."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

from ..kernel.errors import Conflict, NotFound, Unavailable

NAMESPACE = UUID("6f1c1a52-5d0e-5f7e-9f0b-0d6b6c3c9a11")


class DimensionMismatch(Conflict):
    """These vectors have another number of dimensions than their collection. Reindex it with the present embedder."""

    @classmethod
    def between(cls, collection: str, has: int, given: int) -> DimensionMismatch:
        """Names both sizes and the way out."""
        return cls(
            f"Collection “{collection}” holds vectors of {has} dimensions, but the embedder gives {given}. "
            f"Reindex it with the present embedder (`countersign index reindex {collection}`), or set the former "
            "embedder again (COUNTERSIGN_EMBEDDER).",
            collection=collection,
            has=has,
            given=given,
        )


class UnknownCollection(NotFound):
    """There is no such collection of vectors. Create it with `countersign index init`."""


class VectorsUnavailable(Unavailable):
    """The vector index does not answer. Lexical search still works; check Qdrant or PostgreSQL."""


class UnknownKind(NotFound):
    """No source of this kind is registered, so its entries cannot be read again."""


def point_id(kind: str, table: str, source_id: int) -> UUID:
    """UUIDv5 of a source row or passage: the id of its entry and of its point, the same for ever."""
    return uuid5(NAMESPACE, f"{kind}:{table}:{source_id}")


@dataclass(frozen=True, slots=True)
class Collection:
    """One generation of a collection of vectors. *physical* is the name that the backend knows."""

    id: int
    name: str
    generation: int
    physical: str
    backend: str
    embedder: str
    dimensions: int
    state: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Hit:
    """An entry that was found.

    ``score`` orders the hits of one search (0..1) and means nothing between searches; ``cosine`` and ``bm25`` are
    absolute. Ranks are places (from 1) in the first 40 of each half, None when it was not there. ``exact``: the
    question names its code.
    """

    id: UUID
    kind: str
    source_table: str
    source_id: int
    title: str
    code: str | None
    url: str | None
    content: str
    payload: dict[str, Any]
    score: float
    lexical_rank: int | None
    vector_rank: int | None
    cosine: float | None
    bm25: float
    exact: bool


@dataclass(frozen=True, slots=True)
class Searched:
    """Hits, best first. ``degraded`` says why the vector half is missing, None when it is not.

    ``embedder`` is the one that the collection was built with, when the question's vector comes from another.
    """

    hits: list[Hit]
    degraded: str | None = None
    embedder: str | None = None


@dataclass(frozen=True, slots=True)
class CollectionStats:
    """How far the index of a collection is, for one tenant. ``stale`` waits for the indexer, ``failed`` gave up,
    ``errors`` failed at least once since it changed."""

    collection: str
    kinds: list[str]
    entries: int
    points: int
    stale: int
    failed: int
    errors: int
    error: str | None
    backend: str | None
    embedder: str | None
    dimensions: int | None
    generation: int | None
    building: bool
    last_indexed: datetime | None


@dataclass(frozen=True, slots=True)
class FailedEntry:
    """An entry that could not be read or indexed. ``retry_at`` is None once it gave up: a change or a retry helps."""

    collection: str
    kind: str
    source_table: str
    source_id: int
    title: str | None
    code: str | None
    url: str | None
    error: str
    attempts: int
    retry_at: datetime | None


@dataclass(frozen=True, slots=True)
class Work:
    """The newest indexing job of a collection. ``error`` is why it failed or waits for another try at ``run_at``."""

    collection: str
    job: int
    rebuilds: bool
    status: str
    done: int | None
    total: int | None
    note: str | None
    error: str | None
    run_at: datetime
