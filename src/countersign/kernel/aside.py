"""A second thread of a worker, for jobs that wait for the servers of others: however long those take, the work goes on.

Each process has at most one; it begins with the first such job. Who is killed in it is taken over by lease, as ever.
"""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from typing import Any

from . import jobs
from .app import App
from .settings import Settings

MOST = 200  # at once; a worker that has so many open does the next one itself, and takes no more meanwhile
NAMES = 32  # that are looked up at once: a name server that hangs holds a thread
POOL = 4
PATIENCE = 3.0  # seconds for what is open when the worker stops


class Aside:
    """The thread, its loop, and an ``App`` of its own on it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings.model_copy(update={"pool_size": POOL})
        self._loop = asyncio.new_event_loop()
        self._loop.set_default_executor(ThreadPoolExecutor(NAMES, "aside"))
        self._thread = threading.Thread(target=self._loop.run_forever, name="aside", daemon=True)
        self._open: set[Future[Any]] = set()
        self._thread.start()
        self._app = asyncio.run_coroutine_threadsafe(self._begin(), self._loop).result()

    def take(self, claim: jobs.Claim) -> bool:
        """Begins the job and returns at once; False when too many are open."""
        if len(self._open) >= MOST:
            return False
        doing = asyncio.run_coroutine_threadsafe(jobs.perform(self._app, claim), self._loop)
        self._open.add(doing)
        doing.add_done_callback(self._open.discard)
        return True

    def close(self) -> None:
        """Waits a little for what is open; the rest is left to whoever comes after."""
        for doing in wait(list(self._open), PATIENCE).not_done:
            doing.cancel()
        with suppress(TimeoutError):
            asyncio.run_coroutine_threadsafe(self._app.__aexit__(), self._loop).result(PATIENCE)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(1)

    async def _begin(self) -> App:
        return await App(self._settings).__aenter__()
