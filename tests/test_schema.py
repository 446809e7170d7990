"""schema.sql is what the migrations build."""

from __future__ import annotations

from pathlib import Path

import psycopg

from countersign.kernel import migrate
from tests.cluster import Clone
from tests.schema_text import dump

KEPT = Path(__file__).parents[1] / "schema.sql"


async def test_migrations_build_the_schema(empty_database: str) -> None:
    await migrate.up(empty_database)
    assert dump(empty_database) == KEPT.read_text(), "run `make schema` and look at what it changes"


async def test_applying_the_objects_again_changes_nothing(database: Clone) -> None:
    before = dump(database.owner_url)
    async with await psycopg.AsyncConnection.connect(database.owner_url, autocommit=True) as connection:
        await connection.execute("COMMENT ON TABLE schema_migrations IS 'objects of another version'")
    await migrate.up(database.owner_url)
    assert dump(database.owner_url) == before
