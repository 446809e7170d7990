"""OpenAI's chat completions, spoken by agents: any client of it may ask, and its answers are kept like all others."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated, Any, Literal

from fastapi import Request
from fastapi.responses import Response
from pydantic import BaseModel, Field

from ...kernel.json import dumps
from ...kernel.web import Clean, EventStream, House, Router, Who
from ..agents import service as agents
from ..agents.models import Agent
from . import service
from .models import ChatEvent, Done, Failed, NoQuestion, Sources, Started, Token
from .prompt import Past
from .wire import failure, whole

routes = Router(prefix="/v1", tags=["openai"])

MOST_SAID = 1000


class Part(BaseModel):
    """A part of a message; agents read text."""

    type: Literal["text"]
    text: Clean


class Said(BaseModel):
    """One message as the client has it."""

    role: Literal["system", "developer", "user", "assistant"]
    content: Clean | Annotated[list[Part], Field(max_length=100)] = ""

    @property
    def text(self) -> str:
        return self.content if isinstance(self.content, str) else "\n".join(part.text for part in self.content)


class StreamOptions(BaseModel):
    """What a stream ends with."""

    include_usage: bool | None = False


class Completion(BaseModel):
    """A question, after what was said before. Fields that only a bare model understands are passed over."""

    model: Clean = Field(max_length=255, description="An agent's slug.")
    messages: list[Said] = Field(min_length=1, max_length=MOST_SAID)
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    n: Literal[1] | None = 1


@routes.on("GET /models", permission="agents.view")
async def list_models(app: House, caller: Who) -> Response:
    """The agents, as models."""
    async with app.db.transaction(caller, read_only=True) as tx:
        found = await agents.agents(tx)
    return _reply({"object": "list", "data": [_model(agent) for agent in found]})


@routes.on("GET /models/{slug}", permission="agents.view")
async def read_model(app: House, caller: Who, slug: str) -> Response:
    """One agent, as a model."""
    async with app.db.transaction(caller, read_only=True) as tx:
        return _reply(_model(await agents.agent(tx, slug)))


@routes.on("POST /chat/completions", permission="ai-sessions.view")
async def complete(request: Request, app: House, caller: Who, body: Completion) -> Response:
    """Asks the agent *model* the last message; with ``stream`` the answer comes in chunks.

    What the client says was said before is found among the caller's conversations and goes on there; otherwise a new
    one begins, which knows it. System messages are left out: an agent has its own. ``countersign`` in the reply, or in
    the first and last chunk, has the session, the message, its sources and checks.
    """
    *before, asked = body.messages
    if asked.role != "user" or not asked.text.strip():
        raise NoQuestion()
    past = [Past(said.role, said.text) for said in before if said.role in ("user", "assistant")]  # type: ignore[arg-type]
    async with app.db.transaction(caller) as tx:
        place = await service.continued(tx, body.model, past)
        session = place.session if place else (await service.open_session(tx, body.model)).uuid
    events = service.ask(app, caller, session, asked.text, after=place.answer if place else None, past=past)
    first = await anext(events)
    assert isinstance(first, Started)
    shape = {"id": f"chatcmpl-{first.message}", "created": int(time.time()), "model": body.model}
    if body.stream:
        usage = bool(body.stream_options and body.stream_options.include_usage)
        return EventStream(_chunks(events, first, {**shape, "object": "chat.completion.chunk"}, usage))
    answered = await whole(events, first)
    message = {"role": "assistant", "content": answered.pop("content"), "refusal": None}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": _ending(answered["status"])}
    usage = _usage(answered.pop("usage"))
    whole_reply = {**shape, "object": "chat.completion", "choices": [choice], "usage": usage, "countersign": answered}
    return _reply(whole_reply)


async def _chunks(
    events: AsyncGenerator[ChatEvent, None], started: Started, shape: dict[str, Any], usage: bool
) -> AsyncGenerator[bytes, None]:
    """The answer as OpenAI streams one; closing this stops it."""

    def chunk(delta: dict[str, Any], ending: str | None = None, **more: Any) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": ending}
        return _data({**shape, "choices": [choice], **more})

    async with aclosing(events):
        async for what in events:
            match what:
                case Sources():
                    told = {"session": started.session, "message": started.message, "sources": what.items}
                    told |= {"retrieval_mode": what.retrieval_mode, "degraded": what.degraded}
                    yield chunk({"role": "assistant", "content": ""}, countersign=told)
                case Token():
                    yield chunk({"content": what.text})
                case Done():
                    told = {"status": what.status, "checks": what.checks, "model": what.model, "notice": what.notice}
                    yield chunk({}, _ending(what.status), countersign=told)
                    if usage:
                        yield _data({**shape, "choices": [], "usage": _usage(what.usage)})
                    yield b"data: [DONE]\n\n"
                case Failed():
                    failed = failure(what)
                    yield _data({"error": {"message": failed.detail, "type": "server_error", "code": what.code}})
                case Started():
                    pass


def _ending(status: str) -> str:
    """``length`` says that there would have been more."""
    return "stop" if status == "complete" else "length"


def _usage(counted: Any) -> dict[str, Any]:
    read, written = counted["input"], counted["output"]
    details = {"cached_tokens": counted["cached_input"]}
    total = {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}
    return {**total, "prompt_tokens_details": details}


def _model(agent: Agent) -> dict[str, Any]:
    created = int(agent.created_at.timestamp())
    return {"id": agent.slug, "object": "model", "created": created, "owned_by": "countersign", "name": agent.name}


def _data(value: dict[str, Any]) -> bytes:
    return f"data: {dumps(value)}\n\n".encode()


def _reply(value: dict[str, Any]) -> Response:
    return Response(dumps(value), media_type="application/json")
