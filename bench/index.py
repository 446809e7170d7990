"""How fast records become searchable, beside the embedder alone with the same texts.

The indexer reads the rows, posts their words, embeds what is new and stores the vectors; the embedder alone only
embeds, in batches of the same size. Both do passages of the labour-law sheets in turns, a slice of one and then a slice
of the other, so that a machine that slows down meanwhile slows both. The first slice of each warms up.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import psycopg

from bench.common import Bench
from bench.search_latency import DATA, sentences
from countersign.index import indexer, service, sources
from countersign.index.embedding import BATCH_TEXTS
from countersign.kernel import migrate
from countersign.kernel.access import system
from countersign.kernel.app import App
from countersign.kernel.settings import Settings
from countersign.providers.embedders import Embedder, embedder
from countersign.stack.embedder import Embedder as EmbedderProcess
from countersign.stack.postgres import Postgres

PASSAGE, SLICE, SLICES = 2, 2 * BATCH_TEXTS, 3  # sentences, passages, turns of each
TABLE = """
CREATE TABLE bench_passages (
    id bigint PRIMARY KEY, tenant_id bigint NOT NULL DEFAULT current_tenant(), content text NOT NULL);
CALL apply_tenant_policies();
"""
READ = """
SELECT id AS source_id, NULL::text AS title, NULL::text AS code, NULL::text AS url, content,
       jsonb_build_object('db_id', id) AS payload
FROM bench_passages WHERE %(ids)s::bigint[] IS NULL OR id = ANY (%(ids)s::bigint[])
"""


async def main(bench: Bench) -> None:
    """Prints texts a second of both, and their ratio."""
    if not DATA.exists():
        sys.exit(f"{DATA} is missing")
    sources.register(sources.Source("bench", "bench_passages", READ))
    with tempfile.TemporaryDirectory() as place:
        postgres, server = Postgres(Path(place)), EmbedderProcess(Path(place))
        await postgres.start()
        await server.start()
        try:
            await migrate.up(postgres.owner_url)
            async with await psycopg.AsyncConnection.connect(postgres.owner_url, autocommit=True) as owner:
                await owner.execute(TABLE.encode())
            settings = Settings(home=Path(place), database_url=postgres.url, local_embedder_url=server.url)
            async with App(settings) as app:
                await measure(bench, app, passages(SLICE * (2 * SLICES + 2)))
        finally:
            await server.stop()
            await postgres.stop()


def passages(many: int) -> list[str]:
    """Different texts of three sentences each."""
    every = sentences()
    made = [" ".join(every[(n + k * 331) % len(every)] for k in range(PASSAGE)) for n in range(many)]
    assert len(set(made)) == many
    return made


async def measure(bench: Bench, app: App, texts: Sequence[str]) -> None:
    """Slices in turn: the embedder alone, then the indexer; the first of each is not counted."""
    model = await embedder(app)
    slices = [texts[start : start + SLICE] for start in range(0, len(texts), SLICE)]
    alone: list[float] = []
    indexed: list[float] = []
    for turn in range(SLICES + 1):
        first, second = slices[2 * turn], slices[2 * turn + 1]
        alone.append(await embed(model, first))
        indexed.append(await index(app, turn, second))
    characters = [sum(map(len, s)) for s in slices]
    by_itself = rate(characters[2::2], alone[1:])
    whole = rate(characters[3::2], indexed[1:])
    size = float(np.mean(characters)) / SLICE
    bench.row("embedder alone", by_itself / size, "/s", "", None, f"passages of {size:.0f} characters")
    bench.row("indexer", whole / size, "/s", "", None)
    share = 100 * whole / by_itself
    bench.row("indexer against the embedder alone", share, "%", ">= 90", share >= 90)


async def embed(model: Embedder, texts: Sequence[str]) -> float:
    """Seconds for *texts* in batches of the indexer's size."""
    begun = time.perf_counter()
    for start in range(0, len(texts), BATCH_TEXTS):
        await model.passages(texts[start : start + BATCH_TEXTS])
    return time.perf_counter() - begun


async def index(app: App, turn: int, texts: Sequence[str]) -> float:
    """Seconds from the marks to the last vector."""
    async with app.db.transaction(system()) as tx:
        ids = list(range(turn * SLICE, turn * SLICE + len(texts)))
        add: Any = "INSERT INTO bench_passages (id, content) SELECT * FROM unnest(%(ids)s::bigint[], %(texts)s::text[])"
        await tx.run(add, ids=ids, texts=list(texts))
        await service.mark(tx, "bench", "bench", ids)
    begun = time.perf_counter()
    report = await indexer.index(app, system(), "bench")
    assert (report.indexed, report.embedded, report.failed) == (len(texts), len(texts), 0)
    return time.perf_counter() - begun


def rate(characters: Sequence[int], seconds: Sequence[float]) -> float:
    """Characters a second: slices differ a little in length."""
    return sum(characters) / sum(seconds)


if __name__ == "__main__":
    Bench.run(__file__, main)
