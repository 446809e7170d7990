"""Jobs of one lane are done one after the other, whoever works, and the next one is told when it is its turn."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from countersign.kernel import jobs
from countersign.kernel.app import App
from countersign.kernel.bell import Bell
from countersign.kernel.jobs import JobContext, JobId, claim, enqueue, sweep, work
from tests.conftest import Tenants


class Silent(Bell):
    """A bell that remembers what it would have rung."""

    def __init__(self) -> None:
        super().__init__(None)
        self.rung: list[int] = []

    async def ring(self, job_id: int) -> None:
        self.rung.append(job_id)


@pytest.fixture
def bell(house: App) -> Silent:
    house.bell = house.db.bell = Silent()
    return house.bell


@pytest.fixture(autouse=True)
def known_job(monkeypatch: pytest.MonkeyPatch) -> None:
    async def nothing(_: JobContext) -> None:
        await asyncio.sleep(0.05)

    monkeypatch.setitem(jobs.KINDS, "test.lane", jobs.Kind("test.lane", nothing, 5))


async def queued(house: App, tenants: Tenants, *lanes: str | None) -> list[JobId]:
    async with house.db.transaction(tenants.a.caller) as tx:
        return [await enqueue(tx, "test.lane", lane=lane) for lane in lanes]


async def test_one_job_of_a_lane_runs_at_a_time_and_rings_the_next(house: App, tenants: Tenants, bell: Silent) -> None:
    first, second, third, free = await queued(house, tenants, "a", "a", "b", None)
    bell.rung.clear()
    taken = await claim(house, first)
    assert taken is not None
    assert await claim(house, second) is None, "its lane is taken"
    assert await work(house, third) and await work(house, free), "others do not wait"
    assert bell.rung == []
    await jobs.perform(house, taken)
    assert bell.rung == [second]
    assert await work(house, second)


async def test_two_workers_at_the_same_moment_do_not_share_a_lane(house: App, tenants: Tenants) -> None:
    waiting = await queued(house, tenants, *["a"] * 8)
    taken = await asyncio.gather(*(claim(house, number) for number in waiting))
    assert sum(one is not None for one in taken) == 1


async def test_a_lane_is_each_tenants_own(house: App, tenants: Tenants) -> None:
    [first] = await queued(house, tenants, "a")
    async with house.db.transaction(tenants.b.caller) as tx:
        other = await enqueue(tx, "test.lane", lane="a")
    assert await claim(house, first)
    assert await claim(house, other)


async def test_the_sweeper_rings_for_the_first_in_a_lane_and_for_nobody_behind_a_running_one(
    house: App, tenants: Tenants, bell: Silent, owner: Any
) -> None:
    first, *_ = await queued(house, tenants, "a", "a", "a")
    bell.rung.clear()
    assert (await sweep(house), bell.rung) == (1, [first])
    assert await claim(house, first)
    await owner.execute("UPDATE jobs SET rung_at = NULL")
    assert await sweep(house) == 0
    await owner.execute("UPDATE jobs SET lease_until = now() - interval '1 second' WHERE id = %s", (first,))
    bell.rung.clear()
    assert (await sweep(house), bell.rung) == (1, [first]), "whoever was interrupted goes first"
    assert await work(house, first)
