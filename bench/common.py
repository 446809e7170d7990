"""What every measurement shares: rows beside their bars, the machine, a file with the results."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from countersign.kernel import migrate
from countersign.kernel.app import App
from countersign.kernel.settings import Settings
from countersign.stack.embedder import Embedder
from countersign.stack.postgres import Postgres

Measure = Callable[["Bench"], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Row:
    """One figure. *ok* is None where there is no bar; *note* says what it was measured beside."""

    name: str
    value: float
    unit: str
    bar: str
    ok: bool | None
    note: str = ""

    def __str__(self) -> str:
        verdict = {True: "ok", False: "missed", None: ""}[self.ok]
        shown = f"{self.value:.3f}" if self.unit in ("", "x") else f"{self.value:.1f}"
        return "  ".join(
            part for part in (f"{self.name:<44}", f"{shown:>9} {self.unit:<3}", self.bar, verdict, self.note) if part
        )


@dataclass(slots=True)
class Bench:
    """One script's results, printed as they come."""

    name: str
    rows: list[Row] = field(default_factory=list[Row])

    def row(self, name: str, value: float, unit: str, bar: str, ok: bool | None, note: str = "") -> None:
        """Prints and keeps one figure."""
        self.rows.append(Row(name, float(value), unit, bar, None if ok is None else bool(ok), note))
        print(self.rows[-1], flush=True)

    def as_json(self) -> dict[str, object]:
        """Name, date, machine and rows."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        return {"name": self.name, "date": now, "machine": machine(), "rows": [asdict(row) for row in self.rows]}

    @classmethod
    def run(cls, file: str, main: Measure) -> None:
        """The command line of a script; ``--json FILE`` keeps the results. Exit code 1 when a bar is missed."""
        parser = argparse.ArgumentParser(prog=f"python -m bench.{Path(file).stem}")
        parser.add_argument("--json", type=Path, help="write the results to this file too")
        options = parser.parse_args()
        bench = cls(Path(file).stem)
        asyncio.run(main(bench))
        if options.json:
            options.json.write_text(json.dumps(bench.as_json(), indent=1))
        sys.exit(any(row.ok is False for row in bench.rows))


@asynccontextmanager
async def product() -> AsyncIterator[App]:
    """The product on an empty database of its own, with the embedded embedder."""
    with tempfile.TemporaryDirectory() as place:
        postgres, local = Postgres(Path(place), durable=False), Embedder(Path(place))
        await asyncio.gather(postgres.start(), local.start())
        try:
            await migrate.up(postgres.owner_url)
            settings = Settings(home=Path(place), database_url=postgres.url, local_embedder_url=local.url)
            async with App(settings) as app:
                yield app
        finally:
            await asyncio.gather(postgres.stop(), local.stop())


@dataclass(slots=True)
class Tally:
    """Of how many questions the right hit came first, and among the first five, in one ranking."""

    asked: int = 0
    first: int = 0
    five: int = 0

    def add(self, right: Sequence[bool]) -> None:
        """The hits of one more question, best first: whether each is right."""
        self.asked += 1
        self.first += any(right[:1])
        self.five += any(right[:5])

    def rows(self, bench: Bench, what: str, ranking: str, bar: int | None = None) -> None:
        """Prints both shares; *bar* in percent is for the first place."""
        first, five = 100 * self.first / self.asked, 100 * self.five / self.asked
        bench.row(f"{what} first, {ranking}", first, "%", f">= {bar}" if bar else "", first >= bar if bar else None)
        bench.row(f"{what} in five, {ranking}", five, "%", "", None)


def machine() -> str:
    """Processor, cores, memory and Python, in one line."""
    model = platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{model}, {os.cpu_count()} cores, {memory:.0f} GiB, Python {platform.python_version()}"
