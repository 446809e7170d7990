"""Pages of the conversation: asking, reading, the evidence. Everything has an address and works without script."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from urllib.parse import urlencode
from uuid import UUID

from fastapi import Form, Query, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response

from ...kernel.access import Caller
from ...kernel.app import App
from ...kernel.database import Tx
from ...kernel.pages import page
from ...kernel.web import Clean, House, Router, Who, wants_json
from ..agents import service as agents
from ..agents.models import Agent
from ..dispatch.models import AgentUnclear
from . import evidence, service, sharing
from .examples import examples
from .models import Session
from .turns import answered, wait_for

routes = Router(include_in_schema=False)

MAY = "ai-sessions.view"
SHOWN = 40
MOST_WORDS = 2000  # of a question in an address
Words = Annotated[Clean | None, Query(max_length=200)]
Text = Annotated[Clean | None, Query(max_length=MOST_WORDS)]


@routes.on("GET /ask", permission=MAY)
async def ask_anyone(request: Request, app: House, caller: Who, text: Text = None) -> Response:
    """The question box for whichever agent the question is for. With *text* that was not clear: one must be named."""
    async with app.db.transaction(caller, read_only=True) as tx:
        return await _ask(tx, request, None, text)


@routes.on("GET /ask/{slug}", permission=MAY)
async def ask_one(request: Request, app: House, caller: Who, slug: str, text: Text = None) -> Response:
    """The question box for one agent, with *text* in it."""
    async with app.db.transaction(caller, read_only=True) as tx:
        return await _ask(tx, request, slug, text)


async def _ask(tx: Tx, request: Request, slug: str | None, text: str | None) -> Response:
    found = await agents.agents(tx)
    recent = await service.sessions(tx, limit=6)
    slugs = [agent.slug for agent in found]
    if slug is not None and slug not in slugs:
        await agents.agent(tx, slug)
    last = next((s.agent_slug for s in recent if s.agent_slug in slugs), None)
    known = next((a for a in found if a.slug == (slug or last)), found[0] if found else None)
    return page(
        request,
        "chat/ask.html",
        agents=found,
        agent=known if slug or len(found) == 1 else None,  # None: whoever the question is for
        text=text or "",
        recent=recent,
        examples=await examples(tx, known) if known else [],
        example_of=known,
    )


@routes.on("POST /ask", permission=MAY)
async def open_and_ask(
    request: Request,
    app: House,
    caller: Who,
    agent: Annotated[Clean, Form()] = "",
    text: Annotated[Clean, Form()] = "",
) -> Response:
    """Opens a conversation, with *agent* or the one that *text* is for.

    A script gets its address and asks there; a plain form waits for the whole answer.
    """
    try:
        opened = await _open(app, caller, agent, text)
    except AgentUnclear:
        if wants_json(request):
            raise
        return RedirectResponse(f"/ask?{urlencode({'text': text[:MOST_WORDS]})}", 303)
    if wants_json(request):
        return JSONResponse({"session": str(opened.uuid), "address": f"/sessions/{opened.uuid}"}, 201)
    if text.strip():
        await wait_for(app, service.ask(app, caller, opened.uuid, text))
    return RedirectResponse(f"/sessions/{opened.uuid}#last", 303)


async def _open(app: App, caller: Caller, agent: str, text: str) -> Session:
    if not agent:
        return await service.open_for(app, caller, text)
    async with app.db.transaction(caller) as tx:
        return await service.open_session(tx, agent)


@routes.on("GET /sessions", permission=MAY)
async def list_sessions(
    request: Request,
    app: House,
    caller: Who,
    q: Words = None,
    before: datetime | None = None,
    current: str = "",
    archived: bool = False,
) -> Response:
    """Own conversations, newest first; the list alone when a page asks for it while somebody types."""
    status = "archived" if archived else "active"
    async with app.db.transaction(caller, read_only=True) as tx:
        found = await service.sessions(tx, q=q, before=before, limit=SHOWN, status=status)
    more = found[-1].updated_at if len(found) == SHOWN else None
    return page(request, "chat/sessions.html", sessions=found, more=more, current=current, q=q or "", archived=archived)


@routes.on("GET /sessions/{uuid}", permission=MAY)
async def read_session(request: Request, app: House, caller: Who, uuid: UUID, at: UUID | None = None) -> Response:
    """One conversation as it stands, or with the version *at*; the evidence of its last answer beside it.

    Only its messages when a script asks, because something happened in another window.
    """
    async with app.db.transaction(caller, read_only=True) as tx:
        session = await service.session(tx, uuid)
        messages = await service.messages(tx, uuid, at=at, limit=service.MOST_MESSAGES)
        others = await service.sessions(tx, limit=SHOWN)
        answers = [m for m in messages if m.role == "assistant"]
        with_sources = [m for m in answers if m.rag_context]
        shown = await evidence.of(tx, with_sources[-1]) if with_sources else None
        opinions = await service.feedbacks(tx, answers)
        share = await sharing.share_of(tx, uuid) if session.own else None
        agent = await _agent(tx, session)
    return page(
        request,
        "chat/session.html",
        session=session,
        messages=messages,
        opinions=opinions,
        sessions=others,
        more=None,
        agent=agent,
        evidence=shown,
        evidence_base=None,
        current=str(uuid),
        at=at,
        share=share,
        share_url=f"{(app.settings.public_url or str(request.base_url)).rstrip('/')}/shared/{share.uuid}"
        if share
        else None,
        q="",
        archived=False,
    )


@routes.on("POST /sessions/{uuid}/messages", permission=MAY)
async def ask(
    request: Request,
    app: House,
    caller: Who,
    uuid: UUID,
    text: Annotated[Clean, Form()] = "",
    after: Annotated[UUID | None, Form()] = None,
    instead_of: Annotated[UUID | None, Form()] = None,
) -> Response:
    """Asks, after the answer *after* or in the place of the question *instead_of*."""
    return await answered(request, app, uuid, service.ask(app, caller, uuid, text, after=after, instead_of=instead_of))


@routes.on("POST /sessions/{uuid}/title", permission=MAY)
async def rename(
    app: House, caller: Who, uuid: UUID, title: Annotated[Clean, Form(min_length=1, max_length=255)]
) -> Response:
    """Gives the conversation another name."""
    async with app.db.transaction(caller) as tx:
        await service.rename(tx, uuid, " ".join(title.split()))
    return RedirectResponse(f"/sessions/{uuid}", 303)


@routes.on("POST /sessions/{uuid}/archive", permission=MAY)
async def archive(app: House, caller: Who, uuid: UUID) -> Response:
    """Puts the conversation away."""
    async with app.db.transaction(caller) as tx:
        await service.archive(tx, uuid)
    return RedirectResponse("/sessions", 303)


@routes.on("POST /sessions/{uuid}/restore", permission=MAY)
async def restore(app: House, caller: Who, uuid: UUID) -> Response:
    """Takes the conversation out of the archive."""
    async with app.db.transaction(caller) as tx:
        await service.archive(tx, uuid, away=False)
    return RedirectResponse(f"/sessions/{uuid}", 303)


@routes.on("POST /sessions/{uuid}/delete", permission=MAY)
async def delete(app: House, caller: Who, uuid: UUID) -> Response:
    """Takes the conversation out of the lists."""
    async with app.db.transaction(caller) as tx:
        await service.delete(tx, uuid)
    return RedirectResponse("/sessions", 303)


async def _agent(tx: Tx, session: Session) -> Agent | None:
    """The session's agent; None when it was switched off since."""
    return next((a for a in await agents.agents(tx) if a.slug == session.agent_slug), None)
