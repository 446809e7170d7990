"""What one process shares: settings, the database, the doorbell, and whatever a room builds once."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any, Self, TypeVar, cast

from .bell import Bell
from .database import Database
from .settings import Settings

T = TypeVar("T")


class App:
    """``f(app, …)`` may talk to the network and opens short transactions around it; ``f(tx, …)`` is pure database."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.db = Database(settings.require_database(), settings.pool_size)
        self.bell = Bell(settings.redis_url)
        self.closing = AsyncExitStack()
        self._made: dict[Any, Any] = {}

    def once(self, make: Callable[[App], T]) -> T:
        """The one *make(app)* of this process; an object with ``aclose`` is closed with the app."""
        if make not in self._made:
            made = make(self)
            self._made[make] = made
            if callable(close := getattr(made, "aclose", None)):
                self.closing.push_async_callback(cast(Any, close))
        return cast(T, self._made[make])

    async def __aenter__(self) -> Self:
        self.db.bell = self.bell
        await self.db.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.closing.aclose()
        await self.db.close()
