"""How often a question about labour law finds the passage that answers it, with the embedded embedder.

Official sheets, up to 20 sections each, are cut, indexed and embedded as an administrator's documents would be; a
passage is right when it holds the words of the answer. Embedding all hundred and ten takes longer than anybody waits,
so it is done for a sample, always the same.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from bench.common import Bench, Tally, product
from bench.questions import asked, embedded, given
from countersign.kernel.access import system
from countersign.kernel.app import App
from countersign.knowledge.documents import indexing
from countersign.knowledge.documents import service as documents
from countersign.knowledge.documents.chunks import chunks
from countersign.knowledge.documents.models import NewDocument

QUESTIONS = Path(__file__).with_name("sheets.json")
COLLECTION = "sheets"
PASSAGES = 420  # less than three minutes on two quiet cores


async def main(bench: Bench) -> None:
    """Prints the share of questions whose passage comes first, and among the first five."""
    sheets = sample(json.loads(given("labour-sheets.json").read_text()))
    async with product() as app:
        await load(app, sheets)
        await measure(bench, app)


def text_of(sheet: dict[str, Any]) -> str:
    """A sheet as Markdown."""
    sections = (part for section in sheet["sections"] for part in (f"## {section['title']}", section["text"]))
    return "\n\n".join(part for part in (sheet["intro"], *sections) if part)


def sample(sheets: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """For each question the shortest sheet that answers it, then others in their order, ``PASSAGES`` in all."""
    texts = {sheet["url"]: text_of(sheet) for sheet in sheets}
    answering = [
        min((s for s in sheets if each["words"] in texts[s["url"]]), key=lambda s: len(texts[s["url"]]))
        for each in json.loads(QUESTIONS.read_text())
    ]
    chosen: dict[str, dict[str, Any]] = {}
    count = 0
    for sheet in (*answering, *sheets):
        if sheet["url"] not in chosen and count < PASSAGES:
            chosen[sheet["url"]] = sheet
            count += len(chunks(texts[sheet["url"]], sheet["title"]))
    print(f"{len(chosen)} of {len(sheets)} sheets, {count} passages", file=sys.stderr)
    return list(chosen.values())


async def load(app: App, sheets: list[dict[str, Any]]) -> None:
    """Each sheet is a document; the index is brought up to date."""
    async with app.db.transaction(system()) as tx:
        for sheet in sheets:
            new = NewDocument(COLLECTION, sheet["title"], source=sheet["url"], content=text_of(sheet))
            await documents.add(tx, new)
    await embedded(app, COLLECTION, indexing.KIND)


async def measure(bench: Bench, app: App) -> None:
    """The place of the first right passage, by words alone and with vectors."""
    words_alone, fused = Tally(), Tally()
    async for each, _, words, both in asked(app, COLLECTION, QUESTIONS):
        for tally, found in ((words_alone, words), (fused, both)):
            tally.add([each["words"] in hit.content for hit in found.hits])
        if not any(each["words"] in hit.content for hit in both.hits):
            print(f"{each['question']}\n  not in {[hit.title for hit in both.hits]}", file=sys.stderr)
    words_alone.rows(bench, "right passage", "BM25")
    fused.rows(bench, "right passage", "fused")


if __name__ == "__main__":
    Bench.run(__file__, main)
