"""The face of a vector index: pgvector and Qdrant behind the same few verbs, judged by one suite of tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from ..kernel.app import App

Vector = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Point:
    """One vector of *tenant*. ``payload`` is kept by backends that keep payloads; searches filter by *kind*."""

    id: UUID
    tenant: int
    kind: str
    vector: Vector
    payload: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class Near:
    """A point near the question; ``score`` is the cosine, -1..1."""

    id: UUID
    score: float


@dataclass(frozen=True, slots=True)
class VectorStats:
    """Points of all tenants in a collection, and the dimensions of its vectors."""

    points: int
    dimensions: int


class VectorIndex(Protocol):
    """Collections of vectors by name; a name may be an alias wherever something is read.

    Every verb raises ``UnknownCollection`` for a name that does not exist, ``DimensionMismatch`` when vectors do not
    fit, ``VectorsUnavailable`` when the backend does not answer.
    """

    backend: ClassVar[str]

    async def ensure(self, collection: str, dimensions: int) -> None:
        """Creates *collection* unless it is there already."""
        ...

    async def upsert(self, collection: str, points: Sequence[Point]) -> None:
        """Adds *points*; those with a known id are replaced."""
        ...

    async def delete(self, collection: str, tenant: int, ids: Sequence[UUID]) -> None:
        """Removes points of *tenant*; unknown ids are ignored."""
        ...

    async def search(
        self, collection: str, vector: Vector, k: int, tenant: int, kinds: Sequence[str] | None = None
    ) -> list[Near]:
        """The *k* nearest points of *tenant*, best first."""
        ...

    async def scores(self, collection: str, vector: Vector, tenant: int, ids: Sequence[UUID]) -> dict[UUID, float]:
        """Cosines of given points of *tenant*; unknown ids are left out."""
        ...

    async def fetch(self, collection: str, ids: Sequence[UUID]) -> dict[UUID, Vector]:
        """Stored vectors, normalised, of whichever tenant: equal texts are embedded once."""
        ...

    async def stats(self, collection: str) -> VectorStats:
        """How much is in there."""
        ...

    async def swap(self, alias: str, collection: str) -> None:
        """Lets *alias* name *collection* from now on, in one step."""
        ...

    async def drop(self, collection: str) -> None:
        """Removes a collection with all its points; nothing happens when it is gone already."""
        ...

    async def optimize(self, collection: str, tenant: int) -> None:
        """Builds what fast searches of this many points need; may take a minute. Nothing to do is normal."""
        ...

    async def aclose(self) -> None:
        """Gives back connections."""
        ...


def vector_index(app: App) -> VectorIndex:
    """The vector index of this process: Qdrant where an address is set, pgvector otherwise."""
    return app.once(_make)


def backend_name(app: App) -> str:
    """``qdrant`` or ``pgvector``, without connecting to it."""
    return "qdrant" if app.settings.qdrant_url else "pgvector"


def _make(app: App) -> VectorIndex:
    if app.settings.qdrant_url:
        from . import qdrant

        return qdrant.of(app)
    from .pgvector import PgVectorIndex

    return PgVectorIndex(app.db)
