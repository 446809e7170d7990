"""A search: both halves at once, each candidate's missing figure computed, one ranking, the rows of the best."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import structlog

from ..kernel import metrics, sql
from ..kernel.access import Caller
from ..kernel.app import App
from ..kernel.json import loads
from ..kernel.sql import Statement
from .fuse import fuse
from .models import DimensionMismatch, Hit, Searched, UnknownCollection, VectorsUnavailable
from .vectors import Near, Vector, VectorIndex, backend_name, vector_index

log = structlog.get_logger("index.search")
queries = sql.load(__package__ or "")

CANDIDATES = 40
WIDE = 400


@dataclass(frozen=True, slots=True)
class _Entry:
    """A candidate with its BM25, and its row: one transaction less, and only the best payloads are parsed."""

    id: UUID
    score: float
    exact: bool
    kind: str
    source_table: str
    source_id: int
    title: str
    code: str | None
    url: str | None
    content: str
    payload: str


@dataclass(frozen=True, slots=True)
class _Hidden:
    id: UUID


@dataclass(frozen=True, slots=True)
class _Built:
    embedder: str


@dataclass(frozen=True, slots=True)
class _Question:
    """What stays the same through one search."""

    app: App
    caller: Caller
    collection: str
    text: str
    vector: Vector | None
    kinds: list[str] | None
    embedder: str | None
    generation: str | None = None

    @property
    def place(self) -> str:
        """Where the vectors are looked for: whatever answers by the collection's name, or one *generation* of it."""
        return self.generation or self.collection

    @property
    def index(self) -> VectorIndex:
        return vector_index(self.app)


async def search(
    app: App,
    caller: Caller,
    collection: str,
    query_text: str,
    query_vector: Vector | None = None,
    k: int = 5,
    kinds: Sequence[str] | None = None,
    *,
    embedder: str | None = None,
    generation: str | None = None,
) -> Searched:
    """The *k* best entries of the caller's tenant in *collection*, best first.

    ``query_vector`` comes from the embedder named *embedder*; without one, or when the vector half fails or belongs to
    another embedder, BM25 alone answers and ``degraded`` says why: ``no-vector``, ``not-indexed``,
    ``dimension-mismatch``, ``embedder-changed``, ``vectors-unavailable``. A hit of another tenant is dropped and
    logged as an alarm. *generation* searches the vectors of that physical collection instead, to compare two.
    """
    wanted = list(kinds) if kinds is not None else None
    asked = _Question(app, caller, collection, query_text, query_vector, wanted, embedder, generation)
    found, gone = await _attempt(asked, k, max(CANDIDATES, k))
    if gone and len(found.hits) < k:  # many entries were deleted just now and their vectors not yet
        found, _ = await _attempt(asked, k, max(WIDE, 4 * k), alarmed=True)
    return found


async def _attempt(asked: _Question, k: int, most: int, *, alarmed: bool = False) -> tuple[Searched, int]:
    """What was found, and how many vector hits have no live entry."""
    lexical, (near, degraded), other = await asyncio.gather(
        _lexical(asked, most), _nearest(asked, most), _other_embedder(asked)
    )
    if other is not None:
        near, degraded = [], degraded or "embedder-changed"
    entries = {entry.id: entry for entry in lexical}
    nearest = {hit.id: hit.score for hit in near}
    others, cosines = await asyncio.gather(
        _bm25_of(asked, [hit.id for hit in near if hit.id not in entries]),
        _cosines_of(asked, [entry.id for entry in lexical if entry.id not in nearest], bool(near)),
    )
    entries |= {entry.id: entry for entry in others}
    gone = [hit.id for hit in near if hit.id not in entries]
    if gone and not alarmed:
        await _alarm(asked, gone)
    ranking = fuse(
        {key: score for key, score in {**nearest, **cosines}.items() if key in entries},
        {key: entry.score for key, entry in entries.items()},
        [entry.id for entry in lexical if entry.exact],
    )[:k]
    lexical_rank = {entry.id: place for place, entry in enumerate(lexical, 1)}
    vector_rank = {hit.id: place for place, hit in enumerate(near, 1)}
    hits = [
        Hit(
            id=entry.id,
            kind=entry.kind,
            source_table=entry.source_table,
            source_id=entry.source_id,
            title=entry.title,
            code=entry.code,
            url=entry.url,
            content=entry.content,
            payload=loads(entry.payload),
            score=found.score,
            lexical_rank=lexical_rank.get(entry.id),
            vector_rank=vector_rank.get(entry.id),
            cosine=nearest.get(entry.id, cosines.get(entry.id)),
            bm25=entry.score,
            exact=found.exact,
        )
        for found in ranking
        for entry in (entries[found.key],)
    ]
    return Searched(hits, degraded, other), len(gone)


async def _lexical(asked: _Question, most: int) -> list[_Entry]:
    """The lexical half."""
    return await _entries(asked, queries.lexical, most=most)


async def _entries(asked: _Question, statement: Statement, **given: Any) -> list[_Entry]:
    return await asked.app.db.read(
        asked.caller,
        _Entry,
        statement,
        collection=asked.collection,
        question=asked.text,
        kinds=asked.kinds,
        **given,
    )


async def _other_embedder(asked: _Question) -> str | None:
    """The collection's embedder where it is not the question's."""
    if asked.vector is None or asked.embedder is None:
        return None
    built = await asked.app.db.read(
        asked.caller, _Built, queries.active_embedder, name=asked.collection, backend=backend_name(asked.app)
    )
    return next((one.embedder for one in built if one.embedder != asked.embedder), None)


async def _nearest(asked: _Question, most: int) -> tuple[list[Near], str | None]:
    """The vector half, or why there is none."""
    if asked.vector is None:
        return [], "no-vector"
    try:
        tenant = asked.caller.tenant_id
        return await asked.index.search(asked.place, asked.vector, most, tenant, asked.kinds), None
    except UnknownCollection:
        return [], "not-indexed"
    except DimensionMismatch as error:
        log.error("index.dimension_mismatch", **error.extra)
        return [], "dimension-mismatch"
    except VectorsUnavailable as error:
        log.warning("index.vectors_unavailable", reason=error.detail)
        return [], "vectors-unavailable"


async def _bm25_of(asked: _Question, ids: list[UUID]) -> list[_Entry]:
    """The entries of vector hits; those that are deleted or hidden are missing."""
    if not ids:
        return []
    return await _entries(asked, queries.bm25_of, ids=ids)


async def _cosines_of(asked: _Question, ids: list[UUID], works: bool) -> dict[UUID, float]:
    if asked.vector is None or not ids or not works:
        return {}
    try:
        return await asked.index.scores(asked.place, asked.vector, asked.caller.tenant_id, ids)
    except VectorsUnavailable as error:
        log.warning("index.vectors_unavailable", reason=error.detail)
        return {}


async def _alarm(asked: _Question, ids: list[UUID]) -> None:
    """A vector of another tenant must never have come: counted and logged. An entry deleted just now is no news."""
    hidden = await asked.app.db.read(
        asked.caller, _Hidden, queries.hidden_entries, collection=asked.collection, ids=ids
    )
    if hidden:
        metrics.HIDDEN_HITS.inc(len(hidden))
        log.error(
            "index.hidden_hit",
            alarm=True,
            collection=asked.collection,
            tenant=asked.caller.tenant_id,
            entries=[entry.id for entry in hidden],
        )
