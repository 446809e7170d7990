"""A question gets a streamed, cited answer whose figures come live from SQL, and the row says honestly how it ended."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import psycopg
import pytest

from tests.fakes.scripted_model import Rule
from tests.knowledge.conftest import Site, ask, read_events

Make = Callable[..., Awaitable[Site]]
PRICE = "Quel est le prix au m² de la cloison CLO-PLA-001 ?"
SAY_PRICE = Rule("CLO-PLA-001", "La cloison CLO-PLA-001 coûte 45,50 €/m² [1].")


async def stored(owner: psycopg.AsyncConnection[Any], message: str) -> dict[str, Any]:
    cursor = await owner.execute(
        "SELECT status, content, model_used, provider, tokens_completion, prompt_version, rag_context "
        "FROM ai_messages WHERE uuid = %s",
        (message,),
    )
    row = await cursor.fetchone()
    assert row is not None and cursor.description is not None
    return dict(zip((c.name for c in cursor.description), row, strict=True))


async def test_an_answer_is_streamed_and_stored_with_its_sources(site: Make, owner: Any) -> None:
    made = await site([SAY_PRICE])
    client = await made.client()
    session = (await client.post("/api/v1/agents/expert-btp/sessions")).json()["uuid"]
    names: list[str] = []
    async with client.stream(
        "POST",
        f"/api/v1/sessions/{session}/messages",
        json={"content": PRICE},
        headers={"Accept": "text/event-stream"},
    ) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        events = [(name, data) async for name, data in read_events(response)]
    names = [name for name, _ in events]
    assert names[:2] == ["start", "sources"] and names[-1] == "done" and names.count("token") > 3
    assert events[1][1]["items"][0]["code"] == "CLO-PLA-001"
    assert "".join(data["text"] for name, data in events if name == "token") == events[-1][1]["content"]
    row = await stored(owner, events[0][1]["message"])
    assert row["status"] == "complete" and row["content"] == "La cloison CLO-PLA-001 coûte 45,50 €/m² [1]."
    assert (row["provider"], row["prompt_version"]) == ("scripted", 1)
    source = row["rag_context"]["sources"][0]
    assert source["table"] == "ouvrages" and source["row_hash"] and "45,50" in source["content"].replace("\u00a0", " ")
    assert {n["status"] for n in row["rag_context"]["checks"]["numbers"]} == {"source"}


async def test_the_price_is_the_one_in_the_database_at_that_moment(site: Make, owner: Any) -> None:
    question = "Quel est le prix du rail CLO-FOU-001 ?"
    made = await site([Rule("CLO-FOU-001", "Le rail CLO-FOU-001 coûte 1,70 €/ml [1].")])
    client = await made.client()
    await owner.execute("UPDATE ouvrages SET unit_price = 1.70 WHERE code = 'CLO-FOU-001'")
    before = await ask(client, question)
    await owner.execute("UPDATE ouvrages SET unit_price = 9.87 WHERE code = 'CLO-FOU-001'")
    after = await ask(client, question)
    assert "1,70" in before["sources"][0]["content"] and "9,87" in after["sources"][0]["content"]
    assert [n["status"] for n in before["checks"]["numbers"]] == ["source"]
    # The model still says the old price: the check catches it.
    assert [n["status"] for n in after["checks"]["numbers"]] == ["unsupported"]


async def test_a_part_that_changes_changes_what_the_whole_costs(site: Make, owner: Any) -> None:
    made = await site([SAY_PRICE])
    await owner.execute("UPDATE ouvrages SET unit_price = unit_price + 1 WHERE code = 'CLO-FOU-001'")
    reply = await ask(await made.client(), PRICE)
    # 0,8 ml of rail: the stored price stands beside what the composition now costs.
    content = reply["sources"][0]["content"]
    assert "45,50" in content and "46,30" in content


async def test_a_quantity_is_computed_exactly_and_given_to_the_model(site: Make) -> None:
    made = await site([Rule("25 m²", "Pour 25 m² : 1 137,50 € [6].")])
    reply = await ask(await made.client(), "prix de 25 m² de CLO-PLA-001")
    quote = next(s for s in reply["sources"] if s["kind"] == "quote")
    assert "1137,50" in "".join(quote["content"].split())
    assert all(n["status"] != "unsupported" for n in reply["checks"]["numbers"])
    assert "1137,50" in "".join(made.model.calls[-1].body["messages"][-1]["content"].split())


async def test_retrieved_text_is_data_and_the_question_comes_last(site: Make) -> None:
    made = await site([SAY_PRICE])
    await ask(await made.client(), PRICE)
    messages = made.model.calls[-1].body["messages"]
    assert messages[0]["role"] == "system" and "45,50" not in messages[0]["content"]
    assert messages[-1]["content"].endswith(PRICE)


async def test_the_history_goes_along(site: Make) -> None:
    made = await site([Rule("double", "La seconde."), SAY_PRICE])
    client = await made.client()
    session = (await client.post("/api/v1/agents/expert-btp/sessions")).json()["uuid"]
    path = f"/api/v1/sessions/{session}/messages"
    await client.post(path, json={"content": PRICE})
    await client.post(path, json={"content": "Et la double peau CLO-PLA-002 ?"})
    roles = [m["role"] for m in made.model.calls[-1].body["messages"]]
    assert roles == ["system", "user", "assistant", "user"]
    listed = (await client.get(path)).json()["items"]
    assert [m["role"] for m in listed] == ["user", "assistant", "user", "assistant"]
    assert (await client.get(f"/api/v1/sessions/{session}")).json()["title"] == "Prix au m² de la cloison CLO-PLA-001"


async def test_without_a_model_the_records_are_quoted(site: Make, owner: Any) -> None:
    made = await site([Rule(".", "", status=500)])
    reply = await ask(await made.client(), "prix de 25 m² de CLO-PLA-001")
    assert reply["notice"] == "quoted" and reply["status"] == "complete"
    assert "1137,50" in "".join(reply["content"].split()) and "[1]" in reply["content"]
    assert (await stored(owner, reply["message"]))["rag_context"]["notice"] == "quoted"


async def test_a_strict_agent_without_sources_does_not_ask_the_model(site: Make) -> None:
    made = await site([SAY_PRICE])
    reply = await ask(await made.client(), "zzzz qqqq")
    assert reply["sources"] == [] and made.model.calls == []
    assert "ne contiennent rien" in reply["content"]


async def test_stopping_keeps_what_was_written(site: Make, owner: Any) -> None:
    made = await site([Rule("CLO", "mot " * 5000, rate=50)])
    client = await made.client()
    session = (await client.post("/api/v1/agents/expert-btp/sessions")).json()["uuid"]
    message, seen = "", 0
    async with client.stream(
        "POST", f"/api/v1/sessions/{session}/messages", json={"content": PRICE}, headers={"Accept": "text/event-stream"}
    ) as response:
        async for name, data in read_events(response):
            if name == "start":
                message = data["message"]
            seen += name == "token"
            if seen == 5 and name == "token":
                assert (await client.post(f"/api/v1/messages/{message}/stop")).status_code == 202
            if name == "done":
                assert data["status"] == "stopped"
    row = await stored(owner, message)
    assert row["status"] == "stopped" and 5 <= row["content"].count("mot") < 5000
    await asyncio.wait_for(made.model.calls[-1].done.wait(), 60)
    assert made.model.calls[-1].left


async def test_a_reader_who_leaves_stops_the_model(site: Make, owner: Any) -> None:
    made = await site([Rule("CLO", "mot " * 5000, rate=50)])
    client = await made.client()
    session = (await client.post("/api/v1/agents/expert-btp/sessions")).json()["uuid"]
    message = ""
    async with client.stream(
        "POST", f"/api/v1/sessions/{session}/messages", json={"content": PRICE}, headers={"Accept": "text/event-stream"}
    ) as response:
        async for name, data in read_events(response):
            message = data.get("message", message)
            if name == "token":
                break
    await asyncio.wait_for(made.model.calls[-1].done.wait(), 60)
    for _ in range(1200):
        row = await stored(owner, message)
        if row["status"] != "streaming":
            break
        await asyncio.sleep(0.05)
    assert row["status"] == "stopped" and row["content"].startswith("mot")


async def test_one_answer_at_a_time_in_a_conversation(site: Make) -> None:
    made = await site([Rule("CLO", "mot " * 5000, rate=50)])
    client = await made.client()
    session = (await client.post("/api/v1/agents/expert-btp/sessions")).json()["uuid"]
    path = f"/api/v1/sessions/{session}/messages"
    async with client.stream("POST", path, json={"content": PRICE}, headers={"Accept": "text/event-stream"}) as first:
        async for name, _ in read_events(first):
            if name == "token":
                refused = await client.post(path, json={"content": "encore"})
                assert refused.status_code == 409 and refused.json()["code"] == "answer-running"
                break
    assert len((await client.get(path)).json()["items"]) == 2


@pytest.mark.parametrize("failure", ["drop", "error"])
async def test_a_model_that_breaks_off_fails_honestly(site: Make, owner: Any, failure: str) -> None:
    made = await site([Rule("CLO", "un deux trois quatre", failure=failure, after=2)])  # type: ignore[arg-type]
    client = await made.client()
    session = (await client.post("/api/v1/agents/expert-btp/sessions")).json()["uuid"]
    async with client.stream(
        "POST", f"/api/v1/sessions/{session}/messages", json={"content": PRICE}, headers={"Accept": "text/event-stream"}
    ) as response:
        events = [event async for event in read_events(response)]
    assert events[-1][0] == "error" and events[-1][1]["status"] >= 500
    assert (await stored(owner, events[0][1]["message"]))["status"] == "failed"


async def test_every_call_is_in_the_ledger(site: Make, owner: Any) -> None:
    made = await site([SAY_PRICE])
    await ask(await made.client(), PRICE)
    cursor = await owner.execute(
        "SELECT i.ai_provider, i.operation, c.total_tokens > 0 FROM ai_interactions i "
        "JOIN ai_cost_tracking c ON c.ai_interaction_id = i.ai_interactions_id"
    )
    assert await cursor.fetchall() == [("scripted", "answer", True)]


async def test_a_vanished_record_is_not_answered(site: Make, owner: Any) -> None:
    made = await site([SAY_PRICE])
    client: httpx.AsyncClient = await made.client()
    await owner.execute("UPDATE ouvrages SET deleted_at = now() WHERE code = 'CLO-PLA-001'")
    reply = await ask(client, PRICE)
    assert "CLO-PLA-001" not in [s["code"] for s in reply["sources"]]
