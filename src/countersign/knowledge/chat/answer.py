"""One answer, from the question to the stored message. No transaction is open while the network is waited for."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import structlog

from ...kernel import events, sql
from ...kernel.access import Caller
from ...kernel.app import App
from ...kernel.database import Row, Tx
from ...kernel.errors import CountersignError
from ...kernel.json import dumps
from ...providers.chat import ChatModels
from ...providers.errors import ModelError
from ...providers.ledger import CallContext
from ...providers.models import Delta, Options, Reply, Turn, Usage, is_demonstration
from ..agents import service as agents
from ..agents.models import Agent
from ..retrieval import service as retrieval
from ..retrieval.models import Found, Source
from . import prompt
from .models import (
    MAX_QUESTION,
    AnswerRunning,
    ChatEvent,
    Done,
    EmptyQuestion,
    Failed,
    NoSuchSession,
    QuestionTooLong,
    Sources,
    Started,
    Token,
)
from .quoting import left_out, quoted

log = structlog.get_logger("knowledge.chat")
queries = sql.load(__package__ or "")

STOP = "message.stop"


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

    @property
    def sources(self) -> list[Source]:
        return [*(self.found.sources if self.found else []), *self.quotes]

    @property
    def content(self) -> str:
        return "".join(self.text)

    @property
    def milliseconds(self) -> int:
        return round((time.monotonic() - self.begun) * 1000)


class Running:
    """The answers that this process is writing, and the news that asks it to stop one."""

    def __init__(self, app: App) -> None:
        self._listener = app.once(events.Listener)
        self._stops: dict[UUID, asyncio.Event] = {}

    def stop(self, message: UUID) -> None:
        """Stops *message* if it is written here."""
        if message in self._stops:
            self._stops[message].set()

    @asynccontextmanager
    async def register(self, caller: Caller, message: UUID) -> AsyncIterator[asyncio.Event]:
        """An event that is set once somebody, in any process, asks for *message* to stop."""
        asked = self._stops[message] = asyncio.Event()
        hearing = asyncio.create_task(self._hear(caller, message))
        try:
            yield asked
        finally:
            del self._stops[message]
            hearing.cancel()
            with suppress(asyncio.CancelledError):
                await hearing

    async def _hear(self, caller: Caller, message: UUID) -> None:
        async with self._listener.follow(caller.tenant_id) as queue:
            while True:
                news = await queue.get()
                if news.event == STOP and news.data.get("id") == str(message):
                    self.stop(message)


async def request_stop(tx: Tx, message: UUID) -> None:
    """Tells every process to stop *message*."""
    await events.whisper(tx, STOP, id=str(message))


async def ask(
    app: App, caller: Caller, session_uuid: UUID, text: str, *, agent_slug: str | None = None
) -> AsyncGenerator[ChatEvent, None]:
    """Stores the question, finds the sources, streams the answer, checks its figures, stores it.

    Whatever happens after the question was stored, the answer row ends in an honest status: ``complete``, ``stopped``
    (asked to, or the reader left) or ``failed``. Raises before the first event: ``NoSuchSession``, ``EmptyQuestion``,
    ``QuestionTooLong``, ``AnswerRunning``.
    """
    work, finding = await _store_question(app, caller, session_uuid, text.strip(), agent_slug)
    status = "stopped"
    try:
        yield work.started
        async with app.once(Running).register(caller, work.started.message) as stop:
            work.found = await finding
            work.quotes = await retrieval.quotes(app, caller, work.agent, work.question, work.found.sources)
            yield Sources([s.as_json() for s in work.sources], work.found.retrieval_mode, work.found.degraded)
            async for piece in write(app, caller, work, stop):
                work.text.append(piece)
                yield Token(piece)
            status = "stopped" if stop.is_set() else "complete"
        done = await asyncio.shield(_save(app, caller, work, status))
        status = "saved"
        yield done
    except CountersignError as error:
        status = "failed"
        log.warning("answer.failed", code=error.code, detail=error.detail)
        yield Failed(work.started.message, error.status, error.code, error.detail)
    except Exception as error:
        status = "failed"
        log.error("answer.failed", exc_info=error)
        unknown = CountersignError()
        yield Failed(work.started.message, unknown.status, unknown.code, unknown.detail)
    finally:
        finding.cancel()
        # The reader may have left (the generator is closed) or anything else may have gone wrong: store what there is.
        if status != "saved":
            await asyncio.shield(_save(app, caller, work, status))


async def _store_question(
    app: App, caller: Caller, session_uuid: UUID, text: str, agent_slug: str | None
) -> tuple[Turnaround, asyncio.Task[Found]]:
    """The question is stored, and its sources are being looked for meanwhile, with connections of their own."""
    if not text:
        raise EmptyQuestion()
    if len(text) > MAX_QUESTION:
        raise QuestionTooLong()
    async with AsyncExitStack() as unless_stored:
        async with app.db.transaction(caller) as tx:
            # Asking is for one's own conversations, also for those who may read all.
            held = await tx.first(Row, queries.lock_session, uuid=session_uuid, user=caller.user_id or -1)
            if held is None or agent_slug not in (None, held["agent_slug"]):
                raise NoSuchSession()
            agent = await agents.agent(tx, held["agent_slug"])
            finding = asyncio.create_task(retrieval.find(app, caller, agent, text))
            unless_stored.callback(finding.cancel)
            if await tx.value(queries.answer_running, session=held["id"], seconds=app.settings.answer_timeout):
                raise AnswerRunning()
            added = await tx.one(
                Row, queries.add_exchange, session=held["id"], content=text, prompt_version=agent.prompt_version
            )
            if held["title"] is None:
                title = text if len(text) <= 80 else text[:80].rsplit(" ", 1)[0] + "…"
                await tx.run(queries.title_session, uuid=session_uuid, title=title, force=False, user=None)
            history = await tx.all(
                prompt.Past,
                queries.history,
                session=held["id"],
                before=added["question_id"],
                most=agent.context_window_size,
            )
        unless_stored.pop_all()
    started = Started(session_uuid, added["question"], added["answer"])
    return Turnaround(agent, held["id"], text, added["question_id"], started, added["answer_id"], history), finding


async def write(app: App, caller: Caller, work: Turnaround, stop: asyncio.Event) -> AsyncGenerator[str, None]:
    """The answer piece by piece: from the model, or from the records when no model answers."""
    code = prompt.language(work.agent)
    if not work.sources and work.agent.strict:
        yield prompt.NOTHING[code]
        return
    chat = app.once(ChatModels)
    tiny = is_demonstration(chat.name(work.agent.model))
    options = _options(work.agent, tiny)
    room = await chat.context_size(work.agent.model, options) - work.agent.max_tokens
    work.turns = prompt.build(
        work.agent,
        work.history,
        work.sources,
        work.question,
        tokens=room,
        today=datetime.now(UTC).date(),
        tiny=tiny,
    )
    call = CallContext("answer", agent_id=work.agent.id, session_id=work.session_id, message_id=work.message_id)
    streaming = chat.stream(work.turns, caller=caller, call=call, model=work.agent.model, options=options)
    try:
        cite = Citations(prompt.only_source(work.sources) if tiny else None)
        async for piece in _until(streaming, stop):
            if isinstance(piece, Delta):
                yield cite.read(piece.text)
            else:
                work.reply = piece
                work.notice = "demonstration" if piece.provider == "local" else None
        if not stop.is_set() and (rest := cite.end(work.content)):
            yield rest
        if work.content.strip() and not stop.is_set() and (missing := left_out(work.content, work.quotes)):
            yield f"\n\n{missing}"
        if not work.content.strip() and not stop.is_set():
            raise ModelError("The model had nothing to say.")
    except ModelError as error:
        if work.content.strip():
            raise
        log.warning("answer.quoted", code=error.code, detail=error.detail)
        work.notice = "quoted"
        yield quoted(work.sources, code) if work.sources else prompt.NOTHING[code]
    finally:
        await streaming.aclose()


class Citations:
    """Citations of a tiny model, which counts on from its example: whoever was shown one source means that one."""

    def __init__(self, only: int | None) -> None:
        self._only = only
        self._held = ""

    def read(self, text: str) -> str:
        """*text* with its citations set right; an unfinished one waits for the next piece."""
        if self._only is None:
            return text
        text = re.sub(r"\[\d{1,2}\]", f"[{self._only}]", self._held + text)
        begun = re.search(r"\[\d{0,2}$", text)
        self._held = text[begun.start() :] if begun else ""
        return text[: begun.start()] if begun else text

    def end(self, said: str) -> str:
        """What is still held, and the one source that the model was shown when it *said* something and cited none."""
        named = self._only is None or not said.strip() or re.search(r"\[\d", said)
        return self._held + ("" if named else f" [{self._only}]")


async def _until(streaming: AsyncGenerator[Delta | Reply, None], stop: asyncio.Event) -> AsyncIterator[Delta | Reply]:
    """Passes *streaming* on until it ends or *stop* is set, whichever comes first, also between two tokens."""
    waiting = asyncio.timeout(None)

    def interrupt(_: object) -> None:
        with suppress(RuntimeError):  # no piece is waited for just now
            waiting.reschedule(0)

    # One task for the whole answer: a task for each token would cost as much as sending it.
    stopping = asyncio.create_task(stop.wait())
    stopping.add_done_callback(interrupt)
    try:
        while not stop.is_set():
            try:
                async with asyncio.timeout(None) as waiting:
                    piece = await anext(streaming)
            except StopAsyncIteration:
                return
            except TimeoutError:
                if not stop.is_set():
                    raise
                return
            yield piece
    finally:
        stopping.cancel()


def _options(agent: Agent, tiny: bool) -> Options:
    """What the agent asks of its model. A tiny one says what it knows in its first line; what follows is noise."""
    return Options(
        host=agent.ollama_host,
        port=agent.ollama_port,
        fallback_model=agent.fallback_model,
        max_tokens=agent.max_tokens,
        temperature=float(agent.temperature),
        stop=("\n",) if tiny else (),
    )


async def _save(app: App, caller: Caller, work: Turnaround, status: str) -> Done:
    """Checks the figures and stores the answer, once."""
    reply = work.reply
    usage = reply.usage if reply else Usage()
    # In a thread: a long answer over long sources takes the processor for a while, and others are streaming.
    shown = [s.content for s in work.sources]
    said_in = prompt.language(work.agent)
    checks: dict[str, Any] = await asyncio.to_thread(retrieval.verify, work.content, shown, work.question, said_in)
    context: dict[str, Any] = {
        "sources": [s.as_json() for s in work.sources],
        "hydrated_data": work.found.hydrated() if work.found else {},
        "retrieval_mode": work.agent.retrieval_mode,
        "query": work.found.query if work.found else work.question,
        "degraded": work.found.degraded if work.found else None,
        "learned": [],
        "prompt_version": work.agent.prompt_version,
        "checks": checks,
        "notice": work.notice,
        "fallback": bool(reply and reply.fallback),
    }
    async with app.db.transaction(caller) as tx:
        saved = await tx.value(
            queries.save_answer,
            id=work.message_id,
            content=work.content,
            status=status,
            rag_context=dumps(context),
            model=reply.model if reply else None,
            provider=reply.provider if reply else None,
            tokens_prompt=usage.input if reply else None,
            tokens_completion=usage.output if reply else None,
            ms=work.milliseconds,
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
