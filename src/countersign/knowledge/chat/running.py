"""The answers that this process is writing: who reads one may come late, leave and come back; only stopping ends it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, suppress
from itertools import groupby
from uuid import UUID

from ...kernel import events
from ...kernel.access import Caller
from ...kernel.app import App
from ...kernel.database import Tx
from ...providers.chat import ChatModels
from .models import ChatEvent, Started, Token

STOP = "message.stop"


class Live:
    """One answer as it comes, whether anybody reads it or not. Whoever follows it gets all of it."""

    def __init__(self, first: ChatEvent) -> None:
        self._heard = [first]
        self._changed = asyncio.Event()
        self._ended = False

    def add(self, what: ChatEvent) -> None:
        """*what* happened."""
        self._heard.append(what)
        self._wake()

    def end(self) -> None:
        """Nothing more will happen."""
        self._ended = True
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def follow(self) -> AsyncGenerator[ChatEvent, None]:
        """Everything from the beginning, then as it happens; pieces of text that wait are joined."""
        place = 0
        while True:
            changed = self._changed
            waiting = self._heard[place:]
            place += len(waiting)
            for kind, group in groupby(waiting, type):
                if kind is Token:
                    yield Token("".join(piece.text for piece in group if isinstance(piece, Token)))
                else:
                    for what in group:
                        yield what
            if self._ended and place == len(self._heard):
                return
            if place == len(self._heard):
                await changed.wait()


class Running:
    """Every answer that is written here, and the news that asks to stop one. ``closing``: the process is ending."""

    def __init__(self, app: App) -> None:
        app.once(ChatModels)  # closed after this, which still needs it
        self._listener = app.once(events.Listener)
        self._stops: dict[UUID, asyncio.Event] = {}
        self._live: dict[UUID, Live] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.closing = False

    async def aclose(self) -> None:
        """Ends what is still being written; each answer is stored as interrupted."""
        self.closing = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def begin(self, answering: AsyncGenerator[ChatEvent, None]) -> Live:
        """Starts *answering* and lets it go on by itself. Raises what it raises before its first event."""
        first = await anext(answering)
        assert isinstance(first, Started)
        live = self._live[first.message] = Live(first)
        task = asyncio.create_task(self._write(first.message, live, answering), name=f"answer.{first.message}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return live

    async def _write(self, message: UUID, live: Live, answering: AsyncGenerator[ChatEvent, None]) -> None:
        try:
            async for what in answering:
                live.add(what)
        finally:
            await answering.aclose()
            del self._live[message]
            live.end()

    def live(self, message: UUID) -> Live | None:
        """The answer *message*, if it is written here just now."""
        return self._live.get(message)

    def stop(self, message: UUID) -> None:
        """Stops *message* if it is written here."""
        if message in self._stops:
            self._stops[message].set()

    @asynccontextmanager
    async def register(self, caller: Caller, message: UUID) -> AsyncIterator[asyncio.Event]:
        """An event that is set once somebody, in any process, asks for *message* to stop."""
        asked = self._stops[message] = asyncio.Event()
        hearing = asyncio.create_task(self._hear(caller, message))
        try:
            yield asked
        finally:
            del self._stops[message]
            hearing.cancel()
            with suppress(asyncio.CancelledError):
                await hearing

    async def _hear(self, caller: Caller, message: UUID) -> None:
        async with self._listener.follow(caller.tenant_id) as queue:
            while True:
                news = await queue.get()
                if news.event == STOP and news.data.get("id") == str(message):
                    self.stop(message)


async def request_stop(tx: Tx, message: UUID) -> None:
    """Tells every process to stop *message*."""
    await events.whisper(tx, STOP, id=str(message))
