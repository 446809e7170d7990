"""What an answer costs beyond the model: time to the first token and tokens/s through our API, beside the bare server.

One run starts an instance of its own with the demonstration, asks one question again and again in new conversations,
and sends the very same prompt to the same model server directly, turn about. The embedding of the question is cached
after the first time, so it is excluded; sign-in by token, retrieval, hydration, storage and checks are included.
"""

from __future__ import annotations

import asyncio
import json
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import psycopg

from bench.common import Bench
from tests.stack.instance import Instance, call

QUESTION = "Quel est le prix au m² de la cloison CLO-PLA-001 ?"
ROUNDS = 15
# The model server closes a connection after a stream; one that is taken again may be gone.
FRESH = httpx.Limits(max_keepalive_connections=0)
Timing = tuple[float, float]  # seconds to the first token, tokens a second after it


async def main(bench: Bench) -> None:
    """Prints the difference of the medians with one client and with four, and the ratio of the tokens/s."""
    with tempfile.TemporaryDirectory() as place:
        home = Path(place) / "home"
        with Instance(home, "--demo", admin_email="bench@example.org", admin_password="bench-password") as instance:
            made = call("token", "create", "--email", "bench@example.org", "--name", "bench", "--home", home)
            status = json.loads(call("status", "--json", "--home", home).stdout)["services"]
            known = json.loads((home / "run" / "services.json").read_text())["settings"]
            async with (
                httpx.AsyncClient(base_url=instance.url, headers=bearer(made.stdout), timeout=120) as api,
                httpx.AsyncClient(headers=bearer(known["local_model_key"]), timeout=120, limits=FRESH) as bare,
            ):
                await indexed(home)
                await ours(api)
                body = await prompt_of(status["postgres"]["owner_url"])
                url = known["local_model_url"].rstrip("/") + "/chat/completions"
                await direct(bare, url, body)
                for clients, bar in ((1, 20), (4, 40)):
                    through, alone = await compare(lambda: ours(api), lambda: direct(bare, url, body), clients)
                    extra = 1000 * (statistics.median(t[0] for t in through) - statistics.median(t[0] for t in alone))
                    base = 1000 * statistics.median(t[0] for t in alone)
                    bench.row(
                        f"first token, clients={clients}", extra, "ms", f"<= {bar}", extra <= bar, f"bare {base:.0f}"
                    )
                    rates = [statistics.median(t[1] for t in timings) for timings in (through, alone)]
                    if clients == 1:
                        rate, note = rates[0] / rates[1], f"bare {rates[1]:.0f}/s"
                        bench.row("tokens/s against the bare server", 100 * rate, "%", ">= 97", rate >= 0.97, note)


def bearer(token: str) -> dict[str, str]:
    """The header that carries *token*."""
    return {"Authorization": f"Bearer {token.strip()}"}


async def compare(
    one: Callable[[], Awaitable[Timing]], other: Callable[[], Awaitable[Timing]], clients: int
) -> tuple[list[Timing], list[Timing]]:
    """Timings of *one* and *other* in turn, each by *clients* at the same time."""
    first: list[Timing] = []
    second: list[Timing] = []
    for _ in range(ROUNDS):
        first += await asyncio.gather(*(one() for _ in range(clients)))
        second += await asyncio.gather(*(other() for _ in range(clients)))
    return first, second


async def indexed(home: Path) -> None:
    """Waits until nothing is left to embed: the embedder takes the processor from everything else."""
    for _ in range(600):
        found = json.loads((await asyncio.to_thread(call, "index", "stats", "--json", "--home", home)).stdout)
        if found and not any(collection["stale"] for collection in found):
            return
        await asyncio.sleep(2)
    sys.exit("the demonstration was not indexed within twenty minutes")


async def ours(api: httpx.AsyncClient) -> Timing:
    """One question in a new conversation, through the API."""
    session = (await api.post("/api/v1/agents/expert-btp/sessions")).json()["uuid"]
    path = f"/api/v1/sessions/{session}/messages"
    return await timed(api, path, {"content": QUESTION}, lambda line: line == "event: token")


async def direct(bare: httpx.AsyncClient, url: str, body: dict[str, Any]) -> Timing:
    """The same prompt, to the model server itself."""
    return await timed(bare, url, body, lambda line: '"content":"' in line and '"content":""' not in line)


async def timed(client: httpx.AsyncClient, url: str, body: dict[str, Any], is_token: Callable[[str], bool]) -> Timing:
    """Seconds to the first token and tokens a second between the first and the last."""
    begun = time.perf_counter()
    seen: list[float] = []
    async with client.stream("POST", url, json=body, headers={"Accept": "text/event-stream"}) as response:
        response.raise_for_status()
        async for line in response.aiter_lines():
            if is_token(line):
                seen.append(time.perf_counter())
    if len(seen) < 2:
        sys.exit(f"{url} sent {len(seen)} tokens")
    return seen[0] - begun, (len(seen) - 1) / max(seen[-1] - seen[0], 1e-9)


async def prompt_of(owner_url: str) -> dict[str, Any]:
    """The request that the last answer was made with, as the ledger has it."""
    async with await psycopg.AsyncConnection.connect(owner_url) as connection:
        cursor = await connection.execute(
            "SELECT prompt FROM ai_interactions WHERE operation = 'answer' ORDER BY created_at DESC LIMIT 1"
        )
        row = await cursor.fetchone()
    assert row is not None
    # The ledger keeps a prompt as people read it: a line that names the role, then the text.
    parts = re.split(r"(?:^|\n\n)\[(system|user|assistant)\]\n", row[0])[1:]
    messages = [{"role": role, "content": text} for role, text in zip(parts[::2], parts[1::2], strict=True)]
    return {
        "model": "smollm2",
        "messages": messages,
        "stream": True,
        "max_tokens": 512,
        "temperature": 0.2,
        "stop": ["\n"],
    }


if __name__ == "__main__":
    Bench.run(__file__, main)
