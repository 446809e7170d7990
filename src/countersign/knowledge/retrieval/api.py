"""The retrieval test: what an agent would find, without asking a model."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Query
from fastapi.responses import Response

from ...kernel.json import dumps
from ...kernel.web import Clean, House, Router, Who
from ..agents import service as agents
from . import service
from .models import Source

routes = Router(prefix="/api/v1", tags=["agents"])


def item_json(source: Source) -> dict[str, Any]:
    """One hit of the retrieval test."""
    return {
        "rank": source.n,
        "score": source.score,
        "lexical_rank": source.lexical_rank,
        "vector_rank": source.vector_rank,
        "kind": source.kind,
        "id": source.id,
        "title": source.title,
        "code": source.code,
        "url": source.url,
        "content": source.content,
        "payload": source.row,
    }


@routes.on("GET /agents/{slug}/search", permission="agents.view")
async def search(
    app: House,
    caller: Who,
    slug: str,
    q: Annotated[Clean, Query(min_length=1, max_length=8000)],
    k: Annotated[int, Query(ge=1, le=50)] = 5,
) -> Response:
    """What the agent would find for a question, without asking a model."""
    async with app.db.transaction(caller, read_only=True) as tx:
        agent = await agents.agent(tx, slug)
    found = await service.find(app, caller, agent, q, k)
    shown = {"items": [item_json(s) for s in found.sources], "degraded": found.degraded, "query": found.query}
    return Response(dumps(shown), media_type="application/json")
