"""How long until an instance can be used: its first and its second start, beside each part started alone.

The second start is timed from the command to the first 200 of ``/readyz``, three times; the median counts.
"""

from __future__ import annotations

import asyncio
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.common import Bench
from countersign.stack.embedder import Embedder
from countersign.stack.home import free_port
from countersign.stack.models import ModelServer
from countersign.stack.postgres import Postgres
from countersign.stack.probe import http
from countersign.stack.service import Service
from countersign.stack.valkey import Valkey
from tests.stack.instance import Instance

STARTS = 3
BAR = 10.0
READY = re.compile(r"^(\w+): ready after ([\d.]+) s$", re.MULTILINE)
PARTS: tuple[type[Service], ...] = (Postgres, Valkey, ModelServer, Embedder)
PROGRAMS = {"web": "countersign.main", "worker": "countersign.stack.celery_app"}


async def main(bench: Bench) -> None:
    """Prints the two starts, the time of each part within the second one, and the same parts alone."""
    with tempfile.TemporaryDirectory() as place:
        home = Path(place) / "home"
        with Instance(home, "--demo") as first:
            bench.row("first start, with the demonstration", first.seconds, "s", "", None)
        starts = [await start(home) for _ in range(STARTS)]
        seconds = statistics.median(taken for taken, _ in starts)
        bench.row("second start", seconds, "s", f"<= {BAR:.0f}", seconds <= BAR, f"median of {STARTS}")
        for name in starts[0][1]:
            within = statistics.median(parts[name] for _, parts in starts)
            bench.row(f"  {name}, among the others", within, "s", "", None)
        alone = [await lone(bench, part(home)) for part in PARTS] + [lone_import(bench, name) for name in PROGRAMS]
        bench.row("second start against all parts in a row", seconds / sum(alone), "x", "", None)


async def start(home: Path) -> tuple[float, dict[str, float]]:
    """Seconds until ``/readyz`` answers 200, and those of each part as ``up`` tells them."""
    port = free_port()
    begun = time.perf_counter()
    instance = Instance(home, "--port", str(port)).launch()
    try:
        while (await http("127.0.0.1", port, "/readyz"))[0] != 200:
            if instance.process.poll() is not None:
                sys.exit(instance.said)
            await asyncio.sleep(0.02)
        seconds = time.perf_counter() - begun
        instance.wait()
        return seconds, {name: float(taken) for name, taken in READY.findall(instance.said)}
    finally:
        instance.stop()


async def lone(bench: Bench, service: Service) -> float:
    """Seconds that *service* takes alone."""
    begun = time.perf_counter()
    await service.start()
    seconds = time.perf_counter() - begun
    await service.stop()
    bench.row(f"  {service.name}, alone", seconds, "s", "", None)
    return seconds


def lone_import(bench: Bench, name: str) -> float:
    """Seconds that the imports of a process of ours take alone."""
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-c", f"import {PROGRAMS[name]}"], check=True)
    seconds = time.perf_counter() - begun
    bench.row(f"  {name}, its imports alone", seconds, "s", "", None)
    return seconds


if __name__ == "__main__":
    Bench.run(__file__, main)
