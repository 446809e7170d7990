"""Starts the parts in the order of their needs, starts again what falls, stops all of it."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from .. import __version__
from ..kernel.errors import CountersignError
from ..kernel.settings import Settings
from .errors import PackageMissing, ServiceFailed
from .plan import Plan, told
from .process import rotate
from .processes import Web, Worker
from .service import Service

ROTATE_SECONDS = 60.0
CALM_SECONDS = 60.0  # a service that ran this long has earned a quick restart
LONGEST_PAUSE = 300.0


@dataclass(frozen=True, slots=True)
class News:
    """What happened to a part: ``starting``, ``ready`` (after *seconds*), ``fell`` (back in *seconds*), ``failed``."""

    name: str
    state: str
    seconds: float = 0.0
    detail: str = ""


Tell = Callable[[News], None]
Prepare = Callable[[Settings], Awaitable[None]]


class Supervisor:
    """One instance on one home. The home must be prepared and locked by the caller."""

    def __init__(self, plan: Plan, tell: Tell) -> None:
        self.plan = plan
        self._tell = tell
        self._own: list[Service] = []
        self._keepers: set[asyncio.Task[None]] = set()
        self._started = datetime.now(UTC)
        self._settings: Settings | None = None
        self._serving = False

    @property
    def services(self) -> list[Service]:
        """Every part that this supervisor runs, in the order of their start."""
        return [*self.plan.embedded, *self._own]

    async def start(self, prepare: Prepare) -> Settings:
        """Starts the services, runs *prepare* on the completed settings (migrations), then our processes.

        Our processes need the database and the broker; the models may still be loading while they start. Raises
        ``StackError`` or another ``CountersignError``; the caller then calls ``stop``.
        """
        slow = asyncio.gather(*(self._try(service) for service in self.plan.models_and_embedder))
        try:
            await self._together(self.plan.stores)
            settings = self.plan.complete()
            self._settings = settings
            self._announce()
            await self._step("database", prepare(settings))
            self._own = [Web(settings), Worker(settings)]
            await self._together(self._own)
            await slow
        finally:
            slow.cancel()
            await asyncio.gather(slow, return_exceptions=True)
        self._serving = True
        self._announce()
        return settings

    async def keep(self) -> None:
        """Restarts what falls until cancelled."""
        self._keepers = {asyncio.create_task(self._keep(service), name=service.name) for service in self.services}
        while True:
            await asyncio.sleep(ROTATE_SECONDS)
            for service in self.services:
                with suppress(OSError):  # a full disk is reported by whoever needs it
                    rotate(self.plan.home.log(service.name))

    async def stop(self) -> None:
        """Stops everything: first who uses, then who is used, the database last."""
        for task in self._keepers:
            task.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        postgres = [service for service in self.plan.embedded if service is self.plan.postgres]
        others = [service for service in self.plan.embedded if service is not self.plan.postgres]
        for group in (self._own, others, postgres):
            await asyncio.gather(*(service.stop() for service in group))
        self.plan.home.withdraw()
        self.plan.home.forget_sockets()

    def kill(self) -> None:
        """Ends everything at once; nothing that was committed is lost."""
        for service in reversed(self.services):
            if service.process is not None:
                service.process.kill()

    async def _together(self, services: Iterable[Service]) -> None:
        """Starts *services* at once; the first error stops the waiting for the others and is raised."""
        tasks = [asyncio.create_task(self._begin(service)) for service in services]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _begin(self, service: Service) -> None:
        await self._step(service.name, service.start())
        self._announce()

    async def _try(self, service: Service) -> None:
        """Starts *service* or goes on without it: the product finds and quotes records without a model, and says so."""
        try:
            await self._begin(service)
        except (ServiceFailed, PackageMissing) as error:
            self._tell(News(service.name, "failed", detail=error.detail))

    async def _step(self, name: str, work: Awaitable[Any]) -> None:
        begun = time.monotonic()
        self._tell(News(name, "starting"))
        try:
            await work
        except BaseException:
            self._tell(News(name, "failed", time.monotonic() - begun))
            raise
        self._tell(News(name, "ready", time.monotonic() - begun))

    async def _keep(self, service: Service) -> None:
        """Waits for *service* to fall and starts it again, after a pause that doubles while it keeps falling."""
        pause = 1.0
        while True:
            if (process := service.process) is None:
                return
            code = await process.wait()
            if time.monotonic() - process.started > CALM_SECONDS:
                pause = 1.0
            self._tell(News(service.name, "fell", pause, ending(code)))
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)
            begun = time.monotonic()
            try:
                await service.start()
            except CountersignError as error:
                self._tell(News(service.name, "failed", time.monotonic() - begun, error.detail))
            else:
                self._tell(News(service.name, "ready", time.monotonic() - begun))
            self._announce()

    def _announce(self) -> None:
        if self._settings is None:
            return
        state = {
            "version": __version__,
            "pid": os.getpid(),
            "started_at": self._started.isoformat(),
            "services": self.plan.addresses(self._settings, serving=self._serving),
            "processes": {s.name: s.process.pid for s in self.services if s.process is not None and s.alive},
            "settings": told(self._settings),
        }
        self.plan.home.announce(state)


def ending(code: int) -> str:
    """How a process ended, in words: ``exit code 1`` or ``signal 9``."""
    return f"signal {-code}" if code < 0 else f"exit code {code}"
