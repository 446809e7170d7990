"""One call to one model: its stream, its time-outs, and what is known about it at every moment."""

from __future__ import annotations

import time
from asyncio import get_running_loop, timeout_at
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, nullcontext
from typing import Any, cast

from .clients import Client, untraced
from .endpoints import Endpoint
from .errors import AnswerCut, ModelError, ModelTimeout, UnreadableReply
from .models import Delta, Options, Reply, Turn
from .translate import explain
from .usage import Tally


class Attempt:
    """``deltas`` may be closed or cancelled at any time; ``reply`` then tells what there was."""

    def __init__(self, endpoint: Endpoint, turns: Sequence[Turn], *, fallback: bool) -> None:
        self.endpoint = endpoint
        self.turns = turns
        self.fallback = fallback
        self.started = time.perf_counter()
        self.tally = Tally()
        self._pieces: list[str] = []
        self._first: float | None = None
        self._chunks = 0

    def start(self) -> float:
        """Begins to count, once the client is there; returns the event loop's time."""
        self.started = time.perf_counter()
        return get_running_loop().time()

    @property
    def spoke(self) -> bool:
        """Whether a reader has seen a part of the answer."""
        return bool(self._pieces)

    async def deltas(self, client: Client, options: Options, first: float, until: float) -> AsyncGenerator[Delta, None]:
        """The answer as it comes. *first*, *until*: event loop times for the first token and the end.

        Raises ``ModelError``. The model stops when this generator is closed.
        """
        messages = [(turn.role, turn.content) for turn in self.turns]
        stream = cast(Any, client.model).astream(messages, **client.arguments(options))
        async with aclosing(stream) as chunks:
            while (chunk := await self._next(chunks, first, until)) is not None:
                self._chunks += 1
                self.tally.add(chunk.usage_metadata, chunk.response_metadata)
                if text := str(chunk.text):
                    self._first = self._first or time.perf_counter()
                    self._pieces.append(text)
                    yield Delta(text)
        if not self._chunks:
            raise UnreadableReply(f"{self.endpoint.address} sent an empty answer.", model=str(self.endpoint.name))
        if self.tally.finish is None and not self.tally.output:
            raise AnswerCut(None, model=str(self.endpoint.name))

    async def _next(self, chunks: Any, first: float, until: float) -> Any:
        # The first piece may only open the answer; a model that thinks sends empty ones. The second is a sign of life.
        silent = self._first is None and self._chunks < 2
        try:
            # Who listens to a call is settled when it begins.
            quiet = nullcontext() if self._chunks else untraced()
            with quiet:
                async with timeout_at(min(first, until) if silent else until):
                    return await anext(chunks, None)
        except TimeoutError as error:
            raise self._late(silent and first < until) from error
        except Exception as error:
            raise explain(error, self.endpoint, spoke=self.spoke) from error

    def _late(self, silent: bool) -> ModelError:
        seconds = time.perf_counter() - self.started
        what, setting = ("did not begin to answer", "FIRST_TOKEN") if silent else ("did not finish", "ANSWER")
        return ModelTimeout(
            f"{self.endpoint.name} {what} within {seconds:.1f} s. Ask something shorter, choose a smaller model, "
            f"or raise COUNTERSIGN_{setting}_TIMEOUT.",
            model=str(self.endpoint.name),
        )

    def reply(self, finish: str | None = None) -> Reply:
        """What is known of the answer now. *finish* says how it ended when the server did not."""
        now, text = time.perf_counter(), "".join(self._pieces)
        return Reply(
            text=text,
            usage=self.tally.usage(self.turns, text, len(self._pieces)),
            model=self.endpoint.name.model,
            provider=self.endpoint.name.provider,
            latency_ms=round((now - self.started) * 1000),
            ttft_ms=None if self._first is None else round((self._first - self.started) * 1000),
            fallback=self.fallback,
            finish=finish or self.tally.finish or "stop",
            server=self.endpoint.address,
        )
