"""What only pgvector has: HNSW for large tenants, row-level security on its tables, a clear word when it is missing."""

from __future__ import annotations

from typing import Any

import numpy as np
import psycopg
import pytest

from countersign.index.models import point_id
from countersign.index.pgvector import PgVectorIndex, as_text
from countersign.index.vectors import Point
from countersign.kernel.database import Database
from countersign.kernel.errors import Unavailable

SIZE = 48
Connection = psycopg.AsyncConnection[Any]


def cloud(n: int, seed: int) -> Any:
    vectors = np.random.default_rng(seed).standard_normal((n, SIZE), dtype=np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


async def indexes(owner: Connection) -> list[str]:
    rows = await owner.execute(
        "SELECT indexname FROM pg_indexes WHERE schemaname = 'vectors' AND indexname LIKE '%hnsw%'"
    )
    return [row[0] for row in await rows.fetchall()]


async def test_a_large_tenant_gets_an_index_of_its_own_and_loses_no_neighbour(db: Database, owner: Connection) -> None:
    index = PgVectorIndex(db, exact_rows=2000)
    await index.ensure("c", SIZE)
    large, small = cloud(4000, 1), cloud(500, 2)
    kinds = ["a", "b"]
    for tenant, vectors in ((1, large), (2, small)):
        points = [Point(point_id("v", str(tenant), n), tenant, kinds[n % 2], v) for n, v in enumerate(vectors)]
        await index.upsert("c", points)
        await index.optimize("c", tenant)
        await index.optimize("c", tenant)
    assert await indexes(owner) == ["t1_hnsw_1"]
    for tenant, vectors, least in ((1, large, 0.98), (2, small, 0.999)):
        found = 0
        for probe in cloud(40, 3):
            best = {point_id("v", str(tenant), int(n)) for n in np.argsort(-(vectors @ probe))[:10]}
            found += len(best & {near.id for near in await index.search("c", probe, 10, tenant)})
        assert found / 400 >= least
    own = [n for n in range(4000) if n % 2]
    probe = cloud(1, 4)[0]
    best = {point_id("v", "1", n) for n in sorted(own, key=lambda n: -float(large[n] @ probe))[:10]}
    assert len(best & {near.id for near in await index.search("c", probe, 10, 1, ["b"])}) >= 9
    plan = await owner.execute(
        f"EXPLAIN SELECT id FROM vectors.t1 WHERE tenant_id = 1 ORDER BY embedding <=> '{as_text(probe)}'::halfvec({SIZE}) LIMIT 10"
    )
    assert any("t1_hnsw_1" in row[0] for row in await plan.fetchall())


async def test_the_tables_are_behind_row_level_security(
    db: Database, owner: Connection, app_connection: Connection
) -> None:
    index = PgVectorIndex(db)
    await index.ensure("c", SIZE)
    await index.upsert("c", [Point(point_id("v", "t", n), 1 + n % 2, "a", v) for n, v in enumerate(cloud(4, 1))])
    count = "SELECT count(*) FROM vectors.t1"
    assert await (await app_connection.execute(count)).fetchone() == (0,)
    await app_connection.execute("SELECT set_config('countersign.tenant_id', '2', false)")
    assert await (await app_connection.execute(count)).fetchone() == (2,)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        await app_connection.execute(
            f"INSERT INTO vectors.t1 VALUES (gen_random_uuid(), 1, 'a', '{as_text(cloud(1, 1)[0])}')"
        )
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        await app_connection.execute("DROP TABLE vectors.t1")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        await app_connection.execute("INSERT INTO vector_tables (name, dimensions) VALUES ('x', 3)")
    guarded = await owner.execute(
        "SELECT relrowsecurity AND relforcerowsecurity FROM pg_class WHERE oid = 'vectors.t1'::regclass"
    )
    assert await guarded.fetchone() == (True,)


async def test_without_the_extension_it_says_what_to_do(db: Database, owner: Connection) -> None:
    await owner.execute("DROP EXTENSION vector")
    with pytest.raises(Unavailable, match=r"no extension “vector”.*COUNTERSIGN_QDRANT_URL"):
        await PgVectorIndex(db).ensure("c", SIZE)


@pytest.mark.parametrize("dimensions", [1, 3072, 4096])
async def test_every_size_of_embedder_fits(db: Database, dimensions: int) -> None:
    index = PgVectorIndex(db, exact_rows=1)
    await index.ensure("c", dimensions)
    vectors = np.random.default_rng(1).standard_normal((3, dimensions), dtype=np.float32)
    await index.upsert("c", [Point(point_id("v", "t", n), 1, "a", v) for n, v in enumerate(vectors)])
    await index.optimize("c", 1)
    near = await index.search("c", vectors[1], 1, 1)
    assert near[0].score == pytest.approx(1.0, abs=1e-3)


async def test_a_backend_that_does_not_answer_is_said(db: Database) -> None:
    from countersign.index.models import VectorsUnavailable

    index = PgVectorIndex(Database("postgresql://nobody@/nothing?host=/nonexistent", pool_size=2))
    await index._db.pool.open(wait=False)
    index._db.pool.timeout = 0.2
    with pytest.raises(VectorsUnavailable):
        await index.search("c", cloud(1, 1)[0], 1, 1)
    await index._db.close()
