"""How often the right passage is found: BM25, vectors and both fused, on French questions that nobody wrote for this.

The paragraphs of PIAF become documents of the product (cut, indexed and embedded as an administrator's would be), its
2,025 questions are searched, and the rank of the right document counts. The weights of the fusion were chosen on the
first half of the articles; the second half is printed beside it.
"""

from __future__ import annotations

import json
import math
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from bench.common import Bench, product
from countersign.index import indexer, search
from countersign.index import service as index
from countersign.index.vectors import vector_index
from countersign.kernel.access import system
from countersign.kernel.app import App
from countersign.knowledge.documents import indexing
from countersign.knowledge.documents import service as documents
from countersign.knowledge.documents.models import NewDocument
from countersign.providers.embedders import embedder

DATA = Path(__file__).parents[2] / "shared" / "data" / "piaf-dev.json"
COLLECTION = "piaf"
DEPTH = 30  # hits asked for: a long paragraph may be several passages


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A document, and the half of the articles that it is in."""

    name: str
    title: str
    text: str
    half: int


@dataclass(frozen=True, slots=True)
class Question:
    text: str
    gold: Paragraph


def read(path: Path) -> tuple[list[Paragraph], list[Question]]:
    """Paragraphs and questions; the right answer to a question is its paragraph."""
    paragraphs: list[Paragraph] = []
    questions: list[Question] = []
    for number, article in enumerate(json.loads(path.read_text())["data"]):
        for place, paragraph in enumerate(article["paragraphs"]):
            title = article["title"].replace("<i>", "").replace("</i>", "")
            paragraphs.append(Paragraph(f"{number}/{place}", title, paragraph["context"], number % 2))
            questions += [Question(qa["question"], paragraphs[-1]) for qa in paragraph["qas"]]
    return paragraphs, questions


async def main(bench: Bench) -> None:
    """Prints R@1, R@10 and nDCG@10 of the three rankings."""
    if not DATA.exists():
        sys.exit(f"{DATA} is missing")
    paragraphs, questions = read(DATA)
    async with product() as app:
        await load(app, paragraphs)
        await measure(bench, app, questions)


async def load(app: App, paragraphs: list[Paragraph]) -> None:
    """Each paragraph is a document; the index is brought up to date."""
    begun = time.perf_counter()
    async with app.db.transaction(system()) as tx:
        for p in paragraphs:
            await documents.add(tx, NewDocument(COLLECTION, p.title, source=p.name, content=p.text))
        await index.mark_all(tx, COLLECTION, indexing.KIND)
    report = await indexer.index(app, system(), COLLECTION)
    print(f"{report.indexed} passages indexed in {time.perf_counter() - begun:.0f} s", file=sys.stderr)


async def measure(bench: Bench, app: App, questions: list[Question]) -> None:
    """Ranks of the right paragraph in each ranking."""
    model = await embedder(app)
    async with app.db.transaction(system()) as tx:
        rows = await tx.all(
            dict,
            "SELECT e.id, d.source FROM index_entries e JOIN document_chunks c ON c.id = e.source_id"
            " JOIN documents d ON d.id = c.document_id",
        )
    document_of = {row["id"]: row["source"] for row in rows}
    ranks: dict[str, list[int | None]] = {"BM25": [], "vectors": [], "fused": []}
    for number, question in enumerate(questions, 1):
        vector = await model.query(question.text)
        words = await search.search(app, system(), COLLECTION, question.text, None, DEPTH)
        both = await search.search(app, system(), COLLECTION, question.text, vector, DEPTH)
        near = await vector_index(app).search(COLLECTION, vector, DEPTH, system().tenant_id)
        for name, hits in (("BM25", words.hits), ("vectors", near), ("fused", both.hits)):
            found = list(dict.fromkeys(document_of[hit.id] for hit in hits))[:10]
            ranks[name].append(found.index(question.gold.name) if question.gold.name in found else None)
        if number % 250 == 0:
            print(f"{number} of {len(questions)} questions", file=sys.stderr)
    for name, own in ranks.items():
        first, tenth, gain = scores(own)
        fused = name == "fused"
        bench.row(f"R@1, {name}", first, "", ">= 0.75" if fused else "", first >= 0.75 if fused else None)
        bench.row(f"R@10, {name}", tenth, "", "", None)
        halves = [scores([r for r, q in zip(own, questions, strict=True) if q.gold.half == half])[2] for half in (0, 1)]
        note = f"by halves of the articles {halves[0]:.3f}, {halves[1]:.3f}"
        bench.row(f"nDCG@10, {name}", gain, "", ">= 0.86" if fused else "", gain >= 0.86 if fused else None, note)


def scores(ranks: list[int | None]) -> tuple[float, float, float]:
    """R@1, R@10, nDCG@10 of places (from 0) of the only right document."""
    n = len(ranks)
    found = [rank for rank in ranks if rank is not None]
    return found.count(0) / n, len(found) / n, sum(1 / math.log2(rank + 2) for rank in found) / n


if __name__ == "__main__":
    Bench.run(__file__, main)
