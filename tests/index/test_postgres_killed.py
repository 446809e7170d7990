"""PostgreSQL is really killed (signal 9) while the alias of a collection moves: one state or the other, and on it goes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import psutil
import psycopg
import pytest

from countersign.index import generations
from countersign.index.models import Collection
from countersign.index.vectors import backend_name, vector_index
from countersign.kernel import jobs, migrate
from countersign.kernel.access import system
from countersign.kernel.errors import Unavailable
from countersign.kernel.settings import Settings
from countersign.stack.postgres import Postgres
from tests.cluster import Clone
from tests.index.conftest import Shop

# The first alias that moves, or the first row that says which generation answers, waits for the kill.
SLOW = (
    "CREATE FUNCTION waits() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(600); RETURN new; END $$",
    "CREATE TRIGGER slow BEFORE UPDATE OF {column} ON {table} FOR EACH ROW WHEN ({when}) EXECUTE FUNCTION waits()",
)
MOMENTS = {
    "while the alias moves": ("alias", "vector_tables", "new.alias IS NOT NULL"),
    "after it has moved": ("state", "index_collections", "new.state = 'active'"),
}
SLEEPS = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"


@pytest.fixture
def backend() -> str:
    return "pgvector"


@pytest.fixture
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Postgres]:
    """A PostgreSQL of this test's own, durable as in production."""
    made = Postgres(tmp_path_factory.mktemp("killed") / "home")
    await made.start()
    yield made
    await made.stop()
    made.home.forget_sockets()


@pytest.fixture
async def database(server: Postgres) -> Clone:
    await migrate.up(server.owner_url)
    return Clone("countersign", server.url, server.owner_url)


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"job_lease_seconds": 1.0})


async def look(server: Postgres, statement: str) -> Any:
    async with await psycopg.AsyncConnection.connect(server.owner_url, autocommit=True) as connection:
        cursor = await connection.execute(statement.encode())
        row = await cursor.fetchone() if cursor.description else None
        return row[0] if row else None


@pytest.mark.parametrize("moment", MOMENTS)
async def test_the_index_is_in_one_state_and_the_job_goes_on(shop: Shop, server: Postgres, moment: str) -> None:
    await shop.add("Cloison", "Chape")
    await shop.add("Porte", tenant=shop.b)
    for tenant in (shop.a, shop.b):
        await shop.index(tenant)
    given = len(shop.embedder.given)
    async with shop.app.db.transaction(system()) as tx:
        job = await jobs.enqueue(tx, "index.reindex", collection="things")
    column, table, when = MOMENTS[moment]
    for statement in SLOW:
        await look(server, statement.format(column=column, table=table, when=when))

    doing = asyncio.create_task(jobs.work(shop.app, job))
    while not await look(server, SLEEPS):
        assert not doing.done()
        await asyncio.sleep(0.02)
    assert server.process is not None
    psutil.Process(server.process.pid).kill()
    await asyncio.gather(doing, return_exceptions=True)
    await server.start()

    now = await active(shop)
    assert now is not None and now.generation == 1, "the row that says so was not written"
    aliased = await look(server, "SELECT name FROM vector_tables WHERE alias = 'things'")
    assert aliased == ("things__g1" if moment == "while the alias moves" else "things__g2")
    await answers(shop)

    await look(server, "DROP FUNCTION waits() CASCADE")
    while not await jobs.work(shop.app, job):
        assert await look(server, f"SELECT status IN ('running', 'queued') FROM jobs WHERE id = {job}")
        await asyncio.sleep(0.1)
    assert await look(server, f"SELECT status FROM jobs WHERE id = {job}") == "done"
    assert (now := await active(shop)) is not None and now.generation == 2
    async with shop.app.db.transaction(system()) as tx:
        assert await generations.building(tx, "things", backend_name(shop.app)) is None
    assert await look(server, "SELECT count(*) FROM vector_tables") == 1
    assert (await vector_index(shop.app).stats("things")).points == 3
    assert len(shop.embedder.given) == given, "a text whose vector is stored is not embedded again"
    await answers(shop)


async def active(shop: Shop) -> Collection | None:
    """The generation that answers; the pool finds the server again by itself, a while after it is there again."""
    async with asyncio.timeout(300):
        while True:
            try:
                async with shop.app.db.transaction(system()) as tx:
                    return await generations.active(tx, "things", backend_name(shop.app))
            except Unavailable:
                await asyncio.sleep(0.1)


async def answers(shop: Shop) -> None:
    for name, tenant in (("Cloison", shop.a), ("Porte", shop.b)):
        found = await shop.find(name, tenant)
        assert found.degraded is None and (found.hits[0].title, found.hits[0].vector_rank) == (name, 1)
