"""JSON routes of sessions and messages."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from ...kernel.json import dumps
from ...kernel.web import Clean, EventStream, House, Router, Who
from . import service
from .models import MAX_COMMENT, MAX_QUESTION, ChatEvent
from .wire import announced, feedback_json, message_json, session_json, sse, whole

routes = Router(prefix="/api/v1", tags=["chat"])

Limit = Annotated[int, Query(ge=1, le=100)]
Words = Annotated[Clean | None, Query(max_length=200)]


class NewSession(BaseModel):
    """What a calling software may say of the conversation it opens."""

    model_config = ConfigDict(extra="forbid")
    title: Clean | None = Field(None, max_length=255)
    external_session_id: Clean | None = Field(None, max_length=255)
    external_context: dict[str, Any] | None = None


class Question(BaseModel):
    """A question to the session's agent."""

    model_config = ConfigDict(extra="forbid")
    content: Clean = Field(min_length=1, max_length=MAX_QUESTION)
    after: UUID | None = Field(None, description="The answer that it follows, if not the newest one.")
    instead_of: UUID | None = Field(None, description="The question that it puts otherwise; both stay.")


class OpenQuestion(NewSession):
    """A question to whichever agent it is for."""

    content: Clean = Field(min_length=1, max_length=MAX_QUESTION)


class SessionChange(BaseModel):
    """A new name; put away or taken out again."""

    model_config = ConfigDict(extra="forbid")
    title: Clean | None = Field(None, min_length=1, max_length=255)
    status: Literal["active", "archived"] | None = None


class Opinion(BaseModel):
    """What a reader thinks of an answer; at least one of the three."""

    model_config = ConfigDict(extra="forbid")
    rating: int | None = Field(None, ge=1, le=5)
    is_helpful: bool | None = None
    comment: Clean | None = Field(None, max_length=MAX_COMMENT)


def reply(value: Any, status: int = 200) -> Response:
    """JSON as the product writes it."""
    return Response(dumps(value), status, media_type="application/json")


@routes.on("GET /agents/{slug}/sessions", permission="ai-sessions.view")
async def list_sessions(
    app: House,
    caller: Who,
    slug: str,
    q: Words = None,
    limit: Limit = 30,
    before: datetime | None = None,
    status: Literal["active", "archived"] = "active",
) -> Response:
    """Own conversations with one agent, newest first; *q*: words in their title or in what was said.

    Pass ``next`` as ``before`` for the following page.
    """
    async with app.db.transaction(caller, read_only=True) as tx:
        await service.agents.agent(tx, slug)
        found = await service.sessions(tx, agent=slug, q=q, limit=limit, before=before, status=status)
    following = found[-1].updated_at if len(found) == limit else None
    return reply({"items": [session_json(s) for s in found], "next": following})


@routes.on("POST /agents/{slug}/sessions", permission="ai-sessions.view", status_code=201)
async def open_session(app: House, caller: Who, slug: str, body: NewSession | None = None) -> Response:
    """Opens a conversation."""
    given = body.model_dump() if body else {}
    async with app.db.transaction(caller) as tx:
        opened = await service.open_session(tx, slug, **given)
    return reply(session_json(opened), 201)


@routes.on("GET /sessions/{uuid}", permission="ai-sessions.view")
async def read_session(app: House, caller: Who, uuid: UUID) -> Response:
    """One conversation."""
    async with app.db.transaction(caller, read_only=True) as tx:
        return reply(session_json(await service.session(tx, uuid)))


@routes.on("PATCH /sessions/{uuid}", permission="ai-sessions.view")
async def change_session(app: House, caller: Who, uuid: UUID, body: SessionChange) -> Response:
    """Renames a conversation, archives it, or takes it out again."""
    async with app.db.transaction(caller) as tx:
        changed = await service.session(tx, uuid)
        if body.title is not None:
            changed = await service.rename(tx, uuid, body.title)
        if body.status is not None:
            changed = await service.archive(tx, uuid, away=body.status == "archived")
        return reply(session_json(changed))


@routes.on("DELETE /sessions/{uuid}", permission="ai-sessions.view", status_code=204)
async def delete_session(app: House, caller: Who, uuid: UUID) -> Response:
    """Deletes a conversation."""
    async with app.db.transaction(caller) as tx:
        await service.delete(tx, uuid)
    return Response(status_code=204)


@routes.on("GET /sessions/{uuid}/messages", permission="ai-sessions.view")
async def list_messages(
    app: House, caller: Who, uuid: UUID, limit: Limit = 100, at: UUID | None = None, every: bool = False
) -> Response:
    """Messages of a conversation as it stands, oldest first; *at*: with that version in it; *every*: all versions."""
    async with app.db.transaction(caller, read_only=True) as tx:
        found = await service.messages(tx, uuid, limit=limit, at=at, every=every)
    return reply({"items": [message_json(m) for m in found]})


@routes.on("POST /sessions/{uuid}/messages", permission="ai-sessions.view")
async def ask(request: Request, app: House, caller: Who, uuid: UUID, body: Question) -> Response:
    """Asks. With ``Accept: text/event-stream`` the answer streams; otherwise the reply is whole."""
    asked = service.ask(app, caller, uuid, body.content, after=body.after, instead_of=body.instead_of)
    return await _answered(request, asked)


@routes.on("POST /messages/{uuid}/regenerate", permission="ai-sessions.view")
async def regenerate(request: Request, app: House, caller: Who, uuid: UUID) -> Response:
    """Answers the question of an answer again; both answers stay. Streams as asking does."""
    return await _answered(request, service.again(app, caller, uuid))


async def _answered(request: Request, events: AsyncGenerator[ChatEvent, None]) -> Response:
    first = await anext(events)
    if "text/event-stream" in request.headers.get("accept", ""):
        return EventStream(sse(events, first))
    return reply(await whole(events, first))


@routes.on("POST /ask", permission="ai-sessions.view")
async def ask_anyone(request: Request, app: House, caller: Who, body: OpenQuestion) -> Response:
    """Asks the agent that the question is for, in a new conversation; 409 with ``candidates`` when that is not clear.

    The reply, or the first event ``agent`` of the stream, says which agent answers and why.
    """
    opened = await service.open_for(app, caller, **{"question": body.content, **body.model_dump(exclude={"content"})})
    events = service.ask(app, caller, opened.uuid, body.content)
    first = await anext(events)
    chosen = {"agent": opened.agent_slug, "dispatch": opened.dispatch}
    if "text/event-stream" in request.headers.get("accept", ""):
        return EventStream(announced(chosen, sse(events, first)))
    return reply(chosen | await whole(events, first))


@routes.on("GET /messages/{uuid}", permission="ai-sessions.view")
async def read_message(app: House, caller: Who, uuid: UUID) -> Response:
    """One message with everything that was stored about it."""
    async with app.db.transaction(caller, read_only=True) as tx:
        return reply(message_json(await service.message(tx, uuid)))


@routes.on("POST /messages/{uuid}/stop", permission="ai-sessions.view", status_code=202)
async def stop(app: House, caller: Who, uuid: UUID) -> Response:
    """Stops an answer; what was written of it stays, marked as stopped."""
    stopped = await service.stop(app, caller, uuid)
    return reply({"message": stopped.uuid, "status": stopped.status}, 202)


@routes.on("GET /messages/{uuid}/stream", permission="ai-sessions.view")
async def follow(app: House, caller: Who, uuid: UUID) -> Response:
    """An answer from its beginning as server-sent events, while it is written or after. Leaving does not stop it."""
    events = service.follow(app, caller, uuid)
    return EventStream(sse(events, await anext(events)))


@routes.on("GET /messages/{uuid}/feedback", permission="ai-sessions.view")
async def read_feedback(app: House, caller: Who, uuid: UUID) -> Response:
    """What the caller thinks of an answer; ``null`` when they have not said."""
    async with app.db.transaction(caller, read_only=True) as tx:
        about = await service.message(tx, uuid)
        found = (await service.feedbacks(tx, [about])).get(uuid)
    return reply(feedback_json(found) if found else None)


@routes.on("PUT /messages/{uuid}/feedback", permission="ai-sessions.view")
async def give_feedback(app: House, caller: Who, uuid: UUID, body: Opinion) -> Response:
    """Says what the caller thinks of an answer, instead of what they said before."""
    async with app.db.transaction(caller) as tx:
        about = await service.message(tx, uuid)
        return reply(feedback_json(await service.give_feedback(tx, about, **body.model_dump())))


@routes.on("DELETE /messages/{uuid}/feedback", permission="ai-sessions.view", status_code=204)
async def take_feedback_back(app: House, caller: Who, uuid: UUID) -> Response:
    """The caller has no opinion of the answer any more."""
    async with app.db.transaction(caller) as tx:
        await service.take_feedback_back(tx, await service.message(tx, uuid))
    return Response(status_code=204)
