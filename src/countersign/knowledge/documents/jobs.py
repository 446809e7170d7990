"""Reading files in the background: all of a file becomes visible in one transaction, or nothing."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

from ...kernel.database import Row
from ...kernel.events import publish
from ...kernel.jobs import JobContext, job
from . import uploads
from .models import Waiting
from .service import queries


@job(uploads.CONVERT, attempts=4)
async def convert(ctx: JobContext, document: int) -> dict[str, Any]:
    """Reads one file. A worker that is killed leaves nothing behind; the next one begins again.

    However the job ends without success, the database lets the document fail with it (``fail_document``).
    """
    async with ctx.app.db.transaction(ctx.caller) as tx:
        waiting = await tx.first(Waiting, queries.begin_reading, id=document)
    if waiting is None:
        return {"document": None}
    with ExitStack() as held:
        result = await uploads.read(ctx, waiting, held)
        async with ctx.app.db.transaction(ctx.caller) as tx:
            ended = await uploads.finish(tx, waiting, result)
    return {"document": str(waiting.uuid), "texts": len(result.texts) if ended else 0}


@job("documents.failed")
async def failed(ctx: JobContext, document: int) -> None:
    """Tells that a file could not be read."""
    async with ctx.app.db.transaction(ctx.caller) as tx:
        one = await tx.one(Row, queries.announced, id=document)
        if one["status"] == "failed":
            await publish(tx, "document.failed", **one)
