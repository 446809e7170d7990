"""Ollama's own protocol, against a server that refuses what its published API does not name."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from decimal import Decimal
from typing import Any

import httpx
import pytest

from countersign.providers.errors import AnswerCut, ModelBroken, ModelNotFound, ModelTimeout
from countersign.providers.models import Options, Provider
from tests.fakes.ollama import Ollama

ANSWER = "La cloison coûte 45,50 € le m²."


async def test_an_answer_in_ollamas_words(asking: Callable[..., Any]) -> None:
    ollama = Ollama(answer=ANSWER)
    async with ollama.serve() as url:
        ask = await asking(model="mistral", model_url=url)
        reply = await ask.reply(options=Options(max_tokens=100, temperature=Decimal("0.7")))
    assert "".join(ask.pieces) == reply.text == ANSWER
    assert len(ask.pieces) == len(ANSWER.split())
    assert (reply.provider, reply.model, reply.finish) == (Provider.OLLAMA, "mistral", "stop")
    assert (reply.usage.input, reply.usage.output, reply.usage.estimated) == (8, 7, False)
    [chat] = ollama.chats
    assert [m.role for m in chat.messages] == ["system", "user"]
    assert chat.stream
    assert chat.options is not None
    assert chat.options.model_dump(exclude_none=True) == {"num_ctx": 8192, "num_predict": 100, "temperature": 0.7}
    assert ollama.refused == []


async def test_the_context_is_always_said_and_always_the_same(asking: Callable[..., Any]) -> None:
    ollama = Ollama({"small": 2048, "large": 131072})
    async with ollama.serve() as url:
        ask = await asking(model="small", model_url=url)
        await ask.reply()
        await ask.reply(options=Options(temperature=0))
        await ask.reply(model="large")
        assert await ask.models.context_size() == 2048
        assert await ask.models.context_size("large") == 8192
    sizes = [chat.options.num_ctx for chat in ollama.chats if chat.options]
    assert sizes == [2048, 2048, 8192]


async def test_an_answer_cut_at_its_length_says_so(asking: Callable[..., Any]) -> None:
    async with Ollama(answer=ANSWER).serve() as url:
        ask = await asking(model="mistral", model_url=url)
        reply = await ask.reply(options=Options(max_tokens=3))
    assert (reply.text, reply.finish) == ("La cloison coûte", "length")


async def test_a_model_that_is_not_pulled(asking: Callable[..., Any]) -> None:
    async with Ollama().serve() as url:
        ask = await asking(model="llama3", model_url=url)
        with pytest.raises(ModelNotFound, match="ollama pull llama3") as error:
            await ask.reply()
        assert error.value.status == 503
        ask = await asking(model="llama3", model_url=url, fallback_model="mistral")
        reply = await ask.reply()
    assert (reply.model, reply.fallback) == ("mistral", True)


async def test_an_agents_own_host(asking: Callable[..., Any]) -> None:
    ollama = Ollama()
    async with ollama.serve() as url:
        port = int(url.rsplit(":", 1)[1])
        ask = await asking(model="mistral", model_url="http://127.0.0.1:9")
        reply = await ask.reply(options=Options(host="127.0.0.1", port=port))
    assert reply.server == url


async def test_stopping_stops_ollama(asking: Callable[..., Any]) -> None:
    ollama = Ollama(answer="mot " * 10_000, pause=0.01)
    async with ollama.serve() as url:
        ask = await asking(model="mistral", model_url=url)
        async with aclosing(ask.stream()) as stream:
            async for _ in stream:
                break
        written = -1
        while ollama.written != written:
            written = ollama.written
            await asyncio.sleep(0.3)
        assert written < 10_000


async def test_thinking_is_a_sign_of_life_and_no_part_of_the_answer(asking: Callable[..., Any]) -> None:
    ollama = Ollama(answer="oui", pause=0.3, thinking=["je", "me", "demande", "bien", "si", "oui"] * 2)
    async with ollama.serve() as url:
        ask = await asking(model="mistral", model_url=url, first_token_timeout=3)
        reply = await ask.reply()
        assert reply.text == "oui"
        assert reply.ttft_ms is not None
        assert reply.ttft_ms > 3000
    silent = Ollama(answer="oui", pause=60.0)
    async with silent.serve() as url:
        ask = await asking(model="mistral", model_url=url, first_token_timeout=0.4)
        with pytest.raises(ModelTimeout):
            await ask.reply()


async def test_an_error_in_the_stream(asking: Callable[..., Any]) -> None:
    async with Ollama(answer=ANSWER, breaks_after=2).serve() as url:
        ask = await asking(model="mistral", model_url=url)
        with pytest.raises(AnswerCut, match="CUDA"):
            await ask.reply()
        assert "".join(ask.pieces) == "La cloison"
    async with Ollama(answer=ANSWER, breaks_after=0).serve() as url:
        ask = await asking(model="mistral", model_url=url, fallback_model="ollama:mistral")
        with pytest.raises(ModelBroken, match="CUDA"):
            await ask.reply()


async def test_the_server_is_strict() -> None:
    ollama = Ollama()
    message = [{"role": "user", "content": "x"}]
    async with ollama.serve() as url, httpx.AsyncClient(base_url=url) as http:
        for body, status in (
            ({"model": "mistral", "messages": message}, 400),  # no num_ctx
            ({"model": "mistral", "messages": message, "options": {"num_ctx": 2048, "num_context": 1}}, 400),
            ({"model": "mistral", "messages": message, "options": {"num_ctx": "2048"}}, 400),
            ({"model": "mistral", "messages": message, "max_tokens": 5, "options": {"num_ctx": 2048}}, 400),
            ({"model": "unknown", "messages": message, "options": {"num_ctx": 2048}}, 404),
            ({"model": "mistral", "messages": message, "stream": False, "options": {"num_ctx": 2048}}, 200),
        ):
            answer = await http.post("/api/chat", json=body)
            assert answer.status_code == status, answer.text
        assert (await http.get("/api/version")).json()["version"]
        assert {m["name"] for m in (await http.get("/api/tags")).json()["models"]} == {
            "mistral:latest",
            "embeddinggemma:latest",
        }
        assert (
            await http.post("/api/embed", json={"model": "mistral", "input": "x", "prefix": "y"})
        ).status_code == 400
