"""Pages of single messages: an answer as it comes, again, stopped, judged, and what it rests on."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated
from uuid import UUID

from fastapi import Form, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response

from ...kernel.access import Caller
from ...kernel.app import App
from ...kernel.errors import NotFound
from ...kernel.pages import page
from ...kernel.web import Clean, EventStream, House, Router, Who, wants_json
from ...providers import ledger
from . import evidence, service
from .models import MAX_COMMENT, ChatEvent, Failed
from .wire import failure, sse

routes = Router(include_in_schema=False)

MAY = "ai-sessions.view"


async def answered(request: Request, app: App, session: UUID, answering: AsyncGenerator[ChatEvent, None]) -> Response:
    """Streamed to a script that wants events, else waited for, then back to the conversation.

    The answer goes on whether anybody is there to read it or not.
    """
    if "text/event-stream" not in request.headers.get("accept", ""):
        await wait_for(app, answering)
        return RedirectResponse(f"/sessions/{session}#last", 303)
    live = await service.begin(app, answering)
    return EventStream(sse(live.follow()))


async def wait_for(app: App, answering: AsyncGenerator[ChatEvent, None]) -> None:
    """Returns when the answer is stored. Raises what the stream reports as an error."""
    live = await service.begin(app, answering)
    async with aclosing(live.follow()) as events:
        async for what in events:
            if isinstance(what, Failed):
                raise failure(what)


@routes.on("GET /messages/{uuid}/stream", permission=MAY)
async def follow(app: House, caller: Who, uuid: UUID) -> Response:
    """An answer that is being written, from its beginning: for a page that was opened or reloaded meanwhile."""
    events = service.follow(app, caller, uuid)
    return EventStream(sse(events, await anext(events)))


@routes.on("POST /messages/{uuid}/regenerate", permission=MAY)
async def regenerate(request: Request, app: House, caller: Who, uuid: UUID) -> Response:
    """Answers the same question again; the earlier answer stays beside it."""
    async with app.db.transaction(caller, read_only=True) as tx:
        message = await service.message(tx, uuid)
    return await answered(request, app, message.session_uuid, service.again(app, caller, uuid))


@routes.on("GET /messages/{uuid}/fragment", permission=MAY)
async def fragment(request: Request, app: House, caller: Who, uuid: UUID) -> Response:
    """One answer as the conversation shows it."""
    async with app.db.transaction(caller, read_only=True) as tx:
        message = await service.message(tx, uuid)
        session = await service.session(tx, message.session_uuid)
        opinions = await service.feedbacks(tx, [message])
    return page(request, "chat/fragment.html", message=message, session=session, opinions=opinions)


@routes.on("POST /messages/{uuid}/feedback", permission=MAY)
async def give_feedback(
    request: Request,
    app: House,
    caller: Who,
    uuid: UUID,
    helpful: Annotated[str, Form(pattern="^(yes|no|)$")] = "",
    rating: Annotated[str, Form(pattern="^[1-5]?$")] = "",
    comment: Annotated[Clean, Form(max_length=MAX_COMMENT)] = "",
) -> Response:
    """Keeps what the reader thinks of the answer; nothing said is no opinion any more."""
    said = (
        {"yes": True, "no": False}.get(helpful),
        int(rating) if rating else None,
        comment.strip() or None,
    )
    async with app.db.transaction(caller) as tx:
        message = await service.message(tx, uuid)
        if any(one is not None for one in said):
            await service.give_feedback(tx, message, is_helpful=said[0], rating=said[1], comment=said[2])
        else:
            await service.take_feedback_back(tx, message)
        opinions = await service.feedbacks(tx, [message])
    if request.headers.get("hx-request") == "true":
        return page(request, "chat/opinion.html", message=message, opinions=opinions, thanks=True)
    return RedirectResponse(f"/sessions/{message.session_uuid}?at={uuid}#m-{uuid}", 303)


@routes.on("GET /messages/{uuid}/prompt", permission="ai-sessions.validate")
async def exact_prompt(request: Request, app: House, caller: Who, uuid: UUID) -> Response:
    """What the model was told for this answer, word by word, what it cost and how long it took."""
    async with app.db.transaction(caller, read_only=True) as tx:
        message = await service.message(tx, uuid)
        calls = await ledger.calls_for(tx, message.id)
    return page(request, "chat/prompt.html", message=message, calls=calls)


@routes.on("GET /messages/{uuid}/sources", permission=MAY)
async def sources(request: Request, app: House, caller: Who, uuid: UUID) -> Response:
    """The evidence of an answer: every source, closed."""
    return await _sources(request, app, caller, uuid, None)


@routes.on("GET /messages/{uuid}/sources/{n}", permission=MAY)
async def source(request: Request, app: House, caller: Who, uuid: UUID, n: int) -> Response:
    """The evidence of an answer with source *n* open."""
    return await _sources(request, app, caller, uuid, n)


async def _sources(request: Request, app: App, caller: Caller, uuid: UUID, n: int | None) -> Response:
    async with app.db.transaction(caller, read_only=True) as tx:
        message = await service.message(tx, uuid)
        session = await service.session(tx, message.session_uuid)
        shown = await evidence.of(tx, message, n)
    if n is not None and not any(item.n == n for item in shown.items):
        raise NotFound()
    return page(request, "chat/evidence.html", session=session, evidence=shown, evidence_base=None, back=None)


@routes.on("POST /messages/{uuid}/stop", permission=MAY)
async def stop(request: Request, app: House, caller: Who, uuid: UUID) -> Response:
    """Stops an answer; what was written of it stays."""
    stopped = await service.stop(app, caller, uuid)
    if wants_json(request):
        return JSONResponse({"message": str(stopped.uuid)}, 202)
    return RedirectResponse(f"/sessions/{stopped.session_uuid}#last", 303)
