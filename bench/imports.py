"""A million rows by `countersign import csv`, against a bare COPY of the same rows into the same indexed table.

The import reads the file, keeps it, stages every row, compares it with what is there, writes it and marks it for the
index; the peak is that of the process that does all this. A second import of the same file finds everything unchanged.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psycopg

from bench.common import Bench
from countersign.kernel import migrate
from countersign.stack.postgres import Postgres

ROWS = int(os.environ.get("COUNTERSIGN_BENCH_ROWS", "1000000"))
WORDS = (
    "plaque", "plâtre", "cloison", "hydrofuge", "isolant", "laine", "roche", "rail", "montant", "vis", "enduit",
    "bande", "peinture", "carrelage",
)  # fmt: skip
NAMES = "code;nom;type;catégorie;unité;prix"
BAR = 2.0  # times the bare COPY
PEAK = 300.0  # MB
COLUMNS = "tenant_id, code, name, type, category, unit, unit_price"


def rows() -> Iterator[tuple[str, str, str, str, str, str]]:
    """Code, name, type, category, unit, price in cents: all different, as a price book's are."""
    for number in range(ROWS):
        words = (WORDS[number * prime // 7 % len(WORDS)] for prime in (3, 5, 11, 13))
        kind = ("fourniture", "main_oeuvre", "simple")[number % 3]
        yield (
            f"LOT{number % 40:02}-{number:07}",
            f"{' '.join(words)} {number}",
            kind,
            f"Lot {number % 40}",
            "m²",
            str(number),
        )


async def main(bench: Bench) -> None:
    """Prints times, their ratio, the peak and the longest silence."""
    with tempfile.TemporaryDirectory() as place:
        postgres = Postgres(Path(place), durable=False)
        await postgres.start()
        try:
            await migrate.up(postgres.owner_url)
            file = Path(place, "prices.csv")
            await asyncio.to_thread(write, file)
            bare = await asyncio.to_thread(copied, postgres.owner_url)
            bench.row("bare COPY into the indexed table", bare, "s", "", None, f"{ROWS:,} rows")
            first, said, peak, silence = await asyncio.to_thread(imported, postgres, Path(place), file)
            assert said["inserted"] == ROWS, said
            bench.row("import", first, "s", "", None, f"{ROWS / first:,.0f} rows/s")
            bench.row("import against the bare COPY", first / bare, "x", f"<= {BAR:g}", first / bare <= BAR)
            bench.row("peak memory of the import", peak, "MB", f"<= {PEAK:.0f}", peak <= PEAK)
            bench.row("longest time without progress", silence, "s", "", None)
            again, said, _, _ = await asyncio.to_thread(imported, postgres, Path(place), file)
            assert said["unchanged"] == ROWS, said
            bench.row("the same file again, all unchanged", again, "s", "", None, f"{ROWS / again:,.0f} rows/s")
        finally:
            await postgres.stop()


def write(file: Path) -> None:
    """The rows as a French spreadsheet saves them."""
    with file.open("w", encoding="utf-8") as out:
        out.write(NAMES + "\n")
        for *cells, cents in rows():
            out.write(f"{';'.join(cells)};{int(cents) / 100:.2f}\n".replace(".", ","))


def copied(url: str) -> float:
    """Seconds of a bare COPY; the table is empty before and after."""
    lines = ["\t".join(("1", *cells, f"{int(cents) / 100:.2f}")) + "\n" for *cells, cents in rows()]
    pieces = ["".join(lines[at : at + 1000]).encode() for at in range(0, ROWS, 1000)]
    with psycopg.connect(url, autocommit=True) as owner:
        owner.execute("TRUNCATE ouvrages CASCADE")
        begun = time.perf_counter()
        with owner.cursor().copy(f"COPY ouvrages ({COLUMNS}) FROM STDIN".encode()) as copy:
            for piece in pieces:
                copy.write(piece)
        took = time.perf_counter() - begun
        owner.execute("TRUNCATE ouvrages CASCADE")
        owner.execute("CHECKPOINT")
    return took


def imported(postgres: Postgres, home: Path, file: Path) -> tuple[float, dict[str, int], float, float]:
    """Seconds, what the command said, its peak in MB, the longest time in which nothing moved."""
    out = home / "said"
    environment = {**os.environ, "COUNTERSIGN_DATABASE_URL": postgres.url, "COUNTERSIGN_HOME": str(home)}
    command = [sys.executable, "-m", "countersign.cli", "import", "csv", str(file), "--json"]
    ended, silences, peak = threading.Event(), [0.0], [0.0]
    begun = time.perf_counter()
    with out.open("wb") as output:
        redirect = [(os.POSIX_SPAWN_DUP2, output.fileno(), 1)]
        pid = os.posix_spawn(sys.executable, command, environment, file_actions=redirect)
    watching = threading.Thread(target=watch, args=(postgres.owner_url, pid, ended, silences, peak))
    watching.start()
    _, code = os.waitpid(pid, 0)
    took = time.perf_counter() - begun
    ended.set()
    watching.join()
    if code:
        sys.exit("the import failed")
    return took, json.loads(out.read_text()), peak[0], max(silences)


def watch(url: str, pid: int, ended: threading.Event, silences: list[float], peak: list[float]) -> None:
    """How long each figure stood still, from the first row to the end of the last phase; the peak of the process in MB.

    What ``wait4`` tells is no less than the memory of whoever started the process, which is us with a million rows.
    """
    seen, since = None, 0.0
    with psycopg.connect(url, autocommit=True) as owner, suppress(psycopg.Error):
        while not ended.wait(0.1):
            with suppress(OSError, IndexError):  # it has just ended
                peak[0] = int(Path(f"/proc/{pid}/status").read_text().split("VmHWM:")[1].split()[0]) * 1024 / 1e6
            found = owner.execute(
                "SELECT id, phase, rows_done FROM import_logs WHERE status = 'processing' ORDER BY id DESC LIMIT 1"
            ).fetchone()
            if found is not None and found != seen:
                silences.append(time.monotonic() - since if seen else 0.0)
                seen, since = found, time.monotonic()


if __name__ == "__main__":
    Bench.run(__file__, main)
