"""How long a reviewer waits for the next item of an inbox in which 100,000 answers are waiting."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import numpy as np
import psycopg

from bench.common import Bench
from countersign.kernel import migrate
from countersign.kernel.access import Caller, UserId, system
from countersign.kernel.app import App
from countersign.kernel.settings import Settings
from countersign.knowledge.agents import service as agents
from countersign.knowledge.chat import service as chat
from countersign.knowledge.demo import SUPPORT
from countersign.review import decisions, service, showing
from countersign.review.models import LEARN, VALIDATE, Filter
from countersign.review.showing import Asked
from countersign.stack.postgres import Postgres

WAITING, OPENED = 100_000, 200
MAY = frozenset({VALIDATE, LEARN, "ai-sessions.view", chat.ALL_SESSIONS})
FILL = """
WITH opened AS (INSERT INTO ai_sessions (agent_id) SELECT a.id FROM agents a, generate_series(1, %s) RETURNING id),
asked AS (
    INSERT INTO ai_messages (session_id, role, content) SELECT id, 'user', 'Prix ?' FROM opened
    RETURNING id, session_id
)
INSERT INTO ai_messages (session_id, role, content, reply_to, rag_context)
SELECT session_id, 'assistant', repeat('Une réponse [1]. ', 20), id, CASE WHEN (n + id) %% 7 = 0
    THEN '{"sources": [{"n": 1, "score": 0.9}], "checks": {"numbers": [{"status": "unsupported"}]}}'::jsonb
    ELSE '{"sources": [{"n": 1, "score": 0.9}]}' END
FROM asked, generate_series(1, 50) AS n
"""
PERSON = "INSERT INTO users (tenant_id, name, email, password) VALUES (1, 'R', 'r@tenant.example', '!') RETURNING id"


async def main(bench: Bench) -> None:
    """Prints p50 and p95 of opening the next item, and of a page of the list."""
    with tempfile.TemporaryDirectory() as place:
        postgres = Postgres(Path(place), durable=False)
        await postgres.start()
        try:
            await migrate.up(postgres.owner_url)
            async with App(Settings(home=Path(place), database_url=postgres.url)) as app:
                async with app.db.transaction(system()) as tx:
                    await agents.add(tx, SUPPORT)
                reviewer = await fill(postgres.owner_url)
                await review(bench, app, reviewer)
        finally:
            await postgres.stop()


async def fill(owner_url: str) -> Caller:
    """100,000 answers that wait; who reviews them."""
    async with await psycopg.AsyncConnection.connect(owner_url, autocommit=True) as owner:
        await owner.execute("SELECT set_config('countersign.tenant_id', '1', false)")
        for part in range(WAITING // 500):  # planned as if empty, one statement for all would take a quarter of an hour
            await owner.execute(FILL, (10,))
            if part < 4 or part % 10 == 0:
                await owner.execute("ANALYZE ai_messages, ai_sessions, review_items")
        row = await (await owner.execute(PERSON)).fetchone()
        assert row is not None
        await owner.execute("VACUUM ANALYZE")  # what autovacuum does within minutes
    return Caller(system().tenant_id, UserId(row[0]), "r@tenant.example", "R", MAY)


async def review(bench: Bench, app: App, reviewer: Caller) -> None:
    """Opens one after the other, whole, and decides on each."""
    opening: list[float] = []
    listing: list[float] = []
    for _ in range(OPENED):
        begun = time.perf_counter()
        async with app.db.transaction(reviewer) as tx:
            item = await service.take_next(tx, Filter())
            assert item is not None and item.message is not None
            await service.let_go(tx, except_=[item.id])
            await showing.opened(tx, Asked(Filter()), item)
        opening.append(1000 * (time.perf_counter() - begun))
        begun = time.perf_counter()
        async with app.db.transaction(reviewer, read_only=True) as tx:
            await service.waiting(tx, Filter())
        listing.append(1000 * (time.perf_counter() - begun))
        async with app.db.transaction(reviewer) as tx:
            await decisions.validate(tx, item.message)
    p95 = float(np.percentile(opening, 95))
    bench.row("p50, opening the next", float(np.percentile(opening, 50)), "ms", "", None, f"{WAITING:,} waiting")
    bench.row("p95, opening the next", p95, "ms", "<= 100", p95 <= 100)
    bench.row("p95, a page of the list", float(np.percentile(listing, 95)), "ms", "", None)


if __name__ == "__main__":
    Bench.run(__file__, main)
