"""Pages of agents: the list, one agent's settings, the history of its prompt."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Request
from fastapi.responses import Response

from ...kernel.pages import page
from ...kernel.web import Clean, House, Router, Who
from . import service

routes = Router(include_in_schema=False)


@routes.on("GET /agents", permission="agents.view")
async def list_agents(
    request: Request, app: House, caller: Who, q: Annotated[Clean | None, Query(max_length=200)] = None
) -> Response:
    """Every active agent."""
    async with app.db.transaction(caller, read_only=True) as tx:
        found = await service.agents(tx, q=q)
    return page(request, "agents/list.html", agents=found, q=q or "")


@routes.on("GET /agents/{slug}", permission="agents.view")
async def read_agent(request: Request, app: House, caller: Who, slug: str) -> Response:
    """What an agent is and how it is set."""
    async with app.db.transaction(caller, read_only=True) as tx:
        agent = await service.agent(tx, slug)
    return page(request, "agents/one.html", agent=agent, tab="overview", default_model=app.settings.model)


@routes.on("GET /agents/{slug}/prompt", permission="agents.view")
async def read_prompt(request: Request, app: House, caller: Who, slug: str) -> Response:
    """What the agent is told, and was told before."""
    async with app.db.transaction(caller, read_only=True) as tx:
        agent = await service.agent(tx, slug)
        versions = await service.prompt_versions(tx, slug)
    return page(request, "agents/prompt.html", agent=agent, tab="prompt", versions=versions)
