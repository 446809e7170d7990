"""Background work of learned answers."""

from __future__ import annotations

from ...index import service as index
from ...kernel import sql
from ...kernel.audit import audit
from ...kernel.database import Row
from ...kernel.events import publish
from ...kernel.jobs import JobContext, job
from ...providers import embedders
from ..agents import service as agents
from ..agents.models import AgentId
from . import sameness, service
from .models import COLLECTION

queries = sql.load(__package__ or "")

REPLACES = 0.98  # similarity of two questions that are the same word for word


@job("learning.suspended")
async def suspended(ctx: JobContext, learned: list[int]) -> None:
    """Tells of answers that the database suspended, and takes their vectors away."""
    async with ctx.app.db.transaction(ctx.caller) as tx:
        for one in await service.all_of(tx, learned):
            message = str(one.message) if one.message else None
            reason = one.status_reason or ""
            await publish(tx, "learned.suspended", learned=one.id, message=message, agent=one.agent_slug, reason=reason)
        await index.run_soon(tx, COLLECTION)


@job("learning.replace")
async def replace(ctx: JobContext, learned: int) -> None:
    """An older answer of the agent to the same question is replaced, and kept in the history."""
    async with ctx.app.db.transaction(ctx.caller, read_only=True) as tx:
        found = await service.all_of(tx, [learned])
        if not found or found[0].status != "active":
            return
        older = await tx.all(Row, queries.open_questions, agent=found[0].agent_id, id=learned)
        language = (await agents.agent_by_id(tx, AgentId(found[0].agent_id))).language
    asked = sameness.read(found[0].question, language)
    same = [row for row in older if sameness.difference(sameness.read(row["question"], language), asked) is None]
    if not same:
        return
    embedder = await embedders.embedder(ctx.app)
    vector = await embedder.query(found[0].question, caller=ctx.caller)
    near = [
        row["id"]
        for row in same
        if row["question"] == found[0].question
        or float(await embedder.query(row["question"], caller=ctx.caller) @ vector) > REPLACES
    ]
    async with ctx.app.db.transaction(ctx.caller) as tx:
        for row in await tx.all(Row, queries.replace, old=near, new=learned):
            await audit(tx, "replace", "learned-response", row["id"], new={"replaced_by": learned})
