"""One answer, from the question to the stored message. No transaction is open while the network is waited for."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, suppress
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import structlog

from ...kernel.access import Caller
from ...kernel.app import App
from ...kernel.errors import CountersignError
from ...providers.chat import ChatModels
from ...providers.errors import ModelError
from ...providers.ledger import CallContext
from ...providers.models import Delta, Options, Reply, is_demonstration
from ..agents.models import Agent
from ..learning import service as learning
from ..retrieval import service as retrieval
from ..retrieval.models import Found
from . import prompt, storing
from .models import ChatEvent, Failed, Message, Sources, Started, Token
from .quoting import left_out, quoted
from .running import Running
from .storing import Turnaround

log = structlog.get_logger("knowledge.chat")


async def ask(
    app: App,
    caller: Caller,
    session_uuid: UUID,
    text: str,
    *,
    agent_slug: str | None = None,
    after: UUID | None = None,
    instead_of: UUID | None = None,
    past: Sequence[prompt.Past] = (),
) -> AsyncGenerator[ChatEvent, None]:
    """Stores the question, finds the sources, streams the answer, checks its figures, stores it.

    The question follows the newest message, or the answer *after*, or takes the place of the question *instead_of*,
    which stays beside it. *past* is what was said elsewhere before a new conversation. Closing this early stops the
    answer.

    Whatever happens after the question was stored, the answer row ends in an honest status: ``complete``, ``stopped``
    (asked to, or the reader left), ``interrupted`` (the process ends) or ``failed``. Raises before the first event:
    ``NoSuchSession``, ``NoSuchMessage``, ``EmptyQuestion``, ``QuestionTooLong``, ``AnswerRunning``.
    """
    work, finding = await storing.question(
        app, caller, session_uuid, text.strip(), agent_slug=agent_slug, after=after, instead_of=instead_of, past=past
    )
    async with aclosing(_answer(app, caller, work, finding)) as events:
        async for what in events:
            yield what


async def again(app: App, caller: Caller, message: UUID) -> AsyncGenerator[ChatEvent, None]:
    """Another answer to the question that *message* answers; both stay. As ``ask``."""
    work, finding = await storing.version(app, caller, message)
    async with aclosing(_answer(app, caller, work, finding, anew=True)) as events:
        async for what in events:
            yield what


async def _answer(
    app: App, caller: Caller, work: Turnaround, finding: asyncio.Task[Found], *, anew: bool = False
) -> AsyncGenerator[ChatEvent, None]:
    running = app.once(Running)
    status = "stopped"
    recalling = asyncio.create_task(learning.recall(app, caller, work.agent, work.question))
    keeping = asyncio.create_task(storing.keep(app, caller, work))
    try:
        yield work.started
        async with running.register(caller, work.started.message) as stop:
            found = await gather(app, caller, work, finding, recalling, anew=anew)
            yield Sources([s.as_json() for s in work.sources], found.retrieval_mode, found.degraded)
            async for piece in write(app, caller, work, stop):
                work.text.append(piece)
                yield Token(piece)
            status = "stopped" if stop.is_set() else "complete"
        done = await asyncio.shield(storing.save(app, caller, work, status))
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
        recalling.cancel()
        keeping.cancel()
        # The reader may have left (the generator is closed) or anything else may have gone wrong: store what there is.
        if status != "saved":
            ended = "interrupted" if running.closing and status == "stopped" else status
            await asyncio.shield(storing.save(app, caller, work, ended))


async def gather(
    app: App,
    caller: Caller,
    work: Turnaround,
    finding: asyncio.Task[Found],
    recalling: asyncio.Task[learning.Recall],
    *,
    anew: bool = False,
) -> Found:
    """All that the answer rests on: its sources, what was learned, the exact prices of quantities."""
    work.found, work.recall = await finding, await recalling
    if anew:  # whoever asks for another answer has seen the learned one
        work.recall = replace(work.recall, direct=None)
    if work.recall.direct is not None:
        work.found = replace(work.found, sources=work.recall.direct.sources)
    else:
        work.quotes = await retrieval.quotes(app, caller, work.agent, work.question, work.found.sources)
    return work.found


async def watch(app: App, caller: Caller, message: Message) -> AsyncGenerator[ChatEvent, None]:
    """The answer *message*, which another process writes or which is finished, as the database comes to know of it."""
    yield Started(message.session_uuid, message.reply_to or message.uuid, message.uuid)
    told, known = "", False
    while True:
        context = message.rag_context
        if context is not None and not known:
            known = True
            yield Sources(context["sources"], context["retrieval_mode"], context["degraded"])
        if piece := message.content[len(told) :]:
            told = message.content
            yield Token(piece)
        if message.status != "streaming":
            yield storing.done(message)
            return
        await asyncio.sleep(storing.KEPT_EVERY / 2)
        async with app.db.transaction(caller, read_only=True) as tx:
            message = await storing.read(tx, message.uuid)


async def write(app: App, caller: Caller, work: Turnaround, stop: asyncio.Event) -> AsyncGenerator[str, None]:
    """The answer piece by piece: from the model, or from the records when no model answers."""
    code = prompt.language(work.agent)
    if work.recall.direct is not None:
        work.notice = "learned"
        yield work.recall.direct.answer
        return
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
        examples=[(one.question, one.answer) for one in work.recall.examples],
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
