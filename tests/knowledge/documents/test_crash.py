"""A worker that is killed while it reads a file: another one finishes it. A file that kills each of them is given up."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from countersign.kernel import jobs
from countersign.kernel.access import Caller
from countersign.kernel.app import App
from countersign.kernel.settings import Settings
from countersign.knowledge.documents import service, uploads
from countersign.knowledge.documents.models import Document, Upload
from tests.knowledge.conftest import work_off

ROOT = Path(__file__).parents[3]
WORK = """
import asyncio, sys
from countersign.kernel.app import App
from countersign.kernel.jobs import work
from countersign.kernel.settings import Settings
from countersign.knowledge import jobs

async def main():
    async with App(Settings()) as app:
        await work(app, int(sys.argv[1]))

asyncio.run(main())
"""


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"job_lease_seconds": 1.0})


async def send(app: App, who: Caller, data: bytes) -> Upload:
    async with app.db.transaction(who) as tx:
        return await uploads.take(tx, "agent_docs", "guide.txt", io.BytesIO(data))


async def look(app: App, who: Caller, sent: Upload) -> Document:
    async with app.db.transaction(who, read_only=True) as tx:
        return await service.document(tx, sent.uuid)


async def test_another_worker_finishes_what_a_killed_one_was_reading(
    house: App, settings: Settings, caller: Callable[..., Caller]
) -> None:
    who = caller("*")
    sent = await send(house, who, b"Une phrase qui compte. " * 1_000_000)
    assert sent.job_id
    environment = {**os.environ, **settings.environment(), "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}
    environment["COUNTERSIGN_JOB_LEASE_SECONDS"] = "1"
    process = await asyncio.to_thread(
        lambda: subprocess.Popen([sys.executable, "-c", WORK, str(sent.job_id)], env=environment)
    )
    try:
        until = time.monotonic() + 180
        while not (readers := children(process.pid)) and time.monotonic() < until:
            await asyncio.sleep(0.02)
        assert readers, "the file is being read"
        assert (await look(house, who, sent)).status == "processing"
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        assert (await look(house, who, sent)).status == "processing"
        assert (await look(house, who, sent)).chunk_count == 0
        await asyncio.sleep(1.2)
        assert await jobs.work(house, sent.job_id), "the lease has run out"
    finally:
        process.kill()
    read = await look(house, who, sent)
    assert (read.status, read.error) == ("ready", None)
    async with house.db.transaction(who) as tx:
        stored = await tx.value("SELECT count(*) FROM document_chunks")
    assert stored == read.chunk_count > 1000
    assert not alive(readers), "nobody reads a file for a worker that is gone"


def children(parent: int) -> list[int]:
    """Processes that *parent* started."""
    try:
        return [int(pid) for pid in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]
    except FileNotFoundError:
        return []


def alive(pids: list[int]) -> list[int]:
    """Those that still run after a while; one that nobody has buried yet is dead all the same."""
    processes = [psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)]
    _, left = psutil.wait_procs(processes, timeout=60)
    return [process.pid for process in left if process.status() != psutil.STATUS_ZOMBIE]


async def test_a_file_that_kills_every_worker_fails_where_people_see_it(
    house: App, caller: Callable[..., Caller], owner: Any
) -> None:
    who = caller("*")
    sent = await send(house, who, b"Un texte.")
    async with house.db.transaction(who) as tx:
        await tx.run(service.queries.begin_reading, id=sent.id)
    await owner.execute(
        "UPDATE jobs SET status = 'running', attempts = max_attempts, lease_until = now() - interval '1 s' WHERE id = %s",
        (sent.job_id,),
    )
    assert (await look(house, who, sent)).status == "processing"
    await jobs.sweep(house)
    failed = await look(house, who, sent)
    assert failed.status == "failed"
    assert failed.error and "fell silent" in failed.error
    await work_off(house)
    async with house.db.transaction(who) as tx:
        told = await tx.one(dict[str, Any], "SELECT data FROM events WHERE name = 'document.failed'")
        assert told["data"]["uuid"] == str(sent.uuid)
    again = await send(house, who, b"Un texte.")
    assert (again.status, again.duplicate) == ("pending", True)
    await work_off(house)
    assert (await look(house, who, sent)).status == "ready"


async def test_what_is_cancelled_does_not_stay_in_work(house: App, caller: Callable[..., Caller]) -> None:
    who = caller("*")
    sent = await send(house, who, b"Un texte.")
    assert sent.job_id
    async with house.db.transaction(who) as tx:
        await jobs.cancel(tx, jobs.JobId(sent.job_id), "not wanted")
    assert ((await look(house, who, sent)).status, (await look(house, who, sent)).error) == ("failed", "not wanted")
