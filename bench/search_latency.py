"""How long a retrieval takes over 100,000 entries of ten tenants, and whether it finds what an exact scan finds.

Entries are made of sentences of real French texts, vectors are random (the hard case for an approximate index); the
embedding of the question is excluded. The whole retrieval (words, vectors, both figures of every candidate, fusion,
rows) stands beside the bare vector query of the same run. Two last tenants have more rows than are scanned exactly: one
with vectors that lie as those of texts do, one with random ones.
"""

from __future__ import annotations

import json
import random
import re
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import psycopg

from bench.common import Bench
from countersign.index.models import point_id
from countersign.index.pgvector import EXACT_ROWS
from countersign.index.search import search
from countersign.index.vectors import Point, vector_index
from countersign.kernel import migrate
from countersign.kernel.access import TenantId, system
from countersign.kernel.app import App
from countersign.kernel.settings import Settings
from countersign.stack.embed_engine import Engine
from countersign.stack.embed_engine import load as load_model
from countersign.stack.postgres import Postgres

DATA = Path(__file__).parents[2] / "shared" / "data"
TENANTS, EACH, LARGE, SIZE = 10, 10_000, EXACT_ROWS + 10_000, 384
QUESTIONS, K, BATCH = 200, 10, 1000
EMBEDDED = 1200  # sentences that are really embedded, for the tenant that is large
Vectors = Any


def sentences() -> list[str]:
    """Sentences of the labour-law sheets."""
    texts = [
        section["text"]
        for sheet in json.loads((DATA / "labour-sheets.json").read_text())
        for section in sheet["sections"]
    ]
    found = [s.strip() for text in texts for s in re.split(r"(?<=[.!?])\s+", re.sub(r"<[^>]+>", " ", text))]
    return [s for s in found if 30 < len(s) < 400]


def questions() -> list[str]:
    """Questions that people asked, each of its own words."""
    asked = [
        qa["question"]
        for a in json.loads((DATA / "piaf-dev.json").read_text())["data"]
        for p in a["paragraphs"]
        for qa in p["qas"]
    ]
    return asked[:: len(asked) // QUESTIONS][: QUESTIONS // 2]


async def main(bench: Bench) -> None:
    """Prints recall@10, and p50 and p95 of the whole retrieval and of the bare vector query."""
    if not DATA.exists():
        sys.exit(f"{DATA} is missing")
    with tempfile.TemporaryDirectory() as place:
        postgres = Postgres(Path(place), durable=False)
        await postgres.start()
        try:
            await migrate.up(postgres.owner_url)
            async with App(Settings(home=Path(place), database_url=postgres.url)) as app:
                vectors = await load(app, postgres.owner_url)
                await many_tenants(bench, app, vectors)
                await one_large_tenant(bench, app)
        finally:
            await postgres.stop()


async def load(app: App, owner_url: str) -> Vectors:
    """Entries, words and vectors of ten tenants; their vectors (tenants, entries, dimensions)."""
    begun = time.perf_counter()
    pool, rng = sentences(), random.Random(1)
    vectors = np.random.default_rng(1).standard_normal((TENANTS, EACH, SIZE), dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=2, keepdims=True)
    index = vector_index(app)
    await index.ensure("bench__g1", SIZE)
    await index.swap("bench", "bench__g1")
    async with await psycopg.AsyncConnection.connect(owner_url, autocommit=True) as owner:
        for n in range(2, TENANTS + 2):
            await owner.execute("INSERT INTO tenants (name, slug) VALUES (%s, %s)", (f"Tenant {n}", f"tenant-{n}"))
        for tenant in range(1, TENANTS + 1):
            for start in range(0, EACH, BATCH):
                numbers = [tenant * 1_000_000 + n for n in range(start, start + BATCH)]
                await add_texts(owner, tenant, [(n, " ".join(rng.sample(pool, 5))) for n in numbers])
                own = vectors[tenant - 1, start : start + BATCH]
                await index.upsert("bench__g1", [point(n, tenant, v) for n, v in zip(numbers, own, strict=True)])
            print(f"tenant {tenant} of {TENANTS} loaded, {time.perf_counter() - begun:.0f} s", file=sys.stderr)
        await owner.execute("VACUUM ANALYZE")  # what autovacuum does within minutes
    return vectors


async def add_texts(owner: psycopg.AsyncConnection[Any], tenant: int, texts: list[tuple[int, str]]) -> None:
    """Entries of *tenant* with their words, as the indexer writes them."""
    async with owner.transaction(), owner.cursor() as cursor:
        await cursor.execute("SELECT set_config('countersign.tenant_id', %s, true)", (str(tenant),))
        await cursor.execute(
            "WITH made AS (INSERT INTO index_entries (id, collection, kind, source_table, source_id, title, content)"
            " SELECT id, 'bench', 'passage', 'passages', source_id, left(content, 40), content"
            " FROM unnest(%s::uuid[], %s::bigint[], %s::text[]) AS t(id, source_id, content) RETURNING no)"
            " SELECT array_agg(no) FROM made",
            (
                [point_id("passage", "passages", n) for n, _ in texts],
                [n for n, _ in texts],
                [text for _, text in texts],
            ),
        )
        row = await cursor.fetchone()
        assert row is not None
        await cursor.execute("SET LOCAL ROLE countersign_app")
        await cursor.execute("SELECT refresh_words(%s)", row)


def point(number: int, tenant: int, vector: Vectors) -> Point:
    return Point(point_id("passage", "passages", number), tenant, "passage", vector)


async def many_tenants(bench: Bench, app: App, vectors: Vectors) -> None:
    """Ten tenants in one collection, 10,000 entries each."""
    asked, rng = questions(), np.random.default_rng(2)
    probes = near(vectors.reshape(-1, SIZE), rng, QUESTIONS)
    index = vector_index(app)

    async def bare(n: int) -> set[UUID]:
        return {hit.id for hit in await index.search("bench", probes[n], K, 1 + n % TENANTS)}

    async def whole(n: int) -> set[UUID]:
        found = await search(app, system(TenantId(1 + n % TENANTS)), "bench", asked[n % len(asked)], probes[n], K)
        assert found.degraded is None and len(found.hits) == K
        return {hit.id for hit in found.hits}

    async def words(n: int) -> set[UUID]:
        found = await search(app, system(TenantId(1 + n % TENANTS)), "bench", asked[n % len(asked)], None, K)
        return {hit.id for hit in found.hits}

    alone, answers = await timed(bare)
    lexical, _ = await timed(words)
    both, _ = await timed(whole)
    truth = [exact(vectors[n % TENANTS], probes[n], 1 + n % TENANTS) for n in range(QUESTIONS)]
    recall = float(np.mean([len(a & t) / K for a, t in zip(answers, truth, strict=True)]))
    bench.row("recall@10 within the tenant", recall, "", ">= 0.99", recall >= 0.99)
    for name, times in (("bare vector query", alone), ("words alone", lexical), ("whole retrieval", both)):
        bench.row(f"p50, {name}", np.percentile(times, 50), "ms", "", None)
        p95, bar = float(np.percentile(times, 95)), name == "whole retrieval"
        bench.row(f"p95, {name}", p95, "ms", "<= 40" if bar else "", p95 <= 40 if bar else None)
    bench.row("whole / bare, medians", float(np.median(both) / np.median(alone)), "x", "", None)


async def one_large_tenant(bench: Bench, app: App) -> None:
    """A tenant that is no longer scanned: HNSW, built for it alone. Vectors of texts, then of random directions."""
    rng = np.random.default_rng(3)
    texts, asked = like_texts(rng, LARGE)
    await large(bench, app, TENANTS + 1, "texts", texts, asked)
    random_ones = rng.standard_normal((LARGE, SIZE), dtype=np.float32)
    random_ones /= np.linalg.norm(random_ones, axis=1, keepdims=True)
    await large(bench, app, TENANTS + 2, "random directions", random_ones, near(random_ones, rng, QUESTIONS))


def like_texts(rng: np.random.Generator, many: int) -> tuple[Vectors, Vectors]:
    """*many* vectors that lie as texts do, and those of real questions.

    Real sentences are embedded; between each and its nearest ones lie the others, a little off the line.
    """
    engine = Engine(load_model())
    pool = random.Random(2).sample(sentences(), EMBEDDED)
    real = np.asarray(engine.embed(pool, query=False)[0], np.float32)
    asked = np.asarray(engine.embed(questions(), query=True)[0], np.float32)
    neighbours = np.argsort(-(real @ real.T), axis=1)[:, 1:11]
    first = rng.integers(0, len(real), many)
    second = neighbours[first, rng.integers(0, 10, many)]
    share = rng.uniform(0.2, 1.0, (many, 1)).astype(np.float32)
    off = rng.standard_normal((many, SIZE), dtype=np.float32) * np.float32(0.15 / SIZE**0.5)
    made = share * real[first] + (1 - share) * real[second] + off
    return made / np.linalg.norm(made, axis=1, keepdims=True), np.tile(asked, (2, 1))[:QUESTIONS]


async def large(bench: Bench, app: App, tenant: int, kind: str, vectors: Vectors, probes: Vectors) -> None:
    """Recall and time of one large tenant; only texts have a bar, for nobody searches random directions."""
    index = vector_index(app)
    for start in range(0, LARGE, BATCH):
        part = [point(tenant * 1_000_000 + start + n, tenant, v) for n, v in enumerate(vectors[start : start + BATCH])]
        await index.upsert("bench__g1", part)
    begun = time.perf_counter()
    await index.optimize("bench__g1", tenant)
    built = time.perf_counter() - begun

    async def ask(n: int) -> set[UUID]:
        return {hit.id for hit in (await index.search("bench", probes[n], 40, tenant))[:K]}

    times, answers = await timed(ask)
    mean = float(np.mean([len(a & exact(vectors, p, tenant)) / K for a, p in zip(answers, probes, strict=True)]))
    named, texts = f"one tenant of {LARGE:,}, {kind}", kind == "texts"
    note = f"HNSW built in {built:.0f} s"
    bench.row(f"recall@10, {named}", mean, "", ">= 0.99" if texts else "", mean >= 0.99 if texts else None, note)
    p95 = float(np.percentile(times, 95))
    bench.row(f"p95 of its vector query, {named}", p95, "ms", "<= 40" if texts else "", p95 <= 40 if texts else None)


def near(vectors: Vectors, rng: np.random.Generator, many: int) -> Vectors:
    """Questions: random directions, half of them pulled towards a stored vector."""
    probes = rng.standard_normal((many, SIZE), dtype=np.float32)
    probes /= np.linalg.norm(probes, axis=1, keepdims=True)
    probes[::2] += vectors[rng.integers(0, len(vectors), len(probes[::2]))]
    return probes / np.linalg.norm(probes, axis=1, keepdims=True)


def exact(vectors: Vectors, probe: Vectors, tenant: int) -> set[UUID]:
    """The ten nearest by a scan in single precision."""
    best = np.argsort(-(vectors @ probe))[:K]
    return {point_id("passage", "passages", tenant * 1_000_000 + int(i)) for i in best}


async def timed(ask: Callable[[int], Awaitable[set[UUID]]]) -> tuple[list[float], list[set[UUID]]]:
    """Milliseconds and answer of each question, one after the other, after a few that warm up."""
    times: list[float] = []
    answers: list[set[UUID]] = []
    for n in range(-10, QUESTIONS):
        begun = time.perf_counter()
        answer = await ask(n % QUESTIONS)
        if n >= 0:
            times.append(1000 * (time.perf_counter() - begun))
            answers.append(answer)
    return times, answers


if __name__ == "__main__":
    Bench.run(__file__, main)
