"""The scripted model: chosen words over OpenAI's wire, at a chosen speed, with chosen failures.

In a test: ``async with ScriptedModel([Rule("prix", "45,50 € [1]")]).serve() as url``. On its own:
``python -m tests.fakes.scripted_model --port 9000 --answer "Bonjour." --rate 100``. It never pretends to be a model:
its provider is ``scripted`` everywhere in the product.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass, field
from typing import Any, Literal

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from tests.fakes.serving import serving

Failure = Literal["drop", "garbage", "error", "html", "early-end"]


@dataclass(frozen=True, slots=True)
class Rule:
    """What to say when the last user message matches *pattern* (and *model* is the one asked, if given).

    ``delay``: seconds before the first token; the answer is opened at once, as vLLM does. ``rate``: tokens a second, None as fast as they go. ``status``: answer
    with this HTTP error instead. ``failure`` after ``after`` tokens: ``drop`` the connection, send ``garbage`` or an
    ``error`` event, end ``early-end`` without saying that it is the end; ``html``: another page instead.
    ``usage``: tokens that the server says it has counted; None counts words, False says nothing.
    ``refuses``: a parameter that this model does not take.
    """

    pattern: str
    answer: str
    model: str | None = None
    rate: float | None = None
    delay: float = 0.0
    status: int = 200
    failure: Failure | None = None
    after: int = 1
    usage: dict[str, Any] | Literal[False] | None = None
    refuses: str | None = None


@dataclass(slots=True)
class Call:
    """One request as it came, how many tokens were sent, and whether the client left before the end."""

    body: dict[str, Any]
    headers: dict[str, str]
    sent: int = 0
    left: bool = False
    done: asyncio.Event = field(default_factory=asyncio.Event)


class ScriptedModel:
    """A server of OpenAI's ``/v1/chat/completions`` and ``/v1/models``. ``calls`` has every request, oldest first."""

    def __init__(
        self, rules: Sequence[Rule], *, models: Sequence[str] | None = None, key: str | None = None, context: int = 8192
    ) -> None:
        self.rules = list(rules)
        self.models = models
        self.key = key
        self.context = context
        self.calls: list[Call] = []
        self.app = Starlette(
            routes=[
                Route("/v1/chat/completions", self._chat, methods=["POST"]),
                Route("/v1/models", self._list),
            ]
        )

    def serve(self, port: int = 0) -> AbstractAsyncContextManager[str]:
        """The address to give as ``COUNTERSIGN_MODEL_URL``, with its ``/v1``-less root."""
        return serving(self.app, port)

    async def _list(self, request: Request) -> Response:
        names = self.models or ["scripted"]
        return JSONResponse(
            {"object": "list", "data": [{"id": n, "object": "model", "max_model_len": self.context} for n in names]}
        )

    async def _chat(self, request: Request) -> Response:
        body: dict[str, Any] = await request.json()
        call = Call(body, dict(request.headers))
        self.calls.append(call)
        if self.key and request.headers.get("authorization") != f"Bearer {self.key}":
            return _error(401, "Incorrect API key provided.")
        if self.models is not None and body.get("model") not in self.models:
            return _error(404, f"The model `{body.get('model')}` does not exist.")
        if not body.get("messages"):
            return _error(400, "messages must not be empty")
        rule = self._rule(body)
        if rule.status != 200:
            await asyncio.sleep(rule.delay)
            return _error(rule.status, rule.answer)
        if rule.refuses in body:
            return _error(400, f"Unsupported value: '{rule.refuses}' is not supported with this model.")
        if rule.failure == "html":
            return Response("<html><body>Welcome</body></html>", media_type="text/html")
        if not body.get("stream"):
            await asyncio.sleep(rule.delay)
            return JSONResponse(_whole(body, rule))
        return StreamingResponse(self._stream(call, rule), media_type="text/event-stream")

    def _rule(self, body: dict[str, Any]) -> Rule:
        asked = [str(m.get("content")) for m in body["messages"] if m.get("role") == "user"]
        last = asked[-1] if asked else ""
        for rule in self.rules:
            if rule.model in (None, body.get("model")) and re.search(rule.pattern, last, re.IGNORECASE | re.DOTALL):
                return rule
        return Rule("", "Je n’ai pas de texte pour cette question.")

    async def _stream(self, call: Call, rule: Rule) -> AsyncIterator[bytes]:
        body = call.body
        try:
            yield _event(_chunk(body, {"role": "assistant", "content": ""}))
            await asyncio.sleep(rule.delay)
            started = time.perf_counter()
            for number, token in enumerate(tokens(rule.answer)):
                if rule.rate:
                    await asyncio.sleep(max(0.0, started + number / rule.rate - time.perf_counter()))
                if rule.failure and number == rule.after:
                    if rule.failure == "drop":
                        raise ConnectionAbortedError
                    if rule.failure == "early-end":
                        return
                    yield (
                        b'data: {"choices": [{"delta\n\n'
                        if rule.failure == "garbage"
                        else _event({"error": {"message": "out of memory", "code": 500}})
                    )
                    return
                yield _event(_chunk(body, {"content": token}))
                call.sent += 1
            yield _event(_chunk(body, {}, finish="stop"))
            if (body.get("stream_options") or {}).get("include_usage") and (used := _usage(body, rule)):
                yield _event({**_chunk(body, {}), "choices": [], "usage": used})
            yield b"data: [DONE]\n\n"
            call.done.set()
        except asyncio.CancelledError:
            call.left = True
            raise
        finally:
            call.done.set()


def tokens(text: str) -> list[str]:
    """Words with the space before them: as good as tokens."""
    return re.findall(r"\s*\S+\s*$|\s*\S+", text) or [""]


def _usage(body: dict[str, Any], rule: Rule) -> dict[str, Any] | None:
    if rule.usage is False:
        return None
    read = sum(len(tokens(str(m.get("content")))) for m in body["messages"])
    wrote = len(tokens(rule.answer))
    return rule.usage or {"prompt_tokens": read, "completion_tokens": wrote, "total_tokens": read + wrote}


def _chunk(body: dict[str, Any], delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    about = {"id": "scripted", "object": "chat.completion.chunk", "created": 0, "model": body.get("model")}
    return {**about, "choices": [choice]}


def _whole(body: dict[str, Any], rule: Rule) -> dict[str, Any]:
    message = {"role": "assistant", "content": rule.answer}
    return {
        "id": "scripted",
        "object": "chat.completion",
        "created": 0,
        "model": body.get("model"),
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": _usage(body, rule),
    }


def _event(value: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(value, ensure_ascii=False).encode() + b"\n\n"


def _error(status: int, message: str) -> JSONResponse:
    return JSONResponse({"error": {"message": message, "type": "error", "code": None}}, status)


def main(argv: Sequence[str] | None = None) -> None:
    """Serves until it is interrupted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--answer", action="append", default=[], help="PATTERN=TEXT, or a text for every question")
    parser.add_argument("--rate", type=float, default=None, help="tokens a second")
    parser.add_argument("--delay", type=float, default=0.0, help="seconds before the first token")
    options = parser.parse_args(argv)
    rules: list[Rule] = []
    for said in options.answer or ["Réponse écrite d’avance [1]."]:
        pattern, equals, text = said.partition("=")
        rules.append(Rule(pattern if equals else "", text if equals else said, rate=options.rate, delay=options.delay))

    async def run() -> None:
        async with ScriptedModel(rules).serve(options.port):
            await asyncio.Event().wait()

    with suppress(KeyboardInterrupt):
        asyncio.run(run())


if __name__ == "__main__":
    main()
