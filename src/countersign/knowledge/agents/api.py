"""JSON routes of agents."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import Query
from fastapi.responses import Response

from ...kernel.json import dumps
from ...kernel.web import Clean, House, Router, Who
from . import service
from .models import Agent

routes = Router(prefix="/api/v1", tags=["agents"])


def agent_json(agent: Agent) -> dict[str, Any]:
    """An agent as the API shows it; its database id stays inside."""
    shown = asdict(agent)
    del shown["id"]
    return shown


@routes.on("GET /agents", permission="agents.view")
async def list_agents(app: House, caller: Who, q: Annotated[Clean | None, Query(max_length=200)] = None) -> Response:
    """Active agents, by name."""
    async with app.db.transaction(caller, read_only=True) as tx:
        found = await service.agents(tx, q=q)
    return _reply({"items": [agent_json(a) for a in found]})


@routes.on("GET /agents/{slug}", permission="agents.view")
async def read_agent(app: House, caller: Who, slug: str) -> Response:
    """One agent."""
    async with app.db.transaction(caller, read_only=True) as tx:
        return _reply(agent_json(await service.agent(tx, slug)))


@routes.on("GET /agents/{slug}/prompt-versions", permission="agents.view")
async def list_prompt_versions(app: House, caller: Who, slug: str) -> Response:
    """Every version of the agent's prompt, newest first."""
    async with app.db.transaction(caller, read_only=True) as tx:
        return _reply({"items": await service.prompt_versions(tx, slug)})


def _reply(value: Any) -> Response:
    return Response(dumps(value), media_type="application/json")
