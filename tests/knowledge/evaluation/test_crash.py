"""A worker that is really killed (signal 9) in the middle of a trial: another one goes on where it was."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from countersign.kernel import jobs
from countersign.kernel.access import system
from countersign.kernel.settings import Settings
from countersign.knowledge.evaluation import service
from tests.fakes.scripted_model import Rule
from tests.knowledge.conftest import Site
from tests.knowledge.documents.test_crash import WORK
from tests.knowledge.evaluation.conftest import QUESTIONS, Signed
from tests.knowledge.evaluation.test_service import RULES, begun, read

ROOT = Path(__file__).parents[3]
HANGS = Rule("CLO-PLA-002", "Jamais dit.", model="other", delay=3600)


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"job_lease_seconds": 1.0})


async def test_another_worker_goes_on_and_asks_nothing_twice(
    site: Callable[..., Awaitable[Site]], signed: Signed
) -> None:
    here = await site([HANGS, *RULES], job_lease_seconds=1.0)
    await signed(here)
    before = len(here.model.calls)
    number = await begun(here, {"system_prompt": "Tu réponds court.", "model": "scripted:other"})
    job = (await read(here, number)).job_id
    assert job is not None
    environment = {**os.environ, **here.app.settings.environment(), "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}
    environment["COUNTERSIGN_JOB_LEASE_SECONDS"] = "1"
    worker = await asyncio.to_thread(lambda: subprocess.Popen([sys.executable, "-c", WORK, str(job)], env=environment))
    try:
        async with asyncio.timeout(300):
            # Its second question, whose trial never ends.
            while len(here.model.calls) < before + 4:
                assert worker.poll() is None
                await asyncio.sleep(0.05)
    finally:
        os.kill(worker.pid, signal.SIGKILL)
        worker.wait()
    killed = await read(here, number)
    assert (killed.status, killed.done) == ("running", 1)

    here.model.rules.remove(HANGS)
    while not await jobs.work(here.app, job):
        await asyncio.sleep(0.2)  # until the lease of the dead has run out
    ended = await read(here, number)
    assert (ended.status, ended.done, ended.questions) == ("completed", 3, 3)
    async with here.app.db.transaction(system()) as tx:
        every = await service.results(tx, number)
    assert sorted(one.question for one in every) == sorted(QUESTIONS)
    assert all(one.live["text"] and one.tried and one.tried["text"] for one in every)
    # What was answered and kept is not asked again: the one that was lost is, by both.
    assert len(here.model.calls) == before + 4 + 4
