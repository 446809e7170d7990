"""Jobs: the row is the truth. Done once, taken over when the worker is gone, retried, cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from countersign.kernel import events, jobs
from countersign.kernel.access import Caller
from countersign.kernel.app import App
from countersign.kernel.bell import Bell
from countersign.kernel.errors import Invalid, NotFound
from countersign.kernel.jobs import JobContext, JobId, LeaseLost, cancel, enqueue, status, sweep, work
from tests.conftest import Tenants

Kinds = Callable[..., None]


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


@pytest.fixture
def kind(monkeypatch: pytest.MonkeyPatch) -> Kinds:
    """``kind(name, function, attempts=5)``: a job that exists for this test."""

    def add(name: str, function: Any, attempts: int = 5, every: float | None = None) -> None:
        monkeypatch.setitem(jobs.KINDS, name, jobs.Kind(name, function, attempts, every))

    return add


async def queued(house: App, who: Caller, name: str, **args: Any) -> JobId:
    async with house.db.transaction(who) as tx:
        return await enqueue(tx, name, **args)


async def seen(house: App, who: Caller, job: JobId) -> jobs.Status:
    async with house.db.transaction(who) as tx:
        return await status(tx, job)


@asynccontextmanager
async def working(house: App, job: JobId) -> AsyncIterator[asyncio.Task[bool]]:
    task = asyncio.create_task(work(house, job))
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_job_is_done_in_the_name_of_who_asked(house: App, tenants: Tenants, kind: Kinds) -> None:
    async def add(ctx: JobContext, a: int, b: int) -> dict[str, int]:
        await ctx.progress(1, 2, "half")
        async with ctx.app.db.transaction(ctx.caller) as tx:
            return {"sum": a + b, "tenant": await tx.value("SELECT current_tenant()"), "actor": ctx.caller.user_id or 0}

    kind("t.add", add)
    job = await queued(house, tenants.b.caller, "t.add", a=1, b=2)
    assert (await seen(house, tenants.b.caller, job)).status == "queued"
    assert await work(house, job)
    after = await seen(house, tenants.b.caller, job)
    assert (after.status, after.attempts, after.error) == ("done", 1, None)
    assert after.result == {"sum": 3, "tenant": tenants.b.id, "actor": tenants.b.user_id}
    assert (after.progress_done, after.progress_total, after.progress_note) == (1, 2, "half")
    with pytest.raises(NotFound):
        await seen(house, tenants.a.caller, job)


async def test_the_doorbell_rings_after_the_commit(house: App, tenants: Tenants, kind: Kinds, bell: Silent) -> None:
    kind("t.nothing", None)
    async with house.db.transaction(tenants.a.caller) as tx:
        job = await enqueue(tx, "t.nothing")
        await enqueue(tx, "t.nothing", delay=60)
        assert bell.rung == []
    assert bell.rung == [job], "a delayed job rings later"
    with pytest.raises(RuntimeError):
        async with house.db.transaction(tenants.a.caller) as tx:
            await enqueue(tx, "t.nothing")
            raise RuntimeError
    assert bell.rung == [job]


async def test_an_unknown_job_is_refused_at_once(house: App, tenants: Tenants) -> None:
    with pytest.raises(ValueError, match="no job is named"):
        await queued(house, tenants.a.caller, "t.misspelt")


async def test_two_jobs_of_one_name_are_refused(kind: Kinds) -> None:
    async def one(_: JobContext) -> None: ...
    async def two(_: JobContext) -> None: ...

    kind("t.same", one)
    jobs.job("t.same")(one)
    with pytest.raises(ValueError, match="two jobs"):
        jobs.job("t.same")(two)


async def test_a_doubled_delivery_runs_once(house: App, tenants: Tenants, kind: Kinds) -> None:
    runs: list[int] = []

    async def slowly(ctx: JobContext) -> None:
        runs.append(ctx.job.attempts)
        await asyncio.sleep(0.2)

    kind("t.once", slowly)
    job = await queued(house, tenants.a.caller, "t.once")
    assert sorted(await asyncio.gather(*(work(house, job) for _ in range(4)))) == [False, False, False, True]
    assert not await work(house, job), "nor a late one"
    assert runs == [1]


async def test_a_key_folds_into_the_job_that_waits(house: App, tenants: Tenants, kind: Kinds) -> None:
    async def nothing(_: JobContext, n: int) -> int:
        return n

    kind("t.folded", nothing)
    first = await queued(house, tenants.a.caller, "t.folded", key="k", n=1)
    assert await queued(house, tenants.a.caller, "t.folded", key="k", n=2) == first
    assert await queued(house, tenants.b.caller, "t.folded", key="k", n=3) != first
    assert await work(house, first)
    assert await queued(house, tenants.a.caller, "t.folded", key="k", n=4) != first


async def test_a_silent_worker_is_replaced_and_comes_too_late(
    house: App, tenants: Tenants, kind: Kinds, owner: psycopg.AsyncConnection[Any]
) -> None:
    """The first worker stalls (its renewals do not arrive); the second one does the work; the first one's end is refused."""
    house.settings.job_lease_seconds = 3600  # the first renewal would be in twenty minutes
    entered, stalled = asyncio.Event(), asyncio.Event()
    lost: list[type[BaseException]] = []

    async def stall(ctx: JobContext) -> str:
        if ctx.job.attempts > 1:
            return "second"
        entered.set()
        try:
            await stalled.wait()
            await ctx.progress(1)
        except BaseException as error:
            lost.append(type(error))
            raise
        return "first"

    kind("t.stall", stall)
    job = await queued(house, tenants.a.caller, "t.stall")
    async with working(house, job) as first:
        await entered.wait()
        await owner.execute("UPDATE jobs SET lease_until = now() - interval '1 s' WHERE id = %s", (job,))
        assert await work(house, job), "taken over"
        stalled.set()
        assert await first
    assert lost == [LeaseLost]
    after = await seen(house, tenants.a.caller, job)
    assert (after.status, after.result, after.attempts) == ("done", "second", 2)


async def test_a_lease_is_renewed_while_the_work_goes_on(
    house: App, tenants: Tenants, kind: Kinds, owner: psycopg.AsyncConnection[Any]
) -> None:
    house.settings.job_lease_seconds = 6  # renewed every two seconds: a machine may stand still for four
    entered, enough = asyncio.Event(), asyncio.Event()

    async def long(_: JobContext) -> None:
        entered.set()
        await enough.wait()

    async def lease() -> datetime:
        row = await (await owner.execute("SELECT lease_until FROM jobs WHERE id = %s", (job,))).fetchone()
        assert row is not None
        return row[0]

    kind("t.long", long)
    job = await queued(house, tenants.a.caller, "t.long")
    async with working(house, job) as first:
        await entered.wait()
        taken = await lease()
        while await lease() == taken:
            await asyncio.sleep(0.05)
        assert not await work(house, job), "still held"
        enough.set()
        assert await first
    assert (await seen(house, tenants.a.caller, job)).attempts == 1


async def test_a_stale_token_changes_nothing(house: App, tenants: Tenants, kind: Kinds) -> None:
    kind("t.nothing", None)
    job = await queued(house, tenants.a.caller, "t.nothing")
    async with house.db.transaction(None) as tx:
        claim = await tx.one(jobs.Claim, jobs.queries.claim_job, id=job, owner="x", lease=60)
    for statement, values in (
        (jobs.queries.renew_job, {"lease": 60}),
        (jobs.queries.job_progress, {"done": 1, "total": None, "note": None}),
        (jobs.queries.finish_job, {"result": "1"}),
        (jobs.queries.fail_job, {"error": "x", "retry": None}),
    ):
        with pytest.raises(Exception, match="taken this job over"):
            async with house.db.transaction(tenants.a.caller) as tx:
                await tx.run(statement, id=job, token=claim.lease_token - 1, **values)
        with pytest.raises(Exception, match="taken this job over"):
            async with house.db.transaction(tenants.b.caller) as tx:  # the right token in the wrong tenant
                await tx.run(statement, id=job, token=claim.lease_token, **values)
    assert (await seen(house, tenants.a.caller, job)).status == "running"


async def test_a_failure_is_retried_later_and_later(
    house: App, tenants: Tenants, kind: Kinds, owner: psycopg.AsyncConnection[Any]
) -> None:
    async def fail(_: JobContext) -> None:
        raise ConnectionError("no route")

    kind("t.fail", fail, attempts=3)
    job = await queued(house, tenants.a.caller, "t.fail")
    for attempt, seconds in ((1, 5), (2, 10), (3, 0)):
        earliest = datetime.now(UTC) + timedelta(seconds=seconds)
        assert await work(house, job)
        latest = datetime.now(UTC) + timedelta(seconds=seconds)
        row = await (await owner.execute("SELECT status, run_at FROM jobs WHERE id = %s", (job,))).fetchone()
        assert row is not None
        if attempt < 3:
            assert row[0] == "queued"
            assert earliest <= row[1] <= latest
            await owner.execute("UPDATE jobs SET run_at = now() + interval '1 hour' WHERE id = %s", (job,))
            assert not await work(house, job), "not before its time"
            await owner.execute("UPDATE jobs SET run_at = now() WHERE id = %s", (job,))
    after = await seen(house, tenants.a.caller, job)
    assert (after.status, after.attempts, after.error) == ("failed", 3, "ConnectionError: no route")
    assert after.finished_at is not None


async def test_what_cannot_succeed_is_not_retried(house: App, tenants: Tenants, kind: Kinds) -> None:
    async def refuse(_: JobContext) -> None:
        raise Invalid("Column 3 is not a number.")

    kind("t.refuse", refuse)
    job = await queued(house, tenants.a.caller, "t.refuse")
    assert await work(house, job)
    after = await seen(house, tenants.a.caller, job)
    assert (after.status, after.attempts, after.error) == ("failed", 1, "Column 3 is not a number.")


async def test_a_job_nobody_knows_fails_with_the_reason(
    house: App, tenants: Tenants, kind: Kinds, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind("t.newer", None)
    job = await queued(house, tenants.a.caller, "t.newer")
    monkeypatch.delitem(jobs.KINDS, "t.newer")
    assert await work(house, job)
    assert "knows no job named t.newer" in str((await seen(house, tenants.a.caller, job)).error)


async def test_cancelling_before_and_while_it_runs(house: App, tenants: Tenants, kind: Kinds) -> None:
    house.settings.job_lease_seconds = 0.3
    entered, stopped = asyncio.Event(), asyncio.Event()

    async def endless(_: JobContext) -> None:
        entered.set()
        try:
            await asyncio.sleep(600)
        finally:
            stopped.set()

    kind("t.endless", endless)
    waiting = await queued(house, tenants.a.caller, "t.endless")
    with pytest.raises(NotFound):
        async with house.db.transaction(tenants.b.caller) as tx:
            await cancel(tx, waiting)
    async with house.db.transaction(tenants.a.caller) as tx:
        await cancel(tx, waiting)
    assert not await work(house, waiting)

    running = await queued(house, tenants.a.caller, "t.endless")
    async with working(house, running) as task:
        await entered.wait()
        async with house.db.transaction(tenants.a.caller) as tx:
            await cancel(tx, running, "not wanted any more")
        await asyncio.wait_for(stopped.wait(), 60)
        assert await task
    after = await seen(house, tenants.a.caller, running)
    assert (after.status, after.error) == ("cancelled", "not wanted any more")
    with pytest.raises(NotFound):
        async with house.db.transaction(tenants.a.caller) as tx:
            await cancel(tx, running)


async def test_the_sweeper_rings_for_what_nobody_heard(
    house: App, tenants: Tenants, kind: Kinds, bell: Silent, owner: psycopg.AsyncConnection[Any]
) -> None:
    kind("t.nothing", None)
    house.db.bell = None  # the doorbell is lost
    unheard = await queued(house, tenants.a.caller, "t.nothing")
    later = await queued(house, tenants.b.caller, "t.nothing", delay=60)
    held, silent = [await queued(house, tenants.b.caller, "t.nothing") for _ in range(2)]
    for job, left in ((held, "1 min"), (silent, "-1 s")):
        await owner.execute(
            "UPDATE jobs SET status = 'running', attempts = 1, lease_until = now() + %s::interval WHERE id = %s",
            (left, job),
        )
    assert await sweep(house) == 2
    assert sorted(bell.rung) == sorted([unheard, silent])
    assert later not in bell.rung
    assert await sweep(house) == 0, "not again at once"
    await owner.execute("UPDATE jobs SET rung_at = now() - interval '31 s'")
    assert await sweep(house) == 2


async def test_a_job_that_kills_its_worker_is_given_up(
    house: App, tenants: Tenants, kind: Kinds, bell: Silent, owner: psycopg.AsyncConnection[Any]
) -> None:
    kind("t.deadly", None, attempts=2)
    job = await queued(house, tenants.a.caller, "t.deadly")
    await owner.execute(
        "UPDATE jobs SET status = 'running', attempts = 2, lease_until = now() - interval '1 s' WHERE id = %s", (job,)
    )
    await sweep(house)
    after = await seen(house, tenants.a.caller, job)
    assert after.status == "failed"
    assert "fell silent 2 times" in str(after.error)


async def test_a_schedule_serves_every_tenant_once(house: App, tenants: Tenants, kind: Kinds, owner: Any) -> None:
    async def nothing(_: JobContext) -> None: ...

    kind("t.nightly", nothing, every=3600)
    assert await jobs.schedule(house, "t.nightly") == 2
    assert await jobs.schedule(house, "t.nightly") == 2
    rows = await (await owner.execute("SELECT id, tenant_id FROM jobs ORDER BY tenant_id")).fetchall()
    assert [row[1] for row in rows] == [tenants.a.id, tenants.b.id], "folded while the first still waits"


async def test_an_event_becomes_a_job_of_each_subscriber(
    house: App, tenants: Tenants, kind: Kinds, monkeypatch: pytest.MonkeyPatch, owner: Any
) -> None:
    told: list[Any] = []

    async def hear(_: JobContext, **news: Any) -> None:
        told.append(news)

    kind("t.hear", hear)
    monkeypatch.setattr(events, "SUBSCRIBERS", events.defaultdict(list))
    events.on("thing.happened", "t.hear")
    events.on("thing.happened", "t.hear")
    events.on("*", "t.hear")
    async with house.db.transaction(tenants.a.caller) as tx:
        await events.publish(tx, "thing.happened", id=7)
        await events.publish(tx, "other.happened", id=8)
    rows = await (await owner.execute("SELECT id FROM jobs ORDER BY id")).fetchall()
    assert len(rows) == 3, "one for its subscriber, two for who hears all"
    for (job,) in rows:
        assert await work(house, job)
    assert [news["event"] for news in told] == ["thing.happened", "thing.happened", "other.happened"]
    assert told[0]["data"] == {"id": 7}
    stored = await (await owner.execute("SELECT id, name, data, actor_id FROM events ORDER BY id")).fetchall()
    assert stored[0] == (told[0]["event_id"], "thing.happened", {"id": 7}, tenants.a.user_id)
