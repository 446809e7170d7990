"""JSON routes of measurements: begun, followed, read; a trial of changes is published or dropped."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import Path, Query
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict

from ...kernel.database import Tx
from ...kernel.idempotency import Key, once
from ...kernel.json import dumps
from ...kernel.web import House, Router, Who
from ..agents import service as agents
from ..agents.models import Agent
from . import service
from .models import Result, Run

routes = Router(prefix="/api/v1", tags=["evaluations"])

MAY = "agents.update"
AT = "/agents/{slug}/evaluations"
MOST = 50
Number = Annotated[int, Path(ge=1, le=2**63 - 1)]
Before = Annotated[int | None, Query(ge=1, le=2**63 - 1)]


class NewEvaluation(BaseModel):
    """The agent as it is saved, or with *changes* beside that; their ``change_note`` goes with what is published."""

    model_config = ConfigDict(extra="forbid")
    changes: agents.AgentChange | None = None


@routes.on(f"GET {AT}", permission=MAY)
async def list_evaluations(app: House, caller: Who, slug: str, before: Before = None) -> Response:
    """Measurements of the agent, newest first, fifty at a time; ``before`` is the ``next`` of the page before."""
    async with app.db.transaction(caller, read_only=True) as tx:
        found = await service.runs(tx, await agents.agent(tx, slug, inactive=True), before=before, most=MOST + 1)
    more = found[MOST - 1].id if len(found) > MOST else None
    return _reply({"items": [run_json(run) for run in found[:MOST]], "next": more})


@routes.on(f"POST {AT}", permission=MAY, status_code=202)
async def begin_evaluation(
    app: House, caller: Who, slug: str, body: NewEvaluation | None = None, idempotency_key: Key = None
) -> Response:
    """Asks the agent every question whose answer a person signed; with ``changes`` also as it would be with them."""
    asked = body.changes if body else None
    changes, note = (asked.given, asked.change_note) if asked else (None, None)
    async with app.db.transaction(caller) as tx:
        seen = await once(tx, "evaluation", idempotency_key, [slug, changes, note])
        number = seen.made or await service.begin(tx, slug, changes, note=note, tags=seen.tags)
        return await _one(tx, await agents.agent(tx, slug, inactive=True), number, 202)


@routes.on(f"GET {AT}/{{number}}", permission=MAY)
async def read_evaluation(app: House, caller: Who, slug: str, number: Number) -> Response:
    """One measurement with its ``results``: for each question what was signed, and what both sides answer."""
    async with app.db.transaction(caller, read_only=True) as tx:
        run = await service.run(tx, await agents.agent(tx, slug, inactive=True), number)
        found = await service.results(tx, number)
    return _reply({**run_json(run), "results": [result_json(one) for one in found]})


@routes.on(f"POST {AT}/{{number}}/publish", permission=MAY)
async def publish_trial(app: House, caller: Who, slug: str, number: Number) -> Response:
    """The changes of a complete trial go live; 412 when the agent is no longer what the trial compared with."""
    async with app.db.transaction(caller) as tx:
        agent = await service.publish(tx, await agents.agent(tx, slug, inactive=True), number)
        return await _one(tx, agent, number)


@routes.on(f"POST {AT}/{{number}}/drop", permission=MAY)
async def drop_trial(app: House, caller: Who, slug: str, number: Number) -> Response:
    """The changes of a complete trial do not go live."""
    async with app.db.transaction(caller) as tx:
        agent = await agents.agent(tx, slug, inactive=True)
        await service.drop(tx, agent, number)
        return await _one(tx, agent, number)


@routes.on(f"POST {AT}/{{number}}/cancel", permission=MAY)
async def cancel_evaluation(app: House, caller: Who, slug: str, number: Number) -> Response:
    """Ends a measurement that is going on."""
    async with app.db.transaction(caller) as tx:
        agent = await agents.agent(tx, slug, inactive=True)
        await service.cancel(tx, agent, number)
        return await _one(tx, agent, number)


def run_json(run: Run) -> dict[str, Any]:
    """A measurement as the API shows it; what only the database needs stays inside."""
    return {name: value for name, value in asdict(run).items() if name not in ("agent_id", "job_id", "seen")}


def result_json(one: Result) -> dict[str, Any]:
    """One question of a measurement."""
    return {name: value for name, value in asdict(one).items() if name != "message_id"}


async def _one(tx: Tx, agent: Agent, number: int, status: int = 200) -> Response:
    answer = _reply(run_json(await service.run(tx, agent, number)), status)
    if status == 202:
        answer.headers["Location"] = f"/api/v1/agents/{agent.slug}/evaluations/{number}"
    return answer


def _reply(value: Any, status: int = 200) -> Response:
    return Response(dumps(value), status, media_type="application/json")
