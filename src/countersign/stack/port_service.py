"""A service on a loopback port: the port is chosen once and kept, so that a restarted service is found again."""

from __future__ import annotations

from pathlib import Path

from .errors import ServiceFailed
from .home import Home, free_port
from .service import Service

HOST = "127.0.0.1"
TAKEN = "in use"
ATTEMPTS = 3


class PortService(Service):
    """Adds ``port``; another one is tried when somebody takes it between the choice and the start.

    Who tells the address to others before the start sets ``pinned``: then it is this port or none.
    """

    def __init__(self, home: Home | Path) -> None:
        super().__init__(home)
        self.port = free_port(HOST)
        self.pinned = False

    async def start(self) -> None:
        for attempt in range(ATTEMPTS):
            try:
                await super().start()
            except ServiceFailed:
                said = self.process.output().lower() if self.process else ""
                if self.pinned or TAKEN not in said or attempt == ATTEMPTS - 1:
                    raise
                self.port = free_port(HOST)
            else:
                self.pinned = True
                return
