"""The indexer as a job: one for many marks, none lost, and on again after a kill."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from pathlib import Path

import pytest

from countersign.index import service
from countersign.index.jobs import RUN
from countersign.kernel import jobs
from tests.index.conftest import Shop


@pytest.fixture(params=["pgvector"])
def backend(request: pytest.FixtureRequest) -> str:
    """The jobs do not know the backend."""
    return request.param


async def queued(shop: Shop, where: str = "status = 'queued'") -> list[int]:
    rows = await (
        await shop.owner.execute(f"SELECT id FROM jobs WHERE name = '{RUN}' AND {where} ORDER BY id")
    ).fetchall()
    return [row[0] for row in rows]


async def test_many_marks_are_one_job(shop: Shop) -> None:
    await shop.add("Cloison")
    await shop.add("Chape")
    await shop.add("Porte", collection="others")
    ids = await queued(shop)
    assert len(ids) == 2
    for job in ids:
        assert await jobs.work(shop.app, job)
    assert await shop.titles("chape") == ["Chape", "Cloison"]
    async with shop.app.db.transaction(shop.a.caller) as tx:
        status = await jobs.status(tx, jobs.JobId(ids[0]))
    assert status.status == "done"
    assert status.result == {"read": 2, "removed": 0, "indexed": 2, "embedded": 2, "failed": 0}
    assert (status.progress_done, status.progress_total, status.progress_note) == (2, 2, "indexed")


async def test_words_of_another_collection_do_not_wait_for_its_turn(shop: Shop) -> None:
    await shop.add("Cloison")
    await shop.add("Porte", collection="others")
    [first, _] = await queued(shop)
    await jobs.work(shop.app, first)
    waits = await shop.owner.execute("SELECT collection, is_stale, words IS NOT NULL FROM index_entries ORDER BY no")
    assert await waits.fetchall() == [("things", False, True), ("others", False, True)]


async def test_an_embedder_that_is_down_is_asked_again_later(shop: Shop) -> None:
    shop.embedder.down = True
    await shop.add("Cloison")
    [job] = await queued(shop)
    await jobs.work(shop.app, job)
    assert await shop.titles("cloison", vector=None) == ["Cloison"]
    assert await queued(shop, "status = 'queued' AND run_at > now() AND error = 'The embedder sleeps.'") == [job]
    shop.embedder.down = False
    await shop.owner.execute("UPDATE jobs SET run_at = now()")
    await jobs.work(shop.app, job)
    assert (await shop.find("cloison")).hits[0].vector_rank == 1


async def test_a_failed_entry_gets_a_later_job(shop: Shop) -> None:
    await shop.add("Cloison", "POISON")
    [job] = await queued(shop)
    await jobs.work(shop.app, job)
    [later] = await queued(shop, "run_at > now() AND dedup_key = 'retry:things'")
    assert later != job


async def test_a_mark_during_the_last_look_is_not_lost(shop: Shop) -> None:
    """A transaction that folded its mark into the running job commits while the job wants to end."""
    await shop.add("Cloison")
    [job] = await queued(shop)
    async with shop.app.db.transaction(None) as tx:
        await tx.value("SELECT id FROM claim_job(%(id)s, 'test', interval '1 minute')", id=job)
    await shop.index()

    async def may_end() -> bool:
        async with shop.app.db.transaction(shop.a.caller) as tx:
            return await tx.value("SELECT end_index_job(%(id)s, 'things')", id=job)

    async with shop.app.db.transaction(shop.a.caller) as tx:
        thing = await tx.value("INSERT INTO things (name) VALUES ('Chape') RETURNING id")
        await service.mark(tx, "things", "thing", [thing])
        ending = asyncio.create_task(may_end())
        await asyncio.sleep(0.3)
        assert not ending.done()
    assert await ending is False
    assert await queued(shop) == []
    await shop.index()
    assert await may_end() is True


async def test_a_mark_after_the_end_gets_a_job_of_its_own(shop: Shop) -> None:
    await shop.add("Cloison")
    [first] = await queued(shop)
    async with shop.app.db.transaction(None) as tx:
        await tx.value("SELECT id FROM claim_job(%(id)s, 'test', interval '1 minute')", id=first)
    await shop.index()
    async with shop.app.db.transaction(shop.a.caller) as tx:
        assert await tx.value("SELECT end_index_job(%(id)s, 'things')", id=first)
    await shop.add("Chape")
    [second] = await queued(shop)
    assert second != first


KILLED = """
import asyncio, sys
from countersign.index import indexer, sources
from countersign.kernel.access import system
from countersign.kernel.app import App
from countersign.kernel.settings import Settings
from countersign.providers.embedders import Embedders
from tests.index.conftest import DONE, READ, WordEmbedder

class Slow(WordEmbedder):
    async def passages(self, texts, *, caller=None):
        if self.given:
            await asyncio.sleep(600)  # it is killed meanwhile
        return await super().passages(texts, caller=caller)

async def main():
    sources.register(sources.Source("thing", "things", READ, DONE))
    async with App(Settings(database_url=sys.argv[1])) as app:
        app._made[Embedders] = Slow()
        async def tell(done, total, note):
            print(note, done, flush=True)
        await indexer.index(app, system(), "things", tell)

asyncio.run(main())
"""


async def test_a_killed_indexer_is_resumed(shop: Shop) -> None:
    """kill -9 in the middle of the vectors: the next run does the rest, and nothing twice."""
    await shop.add(*(f"Cloison numéro {n}" for n in range(300)))
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": f"{root}{os.pathsep}{root / 'src'}"}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", KILLED, shop.app.db.url, stdout=asyncio.subprocess.PIPE, env=environment
    )
    assert process.stdout is not None
    while not (seen := (await process.stdout.readline()).decode()).startswith("indexed"):
        assert seen, "the indexer ended by itself"
    process.kill()
    await process.wait()
    stored = await shop.count("index_entries", "indexed_hash = content_hash")
    assert int(seen.split()[1]) <= stored < 300
    begun = time.monotonic()
    report = await shop.index()
    assert time.monotonic() - begun < 60
    assert (report.read, report.indexed) == (0, 300 - stored)
    assert await shop.count("index_entries", "indexed_hash = content_hash AND NOT is_stale") == 300
    assert (await shop.find("cloison numéro 299")).hits[0].vector_rank is not None
