"""Reading files in the background: all of a file becomes visible in one transaction, or nothing."""

from __future__ import annotations

from typing import Any

from ...kernel.errors import CountersignError
from ...kernel.jobs import JobContext, job
from . import uploads
from .models import Waiting
from .service import queries


@job(uploads.CONVERT, attempts=4)
async def convert(ctx: JobContext, document: int) -> dict[str, Any]:
    """Reads one file. A worker that is killed leaves nothing behind; the next one begins again."""
    async with ctx.app.db.transaction(ctx.caller) as tx:
        waiting = await tx.first(Waiting, queries.begin_reading, id=document)
    if waiting is None:
        return {"document": None}
    try:
        texts = await uploads.read(waiting, ctx.progress)
        async with ctx.app.db.transaction(ctx.caller) as tx:
            ended = await uploads.finish(tx, waiting, texts)
    except Exception as error:
        ours = isinstance(error, CountersignError)
        if (ours and error.status in (413, 422)) or ctx.job.attempts >= ctx.job.max_attempts:
            reason = error.detail if ours else f"{waiting.source}: {type(error).__name__}. Try again."
            async with ctx.app.db.transaction(ctx.caller) as tx:
                await tx.run(queries.fail_reading, id=waiting.id, error=reason)
        raise
    return {"document": str(waiting.uuid), "texts": len(texts) if ended else 0}
