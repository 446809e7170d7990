"""The indexer: from a changed row to a point, once, whatever happens in between."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from countersign.index import embedding, service
from countersign.index.models import VectorsUnavailable
from countersign.index.vectors import Point, backend_name, vector_index
from countersign.kernel.errors import Conflict
from countersign.providers.errors import EmbedderUnreachable
from tests.index.conftest import Shop


async def test_a_marked_row_is_found_by_words_and_by_vector(shop: Shop) -> None:
    [thing, _] = await shop.add("Cloison en plâtre", "Chape de béton", body="sur ossature métallique")
    report = await shop.index()
    assert (report.read, report.indexed, report.embedded, report.failed) == (2, 2, 2, 0)
    best = (await shop.find("cloison platre")).hits[0]
    assert (best.title, best.source_table, best.source_id, best.kind) == ("Cloison en plâtre", "things", thing, "thing")
    assert (best.lexical_rank, best.vector_rank, best.url) == (1, 1, f"/things/{thing}")
    assert best.payload == {"db_id": thing, "price": None}
    assert best.cosine is not None and best.cosine > 0.2
    row = await (await shop.owner.execute("SELECT point FROM things WHERE id = %s", (thing,))).fetchone()
    assert row == (best.id,)
    stats = await vector_index(shop.app).stats("things")
    assert (stats.points, stats.dimensions) == (2, 64)


async def test_words_are_searchable_before_vectors(shop: Shop) -> None:
    shop.embedder.down = True
    await shop.add("Cloison en plâtre")
    with pytest.raises(EmbedderUnreachable):
        await shop.index()
    found = await shop.find("cloison")
    assert [hit.title for hit in found.hits] == ["Cloison en plâtre"]
    assert found.degraded in ("not-indexed", None)
    async with shop.app.db.transaction(shop.a.caller) as tx:
        [stats] = await service.stats(tx, shop.app)
    assert (stats.entries, stats.points, stats.stale, stats.error) == (1, 0, 1, "The embedder sleeps.")
    shop.embedder.down = False
    assert (await shop.index()).indexed == 1
    async with shop.app.db.transaction(shop.a.caller) as tx:
        [stats] = await service.stats(tx, shop.app)
    assert (stats.points, stats.stale, stats.failed, stats.error) == (1, 0, 0, None)
    assert (stats.embedder, stats.dimensions, stats.backend) == ("fake:words", 64, vector_index(shop.app).backend)


async def test_no_text_is_embedded_twice(shop: Shop) -> None:
    await shop.add("Cloison", "Cloison", "Chape")
    assert (await shop.index()).embedded == 2
    await shop.add("Cloison", collection="others")
    assert (await shop.index(collection="others")).embedded == 0
    await shop.add("Chape", tenant=shop.b)
    assert (await shop.index(shop.b)).embedded == 0
    assert sorted(shop.embedder.given) == ["Chape\n", "Cloison\n"]
    assert await shop.titles("chape", shop.b) == ["Chape"]


async def test_the_embedder_works_on_while_vectors_are_stored(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedding, "BATCH_TEXTS", 2)
    await shop.add("Cloison", "Chape", "Dalle", "Cloison", "Dalle")
    asked, embed = asyncio.Event(), shop.embedder.passages
    index = vector_index(shop.app)
    store = index.upsert

    async def passages(texts: Any, **more: Any) -> Any:
        if any("Dalle" in text for text in texts):
            asked.set()
        return await embed(texts, **more)

    async def upsert(collection: str, points: Sequence[Point]) -> None:
        async with asyncio.timeout(60):
            await asked.wait()  # the second batch is under way before the first is stored
        await store(collection, points)

    monkeypatch.setattr(shop.embedder, "passages", passages)
    monkeypatch.setattr(index, "upsert", upsert)
    report = await shop.index()
    assert (report.indexed, report.embedded, report.failed) == (5, 3, 0)
    assert sorted(shop.embedder.given) == ["Chape\n", "Cloison\n", "Dalle\n"]


async def test_what_is_embedded_ahead_ends_with_the_run(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedding, "BATCH_TEXTS", 1)
    await shop.add("Cloison", "Chape")
    embed, ended, begun = shop.embedder.passages, asyncio.Event(), asyncio.Event()

    async def passages(texts: Any, **more: Any) -> Any:
        if any("Chape" in text for text in texts):
            try:
                begun.set()
                await asyncio.Event().wait()  # an embedder that never answers
            finally:
                ended.set()
        return await embed(texts, **more)

    async def upsert(collection: str, points: Sequence[Point]) -> None:
        async with asyncio.timeout(60):
            await begun.wait()
        raise VectorsUnavailable("The disk is full.")

    monkeypatch.setattr(shop.embedder, "passages", passages)
    monkeypatch.setattr(vector_index(shop.app), "upsert", upsert)
    with pytest.raises(VectorsUnavailable):
        await shop.index()
    assert ended.is_set()


async def test_unchanged_rows_cost_nothing(shop: Shop) -> None:
    things = await shop.add("Cloison", "Chape")
    await shop.index()
    async with shop.app.db.transaction(shop.a.caller) as tx:
        await service.mark(tx, "things", "thing", things)
    report = await shop.index()
    assert (report.read, report.indexed, report.embedded) == (2, 0, 0)


async def test_a_new_price_moves_the_payload_and_embeds_nothing(shop: Shop) -> None:
    [thing] = await shop.add("Cloison")
    await shop.index()
    await shop.change(thing, price=12)
    report = await shop.index()
    assert (report.indexed, report.embedded) == (1, 0)
    assert (await shop.find("cloison")).hits[0].payload["price"] == 12


async def test_a_changed_text_is_found_and_the_old_one_is_not(shop: Shop) -> None:
    [thing] = await shop.add("Cloison en plâtre")
    await shop.index()
    await shop.change(thing, name="Escalier en chêne")
    assert await shop.titles("escalier", vector=None) == []
    assert (await shop.index()).embedded == 1
    assert await shop.titles("escalier", vector=None) == ["Escalier en chêne"]
    assert await shop.titles("cloison", vector=None) == []


async def test_a_deleted_row_is_hidden_at_once_and_leaves_nothing(shop: Shop) -> None:
    things = await shop.add("Cloison en plâtre", "Cloison en brique")
    await shop.index()
    await shop.delete(things[0])
    assert await shop.titles("cloison") == ["Cloison en brique"]
    assert (await shop.index()).removed == 1
    assert (await vector_index(shop.app).stats("things")).points == 1
    assert await shop.count("index_entries") == 1
    assert await shop.count("index_postings") == 2
    assert await shop.count("index_corpora", "entries = 1 AND words = 2") == 1


async def test_a_row_that_its_room_no_longer_reads_leaves(shop: Shop) -> None:
    [thing] = await shop.add("Cloison")
    await shop.index()
    async with shop.app.db.transaction(shop.a.caller) as tx:
        await tx.run("DELETE FROM things WHERE id = %(id)s", id=thing)
        await service.mark(tx, "things", "thing", [thing])
    assert (await shop.index()).removed == 1
    assert await shop.titles("cloison") == []


async def test_mark_all_adds_what_is_missing_and_removes_what_is_gone(shop: Shop) -> None:
    things = await shop.add("Cloison", "Chape", collection="elsewhere")
    async with shop.app.db.transaction(shop.a.caller) as tx:
        assert await service.mark_all(tx, "things", "thing") == 2
    await shop.index()
    async with shop.app.db.transaction(shop.a.caller) as tx:
        await tx.run("DELETE FROM things WHERE id = %(id)s", id=things[0])
        assert await service.mark_all(tx, "things", "thing", force=True) == 1
    report = await shop.index()
    assert (report.removed, report.read, report.indexed, report.embedded) == (1, 2, 1, 0)
    assert await shop.titles("cloison chape") == ["Chape"]


async def test_one_bad_text_stops_no_other(shop: Shop) -> None:
    things = await shop.add("Cloison", "POISON", "Chape")
    report = await shop.index()
    assert (report.indexed, report.failed) == (2, 1)
    assert sorted(await shop.titles("cloison chape")) == ["Chape", "Cloison"]
    assert await shop.titles("poison", vector=None) == ["POISON"]
    async with shop.app.db.transaction(shop.a.caller) as tx:
        [stats] = await service.stats(tx, shop.app)
    assert (stats.stale, stats.error) == (1, "ValueError: this text cannot be embedded")
    assert (await shop.index()).failed == 0  # it waits for its next attempt
    await shop.change(things[1], name="Potion")
    assert (await shop.index()).indexed == 1


async def test_after_eight_failures_only_a_change_helps(shop: Shop) -> None:
    await shop.add("Cloison")
    await shop.index()
    [bad] = await shop.add("POISON")
    for _ in range(10):
        await shop.owner.execute("UPDATE index_entries SET not_before = now()")
        await shop.index()
    assert await shop.count("index_entries", "attempts = 8") == 1
    async with shop.app.db.transaction(shop.a.caller) as tx:
        [stats] = await service.stats(tx, shop.app)
    assert stats.failed == 1
    await shop.change(bad, name="Potion")
    assert (await shop.index()).indexed == 1


async def test_an_unreadable_kind_stops_no_other(shop: Shop) -> None:
    await shop.add("Cloison")
    async with shop.app.db.transaction(shop.a.caller) as tx:
        await tx.value("SELECT mark_entries('things', 'mystery', 'nowhere', '{1}')")
    report = await shop.index()
    assert (report.indexed, report.failed) == (1, 1)
    assert await shop.count("index_entries", "error LIKE 'Nothing is registered%mystery%'") == 1


async def test_a_broken_statement_of_a_room_is_said(shop: Shop) -> None:
    await shop.add("Cloison")
    await shop.owner.execute("ALTER TABLE things RENAME COLUMN body TO corpus")
    assert (await shop.index()).failed == 1
    assert await shop.count("index_entries", "error LIKE 'UndefinedColumn%'") == 1


async def test_tenants_never_meet(shop: Shop) -> None:
    await shop.add("Cloison en plâtre")
    await shop.add("Cloison en brique", tenant=shop.b)
    await shop.index()
    await shop.index(shop.b)
    assert await shop.titles("cloison") == ["Cloison en plâtre"]
    assert await shop.titles("cloison", shop.b) == ["Cloison en brique"]


async def test_progress_is_told_and_may_stop_the_run(shop: Shop) -> None:
    from countersign.index import indexer

    await shop.add(*(f"Cloison {n}" for n in range(150)))
    told: list[tuple[int, int | None, str | None]] = []

    async def progress(done: int, total: int | None, note: str | None) -> None:
        told.append((done, total, note))
        if note == "indexed" and done >= 64:
            raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        await indexer.index(shop.app, shop.a.caller, "things", progress)
    assert told == [(150, 150, "read"), (64, 150, "indexed")]
    report = await shop.index()
    assert (report.read, report.indexed) == (0, 86)
    assert len(set(shop.embedder.given)) == 150
    assert len(shop.embedder.given) <= 150 + embedding.BATCH_TEXTS  # what was embedded ahead of the end


async def test_a_backend_that_lost_everything_is_filled_again(shop: Shop) -> None:
    await shop.add("Cloison", "Chape")
    await shop.index()
    index = vector_index(shop.app)
    # Losing it is an accident: PostgreSQL drops nothing that answers when it is asked to.
    if backend_name(shop.app) == "pgvector":
        with pytest.raises(Conflict, match="answers questions"):
            await index.drop("things__g1")
        await shop.owner.execute("UPDATE index_collections SET state = 'retired' WHERE physical = 'things__g1'")
        await index.drop("things__g1")
        await shop.owner.execute("UPDATE index_collections SET state = 'active' WHERE physical = 'things__g1'")
    else:
        await index.drop("things__g1")
    assert (await shop.find("cloison")).degraded == "not-indexed"
    [_] = await shop.add("Porte")
    assert (await shop.index()).indexed == 3
    assert (await index.stats("things")).points == 3
