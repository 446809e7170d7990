"""What a question finds: sources with their live rows, in the order of their rank."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

from ...kernel.errors import Invalid
from ...kernel.json import dumps


class UnknownTable(Invalid):
    """This table cannot be hydrated. Name one of those that are registered."""


@dataclass(frozen=True, slots=True)
class Source:
    """One numbered source of an answer. *content* is what the model is shown; *row* and *relations* are live data."""

    n: int
    id: str
    kind: str
    title: str
    content: str
    code: str | None = None
    url: str | None = None
    table: str | None = None
    row_id: int | None = None
    row_hash: str | None = None
    score: float | None = None
    cosine: float | None = None
    lexical_rank: int | None = None
    vector_rank: int | None = None
    row: dict[str, Any] | None = None
    relations: dict[str, list[dict[str, Any]]] = field(default_factory=dict[str, list[dict[str, Any]]])

    def as_json(self) -> dict[str, Any]:
        """The shape stored in ``rag_context.sources`` and sent to readers."""
        names = ("n", "id", "kind", "table", "row_id", "row_hash", "score", "cosine", "lexical_rank", "vector_rank")
        return {name: getattr(self, name) for name in (*names, "title", "code", "url", "content")}


@dataclass(frozen=True, slots=True)
class Found:
    """The sources of one question. *degraded* says which half of the search did not work, and why."""

    query: str
    retrieval_mode: str
    sources: list[Source]
    degraded: str | None = None

    def hydrated(self) -> dict[str, Any]:
        """The live rows by source id, as stored in ``rag_context.hydrated_data``."""
        return {s.id: {"row": s.row, "relations": s.relations} for s in self.sources if s.row is not None}


@dataclass(frozen=True, slots=True)
class Record:
    """One live row, its relations, and how it reads."""

    row_id: int
    title: str
    code: str | None
    url: str
    row: dict[str, Any]
    relations: dict[str, list[dict[str, Any]]]
    text: str

    @property
    def hash(self) -> str:
        """Fingerprint of everything that the answer may rest on."""
        return hashlib.sha256(dumps([self.row, self.relations]).encode()).hexdigest()[:32]
