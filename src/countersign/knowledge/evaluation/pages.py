"""Pages of measurements, under their agent: the course of its figures, one run, a trial and what becomes of it."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any

from fastapi import Path, Request
from fastapi.responses import RedirectResponse, Response

from ...kernel.access import Caller
from ...kernel.app import App
from ...kernel.errors import CountersignError
from ...kernel.pages import page
from ...kernel.web import House, Router, Who
from ..agents import service as agents
from ..agents.models import Agent
from . import service

routes = Router(include_in_schema=False)

MAY = "agents.update"
AT = "/agents/{slug}/evaluation"
DRAWN = ("r1", "r5", "ndcg10", "figures")
Number = Annotated[int, Path(ge=1, le=2**63 - 1)]


@routes.on(f"GET {AT}", permission=MAY)
async def list_runs(request: Request, app: House, caller: Who, slug: str) -> Response:
    """Every measurement of the agent, and how its figures went."""
    return await _list(request, app, caller, slug)


@routes.on(f"POST {AT}", permission=MAY)
async def begin_run(request: Request, app: House, caller: Who, slug: str) -> Response:
    """Measures the agent as it is saved; a form with its fields tries them beside that."""
    form = await request.form()
    values = agents.values_of(form)
    note = str(form.get("change_note") or "").strip()[:500] or None
    try:
        async with app.db.transaction(caller) as tx:
            number = await service.begin(tx, slug, values or None, note=note)
    except CountersignError as refused:
        if refused.status not in (409, 422):
            raise
        return await _list(request, app, caller, slug, refused)
    return RedirectResponse(f"/agents/{slug}/evaluation/{number}", 303)


@routes.on(f"GET {AT}/{{number}}", permission=MAY)
async def show_run(request: Request, app: House, caller: Who, slug: str, number: Number) -> Response:
    """One measurement; of a trial, answer by answer what changes."""
    async with app.db.transaction(caller, read_only=True) as tx:
        agent = await agents.agent(tx, slug, inactive=True)
        run = await service.run(tx, agent, number)
        found = await service.results(tx, number)
    shown = [(one, agents.difference(one.live.get("text", ""), (one.tried or {}).get("text", ""))) for one in found]
    return page(request, "evaluation/one.html", agent=agent, tab="evaluation", run=run, results=shown)


@routes.on(f"POST {AT}/{{number}}/{{verb}}", permission=MAY)
async def decide(
    app: House, caller: Who, slug: str, number: Number, verb: Annotated[str, Path(pattern="^(publish|drop|cancel)$")]
) -> Response:
    """Publishes the changes of a trial, drops them, or ends a measurement that is going on."""
    async with app.db.transaction(caller) as tx:
        agent = await agents.agent(tx, slug, inactive=True)
        if verb == "publish":
            agent = await service.publish(tx, agent, number)
        elif verb == "drop":
            await service.drop(tx, agent, number)
        else:
            await service.cancel(tx, agent, number)
    return RedirectResponse(f"/agents/{agent.slug}/evaluation/{number}", 303)


async def _list(
    request: Request, app: App, caller: Caller, slug: str, error: CountersignError | None = None
) -> Response:
    async with app.db.transaction(caller, read_only=True) as tx:
        agent: Agent = await agents.agent(tx, slug, inactive=True)
        runs = await service.runs(tx, agent)
        signed = len(await service.validated(tx, agent))
    whole = [run.summary["live"] for run in reversed(runs) if run.status == "completed" and run.summary]
    courses: dict[str, list[Decimal]] = {
        name: [Decimal(str(one[name])) for one in whole if one[name] is not None] for name in DRAWN
    }
    shown: dict[str, Any] = {"runs": runs, "signed": signed, "courses": courses, "error": error}
    status = error.status if error else 200
    return page(request, "evaluation/list.html", status=status, agent=agent, tab="evaluation", **shown)
