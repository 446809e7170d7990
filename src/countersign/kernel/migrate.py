"""Brings a database to the current schema: migrations once each, then every room's objects, then the policies.

Safe on a live database: one migrator at a time (advisory lock), a lock time-out instead of a queue of blocked
readers, one transaction a migration, and nothing to do the second time.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources
from typing import Any

import psycopg

from .database import Tx
from .errors import Conflict, CountersignError, Unavailable

PACKAGE = "countersign"
# The order in which objects may name each other. A room that is missing here fails a test.
ROOMS = (
    "kernel",
    "accounts",
    "providers",
    "index",
    "knowledge.ouvrages",
    "knowledge.documents",
    "knowledge.tables",
    "knowledge.imports",
    "knowledge.agents",
    "knowledge.chat",
    "knowledge.learning",
    "knowledge.evaluation",
    "delivery.tasks",
    "delivery.runs",
    "delivery.validations",
    "delivery.metrics",
    "webhooks",
    "review",
)
LOCK = 0x636F756E  # "coun": any number, always the same
HISTORY = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    version integer PRIMARY KEY,
    name text NOT NULL,
    checksum text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)
"""


class MigrationChanged(Conflict):
    """A migration that was already applied has changed since. Restore its text and write a new one."""


class MigrationBusy(Unavailable):
    """Somebody holds a lock on a table that must change. Stop long queries and try again; nothing was changed."""


class DatabaseTooNew(Conflict):
    """This database was migrated by a newer version of the product. Install that version."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file ``NNNN_name.sql``."""

    version: int
    name: str
    text: str

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()


def migrations() -> list[Migration]:
    """Every migration, in order of its number."""
    found: list[Migration] = []
    for file in resources.files(PACKAGE).joinpath("migrations").iterdir():
        if match := re.fullmatch(r"(\d{4})_(\w+)\.sql", file.name):
            found.append(Migration(int(match[1]), match[2], file.read_text(encoding="utf-8")))
    return sorted(found, key=lambda m: m.version)


async def applied(tx: Tx) -> int:
    """Number of the newest migration that *tx*'s database has; 0 for none."""
    return int(await tx.value("SELECT max(version) FROM schema_migrations") or 0)


def objects() -> list[tuple[str, str]]:
    """``(room, text)`` of each room that has an ``objects.sql``, in the declared order."""
    found: list[tuple[str, str]] = []
    for room in ROOMS:
        file = resources.files(PACKAGE).joinpath(*room.split("."), "objects.sql")
        if file.is_file():
            found.append((room, file.read_text(encoding="utf-8")))
    return found


async def up(
    owner_url: str,
    *,
    to: int | None = None,
    lock_timeout: str = "5s",
    say: Callable[[str], None] = lambda _: None,
) -> list[Migration]:
    """Migrates the database of *owner_url*; returns what was applied now. *to* stops at that version (tests).

    Raises ``MigrationBusy``, ``MigrationChanged``, ``DatabaseTooNew``.
    """
    try:
        connection = await psycopg.AsyncConnection.connect(owner_url, autocommit=True)
    except psycopg.OperationalError as error:
        raise Unavailable(f"PostgreSQL does not answer: {str(error).splitlines()[0]}") from error
    async with connection:
        await connection.execute("SET client_min_messages = warning")
        await _lock(connection, lock_timeout)
        try:
            await connection.execute(HISTORY)
            return await _apply(connection, to, say)
        except psycopg.errors.LockNotAvailable as error:
            raise MigrationBusy() from error
        except psycopg.Error as error:
            raise CountersignError(f"The migration failed and was undone: {error}") from error
        finally:
            if not connection.broken:
                await connection.execute("SELECT pg_advisory_unlock(%s)", (LOCK,))


async def _lock(connection: psycopg.AsyncConnection[Any], lock_timeout: str) -> None:
    """Waits for another migrator to finish: it is doing our work."""
    await connection.execute("SET lock_timeout = '120s'")
    try:
        await connection.execute("SELECT pg_advisory_lock(%s)", (LOCK,))
    except psycopg.errors.LockNotAvailable as error:
        raise MigrationBusy(
            "Another migration has been running for two minutes. Look at it, then try again."
        ) from error
    await connection.execute("SELECT set_config('lock_timeout', %s, false)", (lock_timeout,))


async def _apply(
    connection: psycopg.AsyncConnection[Any], to: int | None, say: Callable[[str], None]
) -> list[Migration]:
    rows = await (await connection.execute("SELECT version, checksum FROM schema_migrations")).fetchall()
    done = {int(version): str(checksum) for version, checksum in rows}
    every = migrations()
    if done and max(done) > every[-1].version:
        raise DatabaseTooNew()
    now: list[Migration] = []
    for migration in every:
        if to is not None and migration.version > to:
            break
        if migration.version in done:
            if done[migration.version] != migration.checksum:
                raise MigrationChanged(f"Migration {migration.version:04} has changed since it was applied.")
            continue
        say(f"{migration.version:04} {migration.name}")
        async with connection.transaction():
            await connection.execute(migration.text.encode())
            await connection.execute(
                "INSERT INTO schema_migrations (version, name, checksum) VALUES (%s, %s, %s)",
                (migration.version, migration.name, migration.checksum),
            )
        now.append(migration)
    if to is None:
        await _apply_objects(connection, force=bool(now))
    return now


async def _apply_objects(connection: psycopg.AsyncConnection[Any], *, force: bool) -> None:
    """Functions, triggers, views and policies in one transaction; skipped when their text has not changed."""
    texts = objects()
    digest = hashlib.sha256("\0".join(text for _, text in texts).encode()).hexdigest()
    row = await (await connection.execute("SELECT obj_description('schema_migrations'::regclass)")).fetchone()
    if not force and row and row[0] == f"objects {digest}":
        return
    async with connection.transaction():
        for room, text in texts:
            try:
                await connection.execute(text.encode())
            except psycopg.errors.LockNotAvailable:
                raise
            except psycopg.Error as error:
                raise CountersignError(f"{room}/objects.sql: {error}") from error
        await connection.execute("CALL apply_tenant_policies()")
        await connection.execute(f"COMMENT ON TABLE schema_migrations IS 'objects {digest}'".encode())
