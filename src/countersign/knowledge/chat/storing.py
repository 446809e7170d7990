"""What of an answer is in the database: the question before, the text while it grows, everything at the end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any
from uuid import UUID

import structlog

from ...kernel import events, sql
from ...kernel.access import Caller
from ...kernel.app import App
from ...kernel.database import Row, Tx
from ...kernel.errors import CountersignError
from ...kernel.json import dumps
from ...providers.models import Reply, Turn, Usage
from ..agents import service as agents
from ..agents.models import Agent
from ..learning import service as learning
from ..retrieval import service as retrieval
from ..retrieval.models import Found, Source
from . import prompt
from .models import (
    MAX_QUESTION,
    AnswerRunning,
    Done,
    EmptyQuestion,
    Message,
    NoSuchMessage,
    NoSuchSession,
    QuestionTooLong,
    Started,
)
from .titles import title

log = structlog.get_logger("knowledge.chat")
queries = sql.load(__package__ or "")

KEPT_EVERY = 2.0  # seconds between what is stored of an answer that grows
SILENCE = 30.0  # seconds without a sign of life after which the process that wrote an answer is taken for dead


@dataclass(slots=True)
class Turnaround:
    """An answer in the making: what is known of it so far, so that it can be stored at any point."""

    agent: Agent
    session_id: int | None
    question: str
    question_id: int | None
    started: Started
    message_id: int | None
    history: list[prompt.Past]
    begun: float = field(default_factory=time.monotonic)
    found: Found | None = None
    quotes: list[Source] = field(default_factory=list[Source])
    text: list[str] = field(default_factory=list[str])
    reply: Reply | None = None
    notice: str | None = None
    turns: list[Turn] = field(default_factory=list[Turn])
    recall: learning.Recall = field(default_factory=learning.Recall)

    @property
    def sources(self) -> list[Source]:
        return [*(self.found.sources if self.found else []), *self.quotes]

    @property
    def content(self) -> str:
        return "".join(self.text)

    def learned(self) -> list[dict[str, Any]]:
        """What was learned that this answer is, or was written with."""
        if self.recall.direct is not None:
            return [self.recall.direct.as_json(direct=True)]
        return [one.as_json(direct=False) for one in self.recall.examples]

    def context(self, checks: dict[str, Any] | None = None) -> dict[str, Any]:
        """What the answer rests on, as it is stored with it."""
        return {
            "sources": [s.as_json() for s in self.sources],
            "hydrated_data": self.found.hydrated() if self.found else {},
            "retrieval_mode": self.agent.retrieval_mode,
            "query": self.found.query if self.found else self.question,
            "degraded": self.found.degraded if self.found else None,
            "learned": self.learned(),
            "prompt_version": self.agent.prompt_version,
            "checks": checks,
            "notice": self.notice,
            "fallback": bool(self.reply and self.reply.fallback),
        }

    @property
    def milliseconds(self) -> int:
        return round((time.monotonic() - self.begun) * 1000)


async def question(
    app: App,
    caller: Caller,
    session_uuid: UUID,
    text: str,
    *,
    agent_slug: str | None = None,
    after: UUID | None = None,
    instead_of: UUID | None = None,
    past: Sequence[prompt.Past] = (),
) -> tuple[Turnaround, asyncio.Task[Found]]:
    """The question is stored, and its sources are being looked for meanwhile, with connections of their own."""
    if not text:
        raise EmptyQuestion()
    if len(text) > MAX_QUESTION:
        raise QuestionTooLong()
    async with AsyncExitStack() as unless_stored:
        async with app.db.transaction(caller) as tx:
            held = await _hold(tx, caller, session_uuid, agent_slug)
            earlier = await _asked(tx, held["id"], instead_of) if instead_of else None
            agent = await agents.agent(tx, held["agent_slug"])
            finding = asyncio.create_task(retrieval.find(app, caller, agent, text))
            unless_stored.callback(finding.cancel)
            added = await tx.first(
                Row,
                queries.add_exchange,
                session=held["id"],
                content=text,
                title=title(text),
                prompt_version=agent.prompt_version,
                silence=SILENCE,
                after=after,
                instead_of=earlier["id"] if earlier else None,
            )
            if added is None:
                if after:
                    await _asked(tx, held["id"], after)
                raise AnswerRunning()
            history = _paired(past[-agent.context_window_size :])
            if held["message_count"]:
                history = await _history(tx, agent, session_uuid, added["question"], added["question_id"])
        unless_stored.pop_all()
    started = Started(session_uuid, added["question"], added["answer"])
    return Turnaround(agent, held["id"], text, added["question_id"], started, added["answer_id"], history), finding


async def version(app: App, caller: Caller, message: UUID) -> tuple[Turnaround, asyncio.Task[Found]]:
    """A place for another answer to what *message* answers. Raises ``NoSuchMessage``, ``AnswerRunning``."""
    async with AsyncExitStack() as unless_stored:
        async with app.db.transaction(caller) as tx:
            session_uuid = await tx.value(queries.session_of, message=message)
            if session_uuid is None:
                raise NoSuchMessage()
            held = await _hold(tx, caller, session_uuid, None)
            asked = await _asked(tx, held["id"], message)
            if asked["uuid"] == message:
                raise NoSuchMessage()
            agent = await agents.agent(tx, held["agent_slug"])
            finding = asyncio.create_task(retrieval.find(app, caller, agent, asked["content"]))
            unless_stored.callback(finding.cancel)
            added = await tx.first(
                Row, queries.add_version, message=message, prompt_version=agent.prompt_version, silence=SILENCE
            )
            if added is None:
                raise AnswerRunning()
            history = await _history(tx, agent, session_uuid, asked["uuid"], asked["id"])
        unless_stored.pop_all()
    started = Started(session_uuid, asked["uuid"], added["uuid"])
    return Turnaround(agent, held["id"], asked["content"], asked["id"], started, added["id"], history), finding


async def _hold(tx: Tx, caller: Caller, session_uuid: UUID, agent_slug: str | None) -> Row:
    """The conversation until the transaction ends. Asking is for one's own, also for those who may read all."""
    held = await tx.first(Row, queries.lock_session, uuid=session_uuid, user=caller.user_id or -1)
    if held is None or agent_slug not in (None, held["agent_slug"]):
        raise NoSuchSession()
    return held


async def _asked(tx: Tx, session: int, message: UUID) -> Row:
    asked = await tx.first(Row, queries.asked_question, session=session, message=message)
    if asked is None:
        raise NoSuchMessage()
    return asked


async def _history(tx: Tx, agent: Agent, session: UUID, asked: UUID, before: int) -> list[prompt.Past]:
    return _paired(
        await tx.all(
            prompt.Past, queries.history, session=session, question=asked, before=before, most=agent.context_window_size
        )
    )


def _paired(said: Sequence[prompt.Past]) -> list[prompt.Past]:
    """Questions with their answers: a question whose answer was rejected is left out too, for models take turns."""
    pairs = [pair for pair in pairwise(said) if [one.role for one in pair] == ["user", "assistant"]]
    return [one for pair in pairs for one in pair]


async def keep(app: App, caller: Caller, work: Turnaround) -> None:
    """Stores what there is of the answer again and again, which is also the sign that somebody writes it."""
    context = None
    while True:
        await asyncio.sleep(KEPT_EVERY)
        known = work.found is not None and context is None
        context = dumps(work.context()) if known else context
        try:
            async with app.db.transaction(caller) as tx:
                await tx.run(
                    queries.keep_answer,
                    id=work.message_id,
                    content=work.content,
                    rag_context=context if known else None,
                )
        except CountersignError as error:
            log.warning("answer.not-kept", code=error.code, detail=error.detail)


async def save(app: App, caller: Caller, work: Turnaround, status: str) -> Done:
    """Checks the figures and stores the answer, once."""
    reply = work.reply
    usage = reply.usage if reply else Usage()
    # In a thread: a long answer over long sources takes the processor for a while, and others are streaming.
    shown = [s.content for s in work.sources]
    said_in = prompt.language(work.agent)
    checks: dict[str, Any] = await asyncio.to_thread(retrieval.verify, work.content, shown, work.question, said_in)
    async with app.db.transaction(caller) as tx:
        direct = work.recall.direct if status == "complete" else None
        signed = await learning.served(tx, direct.id) if direct is not None else None
        saved = await tx.value(
            queries.save_answer,
            id=work.message_id,
            content=work.content,
            status=status,
            rag_context=dumps(work.context(checks)),
            model=reply.model if reply else None,
            provider=reply.provider if reply else None,
            tokens_prompt=usage.input if reply else None,
            tokens_completion=usage.output if reply else None,
            ms=work.milliseconds,
            validated_by=signed.by if signed else None,
            validated_at=signed.at if signed else None,
        )
        if saved is not None:
            await tx.run(queries.touch_session, session=work.session_id)
            await events.publish(tx, "message.created", message=str(work.started.message), status=status)
    return Done(
        message=work.started.message,
        status=status,
        content=work.content,
        usage={"input": usage.input, "cached_input": usage.cached_input, "output": usage.output},
        checks=checks,
        model=reply.model if reply else None,
        prompt_version=work.agent.prompt_version,
        generation_time_ms=work.milliseconds,
        notice=work.notice,
    )


async def read(tx: Tx, message: UUID) -> Message:
    """The stored message, for whoever was found to be allowed to see it. Raises ``NotFound``."""
    return await tx.one(
        Message, queries.messages, session=None, uuid=message, user=None, after=None, at=None, every=True, limit=1
    )


def done(message: Message) -> Done:
    """What is told of an answer that was finished earlier."""
    context = message.rag_context or {}
    return Done(
        message=message.uuid,
        status=message.status,
        content=message.content,
        usage={"input": message.tokens_prompt or 0, "cached_input": 0, "output": message.tokens_completion or 0},
        checks=context.get("checks") or {},
        model=message.model_used,
        prompt_version=message.prompt_version or 0,
        generation_time_ms=message.generation_time_ms or 0,
        notice=context.get("notice"),
    )
