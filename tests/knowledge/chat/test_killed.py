"""A web process that is killed, or frozen and taken for dead, in the middle of an answer: it is never said to be whole."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from countersign.kernel.access import system
from countersign.kernel.jobs import JobContext
from countersign.kernel.settings import Settings
from countersign.knowledge.chat.jobs import interrupt
from tests.fakes.scripted_model import Rule
from tests.knowledge.conftest import Site, read_events

Make = Callable[..., Awaitable[Site]]
ROOT = Path(__file__).parents[3]
LONG = "un deux trois quatre cinq " * 400
PATIENCE = 120  # seconds


@contextmanager
def web(settings: Settings) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """The site in a process of its own, and its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, **settings.environment(), "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}
    environment["COUNTERSIGN_PORT"] = str(port)
    process = subprocess.Popen([sys.executable, "-m", "countersign.main"], env=environment)
    try:
        yield process, f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


async def serves(url: str) -> None:
    async with asyncio.timeout(PATIENCE), httpx.AsyncClient() as client:
        while True:
            with suppress(httpx.TransportError):
                await client.get(f"{url}/healthz")
                return
            await asyncio.sleep(0.05)


async def until(true: Callable[[], Awaitable[Any]]) -> Any:
    async with asyncio.timeout(PATIENCE):
        while not (found := await true()):
            await asyncio.sleep(0.05)
    return found


@pytest.fixture
async def row(owner: Any) -> AsyncIterator[Callable[[str], Awaitable[tuple[str, str]]]]:
    """Status and content of a message as they are stored."""

    async def read(message: str) -> tuple[str, str]:
        cursor = await owner.execute("SELECT status, content FROM ai_messages WHERE uuid = %s", (message,))
        return await cursor.fetchone()

    yield read


async def asked(client: httpx.AsyncClient, session: str) -> AsyncIterator[tuple[str, Any]]:
    body = {"content": "prix de CLO-PLA-001 ?"}
    headers = {"Accept": "text/event-stream"}
    with suppress(httpx.TransportError):
        async with client.stream(
            "POST", f"/api/v1/sessions/{session}/messages", json=body, headers=headers
        ) as response:
            async for event in read_events(response):
                yield event


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "frozen"])
async def test_an_answer_whose_process_is_gone_is_interrupted(
    site: Make, owner: Any, row: Callable[[str], Awaitable[tuple[str, str]]], how: signal.Signals
) -> None:
    made = await site([Rule("encore", "Voir la fiche [1]."), Rule(".", LONG, rate=100)])
    client, reviewer = await made.client(), await made.client(role="validator")
    session = (await client.post("/api/v1/agents/expert-btp/sessions")).json()["uuid"]
    path = f"/api/v1/sessions/{session}"
    with web(made.app.settings) as (process, url):
        await serves(url)
        async with httpx.AsyncClient(base_url=url, headers=client.headers, timeout=PATIENCE) as there:
            events = asked(there, session)
            message = (await anext(events))[1]["message"]
            await until(lambda: kept(row, message))
            process.send_signal(how)
            if how is signal.SIGKILL:
                process.wait()
                seen = [name async for name, _ in events]
                assert "done" not in seen, "nobody was told that it is whole"

            status, content = await row(message)
            assert status == "streaming" and content and LONG.startswith(content)
            again = await client.post(f"{path}/messages", json={"content": "encore CLO-PLA-001 ?"})
            assert again.status_code == 409, "its process may only be slow"
            assert (await reviewer.get("/api/v1/inbox")).json()["items"] == []

            # Thirty seconds without a sign of life.
            await owner.execute(
                "UPDATE ai_messages SET written_at = written_at - interval '31 s' WHERE uuid = %s", (message,)
            )
            nothing: Any = None
            assert (await interrupt(JobContext(made.app, system(), nothing)))["interrupted"] == 1
            assert await row(message) == ("interrupted", content)

            if how is signal.SIGSTOP:  # it was alive after all, and comes too late
                process.send_signal(signal.SIGCONT)
                async with asyncio.timeout(PATIENCE):
                    await client.post(f"/api/v1/messages/{message}/stop")
                    told = [data async for name, data in events if name in ("done", "error")]
                assert told
                assert await row(message) == ("interrupted", content), "what was declared stays"

    shown = (await client.get(f"/api/v1/messages/{message}")).json()
    assert (shown["status"], shown["validation_status"]) == ("interrupted", "pending")
    assert (await reviewer.get("/api/v1/inbox")).json()["items"] == [], "nobody is asked to sign half an answer"
    assert (await reviewer.post(f"/api/v1/messages/{message}/validate")).status_code in (404, 409, 422)
    assert "Réponse interrompue" in (await client.get(f"{path}/export.md")).text
    reply = (await client.post(f"{path}/messages", json={"content": "encore CLO-PLA-001 ?"})).json()
    assert reply["status"] == "complete"
    assert content not in str(made.model.calls[-1].body), "half an answer is in no history"
    waiting = (await reviewer.get("/api/v1/inbox")).json()["items"]
    assert [one["question"] for one in waiting] == ["encore CLO-PLA-001 ?"]


async def kept(row: Callable[[str], Awaitable[tuple[str, str]]], message: str) -> bool:
    return bool((await row(message))[1])
