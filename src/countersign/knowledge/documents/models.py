"""A document and its passages."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from ...kernel.errors import Invalid, NotFound


class NoSuchDocument(NotFound):
    """There is no such document, or it was deleted."""


class EmptyDocument(Invalid):
    """This document holds no text that could be found."""


@dataclass(frozen=True, slots=True)
class Document:
    """One live document; *content* is its text as it was cut into passages."""

    id: int
    uuid: UUID
    collection: str
    title: str
    source: str
    category: str | None
    url: str | None
    media_type: str
    size_bytes: int
    content: str | None
    chunk_count: int
    status: str
    error: str | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Passage:
    """One passage: ``content[char_start:char_end]`` of its document."""

    id: int
    position: int
    breadcrumb: str
    content: str
    char_start: int | None
    char_end: int | None
    document_uuid: UUID
    title: str


@dataclass(frozen=True, slots=True)
class NewDocument:
    """A Markdown text to be added to a collection. *source* says where it comes from and is replaced as a whole."""

    collection: str
    title: str
    source: str
    content: str
    category: str | None = None
    url: str | None = None
    language: str | None = "fr"
    media_type: str = "text/markdown"
