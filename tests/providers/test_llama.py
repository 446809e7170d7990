"""The real llama.cpp server, over its OpenAI and its Anthropic endpoint."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import aclosing
from typing import Any

import psutil
import pytest
from pydantic import SecretStr

from countersign.providers.errors import ModelRefused, PromptTooLong
from countersign.providers.models import Options, Provider
from countersign.stack.models import ModelServer

SHORT = Options(max_tokens=24, temperature=0.0)
LONG = Options(max_tokens=2000, temperature=0.0)
STORY = "Tell me a very long story about the sea, with many chapters."


def over(protocol: str, server: ModelServer) -> dict[str, Any]:
    """Settings that reach *server* by one of its protocols."""
    patient = {"first_token_timeout": 150, "answer_timeout": 170}  # machines that test are busy
    if protocol == "local":
        return {"local_model_url": server.url, "local_model_key": SecretStr(server.key), **patient}
    url = server.root if protocol == "anthropic" else server.url
    return {"model": f"{protocol}:smollm2", "model_url": url, "model_api_key": SecretStr(server.key), **patient}


@pytest.fixture(params=["local", "openai", "anthropic"])
async def ask(request: pytest.FixtureRequest, asking: Callable[..., Any], llama: ModelServer) -> Any:
    return await asking(**over(request.param, llama))


async def test_a_real_model_answers(ask: Any) -> None:
    reply = await ask.reply("Say hello to the world.", options=SHORT)
    assert "".join(ask.pieces) == reply.text
    assert len(ask.pieces) > 3
    assert reply.model == "smollm2"
    assert reply.finish in ("stop", "length")
    assert 0 < reply.usage.output <= 24
    assert 0 < reply.ttft_ms <= reply.latency_ms
    if reply.provider is not Provider.ANTHROPIC:
        assert reply.usage.input > 20
        assert not reply.usage.estimated


async def test_no_model_is_named_and_the_embedded_one_serves(asking: Callable[..., Any], llama: ModelServer) -> None:
    ask = await asking(**over("local", llama))
    reply = await ask.reply("Hello", options=SHORT)
    assert reply.name == "local:smollm2"
    assert await ask.models.context_size() == 4096


async def test_the_prompt_cache_works(asking: Callable[..., Any], llama: ModelServer) -> None:
    """The same beginning is read once: the second answer has it cached."""
    ask = await asking(**over("local", llama))
    rules = "Answer from the sources only, in French, and cite them. " * 30
    question = f"{time.time()} {rules}"
    first = await ask.reply(question, options=SHORT)
    again = await ask.reply(f"{question} And now?", options=SHORT)
    assert first.usage.cached_input < first.usage.input / 2
    assert again.usage.cached_input > again.usage.input * 0.9


async def test_stopping_stops_llama(ask: Any, llama: ModelServer) -> None:
    """The server works no more once the reader has left."""
    assert llama.process is not None
    server = psutil.Process(llama.process.pid)
    async with aclosing(ask.stream(STORY, options=LONG)) as stream:
        count = 0
        async for _ in stream:
            count += 1
            if count == 5:
                break
    left = used(server)
    until = time.monotonic() + 60
    before = left - 1
    while used(server) - before > 0.05 and time.monotonic() < until:
        before = used(server)
        await asyncio.sleep(0.5)
    assert used(server) - left < 4, "the whole story takes thirty seconds of it"
    assert time.monotonic() < until


def used(process: psutil.Process) -> float:
    """Seconds of processor time."""
    return process.cpu_times().user


async def test_a_wrong_key_is_refused(asking: Callable[..., Any], llama: ModelServer) -> None:
    for protocol in ("openai", "anthropic"):
        ask = await asking(**over(protocol, llama) | {"model_api_key": SecretStr("wrong")})
        with pytest.raises(ModelRefused, match="MODEL_API_KEY"):
            await ask.reply()


async def test_a_prompt_over_the_context(ask: Any) -> None:
    with pytest.raises(PromptTooLong) as error:
        await ask.reply("mot " * 6000, options=SHORT)
    assert error.value.status == 422


async def test_one_call_after_the_other(ask: Any) -> None:
    """A connection that has carried a stream is not trusted with the next call."""
    for _ in range(15):
        assert (await ask.reply("Hi", options=Options(max_tokens=2, temperature=0.0))).usage.output


async def test_answers_at_the_same_time(ask: Any) -> None:
    async def one(number: int) -> str:
        pieces = [p async for p in ask.stream(f"Count to {number}.", options=SHORT)]
        return pieces[-1].text

    assert all(await asyncio.gather(*(one(n) for n in range(4))))
