"""Migrating is safe on a live database: once each, one at a time, whole or not at all."""

from __future__ import annotations

import asyncio
from typing import Any

import psycopg
import pytest

from countersign.kernel import migrate
from countersign.kernel.errors import CountersignError, Unavailable
from countersign.kernel.migrate import DatabaseTooNew, Migration, MigrationBusy, MigrationChanged, up
from tests.kernel.old_data import added_by, row_counts

# Filled only by functions and triggers, which guard what goes in; their own tests do that.
LATER = {"dynamic_changes", "human_validation_responses", "validation_actions", "validation_archive", "system_config"}
VERSIONS = [migration.version for migration in migrate.migrations()]


async def value(url: str, statement: str) -> Any:
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        row = await (await connection.execute(statement)).fetchone()
        return row[0] if row else None


def with_one_more(monkeypatch: pytest.MonkeyPatch, text: str) -> int:
    """Adds a migration to those of the product; returns its number."""
    version = VERSIONS[-1] + 1
    every = [*migrate.migrations(), Migration(version, "test", text)]
    monkeypatch.setattr(migrate, "migrations", lambda: every)
    return version


def test_numbers_are_without_gaps_and_names_are_words() -> None:
    assert list(range(1, len(VERSIONS) + 1)) == VERSIONS


# The newest transaction that wrote a function, trigger, policy, view or comment here. The cluster's own counter would
# also count what other tests write beside this one.
NEWEST = " UNION ALL ".join(
    f"SELECT max(xmin::text::bigint) AS x FROM {catalog}"
    for catalog in ("pg_proc", "pg_trigger", "pg_policy", "pg_rewrite", "pg_description", "schema_migrations")
)
NEWEST = f"SELECT max(x) FROM ({NEWEST}) AS written"


async def test_from_nothing_and_again(empty_database: str) -> None:
    said: list[str] = []
    assert [m.version for m in await up(empty_database, say=said.append)] == VERSIONS
    assert len(said) == len(VERSIONS)
    before = await value(empty_database, NEWEST)
    assert await up(empty_database, say=said.append) == []
    after = await value(empty_database, NEWEST)
    assert len(said) == len(VERSIONS)
    assert after == before, "the second time writes nothing"


@pytest.mark.parametrize("version", VERSIONS)
async def test_from_every_earlier_version_with_data_in_it(empty_database: str, version: int) -> None:
    await up(empty_database, to=version)
    async with await psycopg.AsyncConnection.connect(empty_database, autocommit=True) as connection:
        for number in VERSIONS[:version]:
            await connection.execute(added_by(number).encode())
        before = await row_counts(connection)
        empty = {table for table, count in before.items() if count == 0} - LATER
        assert not empty, "every table that existed then holds a row"
        assert [m.version for m in await up(empty_database)] == VERSIONS[version:]
        after = await row_counts(connection)
    lost = {table: (count, after.get(table, 0)) for table, count in before.items() if after.get(table, 0) < count}
    assert not lost, "rows must not disappear"


async def test_objects_are_applied_again_when_their_text_changes(
    database: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [
        *migrate.objects(),
        ("test", "CREATE OR REPLACE FUNCTION of_the_test() RETURNS int LANGUAGE sql RETURN 1;"),
    ]
    monkeypatch.setattr(migrate, "objects", lambda: texts)
    assert await up(database.owner_url) == []
    assert await value(database.owner_url, "SELECT of_the_test()") == 1


async def test_broken_objects_name_their_room_and_change_nothing(
    database: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [*migrate.objects(), ("test", "CREATE TABLE half (id int); SELECT nonsense;")]
    monkeypatch.setattr(migrate, "objects", lambda: texts)
    with pytest.raises(CountersignError, match=r"test/objects\.sql"):
        await up(database.owner_url)
    assert await value(database.owner_url, "SELECT to_regclass('half')") is None


async def test_a_migration_that_fails_is_undone_whole(database: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    version = with_one_more(monkeypatch, "CREATE TABLE half (id int); SELECT nonsense;")
    with pytest.raises(CountersignError, match="failed and was undone"):
        await up(database.owner_url)
    assert await value(database.owner_url, "SELECT to_regclass('half')") is None
    assert await value(database.owner_url, "SELECT max(version) FROM schema_migrations") == version - 1


async def test_a_changed_migration_is_refused(database: Any) -> None:
    await value(database.owner_url, "UPDATE schema_migrations SET checksum = 'x' WHERE version = 1 RETURNING 1")
    with pytest.raises(MigrationChanged, match="0001"):
        await up(database.owner_url)


async def test_a_newer_database_is_refused(database: Any) -> None:
    await value(
        database.owner_url,
        "INSERT INTO schema_migrations (version, name, checksum) VALUES (9999, 'future', 'x') RETURNING 1",
    )
    with pytest.raises(DatabaseTooNew):
        await up(database.owner_url)


async def test_two_migrators_at_once_do_the_work_once(empty_database: str) -> None:
    first, second = await asyncio.gather(up(empty_database), up(empty_database))
    assert sorted([len(first), len(second)]) == [0, len(VERSIONS)]
    assert await value(empty_database, "SELECT count(*) FROM schema_migrations") == len(VERSIONS)


async def test_a_busy_table_is_said_soon_and_nothing_changes(database: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    version = with_one_more(monkeypatch, "CREATE TABLE half (id int); ALTER TABLE users ADD COLUMN later text;")
    async with await psycopg.AsyncConnection.connect(database.owner_url) as reader:
        await reader.execute("SELECT * FROM users")  # an open transaction that holds its lock
        started = asyncio.get_running_loop().time()
        with pytest.raises(MigrationBusy):
            await up(database.owner_url, lock_timeout="200ms")
        assert asyncio.get_running_loop().time() - started < 60
        assert await value(database.owner_url, "SELECT to_regclass('half')") is None
        await reader.rollback()
        assert [m.version for m in await up(database.owner_url)] == [version]


async def test_busy_objects_are_said_too(database: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [*migrate.objects(), ("test", "ALTER TABLE users ALTER COLUMN name SET STATISTICS 200;")]
    monkeypatch.setattr(migrate, "objects", lambda: texts)
    async with await psycopg.AsyncConnection.connect(database.owner_url) as writer:
        await writer.execute("LOCK TABLE users IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(MigrationBusy):
            await up(database.owner_url, lock_timeout="200ms")


async def test_no_server_is_one_line() -> None:
    with pytest.raises(Unavailable, match="PostgreSQL does not answer: ") as caught:
        await up("postgresql://postgres@/nothing?host=/nonexistent")
    assert "\n" not in caught.value.detail
