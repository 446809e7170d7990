"""A real worker on a real Valkey: who hangs holds up nobody else, and what a killed worker was sending is sent."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import psycopg
import pytest
from standardwebhooks import Webhook as Verifier

from countersign.kernel import events, jobs
from countersign.kernel.app import App
from countersign.kernel.settings import Settings
from countersign.stack.valkey import Valkey
from countersign.webhooks import jobs as _registers  # noqa: F401  # pyright: ignore[reportUnusedImport]
from countersign.webhooks import service
from countersign.webhooks.models import Webhook
from tests.conftest import Tenants
from tests.kernel.test_worker import kill, until, worker
from tests.webhooks.receiver import Receiver, receiving

Owner = psycopg.AsyncConnection[Any]
SOLO = ("--pool=solo",)  # as the embedded stack runs it: one job after the other


@pytest.fixture
async def settings(settings: Settings, tmp_path: Path) -> AsyncIterator[Settings]:
    server = Valkey(tmp_path / "stack")
    await server.start()
    try:
        yield settings.model_copy(update={"redis_url": server.url, "job_lease_seconds": 2.0})
    finally:
        await server.stop()


@pytest.fixture(autouse=True)
def known_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(jobs.KINDS, "test.quick", jobs.Kind("test.quick", None, 5))  # type: ignore[arg-type]


async def subscribe(house: App, tenants: Tenants, receiver: Receiver, event: str, seconds: int) -> tuple[Webhook, str]:
    return await service.create(
        house, tenants.a.caller, name=event, url=receiver.url, events=[event], timeout_seconds=seconds
    )


async def happen(house: App, tenants: Tenants, event: str, times: int) -> None:
    async with house.db.transaction(tenants.a.caller) as tx:
        for number in range(times):
            await events.publish(tx, event, id=number, error="none")


async def left(owner: Owner) -> int:
    found = await owner.execute("SELECT count(*) FROM jobs WHERE status IN ('queued', 'running')")
    row = await found.fetchone()
    assert row is not None
    return row[0]


@pytest.mark.parametrize("pool", [SOLO, ()], ids=["solo", "prefork"])
async def test_a_receiver_that_hangs_holds_up_neither_others_nor_other_work(
    house: App, settings: Settings, tenants: Tenants, owner: Owner, tmp_path: Path, pool: tuple[str, ...]
) -> None:
    async with AsyncExitStack() as stack:
        hanging, healthy = [await stack.enter_async_context(receiving()) for _ in range(2)]
        hanging.wait = 600
        await subscribe(house, tenants, hanging, "run.finished", 120)
        await subscribe(house, tenants, healthy, "import.failed", 60)
        stack.enter_context(worker(settings, tmp_path / "worker.log", *pool))
        await happen(house, tenants, "run.finished", 20)
        await until(lambda: hanging.received)
        began = time.monotonic()  # of its 120 seconds
        await happen(house, tenants, "import.failed", 20)
        async with house.db.transaction(tenants.a.caller) as tx:
            quick = await jobs.enqueue(tx, "test.quick")
        await until(lambda: len(healthy.received) == 20)

        async def done() -> bool:
            async with house.db.transaction(tenants.a.caller) as tx:
                return (await jobs.status(tx, quick)).status == "done"

        await until(done)
        assert time.monotonic() - began < 110, "it still hangs"
        assert len(hanging.received) == 1, "one at a time for each webhook"


async def test_what_a_killed_worker_was_sending_is_sent_by_another_under_the_same_id(
    house: App, settings: Settings, tenants: Tenants, owner: Owner, tmp_path: Path
) -> None:
    async with receiving() as receiver:
        receiver.wait = 600
        webhook, secret = await subscribe(house, tenants, receiver, "run.finished", 60)
        with worker(settings, tmp_path / "worker.log", *SOLO) as first:
            await happen(house, tenants, "run.finished", 5)
            await until(lambda: receiver.received)
            kill(first)
        receiver.wait = 0
        with worker(settings, tmp_path / "worker.log", *SOLO):

            async def swept() -> bool:
                await jobs.sweep(house)
                return await left(owner) == 0

            await until(swept)
    sent = Counter(headers["webhook-id"] for headers, _ in receiver.received)
    assert sorted(sent.values()) == [1, 1, 1, 1, 2], "the interrupted one twice, under its id; the others once"
    numbers = {Verifier(secret).verify(body, headers)["data"]["id"] for headers, body in receiver.received}
    assert numbers == set(range(5))
    async with house.db.transaction(tenants.a.caller) as tx:
        log = await service.deliveries(tx, webhook.id)
    assert sorted(a.delivery_id for a in log) == sorted(sent)
    assert {a.status for a in log} == {"success"}


async def test_a_worker_that_is_stopped_finishes_what_it_sends(
    house: App, settings: Settings, tenants: Tenants, owner: Owner, tmp_path: Path
) -> None:
    async with receiving() as receiver:
        receiver.wait = 1
        await subscribe(house, tenants, receiver, "run.finished", 60)
        with worker(settings, tmp_path / "worker.log", *SOLO) as only:
            await happen(house, tenants, "run.finished", 1)
            await until(lambda: receiver.received)
            only.terminate()
            await asyncio.to_thread(only.wait, 180)
        assert await left(owner) == 0
        assert len(receiver.received) == 1
