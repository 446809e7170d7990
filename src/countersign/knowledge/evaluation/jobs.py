"""Asking in the background, a question at a time: each answer is kept at once, so that a killed worker loses one."""

from __future__ import annotations

from typing import Any

from ...kernel.jobs import JobContext, job
from ...kernel.json import dumps
from ...providers.embedders import embedder
from ...providers.errors import EmbedderError
from ..agents import service as agents
from ..agents.models import AgentId
from . import measures
from .service import RUN, queries, results, run, validated


@job(RUN, attempts=4)
async def ask_all(ctx: JobContext, run_id: int, agent_id: int) -> dict[str, Any]:
    """Every validated question is answered by the live agent and, in a trial, by the changed one."""
    app, caller = ctx.app, ctx.caller
    try:
        named = (await embedder(app)).id
    except EmbedderError:
        named = None
    async with app.db.transaction(caller) as tx:
        if await tx.value(queries.begin_run, id=run_id, embedder=named) is None:
            return {"run": None}
        live = await agents.agent_by_id(tx, AgentId(agent_id))
        found = await run(tx, live, run_id)
        draft = await agents.drafted(tx, live.slug, found.changes) if found.changes else None
        pairs, done = await validated(tx, live), set(await tx.value(queries.answered, run=run_id))
    for number, pair in enumerate(pairs):
        await ctx.progress(number, len(pairs), "answers")
        if pair.message_id in done:
            continue
        before = await measures.one_side(app, caller, live, pair)
        after = await measures.one_side(app, caller, draft, pair) if draft else None
        async with app.db.transaction(caller) as tx:
            await ctx.hold(tx)
            await tx.run(
                queries.add_result,
                run=run_id,
                message=pair.message_id,
                question=pair.question,
                signed=pair.signed,
                live=dumps(before),
                tried=None if after is None else dumps(after),
            )
    async with app.db.transaction(caller) as tx:
        every = await results(tx, run_id)
        told = {"live": measures.summary([one.live for one in every])}
        if draft:
            told["tried"] = measures.summary([one.tried for one in every if one.tried is not None])
        await ctx.hold(tx)
        await tx.run(queries.end_run, id=run_id, summary=dumps(told), questions=len(every))
    await ctx.progress(len(pairs), len(pairs), "answers")
    return {"run": run_id, "questions": len(every)}
