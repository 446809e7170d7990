"""News for open pages: by tenant, at commit, without ever holding the speaker up."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from countersign.kernel import events
from countersign.kernel.app import App
from countersign.kernel.errors import Conflict
from countersign.kernel.events import Listener, News, whisper
from tests.conftest import Tenants

# Of this test's database alone: others run on the same server. Idle: until then, LISTEN has not been committed.
LISTENING = "FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%%' AND state = 'idle'"


async def hearing(owner: Any, *, other_than: int = 0) -> int:
    """Waits until the listener's connection listens; its process in PostgreSQL."""
    for _ in range(3000):
        row = await (await owner.execute(f"SELECT pid {LISTENING} AND pid <> %s", (other_than,))).fetchone()
        if row:
            return row[0]
        await asyncio.sleep(0.02)
    raise AssertionError("nobody listens")


async def test_a_tenant_hears_its_own_news_at_commit(house: App, tenants: Tenants, owner: Any) -> None:
    listener = house.once(Listener)
    async with listener.follow(tenants.a.id) as news, listener.follow(tenants.b.id) as others:
        await hearing(owner)
        async with house.db.transaction(tenants.a.caller) as tx:
            await whisper(tx, "message.created", id=7, text="é")
            await asyncio.sleep(0.1)
            assert news.empty()
        assert await asyncio.wait_for(news.get(), 60) == News(tenants.a.id, "message.created", {"id": 7, "text": "é"})
        assert others.empty()


async def test_what_is_undone_is_not_heard(house: App, tenants: Tenants, owner: Any) -> None:
    listener = house.once(Listener)
    async with listener.follow(tenants.a.id) as news:
        await hearing(owner)
        with pytest.raises(RuntimeError):
            async with house.db.transaction(tenants.a.caller) as tx:
                await whisper(tx, "message.created", id=7)
                raise RuntimeError
        async with house.db.transaction(tenants.a.caller) as tx:
            await whisper(tx, "second", id=8)
        assert (await asyncio.wait_for(news.get(), 60)).event == "second"


async def test_news_that_is_too_long_says_only_what_changed(house: App, tenants: Tenants, owner: Any) -> None:
    listener = house.once(Listener)
    async with listener.follow(tenants.a.id) as news:
        await hearing(owner)
        async with house.db.transaction(tenants.a.caller) as tx:
            await whisper(tx, "message.created", id=7, text="é" * 5000)
        assert (await asyncio.wait_for(news.get(), 60)).data == {"id": 7}


async def test_a_lost_connection_is_made_again(house: App, tenants: Tenants, owner: Any) -> None:
    listener = house.once(Listener)
    async with listener.follow(tenants.a.id) as news:
        lost = await hearing(owner)
        await owner.execute("SELECT pg_terminate_backend(%s)", (lost,))
        await hearing(owner, other_than=lost)
        async with house.db.transaction(tenants.a.caller) as tx:
            await whisper(tx, "message.created", id=7)
        assert (await asyncio.wait_for(news.get(), 60)).data == {"id": 7}


async def test_a_slow_reader_loses_the_oldest(house: App, tenants: Tenants) -> None:
    listener = house.once(Listener)
    async with listener.follow(tenants.a.id) as news:
        for number in range(news.maxsize + 5):
            listener._spread(News(tenants.a.id, "n", {"id": number}))  # pyright: ignore[reportPrivateUsage]
        assert news.qsize() == news.maxsize
        assert news.get_nowait().data == {"id": 5}


async def test_who_left_hears_nothing_and_costs_nothing(house: App, tenants: Tenants) -> None:
    listener = house.once(Listener)
    async with listener.follow(tenants.a.id):
        pass
    assert not listener._queues  # pyright: ignore[reportPrivateUsage]


async def test_events_are_history(house: App, tenants: Tenants) -> None:
    async with house.db.transaction(tenants.a.caller) as tx:
        await events.publish(tx, "thing.happened", id=1)
    with pytest.raises(Conflict):
        async with house.db.transaction(tenants.a.caller) as tx:
            await tx.run("DELETE FROM events")
