"""JSON routes of agents: reading and changing them, their prompts, what they may answer from."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import Header, Path, Query
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict

from ...kernel.access import Caller
from ...kernel.database import Tx
from ...kernel.idempotency import Key, once
from ...kernel.json import dumps
from ...kernel.web import Clean, House, Router, Who
from . import diff, service
from .fields import AgentChange, AgentFields, NewAgent, Note
from .models import Agent

routes = Router(prefix="/api/v1", tags=["agents"])

Words = Annotated[Clean | None, Query(max_length=200)]
Version = Annotated[int, Path(ge=1, le=2**31 - 1)]
Seen = Annotated[str | None, Header(alias="If-Match", max_length=100)]
MANAGE = "agents.update"


class RestoreBody(BaseModel):
    """Why a former prompt comes back."""

    model_config = ConfigDict(extra="forbid")
    change_note: Note | None = None


def agent_json(agent: Agent) -> dict[str, Any]:
    """An agent as the API shows it; its database id stays inside."""
    shown = asdict(agent)
    del shown["id"]
    return shown


@routes.on("GET /agents", permission="agents.view")
async def list_agents(app: House, caller: Who, q: Words = None, inactive: bool = False) -> Response:
    """Active agents, by name; with ``inactive`` also those that are switched off (needs ``agents.update``)."""
    if inactive:
        caller.require(MANAGE)
    async with app.db.transaction(caller, read_only=True) as tx:
        found = await service.agents(tx, q=q, inactive=inactive)
    return _reply({"items": [agent_json(a) for a in found]})


@routes.on("POST /agents", permission="agents.create", status_code=201)
async def create_agent(app: House, caller: Who, body: NewAgent, idempotency_key: Key = None) -> Response:
    """A new agent. The same ``Idempotency-Key`` within a day makes no second one."""
    async with app.db.transaction(caller) as tx:
        seen = await once(tx, "agent", idempotency_key, body.given)
        made = await service.agent_by_id(tx, seen.made) if seen.made else await _create(tx, body, seen.tags)
    return _agent(made, 201)


@routes.on("GET /agents/{slug}", permission="agents.view")
async def read_agent(app: House, caller: Who, slug: str) -> Response:
    """One agent; its ``ETag`` is what a change sends back as ``If-Match``."""
    async with app.db.transaction(caller, read_only=True) as tx:
        return _agent(await service.agent(tx, slug, inactive=caller.may(MANAGE)))


@routes.on("PATCH /agents/{slug}", permission=MANAGE)
async def update_agent(app: House, caller: Who, slug: str, body: AgentChange, if_match: Seen = None) -> Response:
    """Changes the fields named; 412 when ``If-Match`` is not the agent's present ``ETag``."""
    async with app.db.transaction(caller) as tx:
        return _agent(await service.update(tx, slug, body.given, note=body.change_note, seen=if_match))


@routes.on("DELETE /agents/{slug}", permission="agents.delete", status_code=204)
async def delete_agent(app: House, caller: Who, slug: str, if_match: Seen = None) -> Response:
    """Deletes an agent: it answers no more, what it said can still be read."""
    async with app.db.transaction(caller) as tx:
        await service.delete(tx, slug, seen=if_match)
    return Response(status_code=204)


@routes.on("POST /agents/{slug}/duplicate", permission="agents.create", status_code=201)
async def duplicate_agent(
    app: House, caller: Who, slug: str, body: AgentFields | None = None, idempotency_key: Key = None
) -> Response:
    """A copy with all settings but those named; it is switched off unless ``is_active`` says otherwise."""
    given = body.given if body else {}
    async with app.db.transaction(caller) as tx:
        await _visible(tx, caller, slug)
        seen = await once(tx, "agent", idempotency_key, [slug, given])
        if seen.made:
            made = await service.agent_by_id(tx, seen.made)
        else:
            made = await service.duplicate(tx, slug, given, tags=seen.tags)
    return _agent(made, 201)


@routes.on("POST /agents/{slug}/activate", permission=MANAGE)
async def activate_agent(app: House, caller: Who, slug: str, if_match: Seen = None) -> Response:
    """Lets an agent answer (again)."""
    async with app.db.transaction(caller) as tx:
        return _agent(await service.update(tx, slug, {"is_active": True}, seen=if_match))


@routes.on("POST /agents/{slug}/deactivate", permission=MANAGE)
async def deactivate_agent(app: House, caller: Who, slug: str, if_match: Seen = None) -> Response:
    """Switches an agent off: it is not found any more, and can be switched on again."""
    async with app.db.transaction(caller) as tx:
        return _agent(await service.update(tx, slug, {"is_active": False}, seen=if_match))


# -- prompts


@routes.on("GET /agents/{slug}/prompt-versions", permission="agents.view")
async def list_prompt_versions(app: House, caller: Who, slug: str) -> Response:
    """Every version of the agent's prompt, newest first."""
    async with app.db.transaction(caller, read_only=True) as tx:
        await _visible(tx, caller, slug)
        return _reply({"items": await service.prompt_versions(tx, slug)})


@routes.on("GET /agents/{slug}/prompt-versions/{old}/diff/{new}", permission="agents.view")
async def compare_prompts(app: House, caller: Who, slug: str, old: Version, new: Version) -> Response:
    """Any two versions of the prompt, compared: ``diff`` is a unified diff."""
    async with app.db.transaction(caller, read_only=True) as tx:
        agent = await _visible(tx, caller, slug)
        before, after = [await service.prompt_version(tx, agent.id, number) for number in (old, new)]
    told = diff.unified(before.system_prompt, after.system_prompt, f"version {old}", f"version {new}")
    return _reply({"old": before, "new": after, "diff": told})


@routes.on("POST /agents/{slug}/prompt-versions/{version}/restore", permission=MANAGE)
async def restore_prompt(
    app: House, caller: Who, slug: str, version: Version, body: RestoreBody | None = None, if_match: Seen = None
) -> Response:
    """The prompt of a former version again, as a new version."""
    note = body.change_note if body else None
    async with app.db.transaction(caller) as tx:
        return _agent(await service.restore(tx, slug, version, note=note, seen=if_match))


@routes.on("GET /hydration-tables", permission="agents.view")
async def list_hydration_tables(app: House, caller: Who) -> Response:
    """What ``hydration_config`` may name: tables, their fields and relations."""
    async with app.db.transaction(caller, read_only=True) as tx:
        found = await service.hydratable(tx)
    shown = [{"table": t.name, "fields": t.fields, "relations": t.relations} for t in found.values()]
    return _reply({"items": shown})


async def _create(tx: Tx, body: NewAgent, tags: tuple[str, ...]) -> Agent:
    return await service.create(tx, body.given, tags=tags)


async def _visible(tx: Tx, caller: Caller, slug: str) -> Agent:
    """Those that are switched off are there for who manages agents."""
    return await service.agent(tx, slug, inactive=caller.may(MANAGE))


def _agent(agent: Agent, status: int = 200) -> Response:
    headers = {"ETag": agent.etag} | ({"Location": f"/api/v1/agents/{agent.slug}"} if status == 201 else {})
    return Response(dumps(agent_json(agent)), status, headers, media_type="application/json")


def _reply(value: Any) -> Response:
    return Response(dumps(value), media_type="application/json")
