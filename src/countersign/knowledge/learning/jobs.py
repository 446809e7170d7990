"""Background work of learned answers."""

from __future__ import annotations

from ...index import service as index
from ...kernel.events import publish
from ...kernel.jobs import JobContext, job
from . import service
from .models import COLLECTION


@job("learning.suspended")
async def suspended(ctx: JobContext, learned: list[int]) -> None:
    """Tells of answers that the database suspended, and takes their vectors away."""
    async with ctx.app.db.transaction(ctx.caller) as tx:
        for one in await service.all_of(tx, learned):
            message = str(one.message) if one.message else None
            reason = one.status_reason or ""
            await publish(tx, "learned.suspended", learned=one.id, message=message, agent=one.agent_slug, reason=reason)
        await index.run_soon(tx, COLLECTION)
