"""How often a question in French finds the right line of a company's price book first, with the embedded embedder.

A real price book of 7,184 lines is imported as an administrator would, indexed and embedded; each of thirty questions
of our own has one right line. What came instead is printed beside.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from bench.common import Bench, Tally, product
from bench.questions import DEPTH, asked, embedded, given
from countersign.index.vectors import vector_index
from countersign.kernel.access import system
from countersign.kernel.app import App
from countersign.knowledge.imports.bring import bring
from countersign.knowledge.ouvrages import indexing

QUESTIONS = Path(__file__).with_name("prices.json")
COLLECTION = "prices"


async def main(bench: Bench) -> None:
    """Prints the share of questions whose right line comes first, and among the first five."""
    data = given("prices-fr-paris.csv")
    async with product() as app:
        await load(app, data)
        await measure(bench, app)


async def load(app: App, data: Path) -> None:
    """The price book becomes ouvrages, and its index is brought up to date."""
    begun = time.perf_counter()
    done = await bring(app, system(), data, "csv")
    print(f"{done.inserted_rows} of {done.total_rows} imported in {time.perf_counter() - begun:.0f} s", file=sys.stderr)
    await embedded(app, COLLECTION, indexing.KIND)


async def measure(bench: Bench, app: App) -> None:
    """The place of the right line in each ranking."""
    async with app.db.transaction(system(), read_only=True) as tx:
        code_of = {row["id"]: row["code"] for row in await tx.all(dict, "SELECT id, code FROM index_entries")}
    tallies = {"BM25": Tally(), "vectors": Tally(), "fused": Tally()}
    async for each, vector, words, both in asked(app, COLLECTION, QUESTIONS):
        near = await vector_index(app).search(COLLECTION, vector, DEPTH, system().tenant_id)
        found = {name: [code_of[hit.id] for hit in hits] for name, hits in
                 (("BM25", words.hits), ("vectors", near), ("fused", both.hits))}  # fmt: skip
        for name, codes in found.items():
            tallies[name].add([one == each["code"] for one in codes])
        if found["fused"][:1] != [each["code"]]:
            print(f"{each['question']}\n  wanted {each['code']}, found {found['fused']}", file=sys.stderr)
    for name, tally in tallies.items():
        tally.rows(bench, "right line", name, 80 if name == "fused" else None)


if __name__ == "__main__":
    Bench.run(__file__, main)
