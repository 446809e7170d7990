"""Background work of the chat."""

from __future__ import annotations

from ...kernel import sql
from ...kernel.jobs import JobContext, job
from .storing import SILENCE

queries = sql.load(__package__ or "")


@job("chat.interrupt", every=15)
async def interrupt(ctx: JobContext) -> dict[str, int]:
    """Says of answers whose process died that they were interrupted; what was kept of them stays."""
    async with ctx.app.db.transaction(ctx.caller) as tx:
        return {"interrupted": await tx.run(queries.interrupt_answers, silence=SILENCE)}
