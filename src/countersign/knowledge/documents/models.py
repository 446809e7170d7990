"""A document and its passages."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from ...kernel.errors import Invalid, NotFound


class NoSuchDocument(NotFound):
    """There is no such document, or it was deleted."""


class EmptyDocument(Invalid):
    """This document holds no text that could be found."""


class BadDocument(Invalid):
    """This file cannot be read as a document. Its error says what to change."""


class NoSuchReader(NotFound):
    """No active agent of this name answers from documents. Name one whose retrieval mode is TEXT_ONLY."""


class NoFile(Invalid):
    """No file was sent. Choose one or several: %(kinds)s."""


class NoPlace(Invalid):
    """“replace” is no document's uuid."""


@dataclass(frozen=True, slots=True)
class Reader:
    """An agent that answers from the documents of a collection."""

    slug: str
    name: str
    collection: str


@dataclass(frozen=True, slots=True)
class Document:
    """One document without its text. *part_count* is how many texts a JSON file held; *done* of *total*: how far it
    is read; *deleted_at*: since when another has its place, or nobody."""

    id: int
    uuid: UUID
    collection: str
    title: str
    source: str
    category: str | None
    url: str | None
    media_type: str
    size_bytes: int
    page_count: int | None
    chunk_count: int
    part_count: int
    status: str
    error: str | None
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None
    done: int | None
    total: int | None


@dataclass(frozen=True, slots=True)
class Passage:
    """Characters *char_start* to *char_end* of a document; *last_page* when they end on a later one than *page*."""

    id: int
    position: int
    breadcrumb: str
    content: str
    page: int | None
    last_page: int | None
    char_start: int | None
    char_end: int | None
    document_uuid: UUID
    title: str


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Characters *start* and following of a document; *whole* when nothing is missing."""

    text: str
    start: int
    whole: bool


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that was taken in; *duplicate* when the very same bytes were there already."""

    id: int
    uuid: UUID
    source: str
    status: str
    job_id: int | None
    duplicate: bool


@dataclass(frozen=True, slots=True)
class Waiting:
    """A file that a job is to read."""

    id: int
    uuid: UUID
    collection: str
    source: str
    media_type: str
    metadata: dict[str, Any]

    @property
    def name(self) -> str:
        """The name that its sender gave it."""
        return str(self.metadata.get("name") or self.source)


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
