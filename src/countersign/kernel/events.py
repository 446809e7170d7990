"""News goes up by name: an event is a row, a job for each subscriber, and a whisper to the pages that are open."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import psycopg
import structlog

from . import sql
from .app import App
from .database import Tx
from .json import dumps, loads

log = structlog.get_logger("kernel.events")
queries = sql.load(__package__ or "")

CHANNEL = "countersign"
SUBSCRIBERS: dict[str, list[str]] = defaultdict(list)
Witness = Callable[[Tx, str, int, dict[str, Any]], Awaitable[None]]
WITNESSES: list[Witness] = []


def on(event: str, job_name: str) -> None:
    """Every *event* enqueues the job *job_name* with ``event``, ``event_id`` and the event's data."""
    if job_name not in SUBSCRIBERS[event]:
        SUBSCRIBERS[event].append(job_name)


def witness(see: Witness) -> Witness:
    """*see* is called with every event (transaction, name, id, data) in the transaction that publishes it."""
    if see not in WITNESSES:
        WITNESSES.append(see)
    return see


async def publish(tx: Tx, event: str, /, **data: Any) -> None:
    """Records that *event* happened, in the transaction that made it so."""
    from .jobs import enqueue

    event_id = await tx.value(queries.add_event, name=event, data=dumps(data))
    for job_name in (*SUBSCRIBERS.get(event, ()), *SUBSCRIBERS.get("*", ())):
        await enqueue(tx, job_name, event=event, event_id=event_id, data=data)
    for see in WITNESSES:
        await see(tx, event, event_id, data)
    await whisper(tx, event, **data)


async def whisper(tx: Tx, event: str, /, **data: Any) -> None:
    """Tells open pages at commit, and is forgotten. Data over PostgreSQL's limit is left out: the page asks again."""
    tenant = tx.caller.tenant_id if tx.caller else None
    payload = dumps({"tenant": tenant, "event": event, "data": data})
    if len(payload.encode()) > 7900:
        payload = dumps({"tenant": tenant, "event": event, "data": {"id": data.get("id")}})
    await tx.run(queries.notify, payload=payload)


@dataclass(frozen=True, slots=True)
class News:
    """One whisper as a listener hears it."""

    tenant: int | None
    event: str
    data: dict[str, Any]


class Listener:
    """One LISTEN connection a process, fanned out to whoever follows. Reconnects by itself."""

    def __init__(self, app: App) -> None:
        self._url = app.db.url
        self._queues: set[asyncio.Queue[News]] = set()
        self._task: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def follow(self, tenant: int) -> AsyncIterator[asyncio.Queue[News]]:
        """A queue of the tenant's news, from now on. A reader that is too slow loses the oldest."""
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._listen(), name="events.listen")
        queue = _Queue(tenant)
        self._queues.add(queue)
        try:
            yield queue
        finally:
            self._queues.discard(queue)

    async def aclose(self) -> None:
        """Stops listening."""
        if self._task:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _listen(self) -> None:
        while True:
            try:
                async with await psycopg.AsyncConnection.connect(self._url, autocommit=True) as connection:
                    await connection.execute(f"LISTEN {CHANNEL}")
                    async for note in connection.notifies():
                        self._spread(News(**loads(note.payload)))
            except psycopg.Error as error:
                log.warning("events.deaf", error=str(error))
                await asyncio.sleep(1)

    def _spread(self, news: News) -> None:
        for queue in self._queues:
            if isinstance(queue, _Queue) and queue.tenant == news.tenant:
                if queue.full():
                    queue.get_nowait()
                queue.put_nowait(news)


class _Queue(asyncio.Queue[News]):
    def __init__(self, tenant: int) -> None:
        super().__init__(maxsize=1000)
        self.tenant = tenant
