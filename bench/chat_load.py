"""Fifty people ask at once of a model that says fifty words a second: what the way through us adds to each word.

Every word says when the model said it, so its age on arrival is the whole way: the model's socket, us, the reader's.
The same fifty streams read from the model server itself are what it is compared with. The people go on asking, each in
new conversations, until a thousand answers were given; the web process must hold no more at the end than early on.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from urllib.parse import urlsplit

import psutil

from bench.chat_overhead import indexed
from bench.common import Bench
from bench.paced import RATE, STAMP, WORDS, age
from countersign.stack.memory import resident
from tests.stack.instance import Instance, call, holding

CLIENTS = 50
ANSWERS = 1000
EARLY = 200  # answers after which everything has been used once
QUESTION = "Quel est le prix au m² de la cloison CLO-PLA-001 ?"
STALL, ADDED, GROWTH = 500, 20, 5  # milliseconds, milliseconds, percent


@dataclass(slots=True)
class Heard:
    """Ages of words on arrival and the longest wait for one within each answer, in milliseconds."""

    ages: list[float] = field(default_factory=list[float])
    waits: list[float] = field(default_factory=list[float])

    @property
    def p95(self) -> float:
        return statistics.quantiles(self.ages, n=20)[-1]


async def main(bench: Bench) -> None:
    """Prints the stalls, the age of words beside that on the bare wire, and what the web process holds."""
    with holding(listening=False) as port:
        pass
    model = await asyncio.create_subprocess_exec(sys.executable, "-m", "bench.paced", str(port))
    settings = {"model": "scripted:paced", "model_url": f"http://127.0.0.1:{port}"}
    settings |= {"admin_email": "bench@example.org", "admin_password": "bench-password"}
    try:
        with tempfile.TemporaryDirectory() as place:
            home = Path(place) / "home"
            with Instance(home, "--demo", **settings) as instance:
                made = call("token", "create", "--email", "bench@example.org", "--name", "bench", "--home", home)
                await indexed(home)
                bare = Heard()
                direct = json.dumps({"model": "paced", "stream": True, "messages": [{"role": "user", "content": "?"}]})
                await asyncio.gather(*(listen(bare, port, "/v1/chat/completions", direct, "") for _ in range(CLIENTS)))
                web = psutil.Process(instance.status()["processes"]["web"])
                worked = sum(web.cpu_times()[:2])
                at = urlsplit(instance.url).port or 80
                ours, held = await load(at, made.stdout.strip(), lambda: resident(web.pid) / 1e6)
                worked = sum(web.cpu_times()[:2]) - worked
    finally:
        model.kill()
        await model.wait()
    report(bench, bare, ours, held)
    each = 1e6 * worked / len(ours.ages)
    bench.row("work of the web process for a word", each, "µs", "", None, "with all else that answers take")


def report(bench: Bench, bare: Heard, ours: Heard, held: list[float]) -> None:
    """The rows."""
    stalls, added = sum(wait > STALL for wait in ours.waits), ours.p95 - bare.p95
    about = f"{CLIENTS} streams of {RATE} words/s"
    bench.row("answers", len(ours.waits), "", "", None, about)
    longest = f"longest wait {max(ours.waits):.0f} ms, bare {max(bare.waits):.0f}"
    bench.row("answers that stalled", stalls, "", f"0 over {STALL} ms", stalls == 0, longest)
    bench.row("added to a word, p95", added, "ms", f"<= {ADDED}", added <= ADDED, f"bare {bare.p95:.1f}")
    bench.row("added to a word, median", statistics.median(ours.ages) - statistics.median(bare.ages), "ms", "", None)
    growth = 100 * (held[-1] / held[0] - 1)
    note = f"{held[0]:.0f} MB after {EARLY} answers, {held[-1]:.0f} MB after {len(ours.waits)}"
    bench.row("growth of the web process", growth, "%", f"<= {GROWTH}", growth <= GROWTH, note)


async def load(port: int, token: str, size: Callable[[], float]) -> tuple[Heard, list[float]]:
    """What fifty people hear until a thousand answers were given; what is held after the early ones and at the end."""
    heard, held = Heard(), list[float]()
    left = ANSWERS

    async def person(number: int) -> None:
        nonlocal left
        await asyncio.sleep(number * WORDS / RATE / CLIENTS)  # people do not press Enter at once
        while left > 0:
            left -= 1
            opened = await post(port, "/api/v1/agents/expert-btp/sessions", "{}", token)
            path = f"/api/v1/sessions/{json.loads(opened)['uuid']}/messages"
            await listen(heard, port, path, json.dumps({"content": QUESTION}), token)
            if len(heard.waits) == EARLY:
                held.append(size())

    await asyncio.gather(*(person(number) for number in range(CLIENTS)))
    return heard, [*held, size()]


async def listen(heard: Heard, port: int, path: str, body: str, token: str) -> None:
    """Reads one answer. Exits when it is not whole."""
    last, longest, words = 0.0, 0.0, 0
    async with sent(port, path, body, token) as reader:
        async for line in reader:
            if line.startswith(b"event: done"):
                break
            said = STAMP.findall(line) if line.startswith(b"data: ") else []
            if not said:
                continue
            now = monotonic()
            heard.ages += [1000 * age(word) for word in said]
            longest = max(longest, now - last) if words else 0.0
            last, words = now, words + len(said)
    if words != WORDS:
        sys.exit(f"{path} said {words} words of {WORDS}")
    heard.waits.append(1000 * longest)


async def post(port: int, path: str, body: str, token: str) -> bytes:
    """The body of a reply that is JSON of one line."""
    async with sent(port, path, body, token) as reader:
        return [line async for line in reader][-1]


@asynccontextmanager
async def sent(port: int, path: str, body: str, token: str) -> AsyncIterator[asyncio.StreamReader]:
    """The reply as it comes, over a connection of its own and without a library: its work would be measured too."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**20)
    try:
        lines = [f"POST {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", "Connection: close"]
        lines += [f"Authorization: Bearer {token}", "Content-Type: application/json", "Accept: text/event-stream"]
        writer.write("\r\n".join([*lines, f"Content-Length: {len(body.encode())}", "", body]).encode())
        if b" 20" not in (status := await reader.readline()):
            sys.exit(f"{path}: {status.decode()}")
        yield reader
    finally:
        writer.close()


if __name__ == "__main__":
    Bench.run(__file__, main)
