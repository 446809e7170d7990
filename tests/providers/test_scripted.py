"""Streaming, time-outs, fallback and failures, against the scripted model over OpenAI's wire."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import aclosing
from typing import Any

import pytest
from pydantic import SecretStr

from countersign.providers.errors import (
    AnswerCut,
    ModelBroken,
    ModelBusy,
    ModelError,
    ModelNotFound,
    ModelRefused,
    ModelTimeout,
    ModelUnreachable,
    PromptTooLong,
    UnreadableReply,
)
from countersign.providers.models import Delta, Options, Provider, Reply
from tests.fakes.scripted_model import Rule, ScriptedModel

ANSWER = "La cloison CLO-PLA-001 coûte 45,50 € le m² [1]."
GOOD = Rule("", ANSWER, model="good")
UNUSED = "http://127.0.0.1:9"  # nobody listens on the discard port


async def test_an_answer_streams_and_ends_with_its_reply(asking: Callable[..., Any]) -> None:
    async with ScriptedModel([GOOD]).serve() as url:
        ask = await asking(model="scripted:good", model_url=url)
        reply = await ask.reply()
    assert "".join(ask.pieces) == reply.text == ANSWER
    assert len(ask.pieces) > 5
    assert (reply.provider, reply.model, reply.name) == (Provider.SCRIPTED, "good", "scripted:good")
    assert (reply.finish, reply.fallback, reply.usage.estimated) == ("stop", False, False)
    assert reply.usage.input > 0
    assert reply.usage.output == len(ask.pieces)
    assert reply.ttft_ms is not None
    assert 0 <= reply.ttft_ms <= reply.latency_ms


async def test_what_is_sent(asking: Callable[..., Any]) -> None:
    script = ScriptedModel([GOOD], key="sk-1")
    async with script.serve() as url:
        ask = await asking(model="scripted:good", model_url=url, model_api_key=SecretStr("sk-1"))
        await ask.reply(options=Options(max_tokens=7, temperature=0.25))
        await ask.reply()
    sent = script.calls[0].body
    assert sent["messages"] == [
        {"role": "system", "content": "Réponds en français."},
        {"role": "user", "content": "Quel est le prix ?"},
    ]
    assert sent["stream_options"] == {"include_usage": True}
    assert (sent["max_tokens"], sent["temperature"]) == (7, 0.25)
    assert not {"max_tokens", "max_completion_tokens", "temperature"} & set(script.calls[1].body)


async def test_pieces_come_while_the_model_writes(asking: Callable[..., Any]) -> None:
    script = ScriptedModel([Rule("", "mot " * 1000, rate=20)])
    async with script.serve() as url:
        ask = await asking(model="scripted:slow", model_url=url)
        async with aclosing(ask.stream()) as stream:
            await anext(stream)
            await anext(stream)
            assert script.calls[0].sent < 1000


@pytest.mark.parametrize(
    ("bad", "error"),
    [
        (Rule("", "no such model", status=404), ModelNotFound),
        (Rule("", "out of memory", status=500), ModelBroken),
        (Rule("", "loading", status=503), ModelBroken),
        (Rule("", "never", delay=600), ModelTimeout),
        (Rule("", "gone at once", failure="drop", after=0), ModelUnreachable),
        (Rule("", "event", failure="error", after=0), ModelBroken),
    ],
)
async def test_the_fallback_model_serves_once(asking: Callable[..., Any], bad: Rule, error: type[ModelError]) -> None:
    script = ScriptedModel([GOOD, bad])
    async with script.serve() as url:
        # The good one has this time too, on a machine that is busy with other things.
        patience = 3.0 if error is ModelTimeout else 60.0
        ask = await asking(
            model="scripted:bad", model_url=url, fallback_model="scripted:good", first_token_timeout=patience
        )
        reply = await ask.reply()
        assert (reply.text, reply.model, reply.fallback) == (ANSWER, "good", True)
        assert [call.body["model"] for call in script.calls] == ["bad", "good"]
        alone = await asking(model="scripted:bad", model_url=url, first_token_timeout=patience)
        with pytest.raises(error) as raised:
            await alone.reply()
    assert "scripted:bad" in str(raised.value.extra.get("model"))


async def test_an_agent_has_its_own_fallback(asking: Callable[..., Any]) -> None:
    script = ScriptedModel([GOOD, Rule("", "x", status=500)])
    async with script.serve() as url:
        ask = await asking(model="scripted:bad", model_url=url, fallback_model="scripted:other")
        reply = await ask.reply(options=Options(fallback_model="scripted:good"))
    assert (reply.model, reply.fallback) == ("good", True)


async def test_a_server_that_is_not_there(asking: Callable[..., Any]) -> None:
    async with ScriptedModel([GOOD]).serve() as url:
        ask = await asking(model="scripted:x", model_url=url, fallback_model="scripted:good")
        reply = await ask.reply(model="openai:gone", options=Options(host="127.0.0.1", port=9))
    assert (reply.name, reply.fallback) == ("scripted:good", True)
    ask = await asking(model="openai:gone", model_url=UNUSED)
    with pytest.raises(ModelUnreachable, match=r"127\.0\.0\.1:9") as error:
        await ask.reply()
    assert error.value.status == 503


async def test_when_both_fail_both_are_named(asking: Callable[..., Any]) -> None:
    async with ScriptedModel([Rule("", "x", status=404)]).serve() as url:
        ask = await asking(model="openai:first", model_url=UNUSED, fallback_model="openai:second")
        with pytest.raises(ModelUnreachable, match=r"first.*fallback model failed too.*second"):
            await ask.reply()
        ask = await asking(model="scripted:a", model_url=url, fallback_model="scripted:a")
        with pytest.raises(ModelNotFound) as error:
            await ask.reply()
    assert "fallback" not in error.value.detail, "a model is no fallback for itself"


@pytest.mark.parametrize(
    ("bad", "error"),
    [
        (Rule("", "bad key", status=401), ModelRefused),
        (Rule("", "what?", status=400), ModelRefused),
        (Rule("", "slow down", status=429), ModelBusy),
        (Rule("", "request exceeds the available context size (4096 tokens)", status=400), PromptTooLong),
        (Rule("", "a page", failure="html"), UnreadableReply),
        (Rule("", "un deux", failure="garbage", after=0), UnreadableReply),
    ],
)
async def test_refusals_are_told_and_not_served_by_another(
    asking: Callable[..., Any], bad: Rule, error: type[ModelError]
) -> None:
    script = ScriptedModel([GOOD, bad])
    async with script.serve() as url:
        ask = await asking(model="scripted:bad", model_url=url, fallback_model="scripted:good")
        with pytest.raises(error):
            await ask.reply()
    assert len(script.calls) == 1


@pytest.mark.parametrize(
    ("failure", "error"),
    [("drop", AnswerCut), ("garbage", UnreadableReply), ("error", AnswerCut), ("early-end", AnswerCut)],
)
async def test_after_the_first_token_nothing_is_repeated(
    asking: Callable[..., Any], failure: Any, error: type[ModelError]
) -> None:
    script = ScriptedModel([GOOD, Rule("", "un deux trois quatre", failure=failure, after=2)])
    async with script.serve() as url:
        ask = await asking(model="scripted:bad", model_url=url, fallback_model="scripted:good")
        with pytest.raises(error):
            await ask.reply()
    assert "".join(ask.pieces) == "un deux"
    assert len(script.calls) == 1


async def test_an_answer_may_not_take_for_ever(asking: Callable[..., Any]) -> None:
    script = ScriptedModel([Rule("", "mot " * 1000, rate=50)])
    async with script.serve() as url:
        ask = await asking(model="scripted:a", model_url=url, answer_timeout=2, fallback_model="scripted:b")
        started = time.perf_counter()
        with pytest.raises(ModelTimeout, match="ANSWER_TIMEOUT"):
            await ask.reply()
        assert time.perf_counter() - started > 1.9
        await asyncio.wait_for(script.calls[0].done.wait(), 60)
    assert len(script.calls) == 1
    assert 0 < len(ask.pieces) < 1000


async def test_the_time_in_all_counts_the_fallback_too(asking: Callable[..., Any]) -> None:
    script = ScriptedModel([Rule("", "x", delay=600)])
    async with script.serve() as url:
        ask = await asking(
            model="scripted:a", model_url=url, fallback_model="scripted:b", first_token_timeout=2, answer_timeout=3.5
        )
        # The second one has not its two seconds: what ends it is the time in all.
        with pytest.raises(ModelTimeout, match=r"FIRST_TOKEN.*ANSWER"):
            await ask.reply()
    assert len(script.calls) == 2


async def test_stopping_stops_the_model(asking: Callable[..., Any]) -> None:
    script = ScriptedModel([Rule("", "mot " * 10_000, rate=100)])
    async with script.serve() as url:
        ask = await asking(model="scripted:a", model_url=url)
        async with aclosing(ask.stream()) as stream:
            async for _ in stream:
                break
        await asyncio.wait_for(script.calls[0].done.wait(), 60)
    assert script.calls[0].sent < 10_000


async def test_a_cancelled_reader_stops_the_model(asking: Callable[..., Any]) -> None:
    script = ScriptedModel([Rule("", "mot " * 10_000, rate=100)])
    async with script.serve() as url:
        ask = await asking(model="scripted:a", model_url=url)
        task = asyncio.create_task(ask.reply())
        while not ask.pieces:
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(script.calls[0].done.wait(), 60)
    assert script.calls[0].sent < 10_000


async def test_an_opened_answer_is_not_a_first_token(asking: Callable[..., Any]) -> None:
    """Some servers send an empty piece before they have read the prompt."""
    async with ScriptedModel([Rule("", "x", delay=600)]).serve() as url:
        ask = await asking(model="scripted:a", model_url=url, first_token_timeout=0.4)
        with pytest.raises(ModelTimeout, match="FIRST_TOKEN"):
            await ask.reply()


async def test_many_at_once(asking: Callable[..., Any]) -> None:
    rules = [Rule(f"question {n}$", f"réponse {n}", rate=200) for n in range(20)]
    async with ScriptedModel(rules).serve() as url:
        ask = await asking(model="scripted:a", model_url=url)

        async def one(number: int) -> str:
            return "".join([p.text async for p in ask.stream(f"question {number}") if isinstance(p, Delta)])

        answers = await asyncio.gather(*(one(n) for n in range(20)))
    assert answers == [f"réponse {n}" for n in range(20)]


async def test_the_whole_answer_at_once(asking: Callable[..., Any]) -> None:
    from countersign.providers.ledger import CallContext
    from countersign.providers.models import Turn

    async with ScriptedModel([GOOD]).serve() as url:
        ask = await asking(model="scripted:good", model_url=url)
        reply = await ask.models.answer([Turn("user", "x")], caller=ask.caller, call=CallContext("rewrite"))
    assert isinstance(reply, Reply)
    assert reply.text == ANSWER


async def test_the_context_is_what_the_server_says(asking: Callable[..., Any]) -> None:
    async with ScriptedModel([GOOD], models=["good"], context=16000).serve() as url:
        ask = await asking(model="scripted:good", model_url=url)
        assert await ask.models.context_size() == 16000
    gone = await asking(model="openai:x", model_url=UNUSED)
    assert await gone.models.context_size() == 8192
    assert await gone.models.context_size("anthropic:claude-sonnet-4-5") == 200_000
    assert await gone.models.context_size("local:smollm2") == 4096


async def test_a_model_that_takes_no_temperature(asking: Callable[..., Any]) -> None:
    """Models that reason refuse it; they are asked again without, and from then on never with it."""
    script = ScriptedModel([Rule("", "oui", refuses="temperature")])
    async with script.serve() as url:
        ask = await asking(model="scripted:o9", model_url=url, fallback_model="scripted:good")
        for _ in range(2):
            reply = await ask.reply(options=Options(temperature=0.7, max_tokens=9))
            assert (reply.text, reply.model, reply.fallback) == ("oui", "o9", False)
    assert ["temperature" in call.body for call in script.calls] == [True, False, False]
    assert [call.body["max_tokens"] for call in script.calls] == [9, 9, 9]


async def test_a_password_in_an_address_is_not_shown(asking: Callable[..., Any]) -> None:
    ask = await asking(model="openai:x", model_url="http://me:secret@127.0.0.1:9/v1")
    with pytest.raises(ModelUnreachable) as error:
        await ask.reply()
    assert "127.0.0.1:9" in error.value.detail
    assert "secret" not in f"{error.value.detail} {error.value.extra}"
