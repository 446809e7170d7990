"""Rebuilding a collection beside the one that answers, and letting the new one answer."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from countersign.index import generations, indexer, service
from countersign.index.indexer import NotRebuilt
from countersign.index.models import Collection, UnknownCollection
from countersign.index.vectors import backend_name, vector_index
from countersign.kernel.access import system
from countersign.providers.embedders import Embedders
from tests.index.conftest import Shop, WordEmbedder


async def active(shop: Shop) -> Collection:
    async with shop.app.db.transaction(system()) as tx:
        found = await generations.active(tx, "things", backend_name(shop.app))
    assert found is not None
    return found


def use(shop: Shop, embedder: WordEmbedder) -> WordEmbedder:
    shop.app._made[Embedders] = embedder
    shop.embedder = embedder
    return embedder


async def test_a_collection_begins_with_its_first_entries(shop: Shop) -> None:
    await shop.add("Cloison")
    await shop.index()
    first = await active(shop)
    assert (first.name, first.generation, first.physical) == ("things", 1, "things__g1")
    assert (first.embedder, first.dimensions, first.state) == ("fake:words", 64, "active")
    again = await generations.ensure(shop.app, "things", shop.embedder)
    assert again.id == first.id


async def test_two_begin_it_at_once(shop: Shop) -> None:
    made = await asyncio.gather(
        *(generations.ensure(shop.app, "things", shop.embedder) for _ in range(4)), return_exceptions=True
    )
    assert {g.id for g in made if isinstance(g, Collection)} == {(await active(shop)).id}


async def test_a_bad_name_is_refused(shop: Shop) -> None:
    for name in ("", "a b", "ça", "x" * 101, "-a", "a;DROP TABLE users"):
        with pytest.raises(generations.BadName):
            await generations.ensure(shop.app, name, shop.embedder)


async def test_reindex_moves_every_tenant_and_embeds_nothing(shop: Shop) -> None:
    await shop.add("Cloison", "Chape")
    await shop.add("Porte", tenant=shop.b)
    await shop.index()
    await shop.index(shop.b)
    given = len(shop.embedder.given)
    built = await indexer.reindex(shop.app, "things")
    assert (built.generation, built.state, built.physical) == (2, "active", "things__g2")
    assert len(shop.embedder.given) == given
    assert (await vector_index(shop.app).stats("things")).points == 3
    with pytest.raises(UnknownCollection):
        await vector_index(shop.app).stats("things__g1")
    assert (await shop.find("porte", shop.b)).hits[0].vector_rank == 1
    assert (await shop.find("cloison")).hits[0].vector_rank == 1
    async with shop.app.db.transaction(shop.a.caller) as tx:
        [stats] = await service.stats(tx, shop.app)
    assert (stats.points, stats.stale, stats.generation, stats.building) == (2, 0, 2, False)


async def test_another_embedder_waits_for_a_reindex(shop: Shop) -> None:
    await shop.add("Cloison")
    await shop.index()
    use(shop, WordEmbedder("fake:other", 96))
    await shop.add("Chape")
    with pytest.raises(
        generations.EmbedderDiffers, match=r"built with fake:words; the embedder is now fake:other.*reindex things"
    ):
        await shop.index()
    assert await shop.titles("chape", vector=None) == ["Chape"]  # its words are there
    assert (await shop.find("cloison")).degraded == "dimension-mismatch"
    built = await indexer.reindex(shop.app, "things")
    assert (built.embedder, built.dimensions, built.generation) == ("fake:other", 96, 2)
    found = await shop.find("cloison chape", embedder="fake:other")
    assert found.degraded is None
    assert {hit.title for hit in found.hits} == {"Cloison", "Chape"}


async def test_questions_are_answered_while_it_is_rebuilt_and_edits_reach_both(shop: Shop) -> None:
    things = await shop.add("Cloison", "Chape")
    await shop.index()
    first = await active(shop)
    building = await generations.start(shop.app, "things", shop.embedder)
    assert (await shop.find("cloison")).hits[0].vector_rank == 1
    await shop.change(things[1], name="Escalier")
    await shop.index()
    index = vector_index(shop.app)
    vector = await shop.embedder.query("Escalier")
    for physical in (first.physical, building.physical):
        assert (await index.search(physical, vector, 1, shop.a.id))[0].score > 0.9
    assert (await shop.find("escalier")).hits[0].title == "Escalier"
    assert (await active(shop)).id == first.id
    assert (await indexer.reindex(shop.app, "things")).id == building.id


async def test_an_interrupted_rebuild_goes_on(shop: Shop) -> None:
    await shop.add(*(f"Cloison {n}" for n in range(100)))
    await shop.index()
    use(shop, WordEmbedder("fake:other", 64))

    async def stop(done: int, total: int | None, note: str | None) -> None:
        raise RuntimeError("killed")

    with pytest.raises(RuntimeError):
        await indexer.reindex(shop.app, "things", stop)
    assert (await active(shop)).generation == 1
    assert len(shop.embedder.given) >= 64
    built = await indexer.reindex(shop.app, "things")
    assert built.generation == 2
    # What is stored is not embedded again; a batch that was embedded ahead of the end may be.
    assert len(set(shop.embedder.given)) == 100 and len(shop.embedder.given) <= 136
    assert (await vector_index(shop.app).stats("things")).points == 100


async def test_a_rebuild_that_is_done_is_not_done_again(shop: Shop) -> None:
    """The job that asked for it was killed after the swap: what is left to do is to drop the former generation."""
    await shop.add("Cloison")
    await shop.index()
    asked = (await active(shop)).created_at + timedelta(microseconds=1)
    built = await indexer.reindex(shop.app, "things", asked=asked)
    assert built.generation == 2
    again = await indexer.reindex(shop.app, "things", asked=asked)
    assert (again.id, again.generation) == (built.id, 2)
    async with shop.app.db.transaction(system()) as tx:
        assert await generations.building(tx, "things", backend_name(shop.app)) is None


async def test_a_generation_that_ends_while_it_is_written_costs_nothing(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run has looked which generations there are; then another process swaps and drops the one it writes to."""
    await shop.add("Cloison")
    await shop.index()
    await shop.add("Chape")
    index = vector_index(shop.app)
    upsert = index.upsert
    ended: list[int] = []

    async def late(collection: str, points: Any) -> None:
        if not ended:
            ended.append(1)
            await indexer.reindex(shop.app, "things")
        await upsert(collection, points)

    monkeypatch.setattr(index, "upsert", late)
    await shop.index()
    assert (await active(shop)).generation == 2
    assert (await index.stats("things")).points == 2
    assert await shop.count("index_entries", "indexed_hash = content_hash AND indexed_in = 2") == 2
    assert len(set(shop.embedder.given)) == 2


async def test_questions_asked_during_swaps_are_answered_in_full(shop: Shop) -> None:
    await shop.add("Cloison", "Chape")
    await shop.index()
    stop = asyncio.Event()
    answers: list[tuple[str | None, int | None]] = []

    async def ask() -> None:
        while not stop.is_set():
            found = await shop.find("cloison")
            answers.append((found.degraded, found.hits[0].vector_rank))

    asking = [asyncio.create_task(ask()) for _ in range(2)]
    swaps = 0
    while swaps < 5 or len(answers) <= 10:
        await indexer.reindex(shop.app, "things")
        swaps += 1
    stop.set()
    await asyncio.gather(*asking)
    assert set(answers) == {(None, 1)}


async def test_a_rebuild_with_holes_does_not_answer(shop: Shop) -> None:
    [thing] = await shop.add("Cloison")
    await shop.index()
    await shop.change(thing, name="POISON")
    with pytest.raises(NotRebuilt, match="1 entries"):
        await indexer.reindex(shop.app, "things")
    assert (await active(shop)).generation == 1
    assert (await shop.find("cloison")).degraded is None


async def test_a_rebuild_for_a_third_embedder_drops_the_half_built_one(shop: Shop) -> None:
    await shop.add("Cloison")
    await shop.index()
    second = await generations.start(shop.app, "things", WordEmbedder("fake:second", 32))
    use(shop, WordEmbedder("fake:third", 48))
    built = await indexer.reindex(shop.app, "things")
    assert (built.generation, built.dimensions) == (3, 48)
    with pytest.raises(UnknownCollection):
        await vector_index(shop.app).stats(second.physical)
