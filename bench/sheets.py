"""How often a question about labour law finds the passage that answers it, with the embedded embedder.

A hundred and ten official sheets, up to 20 sections each, are cut, indexed and embedded as an administrator's documents
would be; a passage is right when it holds the words of the answer.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from bench.common import Bench, Tally, product
from countersign.index import indexer, search
from countersign.index import service as index
from countersign.kernel.access import system
from countersign.kernel.app import App
from countersign.knowledge.documents import indexing
from countersign.knowledge.documents import service as documents
from countersign.knowledge.documents.models import NewDocument
from countersign.providers.embedders import embedder

DATA = Path(__file__).parents[2] / "shared" / "data" / "labour-sheets.json"
QUESTIONS = Path(__file__).with_name("sheets.json")
COLLECTION = "sheets"
DEPTH = 5


async def main(bench: Bench) -> None:
    """Prints the share of questions whose passage comes first, and among the first five."""
    if not DATA.exists():
        sys.exit(f"{DATA} is missing")
    async with product() as app:
        await load(app)
        await measure(bench, app)


def text_of(sheet: dict[str, Any]) -> str:
    """A sheet as Markdown."""
    sections = (part for section in sheet["sections"] for part in (f"## {section['title']}", section["text"]))
    return "\n\n".join(part for part in (sheet["intro"], *sections) if part)


async def load(app: App) -> None:
    """Each sheet is a document; the index is brought up to date."""
    begun = time.perf_counter()
    async with app.db.transaction(system()) as tx:
        for sheet in json.loads(DATA.read_text()):
            await documents.add(
                tx, NewDocument(COLLECTION, sheet["title"], source=sheet["url"], content=text_of(sheet))
            )
        await index.mark_all(tx, COLLECTION, indexing.KIND)
    report = await indexer.index(app, system(), COLLECTION)
    print(f"{report.indexed} passages indexed in {time.perf_counter() - begun:.0f} s", file=sys.stderr)


async def measure(bench: Bench, app: App) -> None:
    """The place of the first right passage, by words alone and with vectors."""
    model = await embedder(app)
    words_alone, fused = Tally(), Tally()
    for each in json.loads(QUESTIONS.read_text()):
        text, words = each["question"], each["words"]
        vector = await model.query(text)
        for tally, asked in ((words_alone, None), (fused, vector)):
            found = await search.search(app, system(), COLLECTION, text, asked, DEPTH)
            tally.add([words in hit.content for hit in found.hits])
        if not any(words in hit.content for hit in found.hits):
            print(f"{text}\n  not in {[hit.title for hit in found.hits]}", file=sys.stderr)
    words_alone.rows(bench, "right passage", "BM25")
    fused.rows(bench, "right passage", "fused")


if __name__ == "__main__":
    Bench.run(__file__, main)
