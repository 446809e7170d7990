"""A real Celery worker on a real Valkey: what it was doing when it was killed, another one finishes."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from countersign.kernel import jobs
from countersign.kernel.access import Caller
from countersign.kernel.app import App
from countersign.kernel.bell import Bell
from countersign.kernel.jobs import JobId, enqueue, status, sweep
from countersign.kernel.settings import Settings
from countersign.stack.valkey import Valkey

ROOT = Path(__file__).parents[2]


@pytest.fixture
async def valkey(tmp_path: Path) -> AsyncIterator[Valkey]:
    server = Valkey(tmp_path / "stack")
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


@pytest.fixture
def settings(settings: Settings, valkey: Valkey) -> Settings:
    return settings.model_copy(update={"redis_url": valkey.url, "job_lease_seconds": 2.0})


@pytest.fixture(autouse=True)
def known_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("test.wait", "test.quick"):
        monkeypatch.setitem(jobs.KINDS, name, jobs.Kind(name, None, 5))  # type: ignore[arg-type]


@contextmanager
def worker(settings: Settings, log: Path, *more: str) -> Iterator[subprocess.Popen[bytes]]:
    """A Celery worker in a process group of its own; it is gone afterwards, however the test ended."""
    environment = {**os.environ, **settings.environment(), "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}
    environment["COUNTERSIGN_REDIS_URL"] = settings.redis_url or ""
    environment["COUNTERSIGN_JOB_LEASE_SECONDS"] = str(settings.job_lease_seconds)
    command = [sys.executable, "-m", "celery", "-A", "tests.kernel.worker_app", "worker"]
    command += ["--concurrency=1", "--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel=warning"]
    command += more
    with log.open("ab") as output:
        process = subprocess.Popen(
            command, env=environment, cwd=ROOT, start_new_session=True, stdout=output, stderr=output
        )
    try:
        yield process
    finally:
        kill(process)


def kill(process: subprocess.Popen[bytes]) -> None:
    """SIGKILL for the worker and its children: nobody can tidy up."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


async def until(what: Callable[[], Any], seconds: float = 180) -> None:
    end = time.monotonic() + seconds
    while True:
        found = what()
        if asyncio.iscoroutine(found):
            found = await found
        if found:
            return
        assert time.monotonic() < end, "it did not happen in time"
        await asyncio.sleep(0.1)


async def ended(house: App, who: Caller, job: JobId) -> bool:
    async with house.db.transaction(who) as tx:
        return (await status(tx, job)).status == "done"


async def test_a_worker_killed_while_it_holds_a_job_is_replaced(
    house: App, settings: Settings, caller: Callable[..., Caller], tmp_path: Path
) -> None:
    who, log = caller(), tmp_path / "worker.log"
    with worker(settings, log) as first:
        async with house.db.transaction(who) as tx:
            job = await enqueue(tx, "test.wait", directory=str(tmp_path))
        await until((tmp_path / "attempt-1").exists)
        kill(first)
    with worker(settings, log) as second:
        await asyncio.sleep(1)
        assert not (tmp_path / "attempt-2").exists(), "the lease of the dead is respected"

        async def swept() -> bool:
            await sweep(house)
            return (tmp_path / "attempt-2").exists()

        await until(swept)
        (tmp_path / "go").touch()
        await until(lambda: ended(house, who, job))
        assert second.poll() is None
    async with house.db.transaction(who) as tx:
        after = await status(tx, job)
    assert (after.result, after.attempts) == ("attempt 2", 2)
    assert (tmp_path / "attempt-1").read_text() != (tmp_path / "attempt-2").read_text()


async def test_a_lost_doorbell_is_rung_again(
    house: App, settings: Settings, caller: Callable[..., Caller], tmp_path: Path
) -> None:
    who = caller()
    with worker(settings, tmp_path / "worker.log"):
        async with house.db.transaction(who) as tx:
            tx.bell = None
            lost = await enqueue(tx, "test.quick")
        async with house.db.transaction(who) as tx:
            heard = await enqueue(tx, "test.quick")
        await until(lambda: ended(house, who, heard))
        assert not await ended(house, who, lost)
        assert await sweep(house) == 1
        await until(lambda: ended(house, who, lost))


async def test_a_broker_that_is_down_loses_nothing(
    house: App, settings: Settings, caller: Callable[..., Caller], tmp_path: Path, valkey: Valkey
) -> None:
    who = caller()
    house.db.bell = Bell("redis://:x@127.0.0.1:1/0")
    async with house.db.transaction(who) as tx:
        job = await enqueue(tx, "test.quick")  # the commit succeeds all the same
    house.db.bell = house.bell
    with worker(settings, tmp_path / "worker.log"):
        await sweep(house)
        await until(lambda: ended(house, who, job))
