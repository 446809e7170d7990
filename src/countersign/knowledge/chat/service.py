"""Conversations: opening, listing, reading, naming and deleting them. Asking is in ``answer.py``."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

from ...kernel import sql
from ...kernel.access import Caller
from ...kernel.app import App
from ...kernel.audit import audit
from ...kernel.database import Tx
from ...kernel.json import dumps
from ..agents import service as agents
from ..dispatch import service as dispatch
from ..dispatch.models import AgentUnclear, Choice
from . import answer, running
from .answer import again, ask
from .feedback import feedbacks, give_feedback, take_feedback_back
from .models import ChatEvent, EmptyQuestion, Message, NoSuchMessage, NoSuchSession, Place, Session
from .prompt import Past
from .running import Live, Running
from .trial import attempt

__all__ = ["again", "ask", "attempt", "feedbacks", "give_feedback", "take_feedback_back"]

queries = sql.load(__package__ or "")

ALL_SESSIONS = "ai-sessions.view-all"
MOST_MESSAGES = 1000  # that are shown of a conversation


def whose(tx: Tx) -> int | None:
    """The user whose conversations the caller may see; None for all of them."""
    caller = tx.caller
    assert caller is not None
    return None if caller.may(ALL_SESSIONS) else caller.user_id or -1


async def open_session(
    tx: Tx,
    agent_slug: str,
    *,
    title: str | None = None,
    external_session_id: str | None = None,
    external_context: dict[str, Any] | None = None,
    chosen: Choice | None = None,
) -> Session:
    """A new conversation of the caller with one agent, which was *chosen* or named. Raises ``NoSuchAgent``."""
    await agents.agent(tx, agent_slug)
    uuid = await tx.value(
        queries.open_session,
        slug=agent_slug,
        title=title,
        external_id=external_session_id,
        external_context=dumps(external_context) if external_context is not None else None,
        dispatch=dumps(chosen.as_json()) if chosen is not None else None,
    )
    return await session(tx, uuid)


async def open_for(app: App, caller: Caller, question: str, **given: Any) -> Session:
    """A new conversation with the agent that *question* is for. Raises ``AgentUnclear``, ``EmptyQuestion``."""
    if not question.strip():
        raise EmptyQuestion()
    chosen = await dispatch.choose(app, caller, question)
    if chosen.agent is None:
        raise AgentUnclear(reason=chosen.reason, candidates=[asdict(one) for one in chosen.candidates])
    async with app.db.transaction(caller) as tx:
        return await open_session(tx, chosen.agent, chosen=chosen, **given)


async def sessions(
    tx: Tx,
    *,
    agent: str | None = None,
    q: str | None = None,
    limit: int = 30,
    before: datetime | None = None,
    all: bool = False,
    status: str | None = "active",
) -> list[Session]:
    """Conversations, newest first: the caller's own, or everybody's with *all* and the permission for it.

    *status*: ``active``, ``archived``, or None for both.
    """
    assert tx.caller is not None
    user = whose(tx) if all else tx.caller.user_id or -1
    return await tx.all(
        Session,
        queries.sessions,
        user=user,
        agent=agent,
        q=q or None,
        uuid=None,
        before=before,
        limit=limit,
        status=status,
    )


async def session(tx: Tx, uuid: UUID) -> Session:
    """One conversation that the caller may see. Raises ``NoSuchSession``."""
    found = await tx.first(
        Session, queries.sessions, user=whose(tx), agent=None, q=None, uuid=uuid, before=None, limit=1, status=None
    )
    if found is None:
        raise NoSuchSession()
    return found


async def messages(
    tx: Tx,
    session_uuid: UUID,
    *,
    limit: int = 200,
    after: int | None = None,
    at: UUID | None = None,
    every: bool = False,
) -> list[Message]:
    """Messages of one conversation as it stands, oldest first; with *at* as it stands with that message in it, with
    *every* all versions. Raises ``NoSuchSession``, ``NoSuchMessage``."""
    await session(tx, session_uuid)
    return await path(tx, session_uuid, limit=limit, after=after, at=at, every=every)


async def path(
    tx: Tx,
    session_uuid: UUID,
    *,
    limit: int = 200,
    after: int | None = None,
    at: UUID | None = None,
    every: bool = False,
) -> list[Message]:
    """As ``messages``, for whoever was found to be allowed to see the conversation."""
    found = await tx.all(
        Message,
        queries.messages,
        session=session_uuid,
        uuid=None,
        user=None,
        after=after,
        at=at,
        every=every,
        limit=limit,
    )
    if at is not None and not found:
        raise NoSuchMessage()
    return found


async def message(tx: Tx, uuid: UUID, *, anybodys: bool = False) -> Message:
    """One message that the caller may see; with *anybodys* for whoever was found to be allowed to. Raises
    ``NoSuchMessage``."""
    user = None if anybodys else whose(tx)
    found = await tx.first(
        Message, queries.messages, session=None, uuid=uuid, user=user, after=None, at=None, every=True, limit=1
    )
    if found is None:
        raise NoSuchMessage()
    return found


async def continued(tx: Tx, agent: str, past: Sequence[Past]) -> Place | None:
    """The caller's conversation with *agent* in which *past* was said last, also when its beginning was cut off."""
    if not past or past[-1].role != "assistant":
        return None
    for place in await tx.all(Place, queries.said_before, agent=agent, content=past[-1].content):
        said = await path(tx, place.session, at=place.answer, limit=MOST_MESSAGES)
        until = next(number for number, message in enumerate(said, 1) if message.uuid == place.answer)
        known = [Past(message.role, message.content) for message in said[:until]]  # type: ignore[arg-type]
        if known[-len(past) :] == list(past):
            return place
    return None


async def rename(tx: Tx, uuid: UUID, title: str) -> Session:
    """Gives the conversation another name. Raises ``NoSuchSession``."""
    if not await tx.run(queries.title_session, uuid=uuid, title=title, user=whose(tx)):
        raise NoSuchSession()
    return await session(tx, uuid)


async def delete(tx: Tx, uuid: UUID) -> None:
    """Takes the conversation out of every list. Raises ``NoSuchSession``."""
    if not await tx.run(queries.delete_session, uuid=uuid, user=whose(tx)):
        raise NoSuchSession()
    await audit(tx, "delete", "ai_session", None, old={"uuid": str(uuid)})


async def archive(tx: Tx, uuid: UUID, *, away: bool = True) -> Session:
    """Puts the conversation away: read and found, but not continued; or back. Raises ``NoSuchSession``."""
    status = "archived" if away else "active"
    if not await tx.run(queries.archive_session, uuid=uuid, status=status, user=whose(tx)):
        raise NoSuchSession()
    return await session(tx, uuid)


async def begin(app: App, answering: AsyncGenerator[ChatEvent, None]) -> Live:
    """Lets what ``ask`` or ``again`` returned go on by itself, whoever listens. Raises what they raise at first."""
    return await app.once(Running).begin(answering)


async def follow(app: App, caller: Caller, message_uuid: UUID) -> AsyncGenerator[ChatEvent, None]:
    """An answer from its beginning until it is stored, wherever it is written. Raises ``NoSuchMessage`` at first.

    Closing this does not stop the answer.
    """
    async with app.db.transaction(caller, read_only=True) as tx:
        found = await message(tx, message_uuid)
    live = app.once(Running).live(message_uuid)
    async with aclosing(live.follow() if live else answer.watch(app, caller, found)) as events:
        async for what in events:
            yield what


async def stop(app: App, caller: Caller, message_uuid: UUID) -> Message:
    """Stops an answer that is being written, wherever it is; what was written stays. Raises ``NoSuchMessage``."""
    async with app.db.transaction(caller) as tx:
        found = await message(tx, message_uuid)
        if found.status == "streaming":
            await running.request_stop(tx, message_uuid)
    app.once(Running).stop(message_uuid)
    return found
