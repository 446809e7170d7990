"""The face that every part of the stack has: start, ready, url, stop."""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar

from .errors import ServiceFailed, StackError, disk_full, says_full
from .home import Home
from .process import Process


class Service(ABC):
    """One supervised process of a home."""

    name: ClassVar[str]
    start_timeout: ClassVar[float] = 60.0
    stop_timeout: ClassVar[float] = 5.0
    poll: ClassVar[float] = 0.03

    def __init__(self, home: Home | Path) -> None:
        self.home = home if isinstance(home, Home) else Home(home)
        self.process: Process | None = None

    @property
    @abstractmethod
    def url(self) -> str:
        """Where clients reach it."""

    @abstractmethod
    async def launch(self) -> Process:
        """Prepares what it needs and starts the process. Raises ``StackError``."""

    @abstractmethod
    async def ready(self) -> bool:
        """Whether it answers now; never raises."""

    async def settled(self) -> None:
        """What remains to be done once it answers. Raises ``StackError``."""

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.alive

    async def start(self) -> None:
        """Starts it and returns when it answers. Raises ``StackError`` with its last words when it does not."""
        self.process = process = await self.launch()
        try:
            until = time.monotonic() + self.start_timeout
            while not await self.ready():
                if not process.alive:
                    raise self.failure(f"stopped while starting (exit code {process.returncode})")
                if time.monotonic() > until:
                    raise self.failure(f"did not answer within {self.start_timeout:.0f} s")
                await asyncio.sleep(self.poll)
            await self.settled()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Stops it and all its children; nothing happens when it does not run."""
        if self.process is not None:
            await self.process.stop(self.stop_timeout)

    def failure(self, what: str) -> StackError:
        """The error to raise, with the last line of its log."""
        said = self.process.output() if self.process else ""
        if says_full(said):
            return disk_full(self.home.path)
        lines = [line.strip() for line in said.splitlines() if line.strip()]
        reason = f": {lines[-1][:300]}" if lines else "."
        return ServiceFailed(f"{self.name} {what}{reason} (log: {self.home.log(self.name)})")
