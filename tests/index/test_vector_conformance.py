"""What every vector index must do. One suite, each test once for pgvector and once for Qdrant."""

from __future__ import annotations

from uuid import UUID, uuid5

import numpy as np
import pytest

from countersign.index.models import NAMESPACE, DimensionMismatch, UnknownCollection, point_id
from countersign.index.vectors import Point, Vector, VectorIndex

SIZE = 8
A, B = 1, 2


def unit(*values: float) -> Vector:
    """A normalised vector that begins with *values*."""
    vector = np.zeros(SIZE, np.float32)
    vector[: len(values)] = values
    return vector / np.linalg.norm(vector)


def name(n: int) -> UUID:
    return uuid5(NAMESPACE, f"test:{n}")


def point(n: int, vector: Vector, tenant: int = A, kind: str = "ouvrage") -> Point:
    return Point(name(n), tenant, kind, vector, {"db_id": n, "content": f"text {n}"})


async def ids(index: VectorIndex, vector: Vector, k: int = 10, tenant: int = A, **more: list[str]) -> list[UUID]:
    return [near.id for near in await index.search("c", vector, k, tenant, **more)]


async def test_an_empty_collection_finds_nothing(vectors: VectorIndex) -> None:
    await vectors.ensure("c", SIZE)
    assert await vectors.search("c", unit(1), 10, A) == []
    assert await vectors.scores("c", unit(1), A, [name(1)]) == {}
    assert await vectors.fetch("c", [name(1)]) == {}
    stats = await vectors.stats("c")
    assert (stats.points, stats.dimensions) == (0, SIZE)


async def test_search_orders_by_cosine(vectors: VectorIndex) -> None:
    await vectors.ensure("c", SIZE)
    await vectors.upsert("c", [point(1, unit(1)), point(2, unit(1, 1)), point(3, unit(0, 1)), point(4, unit(-1))])
    found = await vectors.search("c", unit(1), 3, A)
    assert [near.id for near in found] == [name(1), name(2), name(3)]
    assert [near.score for near in found] == pytest.approx([1.0, 2**-0.5, 0.0], abs=1e-3)


async def test_a_question_need_not_be_normalised(vectors: VectorIndex) -> None:
    await vectors.ensure("c", SIZE)
    await vectors.upsert("c", [point(1, unit(1, 2, 3))])
    [near] = await vectors.search("c", unit(1, 2, 3) * 7, 1, A)
    assert near.score == pytest.approx(1.0, abs=1e-3)


async def test_a_point_is_replaced(vectors: VectorIndex) -> None:
    await vectors.ensure("c", SIZE)
    await vectors.upsert("c", [point(1, unit(1)), point(2, unit(0, 1))])
    await vectors.upsert("c", [point(1, unit(0, 0, 1), kind="document")])
    assert (await vectors.stats("c")).points == 2
    assert await ids(vectors, unit(0, 0, 1), 1) == [name(1)]
    assert await ids(vectors, unit(1), kinds=["ouvrage"]) == [name(2)]


async def test_points_are_deleted(vectors: VectorIndex) -> None:
    await vectors.ensure("c", SIZE)
    await vectors.upsert("c", [point(n, unit(1, n)) for n in range(5)])
    await vectors.delete("c", A, [name(1), name(3), name(99)])
    await vectors.delete("c", A, [])
    assert sorted(await ids(vectors, unit(1))) == sorted([name(0), name(2), name(4)])


async def test_nobody_deletes_another_tenants_point(vectors: VectorIndex) -> None:
    await vectors.ensure("c", SIZE)
    await vectors.upsert("c", [point(1, unit(1), tenant=B)])
    await vectors.delete("c", A, [name(1)])
    assert await ids(vectors, unit(1), tenant=B) == [name(1)]


async def test_tenants_do_not_see_each_other(vectors: VectorIndex) -> None:
    await vectors.ensure("c", SIZE)
    await vectors.upsert("c", [point(1, unit(1)), point(2, unit(1), tenant=B), point(3, unit(0, 1), tenant=B)])
    assert await ids(vectors, unit(1)) == [name(1)]
    assert await ids(vectors, unit(1), tenant=B) == [name(2), name(3)]
    assert await ids(vectors, unit(1), tenant=3) == []
    assert set(await vectors.scores("c", unit(1), A, [name(1), name(2), name(3)])) == {name(1)}


async def test_kinds_are_filtered(vectors: VectorIndex) -> None:
    await vectors.ensure("c", SIZE)
    kinds = ["ouvrage", "document", "learned"]
    await vectors.upsert("c", [point(n, unit(1, n), kind=kind) for n, kind in enumerate(kinds)])
    assert await ids(vectors, unit(1), kinds=["document"]) == [name(1)]
    assert await ids(vectors, unit(1), kinds=["learned", "ouvrage"]) == [name(0), name(2)]
    assert await ids(vectors, unit(1), kinds=[]) == []
    assert await ids(vectors, unit(1), kinds=["nothing"]) == []


async def test_scores_of_given_points(vectors: VectorIndex) -> None:
    await vectors.ensure("c", SIZE)
    await vectors.upsert("c", [point(1, unit(1)), point(2, unit(1, 1)), point(3, unit(0, 1))])
    scores = await vectors.scores("c", unit(1), A, [name(2), name(3), name(77)])
    assert scores == {name(2): pytest.approx(2**-0.5, abs=1e-3), name(3): pytest.approx(0, abs=1e-3)}
    assert await vectors.scores("c", unit(1), A, []) == {}


async def test_stored_vectors_come_back_for_any_tenant(vectors: VectorIndex) -> None:
    await vectors.ensure("c", SIZE)
    await vectors.upsert("c", [point(1, unit(1, 2)), point(2, unit(0, 1), tenant=B)])
    stored = await vectors.fetch("c", [name(1), name(2), name(3)])
    assert set(stored) == {name(1), name(2)}
    np.testing.assert_allclose(stored[name(1)], unit(1, 2), atol=1e-3)


async def test_ensure_twice_is_harmless(vectors: VectorIndex) -> None:
    await vectors.ensure("c", SIZE)
    await vectors.upsert("c", [point(1, unit(1))])
    await vectors.ensure("c", SIZE)
    assert (await vectors.stats("c")).points == 1


async def test_wrong_dimensions_are_named(vectors: VectorIndex) -> None:
    await vectors.ensure("c", SIZE)
    three = np.ones(3, np.float32)
    for attempt in (
        lambda: vectors.ensure("c", 3),
        lambda: vectors.upsert("c", [Point(name(1), A, "ouvrage", three)]),
        lambda: vectors.upsert("c", [point(1, unit(1)), Point(name(2), A, "ouvrage", three)]),
        lambda: vectors.search("c", three, 1, A),
        lambda: vectors.scores("c", three, A, [name(1)]),
    ):
        with pytest.raises(DimensionMismatch, match=r"“c” holds vectors of 8 dimensions.*gives 3.*reindex c"):
            await attempt()
    assert (await vectors.stats("c")).points == 0


async def test_an_unknown_collection_is_said(vectors: VectorIndex) -> None:
    for attempt in (
        lambda: vectors.search("nowhere", unit(1), 1, A),
        lambda: vectors.upsert("nowhere", [point(1, unit(1))]),
        lambda: vectors.delete("nowhere", A, [name(1)]),
        lambda: vectors.scores("nowhere", unit(1), A, [name(1)]),
        lambda: vectors.fetch("nowhere", [name(1)]),
        lambda: vectors.stats("nowhere"),
        lambda: vectors.swap("c", "nowhere"),
    ):
        with pytest.raises(UnknownCollection, match="nowhere"):
            await attempt()
    await vectors.drop("nowhere")


async def test_an_alias_moves_in_one_step(vectors: VectorIndex) -> None:
    await vectors.ensure("c__g1", SIZE)
    await vectors.ensure("c__g2", SIZE)
    await vectors.upsert("c__g1", [point(1, unit(1))])
    await vectors.upsert("c__g2", [point(2, unit(1))])
    await vectors.swap("c", "c__g1")
    assert await ids(vectors, unit(1)) == [name(1)]
    await vectors.swap("c", "c__g2")
    assert await ids(vectors, unit(1)) == [name(2)]
    await vectors.swap("c", "c__g2")
    await vectors.drop("c__g1")
    assert await ids(vectors, unit(1)) == [name(2)]
    with pytest.raises(UnknownCollection):
        await vectors.stats("c__g1")


async def test_dropping_leaves_others_alone(vectors: VectorIndex) -> None:
    await vectors.ensure("c", SIZE)
    await vectors.ensure("d", SIZE)
    await vectors.upsert("c", [point(1, unit(1))])
    await vectors.drop("d")
    assert await ids(vectors, unit(1)) == [name(1)]
    await vectors.ensure("d", SIZE + 1)
    assert (await vectors.stats("d")).dimensions == SIZE + 1


async def test_a_thousand_points_are_searched_exactly(vectors: VectorIndex) -> None:
    rng = np.random.default_rng(7)
    matrix = rng.standard_normal((1000, SIZE)).astype(np.float32)
    matrix /= np.linalg.norm(matrix, axis=1, keepdims=True)
    await vectors.ensure("c", SIZE)
    await vectors.upsert("c", [point(n, row, tenant=A if n % 4 else B) for n, row in enumerate(matrix)])
    assert (await vectors.stats("c")).points == 1000
    own = [n for n in range(1000) if n % 4]
    for question in rng.standard_normal((5, SIZE)).astype(np.float32):
        best = sorted(own, key=lambda n, q=question: -float(matrix[n] @ q))[:10]
        found = await ids(vectors, question)
        assert len(set(found) & {name(n) for n in best}) >= 9  # half precision may swap the last two


def test_point_ids_are_uuid5_and_stable() -> None:
    first = point_id("ouvrage", "ouvrages", 12345)
    assert first == point_id("ouvrage", "ouvrages", 12345)
    assert first.version == 5
    assert len({first, point_id("ouvrage", "ouvrages", 12346), point_id("row", "ouvrages", 12345)}) == 3
