"""A search: both halves, one ranking; what is degraded is said, what is hidden is an alarm."""

from __future__ import annotations

import numpy as np
import pytest
from structlog.testing import capture_logs

from countersign.index import service
from countersign.index.vectors import Near, vector_index
from countersign.kernel import metrics
from tests.index.conftest import Shop


async def test_every_hit_carries_both_figures(shop: Shop) -> None:
    await shop.add("Cloison en plâtre", "Chape de béton", "Porte en chêne")
    await shop.index()
    found = await shop.find("cloison platre", k=3)
    assert found.degraded is None
    assert [hit.vector_rank for hit in found.hits] != [None] * 3
    for hit in found.hits:
        assert hit.cosine is not None and -1 <= hit.cosine <= 1.001
        assert (hit.bm25 > 0) == (hit.lexical_rank is not None)
        assert 0 < hit.score < 1
    assert [hit.score for hit in found.hits] == sorted((hit.score for hit in found.hits), reverse=True)


async def test_a_lexical_hit_beyond_the_vector_hits_has_its_true_cosine(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    from countersign.index import search as module

    monkeypatch.setattr(module, "CANDIDATES", 2)
    await shop.add("mur mur mur", "mur mur", "rare")
    await shop.index()
    question = "mur mur mur mur mur mur rare"
    found = await shop.find(question, k=2)
    index = vector_index(shop.app)
    vector = await shop.embedder.query(question)
    rare = next(hit for hit in (await shop.find(question, k=3)).hits if hit.title == "rare")
    assert rare.vector_rank is None or rare.vector_rank <= 3
    assert rare.cosine == pytest.approx((await index.scores("things", vector, 1, [rare.id]))[rare.id], abs=1e-6)
    assert len(found.hits) == 2


async def test_a_named_code_comes_first(shop: Shop) -> None:
    await shop.add("Cloison en plâtre cloison plâtre", "Cloison", "Plâtre à projeter")
    [named] = await shop.add("Ouvrage sans rapport", code="CLO-PLA-001")
    await shop.index()
    for question in ("prix de la cloison en plâtre CLO-PLA-001", "cloison clopla001 plâtre", "CLO PLA 001 cloison"):
        hits = (await shop.find(question)).hits
        assert (hits[0].source_id, hits[0].exact, hits[0].score, hits[0].lexical_rank) == (named, True, 1.0, 1)
        assert not any(hit.exact for hit in hits[1:])
    assert not any(hit.exact for hit in (await shop.find("cloison CLO-PLA-002")).hits)


async def test_without_a_vector_words_answer_and_it_is_said(shop: Shop) -> None:
    await shop.add("Cloison en plâtre", "Chape")
    await shop.index()
    found = await shop.find("cloison", vector=None)
    assert found.degraded == "no-vector"
    [hit] = found.hits
    assert (hit.cosine, hit.vector_rank, hit.lexical_rank) == (None, None, 1)


async def test_a_failing_vector_half_is_said(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    from countersign.index.models import VectorsUnavailable

    await shop.add("Cloison en plâtre")
    assert (await shop.find("cloison")).degraded == "not-indexed"
    await shop.index()
    small = await shop.find("cloison", vector=np.ones(3, np.float32))
    assert (small.degraded, [hit.title for hit in small.hits]) == ("dimension-mismatch", ["Cloison en plâtre"])

    async def broken(*_: object, **__: object) -> list[Near]:
        raise VectorsUnavailable()

    index = vector_index(shop.app)
    monkeypatch.setattr(index, "scores", broken)
    assert (await shop.find("cloison")).degraded is None
    monkeypatch.setattr(index, "search", broken)
    found = await shop.find("cloison")
    assert (found.degraded, [hit.title for hit in found.hits]) == ("vectors-unavailable", ["Cloison en plâtre"])


async def test_another_embedder_than_the_collections_is_said(shop: Shop) -> None:
    await shop.add("Cloison")
    await shop.index()
    assert (await shop.find("cloison", embedder="fake:words")).degraded is None
    found = await shop.find("cloison", embedder="other:model")
    assert found.degraded == "embedder-changed"
    assert [hit.vector_rank for hit in found.hits] == [None]


async def test_kinds_are_filtered_in_both_halves(shop: Shop) -> None:
    await shop.add("Cloison")
    await shop.index()
    assert [hit.kind for hit in (await shop.find("cloison", kinds=["thing"])).hits] == ["thing"]
    assert (await shop.find("cloison", kinds=["document"])).hits == []


async def test_nothing_to_find(shop: Shop) -> None:
    assert (await shop.find("cloison")).hits == []
    assert (await shop.find("", vector=None)).hits == []
    assert (await shop.find("\x01 ' \\ %s {} --", vector=None)).hits == []


async def test_a_hit_of_another_tenant_is_dropped_counted_and_logged(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    await shop.add("Cloison en plâtre")
    await shop.add("Secret de B", tenant=shop.b)
    await shop.index()
    await shop.index(shop.b)
    index = vector_index(shop.app)
    foreign = (await index.search("things", await shop.embedder.query("secret"), 1, shop.b.id))[0]
    search = index.search

    async def leaking(collection: str, *args: object, **more: object) -> list[Near]:
        return [foreign, *(await search(collection, *args, **more))]  # type: ignore[arg-type]

    monkeypatch.setattr(index, "search", leaking)
    before = metrics.HIDDEN_HITS._value.get()
    with capture_logs() as logs:
        titles = await shop.titles("secret cloison")
    assert titles == ["Cloison en plâtre"]
    assert metrics.HIDDEN_HITS._value.get() == before + 1
    [alarm] = [entry for entry in logs if entry["event"] == "index.hidden_hit"]
    assert (alarm["alarm"], alarm["tenant"], alarm["entries"]) == (True, shop.a.id, [foreign.id])


async def test_a_mass_deletion_leaves_no_hole(shop: Shop) -> None:
    many = await shop.add(*(f"Cloison cloison {n}" for n in range(60)))
    await shop.add("Cloison qui reste")
    await shop.index()
    before = metrics.HIDDEN_HITS._value.get()
    await shop.delete(*many)
    assert await shop.titles("cloison") == ["Cloison qui reste"]
    assert metrics.HIDDEN_HITS._value.get() == before


async def test_forgotten_points_and_collections(shop: Shop) -> None:
    await shop.add("Cloison", "Chape")
    await shop.index()
    [hit] = (await shop.find("cloison", vector=None)).hits
    async with shop.app.db.transaction(shop.b.caller) as tx:
        await service.forget_points(tx, [hit.id])
    assert await shop.titles("cloison", vector=None) == ["Cloison"]
    async with shop.app.db.transaction(shop.a.caller) as tx:
        await service.forget_points(tx, [hit.id])
    assert await shop.titles("cloison", vector=None) == []
    async with shop.app.db.transaction(shop.a.caller) as tx:
        assert await service.forget_collection(tx, "things") == 1
    assert (await shop.index()).removed == 2
    assert (await vector_index(shop.app).stats("things")).points == 0
