"""Chat models behind one face: streaming, time-outs, the fallback model, and the ledger."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, suppress
from dataclasses import replace
from typing import Any

import structlog

from ..kernel.access import Caller
from ..kernel.app import App
from ..kernel.errors import CountersignError
from .attempt import Attempt
from .clients import Clients
from .endpoints import Endpoint, default_model, endpoint
from .errors import ModelError, ModelRefused, ModelUnreachable
from .ledger import FAILED, STOPPED, CallContext, record
from .models import Delta, ModelName, Options, Provider, Reply, Turn
from .prices import context_of
from .servers import NotServed, ask

log = structlog.get_logger("providers.chat")

NO_OPTIONS = Options()
# Enough for a prompt with sources; a model's own limit may be thirty times more, and Ollama would reserve it all.
USUAL_CONTEXT = 8192
LOCAL_CONTEXT = 4096
FAILED_TOO = " The fallback model failed too: "
ASK_AGAIN_SECONDS = 300.0


class ChatModels:
    """The chat models of one process: ``app.once(ChatModels)``."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._clients = Clients()
        self._contexts: dict[Endpoint, tuple[float, int]] = {}
        self._cold: set[Endpoint] = set()  # models that take no temperature
        self._writing: set[asyncio.Task[Any]] = set()

    async def stream(
        self,
        turns: Sequence[Turn],
        *,
        caller: Caller,
        call: CallContext,
        model: str | None = None,
        options: Options = NO_OPTIONS,
    ) -> AsyncGenerator[Delta | Reply, None]:
        """Pieces of the answer as they come, then one ``Reply``, which is in the ledger by then.

        *model* is ``provider:model``, None the configured one. When it cannot be reached, is not there, fails with 5xx
        or stays silent, the fallback model serves once; never after a piece was seen. Closing this generator stops
        the model and records what there was. Raises ``ModelError`` and ``BadModelName``.
        """
        settings = self._app.settings
        now = asyncio.get_running_loop().time
        until = now() + settings.answer_timeout
        todo = self._candidates(model, options)
        first = todo[0]
        earlier = ""
        while todo:
            name = todo.pop(0)
            try:
                where = endpoint(settings, name, options)
            except ModelUnreachable as error:
                error.after(earlier)
                if not todo:
                    raise
                earlier = error.detail + FAILED_TOO
                continue
            attempt = Attempt(where, turns, fallback=name != first)
            accepted = replace(options, temperature=None) if where in self._cold else options
            try:
                client = await self._clients.get(where, await self._context(where) if _is_ollama(where) else 0)
                silence = attempt.start() + settings.first_token_timeout
                async with aclosing(attempt.deltas(client, accepted, silence, until)) as deltas:
                    async for delta in deltas:
                        yield delta
            except ModelError as error:
                await self._record(caller, call, turns, attempt.reply(FAILED), error.detail)
                if _refuses_temperature(error, accepted):
                    self._cold.add(where)
                    todo.insert(0, name)
                    continue
                error.after(earlier)
                if not todo or attempt.spoke or not error.another_may_serve or now() >= until:
                    raise
                earlier = error.detail + FAILED_TOO
                log.warning("chat.fallback", model=str(name), fallback=str(todo[0]), error=error.detail)
            except (GeneratorExit, asyncio.CancelledError):
                await self._record(caller, call, turns, attempt.reply(STOPPED))
                raise
            else:
                reply = attempt.reply()
                yield replace(reply, interaction_id=await self._record(caller, call, turns, reply))
                return

    async def answer(
        self,
        turns: Sequence[Turn],
        *,
        caller: Caller,
        call: CallContext,
        model: str | None = None,
        options: Options = NO_OPTIONS,
    ) -> Reply:
        """The whole answer at once. Raises as ``stream``."""
        async with aclosing(self.stream(turns, caller=caller, call=call, model=model, options=options)) as pieces:
            async for piece in pieces:
                if isinstance(piece, Reply):
                    return piece
        raise ModelUnreachable()

    def name(self, model: str | None = None) -> ModelName:
        """The model that *model* means, None being the configured one. Raises ``BadModelName``."""
        return ModelName.parse(model) if model else default_model(self._app.settings)

    async def context_size(self, model: str | None = None, options: Options = NO_OPTIONS) -> int:
        """Tokens that prompt and answer may take together. Never raises for a server that does not answer."""
        try:
            where = endpoint(self._app.settings, self.name(model), options)
        except ModelUnreachable:
            return LOCAL_CONTEXT
        return await self._context(where)

    async def warm(self) -> None:
        """Imports what the configured model needs, so that the first question need not wait for it. Never raises."""
        with suppress(CountersignError):
            where = endpoint(self._app.settings, self.name())
            await self._clients.get(where, await self._context(where))

    async def aclose(self) -> None:
        """Finishes what is being written into the ledger and closes every connection."""
        await asyncio.gather(*self._writing, return_exceptions=True)
        await self._clients.aclose()

    def _candidates(self, model: str | None, options: Options) -> list[ModelName]:
        first = self.name(model)
        fallback = options.fallback_model or self._app.settings.fallback_model
        second = ModelName.parse(fallback) if fallback else first
        return [first] if second == first else [first, second]

    async def _context(self, where: Endpoint) -> int:
        now = asyncio.get_running_loop().time()
        asked, size = self._contexts.get(where, (-ASK_AGAIN_SECONDS, 0))
        if now - asked < ASK_AGAIN_SECONDS:
            return size
        usual = LOCAL_CONTEXT if where.name.provider is Provider.LOCAL else USUAL_CONTEXT
        if (known := await asyncio.to_thread(context_of, where)) is not None:
            size = known
        else:
            try:
                said = (await ask(where)).context
            except NotServed:
                return size or usual  # asked again next time: it may only be starting
            size = min(said or usual, usual) if _is_ollama(where) else said or usual
        self._contexts[where] = (now, size)
        return size

    async def _record(
        self, caller: Caller, call: CallContext, turns: Sequence[Turn], reply: Reply, error: str | None = None
    ) -> int | None:
        """In a task of its own: a reader who leaves cancels the stream, and must not cancel the bill."""
        task = asyncio.create_task(self._write(caller, call, turns, reply, error))
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)
        return await asyncio.shield(task)

    async def _write(
        self, caller: Caller, call: CallContext, turns: Sequence[Turn], reply: Reply, error: str | None
    ) -> int | None:
        try:
            return await record(self._app, caller, call, turns, reply, error)
        except Exception as lost:
            # The answer is worth more than its bill, but somebody must be able to find it.
            log.error("ledger.lost", operation=call.operation, model=reply.name, usage=reply.usage, error=repr(lost))
            return None


def _is_ollama(where: Endpoint) -> bool:
    return where.name.provider is Provider.OLLAMA


def _refuses_temperature(error: ModelError, options: Options) -> bool:
    """Models that reason take no temperature, and say so only when they are asked."""
    return isinstance(error, ModelRefused) and options.temperature is not None and "temperature" in error.detail.lower()
