"""Pages of agents: the list, one agent's settings, its form, the history of its prompt."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Form, Query, Request
from fastapi.responses import RedirectResponse, Response

from ...kernel.access import Caller
from ...kernel.app import App
from ...kernel.errors import CountersignError
from ...kernel.json import dumps
from ...kernel.pages import page
from ...kernel.web import Clean, House, Router, Who
from . import diff, forms, service
from .api import MANAGE, Version
from .models import Agent

routes = Router(include_in_schema=False)

Words = Annotated[Clean | None, Query(max_length=200)]
Number = Annotated[int | None, Query(ge=1, le=2**31 - 1)]
Note = Annotated[Clean, Form(max_length=500)]


@routes.on("GET /agents", permission="agents.view")
async def list_agents(request: Request, app: House, caller: Who, q: Words = None) -> Response:
    """Every active agent; who manages them also sees those that are switched off."""
    async with app.db.transaction(caller, read_only=True) as tx:
        found = await service.agents(tx, q=q, inactive=caller.may(MANAGE))
    return page(request, "agents/list.html", agents=found, q=q or "")


@routes.on("GET /agents/new", permission="agents.create")
async def ask_agent(request: Request, app: House, caller: Who) -> Response:
    """The form of a new agent."""
    return await _form(request, app, caller, None, {})


@routes.on("POST /agents/new", permission="agents.create")
async def create_agent(request: Request, app: House, caller: Who) -> Response:
    """Makes the agent, or shows the form again with what is wrong."""
    form = await request.form()
    values = forms.values_of(form)
    if form.get("action") == "show":
        return await _form(request, app, caller, None, values)
    try:
        async with app.db.transaction(caller) as tx:
            made = await service.create(tx, values)
    except CountersignError as refused:
        return await _form(request, app, caller, None, values, error=refused)
    return RedirectResponse(f"/agents/{made.slug}", 303)


@routes.on("GET /agents/hydration", permission="agents.view")
async def choose_records(request: Request, app: House, caller: Who) -> Response:
    """The part of the form that says which fields and relations of a table are read, and the JSON of it."""
    async with app.db.transaction(caller, read_only=True) as tx:
        known = await service.hydratable(tx)
    # FormData and the query read alike.
    config = forms.still_there(forms.chosen(request.query_params), known)  # pyright: ignore[reportArgumentType]
    return page(request, "agents/records.html", config=config, known=known, json=dumps(config))


@routes.on("GET /agents/{slug}", permission="agents.view")
async def read_agent(request: Request, app: House, caller: Who, slug: str) -> Response:
    """What an agent is and how it is set."""
    agent = await _visible(app, caller, slug)
    return page(request, "agents/one.html", agent=agent, tab="overview", default_model=app.settings.model)


@routes.on("GET /agents/{slug}/edit", permission=MANAGE)
async def edit_agent(request: Request, app: House, caller: Who, slug: str) -> Response:
    """The form of an agent, with every field."""
    agent = await _visible(app, caller, slug)
    return await _form(request, app, caller, agent, agent.values)


@routes.on("POST /agents/{slug}/edit", permission=MANAGE)
async def save_agent(request: Request, app: House, caller: Who, slug: str) -> Response:
    """Saves every field, unless somebody else did meanwhile; else shows the form again with what is wrong."""
    form = await request.form()
    values = forms.values_of(form)
    agent = await _visible(app, caller, slug)
    if form.get("action") == "show":
        return await _form(request, app, caller, agent, values, seen=str(form.get("seen", "")))
    note, seen = str(form.get("change_note", "")).strip()[:500], str(form.get("seen", "")) or None
    try:
        async with app.db.transaction(caller) as tx:
            saved = await service.update(tx, slug, values, note=note or None, seen=seen)
    except CountersignError as refused:
        return await _form(request, app, caller, agent, values, error=refused, seen=seen)
    return RedirectResponse(f"/agents/{saved.slug}", 303)


@routes.on("POST /agents/{slug}/duplicate", permission="agents.create")
async def duplicate_agent(app: House, caller: Who, slug: str) -> Response:
    """A copy that is switched off until it is ready."""
    await _visible(app, caller, slug)
    async with app.db.transaction(caller) as tx:
        made = await service.duplicate(tx, slug)
    return RedirectResponse(f"/agents/{made.slug}/edit" if caller.may(MANAGE) else "/agents", 303)


@routes.on("POST /agents/{slug}/active", permission=MANAGE)
async def switch_agent(app: House, caller: Who, slug: str, on: Annotated[bool, Form()]) -> Response:
    """Switches an agent on or off."""
    async with app.db.transaction(caller) as tx:
        await service.update(tx, slug, {"is_active": on})
    return RedirectResponse(f"/agents/{slug}", 303)


@routes.on("POST /agents/{slug}/delete", permission="agents.delete")
async def delete_agent(app: House, caller: Who, slug: str) -> Response:
    """Takes an agent out of use."""
    async with app.db.transaction(caller) as tx:
        await service.delete(tx, slug)
    return RedirectResponse("/agents", 303)


# -- prompts


@routes.on("GET /agents/{slug}/prompt", permission="agents.view")
async def read_prompt(
    request: Request, app: House, caller: Who, slug: str, old: Number = None, new: Number = None
) -> Response:
    """What the agent is told, and was told before; any two versions compared."""
    agent = await _visible(app, caller, slug)
    compared: list[diff.Line] | None = None
    async with app.db.transaction(caller, read_only=True) as tx:
        versions = await service.prompt_versions(tx, slug)
        if old is not None and new is not None:
            texts = [(await service.prompt_version(tx, agent.id, n)).system_prompt for n in (old, new)]
            compared = diff.lines(*texts)
    shown = {"old": old or max(1, agent.prompt_version - 1), "new": new or agent.prompt_version}
    return page(request, "agents/prompt.html", agent=agent, tab="prompt", versions=versions, compared=compared, **shown)


@routes.on("POST /agents/{slug}/prompt/{version}/restore", permission=MANAGE)
async def restore_prompt(app: House, caller: Who, slug: str, version: Version, change_note: Note = "") -> Response:
    """A former prompt again, as a new version."""
    async with app.db.transaction(caller) as tx:
        await service.restore(tx, slug, version, note=change_note.strip() or None)
    return RedirectResponse(f"/agents/{slug}/prompt", 303)


async def _visible(app: App, caller: Caller, slug: str) -> Agent:
    async with app.db.transaction(caller, read_only=True) as tx:
        return await service.agent(tx, slug, inactive=caller.may(MANAGE))


async def _form(
    request: Request,
    app: App,
    caller: Caller,
    agent: Agent | None,
    values: dict[str, Any],
    *,
    error: CountersignError | None = None,
    seen: str | None = None,
) -> Response:
    async with app.db.transaction(caller, read_only=True) as tx:
        known = await service.hydratable(tx)
    config = forms.still_there(values.get("hydration_config"), known)
    return page(
        request,
        "agents/form.html",
        status=error.status if error else 200,
        agent=agent,
        tab="edit",
        v=forms.shown(values),
        seen=seen or (agent.etag if agent else ""),
        error=error,
        known=known,
        config=config,
        json=dumps(config),
        icons=forms.ICONS,
        default_model=app.settings.model,
    )
