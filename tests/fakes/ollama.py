"""A local server that follows Ollama's published API to the letter: what that API does not name is refused.

Every chat and embedding is checked: unknown fields and options are 400 (Ollama itself would ignore them, and we would
never notice a misspelt option), ``options.num_ctx`` must come, a model that is not pulled is 404 with Ollama's body.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import struct
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from tests.fakes.serving import serving


class Strict(BaseModel):
    """No field but the published ones; numbers are numbers."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Message(Strict):
    role: Literal["system", "user", "assistant", "tool"]
    content: str = ""
    thinking: str | None = None
    images: list[str] | None = None
    tool_calls: list[dict[str, Any]] | None = None
    tool_name: str | None = None


class ModelOptions(Strict):
    num_keep: int | None = None
    seed: int | None = None
    num_predict: int | None = None
    top_k: int | None = None
    top_p: float | None = None
    min_p: float | None = None
    typical_p: float | None = None
    repeat_last_n: int | None = None
    temperature: float | None = None
    repeat_penalty: float | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    penalize_newline: bool | None = None
    stop: list[str] | None = None
    num_ctx: int | None = None
    num_batch: int | None = None
    num_gpu: int | None = None
    main_gpu: int | None = None
    use_mmap: bool | None = None
    num_thread: int | None = None


class Chat(Strict):
    model: Annotated[str, Field(min_length=1)]
    messages: list[Message]
    stream: bool = True
    format: str | dict[str, Any] | None = None
    options: ModelOptions | None = None
    keep_alive: str | float | None = None
    tools: list[dict[str, Any]] | None = None
    think: bool | str | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None


class Embed(Strict):
    model: Annotated[str, Field(min_length=1)]
    input: str | list[str]
    truncate: bool = True
    dimensions: int | None = None
    options: ModelOptions | None = None
    keep_alive: str | float | None = None


class Show(Strict):
    model: Annotated[str, Field(min_length=1)]
    verbose: bool = False


class Ollama:
    """``models`` maps what is pulled to its context length. ``answer`` is streamed word by word, ``pause`` s apart.

    ``thinking`` comes before it; after ``breaks_after`` words comes an error instead, as Ollama reports one in a stream.
    """

    def __init__(
        self,
        models: Mapping[str, int] | None = None,
        answer: str = "La cloison coûte 45,50 € le m².",
        *,
        pause: float = 0.0,
        dimensions: int = 8,
        thinking: Sequence[str] = (),
        breaks_after: int | None = None,
    ) -> None:
        self.models = {_full(n): c for n, c in (models or {"mistral": 32768, "embeddinggemma": 2048}).items()}
        self.answer = answer
        self.pause = pause
        self.dimensions = dimensions
        self.thinking = thinking
        self.breaks_after = breaks_after
        self.chats: list[Chat] = []
        self.embeds: list[Embed] = []
        self.refused: list[str] = []
        self.written = 0  # words of answers that were made, whoever read them
        self.app = Starlette(
            routes=[
                Route("/", lambda _: Response("Ollama is running")),
                Route("/api/version", lambda _: JSONResponse({"version": "0.13.0"})),
                Route("/api/tags", self._tags),
                Route("/api/show", self._show, methods=["POST"]),
                Route("/api/chat", self._chat, methods=["POST"]),
                Route("/api/embed", self._embed, methods=["POST"]),
            ]
        )

    def serve(self) -> AbstractAsyncContextManager[str]:
        """The server's address."""
        return serving(self.app)

    async def _tags(self, request: Request) -> Response:
        return JSONResponse({"models": [{"name": name, "model": name, **_about(name)} for name in self.models]})

    async def _show(self, request: Request) -> Response:
        wanted = await self._read(request, Show)
        if isinstance(wanted, Response):
            return wanted
        context = self.models[_full(wanted.model)]
        info = {"general.architecture": "llama", "llama.context_length": context, "llama.embedding_length": 4096}
        return JSONResponse({**_about(wanted.model), "modelfile": "", "template": "", "model_info": info})

    async def _chat(self, request: Request) -> Response:
        chat = await self._read(request, Chat)
        if isinstance(chat, Response):
            return chat
        if not (chat.options and chat.options.num_ctx):
            return self._refuse(400, "options.num_ctx did not come: the prompt would silently be cut")
        self.chats.append(chat)
        words = self.answer.split(" ")
        length = (chat.options.num_predict or -1) if chat.options.num_predict != 0 else 0
        reason = "length" if 0 <= length < len(words) else "stop"
        words = words if length < 0 else words[:length]
        if not chat.stream:
            message = {"role": "assistant", "content": " ".join(words)}
            return JSONResponse({**_head(chat.model), "message": message, **self._counts(chat, words, reason)})
        return StreamingResponse(self._lines(chat, words, reason), media_type="application/x-ndjson")

    async def _lines(self, chat: Chat, words: list[str], reason: str) -> AsyncIterator[bytes]:
        for thought in self.thinking:
            await asyncio.sleep(self.pause)
            message = {"role": "assistant", "content": "", "thinking": thought}
            yield _line({**_head(chat.model), "message": message, "done": False})
        for number, word in enumerate(words):
            await asyncio.sleep(self.pause)
            if number == self.breaks_after:
                yield _line({"error": "an error was encountered while running the model: CUDA error"})
                return
            self.written += 1
            text = word if number == 0 else f" {word}"
            yield _line({**_head(chat.model), "message": {"role": "assistant", "content": text}, "done": False})
        message = {"role": "assistant", "content": ""}
        yield _line({**_head(chat.model), "message": message, **self._counts(chat, words, reason)})

    async def _embed(self, request: Request) -> Response:
        embed = await self._read(request, Embed)
        if isinstance(embed, Response):
            return embed
        self.embeds.append(embed)
        texts = [embed.input] if isinstance(embed.input, str) else embed.input
        counts = {"total_duration": 1, "load_duration": 1, "prompt_eval_count": sum(len(t.split()) for t in texts)}
        return JSONResponse({"model": embed.model, "embeddings": [vector(t, self.dimensions) for t in texts], **counts})

    async def _read(self, request: Request, kind: type[Any]) -> Any:
        try:
            body = kind.model_validate_json(await request.body())
        except ValidationError as error:
            return self._refuse(400, str(error))
        if _full(body.model) not in self.models:
            return self._refuse(404, f"model '{body.model}' not found")
        return body

    def _refuse(self, status: int, message: str) -> JSONResponse:
        self.refused.append(message)
        return JSONResponse({"error": message}, status)

    def _counts(self, chat: Chat, words: list[str], reason: str) -> dict[str, Any]:
        read = sum(len(message.content.split()) for message in chat.messages)
        times = {"total_duration": 5, "load_duration": 1, "prompt_eval_duration": 2, "eval_duration": 2}
        return {"done": True, "done_reason": reason, "prompt_eval_count": read, "eval_count": len(words), **times}


def vector(text: str, dimensions: int) -> list[float]:
    """A vector that depends on every letter of *text* and nothing else; not normalised, as Ollama's may not be."""
    raw = hashlib.shake_256(text.encode()).digest(2 * dimensions)
    return [value / 32768 - 1 for value in struct.unpack(f"<{dimensions}H", raw)]


def _full(name: str) -> str:
    return name if ":" in name else f"{name}:latest"


def _about(name: str) -> dict[str, Any]:
    details = {"format": "gguf", "family": "llama", "families": None, "parameter_size": "7B"}
    return {"modified_at": _now(), "size": 1, "digest": "0" * 64, "details": {**details, "quantization_level": "Q4_0"}}


def _head(model: str) -> dict[str, Any]:
    return {"model": model, "created_at": _now()}


def _line(value: dict[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode() + b"\n"


def _now() -> str:
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")
