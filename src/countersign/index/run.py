"""One run of the indexer over one tenant's part of a collection: who, where, how far."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeAlias

from ..kernel.access import Caller
from ..kernel.app import App
from ..kernel.database import Tx
from ..kernel.sql import Statement

Progress: TypeAlias = Callable[[int, int | None, str | None], Awaitable[None]]


@dataclass(slots=True)
class Report:
    """What one run did, in entries. ``embedded`` texts went to the embedder; other vectors were known already."""

    read: int = 0
    removed: int = 0
    indexed: int = 0
    embedded: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True)
class Run:
    """``progress(done, total, note)`` is told what happens; it may raise to stop the run."""

    app: App
    caller: Caller
    collection: str
    progress: Progress | None = None
    report: Report = field(default_factory=Report)

    @asynccontextmanager
    async def transaction(self, *, read_only: bool = False) -> AsyncIterator[Tx]:
        """One short transaction of the tenant."""
        async with self.app.db.transaction(self.caller, read_only=read_only) as tx:
            yield tx

    async def count(self, statement: Statement, **more: int | None) -> int:
        """The number that *statement* returns for the collection."""
        async with self.transaction(read_only=True) as tx:
            return int(await tx.value(statement, collection=self.collection, **more))

    async def tell(self, done: int, total: int, note: str) -> None:
        """Shows how far it is."""
        if self.progress is not None:
            await self.progress(done, max(total, done), note)
