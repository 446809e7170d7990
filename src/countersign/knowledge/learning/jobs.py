"""Background work of learned answers."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Hashable, Sequence

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
async def replace(ctx: JobContext, learned: list[int]) -> None:
    """Older answers of an agent to the same questions are replaced, and kept in the history."""
    async with ctx.app.db.transaction(ctx.caller, read_only=True) as tx:
        fresh = [one for one in await service.all_of(tx, learned) if one.status == "active"]
        agent_ids = {AgentId(one.agent_id) for one in fresh}
        language = {number: (await agents.agent_by_id(tx, number)).language for number in agent_ids}
        open_ = {number: await tx.all(Row, queries.open_questions, agent=number) for number in agent_ids}
    for agent_id, rows in open_.items():
        numbers = {one.id for one in fresh if one.agent_id == agent_id}
        # In a thread: a file may bring thousands, and there may be thousands.
        pairs = await asyncio.to_thread(_alike, rows, numbers, language[agent_id])
        for new, older in pairs:
            await _replace(ctx, new, older)


def _alike(rows: Sequence[Row], numbers: Collection[int], language: str) -> list[tuple[Row, list[Row]]]:
    """Those of *rows*, which come oldest first, that *numbers* name, each with the older ones that ask the same.

    Only questions with the same codes and units are compared, for others cannot be the same.
    """
    before: dict[Hashable, list[tuple[Row, sameness.Reading]]] = {}
    found: list[tuple[Row, list[Row]]] = []
    for row in rows:
        asked = sameness.read(row["question"], language)
        like = before.setdefault((asked.chunks, asked.signs, asked.units), [])
        if row["id"] in numbers:
            same = [older for older, reading in like if sameness.difference(reading, asked) is None]
            if same:
                found.append((row, same))
        like.append((row, asked))
    return found


async def _replace(ctx: JobContext, new: Row, older: Sequence[Row]) -> None:
    embedder = await embedders.embedder(ctx.app)
    vector = await embedder.query(new["question"], caller=ctx.caller)
    near = [
        row["id"]
        for row in older
        if row["question"] == new["question"]
        or float(await embedder.query(row["question"], caller=ctx.caller) @ vector) > REPLACES
    ]
    async with ctx.app.db.transaction(ctx.caller) as tx:
        for row in await tx.all(Row, queries.replace, old=near, new=new["id"]):
            await audit(tx, "replace", "learned-response", row["id"], new={"replaced_by": new["id"]})
