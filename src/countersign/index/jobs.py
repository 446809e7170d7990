"""Background work of the index."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import Any

import structlog

from ..kernel import sql
from ..kernel.jobs import JobContext, JobId, enqueue, job, status
from . import indexer
from .reading import read
from .run import Report, Run

log = structlog.get_logger("index.jobs")
queries = sql.load(__package__ or "")

RUN = "index.run"
REINDEX = "index.reindex"
PAUSE = 0.2  # seconds, while somebody else's transaction holds entries


# It waits for the embedder most of the time: files are read and imports written meanwhile.
@job(RUN, attempts=20, aside=True)
async def run(ctx: JobContext, collection: str) -> dict[str, Any]:
    """Brings one tenant's part of a collection up to date, and goes on while marks keep coming."""
    # Embedding takes minutes, and a question may come now: the words of every other collection come first.
    async with ctx.app.db.transaction(ctx.caller, read_only=True) as tx:
        waiting: list[str] = await tx.value(queries.stale_collections)
    for other in set(waiting) - {collection}:
        await read(Run(ctx.app, ctx.caller, other))
    done = Report()
    while True:
        report = await indexer.index(ctx.app, ctx.caller, collection, ctx.progress)
        for name, number in asdict(report).items():
            setattr(done, name, getattr(done, name) + number)
        async with ctx.app.db.transaction(ctx.caller) as tx:
            if await tx.value(queries.end_index_job, job=ctx.job.id, collection=collection):
                retry = await tx.value(queries.next_retry, collection=collection)
                if retry is not None:
                    await enqueue(
                        tx, "index.run", key=f"retry:{collection}", delay=max(retry, 1), collection=collection
                    )
                break
        await asyncio.sleep(PAUSE)
    log.info("index.done", collection=collection, **asdict(done))
    return asdict(done)


@job(REINDEX, attempts=20)
async def reindex(ctx: JobContext, collection: str, force: bool = False) -> dict[str, Any]:
    """Builds a new generation of a collection beside the old one and swaps."""
    async with ctx.app.db.transaction(ctx.caller, read_only=True) as tx:
        asked = (await status(tx, JobId(ctx.job.id))).created_at
    built = await indexer.reindex(ctx.app, collection, ctx.progress, force=force, asked=asked)
    return {"collection": collection, "generation": built.generation, "embedder": built.embedder}
