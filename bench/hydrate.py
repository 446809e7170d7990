"""How long it takes to fill five hits with live rows and all their relations, over 100,000 ouvrages.

Eighty thousand supplies and works, twenty thousand compositions of six of them each, below chapters of ten. Measured is
what an answer does (its transaction, its time limit, rows, compositions with exact costs, children, text), beside an
empty transaction of the same pool. The statements of one and of twenty hits are counted: as many.
"""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from uuid import uuid4

import numpy as np
import psycopg

from bench.common import Bench
from countersign.kernel import migrate
from countersign.kernel.access import system
from countersign.kernel.app import App
from countersign.kernel.settings import Settings
from countersign.knowledge.agents import service as agents
from countersign.knowledge.demo import EXPERT_BTP
from countersign.knowledge.retrieval import hydrate
from countersign.knowledge.retrieval.models import Source
from countersign.knowledge.retrieval.service import hydrated
from countersign.stack.postgres import Postgres

LEAVES, COMPOSED, PARTS, CHAPTER = 80_000, 20_000, 6, 10
QUESTIONS, HITS = 300, 5
RELATIONS = ["fournitures", "main_oeuvres", "components", "children"]
FILL = (
    "SELECT set_config('countersign.tenant_id', '1', false)",
    f"""
    INSERT INTO ouvrages (code, name, description, type, unit, unit_price)
    SELECT 'L-' || n, 'Fourniture ' || n, 'Une fourniture de la bibliothèque, numéro ' || n,
           CASE WHEN n % 3 = 0 THEN 'main_oeuvre' ELSE 'fourniture' END, 'u', n % 997 + 0.35
    FROM generate_series(1, {LEAVES}) AS n
    """,
    f"""
    INSERT INTO ouvrages (code, name, description, type, unit)
    SELECT 'C-' || n, 'Ouvrage composé ' || n, 'Un ouvrage composé, numéro ' || n, 'compose', 'm²'
    FROM generate_series(1, {COMPOSED}, {CHAPTER}) AS n
    """,
    f"""
    INSERT INTO ouvrages (code, name, description, type, unit, parent_id)
    SELECT 'C-' || n, 'Ouvrage composé ' || n, 'Un ouvrage composé, numéro ' || n, 'compose', 'm²', p.id
    FROM generate_series(1, {COMPOSED}) AS n
    JOIN ouvrages p ON p.code = 'C-' || ((n - 1) / {CHAPTER} * {CHAPTER} + 1)
    WHERE (n - 1) % {CHAPTER} <> 0
    """,
    f"""
    INSERT INTO ouvrage_components (parent_id, component_id, quantity, sort_order)
    SELECT c.id, l.id, 0.5 + k, k
    FROM ouvrages c
    CROSS JOIN generate_series(1, {PARTS}) AS k
    JOIN ouvrages l ON l.code = 'L-' || (1 + (substr(c.code, 3)::int * 7919 + k * 104729) % {LEAVES})
    WHERE c.type = 'compose'
    """,
    "VACUUM ANALYZE",
)


async def main(bench: Bench) -> None:
    """Prints the median and p95 of hydration, and the statements it takes."""
    with tempfile.TemporaryDirectory() as place:
        postgres = Postgres(Path(place), durable=False)
        await postgres.start()
        try:
            await migrate.up(postgres.owner_url)
            composed = await fill(postgres.owner_url)
            async with App(Settings(home=Path(place), database_url=postgres.url)) as app:
                await measure(bench, app, composed)
        finally:
            await postgres.stop()


async def fill(owner_url: str) -> list[int]:
    """The library; ids of its compositions."""
    async with await psycopg.AsyncConnection.connect(owner_url, autocommit=True) as owner:
        for statement in FILL:
            await owner.execute(statement.encode())
        rows = await owner.execute("SELECT id FROM ouvrages WHERE type = 'compose'")
        return [row[0] for row in await rows.fetchall()]


async def measure(bench: Bench, app: App, composed: list[int]) -> None:
    """Five hits at a time, each time others."""
    rng, caller = random.Random(1), system()
    async with app.db.transaction(caller) as tx:
        config = {"table": "ouvrages", "key": "db_id", "fields": ["*"], "relations": RELATIONS}
        agent = await agents.add(tx, {**EXPERT_BTP, "hydration_config": config})
    assert agent is not None

    async def whole() -> None:
        filled = await hydrated(app, caller, agent, sources(rng.sample(composed, HITS)))
        assert len(filled) == HITS and all(len(s.relations["components"]) == PARTS for s in filled)

    async def empty() -> None:
        async with app.db.transaction(caller, read_only=True) as tx:
            await tx.value("SELECT 1")

    times, bare = await timed(whole), await timed(empty)
    median = float(np.median(times))
    bench.row(
        f"hydration of {HITS} hits, median",
        median,
        "ms",
        "<= 3",
        median <= 3,
        f"empty transaction {np.median(bare):.1f}",
    )
    bench.row(f"hydration of {HITS} hits, p95", float(np.percentile(times, 95)), "ms", "", None)
    counts = {hits: await statements(app, rng.sample(composed, hits)) for hits in (1, HITS, 20)}
    bench.row("statements", counts[HITS], "", "<= 3", counts[HITS] <= 3 and len(set(counts.values())) == 1, str(counts))


def sources(ids: Sequence[int]) -> list[Source]:
    """Hits as a search gives them."""
    return [
        Source(n=n, id=str(uuid4()), kind="ouvrage", title="", content="", table="ouvrages", row_id=row)
        for n, row in enumerate(ids, 1)
    ]


async def statements(app: App, ids: Sequence[int]) -> int:
    """How many statements rows and relations of *ids* take."""
    async with app.db.transaction(system(), read_only=True) as tx:
        before = tx.statements
        await hydrate.hydrator("ouvrages").records(tx, ids, ["*"], RELATIONS, "fr")
        return tx.statements - before


async def timed(work: Callable[[], Awaitable[None]]) -> list[float]:
    """Milliseconds of each, after some that warm up."""
    times: list[float] = []
    for n in range(-20, QUESTIONS):
        begun = time.perf_counter()
        await work()
        if n >= 0:
            times.append(1000 * (time.perf_counter() - begun))
    return times


if __name__ == "__main__":
    Bench.run(__file__, main)
