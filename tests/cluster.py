"""One PostgreSQL for a whole test run: started when the first test asks, shared by every xdist worker, gone at the end.

The controller's thread keeps the server (it dies with that thread, however the run ends). Workers ask for it by a
file and clone databases from a template that was migrated once.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import secrets
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psutil
import psycopg

from countersign.kernel import migrate
from countersign.stack.postgres import Postgres

PREFIX = "countersign-tests-"
ENOUGH = 2_000_000_000  # bytes: template, clones and the log of changes take a tenth of it
TEMPLATE = "countersign_template"
APP_ROLE = "countersign_app"


@dataclass(frozen=True, slots=True)
class Clone:
    """One test's database: ``url`` for the application's role, ``owner_url`` for the superuser."""

    name: str
    url: str
    owner_url: str


class Keeper:
    """Lives in the controller. Nothing starts until a worker creates ``wanted``."""

    def __init__(self) -> None:
        place = _place()
        _sweep(place)
        self.directory = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=place))
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="cluster")
        self._thread.start()

    def _keep(self) -> None:
        wanted = self.directory / "wanted"
        while not wanted.exists():
            if self._over.wait(0.02):
                return
        server = Postgres(self.directory / "home", durable=False)
        try:
            self._announce(asyncio.run(_start(server)))
            self._over.wait()
        except Exception as error:
            self._announce({"error": f"{type(error).__name__}: {error}"})
        finally:
            asyncio.run(server.stop())
            server.home.forget_sockets()

    def _announce(self, state: dict[str, Any]) -> None:
        new = self.directory / "new"
        new.write_text(json.dumps(state))
        new.rename(self.directory / "ready")

    def end(self) -> None:
        """Stops the server and removes every trace of it."""
        self._over.set()
        self._thread.join()
        shutil.rmtree(self.directory, ignore_errors=True)


def _place() -> Path:
    """Memory where there is enough: a clone is a thousand small files, twenty times faster there than on a disk."""
    memory = Path("/dev/shm")
    if memory.is_dir() and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > ENOUGH:
        return memory
    return Path(tempfile.gettempdir())


def _sweep(place: Path) -> None:
    """Removes what runs that were killed have left behind; their servers died with them."""
    for left in place.glob(f"{PREFIX}*"):
        owner = left.name.removeprefix(PREFIX).split("-")[0]
        if owner.isdigit() and not psutil.pid_exists(int(owner)):
            shutil.rmtree(left, ignore_errors=True)


async def _start(server: Postgres) -> dict[str, Any]:
    await server.start()
    admin = server.address("postgres", "postgres")
    async with await psycopg.AsyncConnection.connect(admin, autocommit=True) as connection:
        await connection.execute("ALTER SYSTEM SET max_wal_size = '256MB'")
        await connection.execute("SELECT pg_reload_conf()")
        await connection.execute(f"CREATE DATABASE {TEMPLATE}")
    try:
        await migrate.up(server.address("postgres", TEMPLATE))
        migrated = None
    except Exception as error:
        migrated = f"the template could not be migrated: {error}"
    return {"sockets": str(server.sockets), "migrated": migrated}


class Cluster:
    """What a test process knows of the server."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._state: dict[str, Any] = {}

    @property
    def state(self) -> dict[str, Any]:
        """Where the server is; asks for it the first time. Raises RuntimeError when it cannot start."""
        if not self._state:
            (self._directory / "wanted").touch()
            until = time.monotonic() + 120
            while not (self._directory / "ready").exists():
                if time.monotonic() > until:
                    raise RuntimeError("PostgreSQL of the tests did not start within two minutes")
                time.sleep(0.02)
            self._state = json.loads((self._directory / "ready").read_text())
        if error := self._state.get("error"):
            raise RuntimeError(f"PostgreSQL of the tests did not start: {error}")
        return self._state

    def address(self, role: str, database: str) -> str:
        """Connection URL of *role* for *database*."""
        return f"postgresql://{role}@/{database}?host={quote(self.state['sockets'], safe='/')}&port=5432"

    def template(self, name: str, fill: Callable[[Clone], None]) -> str:
        """A template of that name, migrated and filled by *fill* once a run, whichever worker asks first."""
        made = self._directory / f"template-{name}"
        with (self._directory / f"lock-{name}").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not made.exists():
                with self.clone(keep_as=f"template_{name}") as clone:
                    fill(clone)
                made.touch()
        return f"template_{name}"

    @contextmanager
    def clone(
        self, *, migrated: bool = True, template: str | None = None, keep_as: str | None = None
    ) -> Iterator[Clone]:
        """A database of its own, dropped afterwards whoever is still connected, unless it is kept under a name."""
        if migrated and self.state["migrated"]:
            raise RuntimeError(self.state["migrated"])
        name = keep_as or f"test_{secrets.token_hex(6)}"
        template = template or (TEMPLATE if migrated else "template0")
        with psycopg.connect(self.address("postgres", "postgres"), autocommit=True) as admin:
            admin.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy".encode())
            try:
                yield Clone(name, self.address(APP_ROLE, name), self.address("postgres", name))
            finally:
                if not keep_as:
                    admin.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())
