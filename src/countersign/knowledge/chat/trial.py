"""Trying an agent, as it is saved or as somebody is just editing it: one question, everything shown, nothing stored."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import asdict, dataclass
from typing import Annotated, Any
from uuid import UUID

from fastapi import Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from ...kernel.access import Caller
from ...kernel.app import App
from ...kernel.errors import CountersignError
from ...kernel.json import dumps
from ...kernel.pages import page
from ...kernel.web import Clean, House, Router, Who
from ...providers.models import Turn, Usage
from ..agents import service as agents
from ..agents.models import Agent
from ..learning import service as learning
from ..retrieval import service as retrieval
from ..retrieval.models import Source
from . import prompt
from .answer import Turnaround, gather, write
from .models import MAX_QUESTION, EmptyQuestion, QuestionTooLong, Started

routes = Router(include_in_schema=False)
api = Router(prefix="/api/v1", tags=["agents"])

MAY = "agents.update"
NOWHERE = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Trial:
    """An answer that is not stored: what was said, from which sources, told what, with which figures verified."""

    content: str
    sources: list[Source]
    retrieval_mode: str
    degraded: str | None
    checks: dict[str, Any]
    prompt: list[Turn]
    model: str | None
    provider: str | None
    server: str
    fallback: bool
    usage: Usage | None
    generation_time_ms: int
    notice: str | None


class TrialBody(BaseModel):
    """A question, and what of the agent shall be otherwise for this once."""

    model_config = ConfigDict(extra="forbid")
    content: Annotated[Clean, Field(min_length=1, max_length=MAX_QUESTION)]
    changes: agents.AgentChange | None = None


async def attempt(app: App, caller: Caller, agent: Agent, question: str) -> Trial:
    """Asks *agent*, saved or not, without a conversation; the ledger alone remembers it.

    Raises ``EmptyQuestion``, ``QuestionTooLong``, ``ModelError`` when the model breaks off.
    """
    question = question.strip()
    if not question:
        raise EmptyQuestion()
    if len(question) > MAX_QUESTION:
        raise QuestionTooLong()
    work = Turnaround(agent, None, question, None, Started(NOWHERE, NOWHERE, NOWHERE), None, [])
    async with asyncio.TaskGroup() as both:
        finding = both.create_task(retrieval.find(app, caller, agent, question))
        recalling = both.create_task(learning.recall(app, caller, agent, question))
    found = await gather(app, caller, work, finding, recalling)
    async with aclosing(write(app, caller, work, asyncio.Event())) as pieces:
        async for piece in pieces:
            work.text.append(piece)
    shown = [source.content for source in work.sources]
    checks = await asyncio.to_thread(retrieval.verify, work.content, shown, question, prompt.language(agent))
    reply = work.reply
    return Trial(
        content=work.content,
        sources=work.sources,
        retrieval_mode=found.retrieval_mode,
        degraded=found.degraded,
        checks=checks,
        prompt=work.turns,
        model=reply.model if reply else None,
        provider=str(reply.provider) if reply else None,
        server=reply.server if reply else "",
        fallback=bool(reply and reply.fallback),
        usage=reply.usage if reply else None,
        generation_time_ms=work.milliseconds,
        notice=work.notice,
    )


@api.on("POST /agents/{slug}/test", permission=MAY)
async def try_agent(app: House, caller: Who, slug: str, body: TrialBody) -> Response:
    """Asks the agent with *changes* that are not saved; no conversation is kept."""
    given = body.changes.given if body.changes else {}
    async with app.db.transaction(caller, read_only=True) as tx:
        agent = await agents.drafted(tx, slug, given)
    tried = await attempt(app, caller, agent, body.content)
    shown = {**asdict(tried), "sources": [source.as_json() for source in tried.sources]}
    return Response(dumps(shown), media_type="application/json")


@routes.on("GET /agents/{slug}/test", permission=MAY)
async def ask_for_a_question(request: Request, app: House, caller: Who, slug: str) -> Response:
    """The question box of a trial."""
    async with app.db.transaction(caller, read_only=True) as tx:
        agent = await agents.agent(tx, slug, inactive=True)
    return page(request, "agents/test.html", agent=agent, tab="test", question="", tried=None, error=None, draft=False)


@routes.on("POST /agents/{slug}/test", permission=MAY)
async def show_trial(request: Request, app: House, caller: Who, slug: str) -> Response:
    """The answer with all it rests on, as saved or with the fields that the form sends."""
    form = await request.form()
    question, values = str(form.get("content", "")), agents.values_of(form)
    async with app.db.transaction(caller, read_only=True) as tx:
        agent = saved = await agents.agent(tx, slug, inactive=True)
    tried, error = None, None
    try:
        async with app.db.transaction(caller, read_only=True) as tx:
            agent = await agents.drafted(tx, slug, values)
        tried = await attempt(app, caller, agent, question)
    except CountersignError as refused:
        error = refused
    draft = agent.values != saved.values
    # A fragment that is swapped in says itself what is wrong; a failing status would not be shown.
    status = error.status if error and request.headers.get("hx-request") != "true" else 200
    return page(
        request,
        "agents/test.html",
        status=status,
        agent=saved,
        tab="test",
        question=question,
        tried=tried,
        error=error,
        draft=draft,
    )
