"""On the pages an answer goes on when its reader leaves, and is found again from wherever they come back."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from countersign.kernel.access import system
from countersign.kernel.jobs import JobContext
from countersign.knowledge.chat.jobs import interrupt
from countersign.knowledge.chat.running import Running
from tests.fakes.scripted_model import Rule
from tests.knowledge.conftest import Site, read_events

Make = Callable[..., Awaitable[Site]]
STREAM = {"Accept": "text/event-stream"}
LONG = "un deux trois quatre cinq " * 20


async def left_in_the_middle(client: Any, session: str) -> str:
    """The address of an answer whose reader has left after three pieces."""
    message, seen = "", 0
    asked = client.stream("POST", f"/sessions/{session}/messages", data={"text": "CLO-PLA-001 ?"}, headers=STREAM)
    async with asked as response:
        async for name, data in read_events(response):
            message = data.get("message", message) if isinstance(data, dict) else message
            seen += name == "token"
            if seen == 3:
                break
    return message


async def test_a_reader_who_leaves_finds_the_answer_again(site: Make) -> None:
    made = await site([Rule("CLO", LONG, rate=40)])
    client = await made.client()
    session = (await client.post("/api/v1/agents/expert-btp/sessions")).json()["uuid"]
    message = await left_in_the_middle(client, session)
    assert (await client.get(f"/api/v1/messages/{message}")).json()["status"] == "streaming"

    # Two windows come back, and each gets all of it.
    async def read() -> list[tuple[str, Any]]:
        async with client.stream("GET", f"/messages/{message}/stream", headers=STREAM) as response:
            return [event async for event in read_events(response)]

    for events in await asyncio.gather(read(), read()):
        assert [name for name, _ in events][:2] == ["start", "sources"] and events[-1][0] == "done"
        assert "".join(data["text"] for name, data in events if name == "token") == events[-1][1]["content"]
        assert events[-1][1]["status"] == "complete" and events[-1][1]["content"].startswith("un deux")
    # So does who comes when it is over.
    late = await read()
    assert late[-1][1]["content"] == events[-1][1]["content"]


async def test_another_process_follows_it_too(site: Make) -> None:
    made = await site([Rule("CLO", LONG, rate=40)])
    client = await made.client()
    session = (await client.post("/api/v1/agents/expert-btp/sessions")).json()["uuid"]
    message = await left_in_the_middle(client, session)
    elsewhere = made.app.once(Running)
    known, elsewhere._live = elsewhere._live, {}  # as a process that does not write it
    async with client.stream("GET", f"/api/v1/messages/{message}/stream") as response:
        elsewhere._live = known
        events = [event async for event in read_events(response)]
    assert events[-1][1]["status"] == "complete"
    assert "".join(data["text"] for name, data in events if name == "token") == events[-1][1]["content"]


async def test_it_can_still_be_stopped(site: Make) -> None:
    made = await site([Rule("CLO", LONG * 100, rate=40)])
    client = await made.client()
    session = (await client.post("/api/v1/agents/expert-btp/sessions")).json()["uuid"]
    message = await left_in_the_middle(client, session)
    await client.post(f"/api/v1/messages/{message}/stop")
    async with client.stream("GET", f"/messages/{message}/stream", headers=STREAM) as response:
        events = [event async for event in read_events(response)]
    assert events[-1][1]["status"] == "stopped"
    assert made.model.calls[-1].left


async def test_a_process_that_ends_stores_what_there_is_as_interrupted(site: Make, owner: Any) -> None:
    made = await site([Rule("CLO", LONG * 100, rate=40)])
    client = await made.client()
    session = (await client.post("/api/v1/agents/expert-btp/sessions")).json()["uuid"]
    message = await left_in_the_middle(client, session)
    await made.app.once(Running).aclose()
    row = await (await owner.execute("SELECT status, content FROM ai_messages WHERE uuid = %s", (message,))).fetchone()
    assert row[0] == "interrupted" and row[1].startswith("un deux")


async def test_only_the_silent_are_taken_for_dead(site: Make, owner: Any) -> None:
    made = await site()
    client = await made.client()
    session = (await client.post("/api/v1/agents/expert-btp/sessions")).json()["uuid"]
    await owner.execute(
        "INSERT INTO ai_messages (tenant_id, session_id, role, content, status, written_at, created_at) "
        "SELECT tenant_id, id, 'assistant', said, 'streaming', now() - make_interval(secs => age), now() - interval '1 hour' "
        "FROM ai_sessions, (VALUES ('vivante', 1), ('morte', 600)) AS two (said, age)"
    )
    nothing: Any = None
    assert (await interrupt(JobContext(made.app, system(), nothing)))["interrupted"] == 1
    items = (await client.get(f"/api/v1/sessions/{session}/messages", params={"every": True})).json()["items"]
    assert {m["content"]: m["status"] for m in items} == {"vivante": "streaming", "morte": "interrupted"}
