"""Tables that grow by the month: the months to come have their place before their first row."""

from __future__ import annotations

from . import sql
from .jobs import JobContext, job

queries = sql.load(__package__ or "")


@job("kernel.partitions", every=24 * 3600)
async def make_months(ctx: JobContext) -> dict[str, int]:
    """Makes the months ahead, and those of rows that came before their month did."""
    async with ctx.app.db.transaction(ctx.caller) as tx:
        return {"made": await tx.value(queries.ensure_partitions)}
