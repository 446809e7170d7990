"""What the measurements of found places share: an index brought up to date, and questions asked of it."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from countersign.index import indexer, search
from countersign.index import service as index
from countersign.index.models import Searched
from countersign.kernel.access import system
from countersign.kernel.app import App
from countersign.providers.embedders import embedder

DEPTH = 5


def given(name: str) -> Path:
    """A file of real data, which is no part of the product."""
    path = Path(__file__).parents[2] / "shared" / "data" / name
    if not path.exists():
        sys.exit(f"{path} is missing")
    return path


async def embedded(app: App, collection: str, kind: str) -> None:
    """Everything of *kind* is in *collection*, with its vectors."""
    begun = time.perf_counter()
    async with app.db.transaction(system()) as tx:
        await index.mark_all(tx, collection, kind)
    report = await indexer.index(app, system(), collection)
    print(f"{report.indexed} indexed in {time.perf_counter() - begun:.0f} s", file=sys.stderr)


async def asked(
    app: App, collection: str, questions: Path
) -> AsyncIterator[tuple[dict[str, Any], list[float], Searched, Searched]]:
    """Each question with its vector, what is found by words alone, and with vectors."""
    model = await embedder(app)
    for each in json.loads(questions.read_text()):
        vector = await model.query(each["question"])
        words = await search.search(app, system(), collection, each["question"], None, DEPTH)
        both = await search.search(app, system(), collection, each["question"], vector, DEPTH)
        yield each, vector, words, both
