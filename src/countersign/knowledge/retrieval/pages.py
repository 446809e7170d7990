"""The page that tries an agent's retrieval: what a question would find, without asking a model."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Request
from fastapi.responses import Response

from ...kernel.pages import page
from ...kernel.web import Clean, House, Router, Who
from ..agents import service as agents
from . import service

routes = Router(include_in_schema=False)


@routes.on("GET /agents/{slug}/retrieval", permission="agents.view")
async def try_retrieval(
    request: Request,
    app: House,
    caller: Who,
    slug: str,
    q: Annotated[Clean, Query(max_length=8000)] = "",
    k: Annotated[int, Query(ge=1, le=50)] = 10,
) -> Response:
    """Ranks, scores and contents for *q*, through the same service as questions and the API."""
    async with app.db.transaction(caller, read_only=True) as tx:
        agent = await agents.agent(tx, slug)
    found = await service.find(app, caller, agent, q, k) if q.strip() else None
    return page(request, "agents/retrieval.html", agent=agent, tab="retrieval", found=found, q=q, k=k)
