"""Chat events as readers receive them: server-sent events or one JSON reply."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import asdict
from typing import Any

from ...kernel.errors import CountersignError
from ...kernel.web import event
from .models import ChatEvent, Done, Failed, Feedback, Message, Session, Sources, Started, Token

NAMES: dict[type, str] = {Started: "start", Sources: "sources", Token: "token", Done: "done", Failed: "error"}


async def sse(events: AsyncGenerator[ChatEvent, None], first: ChatEvent | None = None) -> AsyncGenerator[bytes, None]:
    """*first* and *events* as server-sent events; closing this closes *events*."""
    try:
        if first is not None:
            yield event(NAMES[type(first)], first)
        async for what in events:
            yield event(NAMES[type(what)], what)
    finally:
        await events.aclose()


async def announced(chosen: dict[str, Any], stream: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    """*stream* after the event ``agent``, which says who answers and why; closing this closes *stream*."""
    async with aclosing(stream):
        yield event("agent", chosen)
        async for piece in stream:
            yield piece


class AnswerFailed(CountersignError):
    """The answer could not be made."""


def failure(what: Failed) -> AnswerFailed:
    """What the stream reported, to be raised."""
    failed = AnswerFailed(what.detail, reason=what.code, message=str(what.message))
    failed.status = what.status  # pyright: ignore[reportAttributeAccessIssue]
    return failed


async def whole(events: AsyncGenerator[ChatEvent, None], first: ChatEvent) -> dict[str, Any]:
    """The finished answer as one object. Raises what the stream reported as an error."""
    reply: dict[str, Any] = asdict(first)
    async for what in events:
        match what:
            case Failed():
                raise failure(what)
            case Sources():
                reply |= {"sources": what.items, "retrieval_mode": what.retrieval_mode, "degraded": what.degraded}
            case Done():
                reply |= asdict(what)
            case _:
                pass
    return reply


def session_json(s: Session) -> dict[str, Any]:
    """A session as the API shows it."""
    return asdict(s)


def message_json(m: Message) -> dict[str, Any]:
    """A message as the API shows it; its database id stays inside."""
    shown = asdict(m)
    del shown["id"]
    return shown


def feedback_json(f: Feedback) -> dict[str, Any]:
    """An opinion as the API shows it."""
    return asdict(f)
