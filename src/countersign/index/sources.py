"""Where entries come from: each room says once how its rows read as searchable text."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from ..kernel.database import Tx
from ..kernel.sql import Statement
from .models import UnknownKind


@dataclass(frozen=True, slots=True)
class Source:
    """A kind of entry.

    ``read``: statement with ``%(ids)s::bigint[]`` (NULL: every row) that returns ``source_id, title, code, url,
    content, payload`` of the rows that exist; what it leaves out is removed from the index. ``indexed``: optional
    statement with ``%(ids)s::bigint[]`` and ``%(points)s::uuid[]`` of equal length, run in the transaction that records
    that their vectors are stored. ``within``: optional statement that returns one array, the ids of the rows that
    belong into ``%(collection)s``; without it every row belongs into whichever collection is filled.
    """

    kind: str
    table: str
    read: Statement | str
    indexed: Statement | str | None = None
    within: Statement | str | None = None

    @property
    def every_id(self) -> str:
        """Statement that returns one array, the ``source_id`` of every row, for ``%(ids)s`` NULL."""
        text = self.read if isinstance(self.read, str) else self.read.text
        return f"SELECT coalesce(array_agg(source_id), '{{}}')::bigint[] FROM ({text}) AS every_row"


@dataclass(frozen=True, slots=True)
class Rendered:
    """One row as its room reads it."""

    source_id: int
    title: str | None
    code: str | None
    url: str | None
    content: str
    payload: dict[str, Any]


Resolver: TypeAlias = Callable[[Tx, str], Awaitable[Source | None]]

SOURCES: dict[str, Source] = {}
RESOLVERS: list[Resolver] = []


def register(source: Source) -> Source:
    """Makes *source* known. A second registration of its kind replaces the first."""
    SOURCES[source.kind] = source
    return source


def resolve_with(resolver: Resolver) -> Resolver:
    """Registers ``async def f(tx, kind) -> Source | None`` for kinds that only the database knows (tables of users)."""
    if resolver not in RESOLVERS:
        RESOLVERS.append(resolver)
    return resolver


async def source_of(tx: Tx, kind: str) -> Source:
    """The source of *kind*. Raises ``UnknownKind``."""
    if kind in SOURCES:
        return SOURCES[kind]
    for resolver in RESOLVERS:
        if found := await resolver(tx, kind):
            return found
    raise UnknownKind(f"Nothing is registered that reads entries of kind “{kind}”.", kind=kind)
