"""Every call is a row: good, bad, stopped, unreadable; with its tokens, its times and its price."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from countersign.kernel.errors import Conflict
from countersign.kernel.metrics import AI_CALLS, AI_TOKENS
from countersign.providers.errors import ModelBroken, ModelError
from countersign.providers.ledger import LONGEST, CallContext, record, storable
from countersign.providers.models import Delta, Provider, Reply, Turn, Usage
from countersign.providers.prices import SELF_HOSTED, price
from tests.cluster import Clone
from tests.fakes.scripted_model import Rule, ScriptedModel

BOTH = """
SELECT i.*, c.provider, c.model, c.operation_type, c.prompt_tokens, c.completion_tokens, c.total_tokens, c.cost_usd,
       c.price_version, c.agent_id AS cost_agent
FROM ai_interactions i JOIN ai_cost_tracking c ON c.ai_interaction_id = i.ai_interactions_id
WHERE i.ai_interactions_id > %s ORDER BY 1
"""
IDLE = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in transaction%'"


class Rows:
    """The rows that a test has added."""

    def __init__(self, connection: psycopg.AsyncConnection[Any], before: int) -> None:
        self.connection = connection
        self.before = before

    async def new(self) -> list[dict[str, Any]]:
        async with self.connection.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(BOTH, (self.before,))
            return await cursor.fetchall()


@pytest.fixture
async def rows(database: Clone) -> AsyncIterator[Rows]:
    async with await psycopg.AsyncConnection.connect(database.owner_url, autocommit=True) as connection:
        last = await (
            await connection.execute("SELECT coalesce(max(ai_interactions_id), 0) FROM ai_interactions")
        ).fetchone()
        assert last is not None
        yield Rows(connection, last[0])


async def test_an_answer_is_in_the_ledger(asking: Callable[..., Any], rows: Rows) -> None:
    usage = {
        "prompt_tokens": 120,
        "completion_tokens": 7,
        "total_tokens": 127,
        "prompt_tokens_details": {"cached_tokens": 100},
        "completion_tokens_details": {"reasoning_tokens": 3},
    }
    async with ScriptedModel([Rule("", "45,50 € [1].", usage=usage)]).serve() as url:
        ask = await asking(model="scripted:prices", model_url=url)
        reply = await ask.reply("Combien ?")
    [row] = await rows.new()
    assert row["ai_interactions_id"] == reply.interaction_id
    assert (row["ai_provider"], row["model_name"], row["operation"]) == ("scripted", "prices", "answer")
    assert row["prompt"] == "[system]\nRéponds en français.\n\n[user]\nCombien ?"
    assert row["response"] == reply.text == "45,50 € [1]."
    assert row["token_usage"] == {
        "input": 120,
        "cached_input": 100,
        "output": 7,
        "reasoning": 3,
        "cache_write": 0,
        "estimated": False,
        "finish": "stop",
        "fallback": False,
    }
    assert (row["success"], row["error"], row["tenant_id"]) == (True, None, 1)
    assert row["latency_ms"] >= row["ttft_ms"] >= 0
    assert (row["prompt_tokens"], row["completion_tokens"], row["total_tokens"]) == (120, 7, 127)
    assert (row["provider"], row["model"], row["operation_type"]) == ("scripted", "prices", "answer")
    assert (row["cost_usd"], row["price_version"]) == (Decimal(0), SELF_HOSTED)


async def test_a_failed_call_and_its_fallback_are_two_rows(asking: Callable[..., Any], rows: Rows) -> None:
    script = ScriptedModel([Rule("", "out of memory", model="bad", status=500), Rule("", "oui")])
    async with script.serve() as url:
        ask = await asking(model="scripted:bad", model_url=url, fallback_model="scripted:good")
        await ask.reply()
    failed, served = await rows.new()
    assert (failed["model_name"], failed["success"], failed["ttft_ms"]) == ("bad", False, None)
    assert "out of memory" in failed["error"]
    assert failed["token_usage"]["finish"] == "failed"
    assert failed["token_usage"]["estimated"] is True
    assert (served["model_name"], served["success"]) == ("good", True)
    assert served["token_usage"]["fallback"] is True


@pytest.mark.parametrize("failure", ["garbage", "drop"])
async def test_an_unreadable_reply_is_still_billed(asking: Callable[..., Any], rows: Rows, failure: Any) -> None:
    async with ScriptedModel([Rule("", "un deux trois quatre", failure=failure, after=3)]).serve() as url:
        ask = await asking(model="scripted:a", model_url=url)
        with pytest.raises(ModelError):
            await ask.reply()
    [row] = await rows.new()
    assert (row["success"], row["response"]) == (False, "un deux trois")
    assert row["completion_tokens"] == 3
    assert row["prompt_tokens"] > 0
    assert row["token_usage"]["estimated"] is True


async def test_a_stopped_answer_is_billed_for_what_was_written(asking: Callable[..., Any], rows: Rows) -> None:
    async with ScriptedModel([Rule("", "mot " * 500, rate=100)]).serve() as url:
        ask = await asking(model="scripted:a", model_url=url)
        seen: list[str] = []
        async with aclosing(ask.stream()) as stream:
            async for piece in stream:
                assert isinstance(piece, Delta)
                seen.append(piece.text)
                if len(seen) == 5:
                    break
    [row] = await rows.new()
    assert (row["success"], row["error"], row["response"]) == (True, None, "".join(seen))
    assert row["token_usage"]["finish"] == "stopped"
    assert row["completion_tokens"] == 5


async def test_a_reader_who_is_cancelled_twice_pays_too(asking: Callable[..., Any], rows: Rows) -> None:
    """Web servers cancel a request again at each of its awaits: the row is written by a task of its own."""
    async with ScriptedModel([Rule("", "mot " * 500, rate=100)]).serve() as url:
        ask = await asking(model="scripted:a", model_url=url)
        task = asyncio.create_task(ask.reply())
        while not ask.pieces:
            await asyncio.sleep(0.005)
        while not task.done():
            task.cancel()
            await asyncio.sleep(0)
        await ask.models.aclose()
    [row] = await rows.new()
    assert row["token_usage"]["finish"] == "stopped"


async def test_nothing_is_held_while_the_model_writes(asking: Callable[..., Any], rows: Rows) -> None:
    async with ScriptedModel([Rule("", "un deux trois", rate=50)]).serve() as url:
        ask = await asking(model="scripted:a", model_url=url)
        async for piece in ask.stream():
            if isinstance(piece, Delta):
                held = await (await rows.connection.execute(IDLE)).fetchone()
                assert held == (0,)


async def test_an_answer_is_given_even_if_its_bill_is_lost(asking: Callable[..., Any], rows: Rows) -> None:
    async with ScriptedModel([Rule("", "oui")]).serve() as url:
        ask = await asking(model="scripted:a", model_url=url)
        call = CallContext("answer", agent_id=999_999_999)
        reply = await ask.models.answer([Turn("user", "x")], caller=ask.caller, call=call)
    assert (reply.text, reply.interaction_id) == ("oui", None)
    assert await rows.new() == []


async def test_calls_are_counted(asking: Callable[..., Any]) -> None:
    async with ScriptedModel([Rule("", "un deux trois")]).serve() as url:
        ask = await asking(model="scripted:counted", model_url=url)
        await ask.reply()
    assert AI_CALLS.labels("scripted", "counted", "answer", "ok")._value.get() == 1
    assert AI_TOKENS.labels("scripted", "counted", "output")._value.get() == 3


async def test_history_is_not_changed(asking: Callable[..., Any], rows: Rows) -> None:
    async with ScriptedModel([Rule("", "oui")]).serve() as url:
        ask = await asking(model="scripted:a", model_url=url)
        reply = await ask.reply()
    for statement in (
        "UPDATE ai_cost_tracking SET cost_usd = 0 WHERE ai_interaction_id = %(id)s",
        "DELETE FROM ai_interactions WHERE ai_interactions_id = %(id)s",
    ):
        with pytest.raises(Conflict, match="history"):
            async with ask.app.db.transaction(ask.caller) as tx:
                await tx.run(statement, id=reply.interaction_id)


async def test_strange_characters_and_long_prompts_are_kept(asking: Callable[..., Any], rows: Rows) -> None:
    async with ScriptedModel([Rule("", "a\0b")]).serve() as url:
        ask = await asking(model="scripted:a", model_url=url)
        await ask.reply("zéro\0 " + "x" * (2 * LONGEST))
    [row] = await rows.new()
    assert row["response"] == "a�b"
    assert "zéro�" in row["prompt"]
    assert "characters left out" in row["prompt"]
    assert len(row["prompt"]) < LONGEST + 100
    assert storable("half \ud800 pair") == "half ? pair"


def reply_of(provider: Provider, server: str, model: str, usage: Usage) -> Reply:
    return Reply("texte", usage, model, provider, 1200, 300, server=server)


async def test_a_bought_answer_has_its_price(asking: Callable[..., Any], rows: Rows) -> None:
    ask = await asking()
    usage = Usage(input=1000, cached_input=400, output=200)
    reply = reply_of(Provider.ANTHROPIC, "https://api.anthropic.com", "claude-sonnet-4-5", usage)
    await record(ask.app, ask.caller, CallContext("plan"), "a prompt", reply)
    [row] = await rows.new()
    # 600 read at 3 $/M, 400 from the cache at a tenth of it, 200 written at 15 $/M.
    assert row["cost_usd"] == Decimal("0.004920")
    assert row["price_version"].startswith("genai-prices ")
    assert (row["ai_provider"], row["prompt"]) == ("claude", "a prompt")


@pytest.mark.parametrize(
    ("provider", "server", "model", "usage", "cost"),
    [
        (Provider.OPENAI, "https://api.openai.com/v1", "gpt-4o-mini", Usage(1_000_000, output=1_000_000), "0.75"),
        (Provider.OPENAI, "https://api.openai.com/v1", "gpt-4o-mini", Usage(1_000_000, 1_000_000), "0.075"),
        (Provider.OPENAI, "https://api.openai.com/v1", "text-embedding-3-small", Usage(1_000_000), "0.02"),
        (
            Provider.ANTHROPIC,
            "https://api.anthropic.com",
            "claude-sonnet-4-5",
            Usage(100_000, cache_write=100_000),
            "0.375",
        ),
        (Provider.OPENAI, "http://127.0.0.1:8000/v1", "gpt-4o-mini", Usage(1_000_000), "0"),
        (Provider.OPENAI, "http://vllm:8000/v1", "qwen", Usage(1_000_000), "0"),
        (Provider.OLLAMA, "https://gpu.example", "mistral", Usage(1_000_000), "0"),
        (Provider.LOCAL, "http://127.0.0.1:1/v1", "smollm2", Usage(1_000_000), "0"),
        (Provider.OPENAI, "https://api.openai.com/v1", "no-such-model", Usage(10), None),
        (Provider.OPENAI, "https://models.example/v1", "gpt-4o-mini", Usage(10), None),
    ],
)
def test_prices(provider: Provider, server: str, model: str, usage: Usage, cost: str | None) -> None:
    found = price(provider, server, model, usage)
    assert found.cost_usd == (None if cost is None else Decimal(cost))
    assert isinstance(found.cost_usd, Decimal | None)


async def test_an_unknown_price_is_not_zero(asking: Callable[..., Any], rows: Rows) -> None:
    ask = await asking()
    reply = reply_of(Provider.OPENAI, "https://models.example/v1", "m" * 150, Usage(10, output=1))
    await record(ask.app, ask.caller, CallContext("answer"), [Turn("user", "x")], reply)
    [row] = await rows.new()
    assert row["cost_usd"] is None
    assert "unknown" in row["price_version"]
    assert row["model_name"] == "m" * 100


async def test_a_failure_says_what_was_asked_and_why(asking: Callable[..., Any], rows: Rows) -> None:
    async with ScriptedModel([Rule("", "disk full", status=500)]).serve() as url:
        ask = await asking(model="scripted:a", model_url=url)
        with pytest.raises(ModelBroken, match="disk full"):
            await ask.reply("Combien ?")
    [row] = await rows.new()
    assert "Combien ?" in row["prompt"]
    assert "disk full" in row["error"]
