"""Ouvrages: exact prices, one statement for many, and nothing of another organisation."""

from __future__ import annotations

from dataclasses import fields
from decimal import Decimal

import pytest

from countersign.kernel.database import Database
from countersign.knowledge.ouvrages import library, service
from countersign.knowledge.ouvrages.models import NoSuchOuvrage
from tests.conftest import Tenants


async def loaded(db: Database, tenants: Tenants) -> int:
    async with db.transaction(tenants.a.caller) as tx:
        return await library.load_demonstration(tx)


async def test_the_demonstration_library_loads_once(db: Database, tenants: Tenants) -> None:
    assert await loaded(db, tenants) >= 250
    assert await loaded(db, tenants) == 0


async def test_every_composed_item_costs_what_it_is_made_of(db: Database, tenants: Tenants) -> None:
    await loaded(db, tenants)
    async with db.transaction(tenants.a.caller) as tx:
        composed = [s.id for s in await service.search(tx, type="compose", limit=1000)]
        rows = await service.live(tx, composed)
    priced = [row for row in rows if row.unit_price is not None]
    assert len(priced) >= 100
    assert [row.code for row in priced if row.differs or row.cost != row.unit_price] == []


async def test_the_price_of_a_quantity_is_exact(db: Database, tenants: Tenants) -> None:
    await loaded(db, tenants)
    async with db.transaction(tenants.a.caller) as tx:
        quote = await service.quote(tx, "clo-pla-001", Decimal("25"))
        assert quote is not None
        assert (quote.unit_price, quote.total) == (Decimal("45.50"), Decimal("1137.5"))
        assert quote.supplies is not None and quote.labour is not None
        assert quote.supplies + quote.labour == quote.total
        assert await service.quote(tx, "XXX-000", Decimal(1)) is None


async def test_a_quantity_in_another_unit_is_converted_or_refused(db: Database, tenants: Tenants) -> None:
    await loaded(db, tenants)
    async with db.transaction(tenants.a.caller) as tx:
        quote = await service.quote(tx, "CLO-PLA-001", Decimal("0.5"), "ha")
        assert quote is not None and (quote.quantity, quote.unit) == (Decimal(5000), "m²")
        assert quote.total == Decimal("227500")
        assert await service.quote(tx, "CLO-PLA-001", Decimal(25), "kg") is None


async def test_a_component_line_is_quantity_times_price(db: Database, tenants: Tenants) -> None:
    await loaded(db, tenants)
    async with db.transaction(tenants.a.caller) as tx:
        wall = await service.by_code(tx, "CLO-PLA-001")
        lines = await service.components(tx, [wall.id])
        assert sum((line.total for line in lines if line.total), Decimal(0)) == wall.unit_price == Decimal("45.50")
        tree = await service.breakdown(tx, wall.id)
        assert tree[0].code == "CLO-PLA-001" and tree[0].depth == 0
        assert sum(line.total for line in tree if line.is_leaf and line.total) == wall.unit_price


async def test_many_compositions_take_one_statement(db: Database, tenants: Tenants) -> None:
    await loaded(db, tenants)
    async with db.transaction(tenants.a.caller) as tx:
        ids = [s.id for s in await service.search(tx, type="compose", limit=50)]
        before = tx.statements
        await service.components(tx, ids)
        assert tx.statements == before + 1


async def test_the_whole_of_an_ouvrage_is_what_its_parts_are(db: Database, tenants: Tenants) -> None:
    await loaded(db, tenants)
    async with db.transaction(tenants.a.caller) as tx:
        ids = [s.id for s in await service.search(tx, limit=1000)]
        before = tx.statements
        whole = {one.id: one for one in await service.whole(tx, ids, below=3)}
        assert tx.statements == before + 1
        assert len(whole) == len(ids)
        for row in await service.live(tx, ids):
            assert all(getattr(whole[row.id], field.name) == getattr(row, field.name) for field in fields(row))
        lines = await service.components(tx, ids)
        assert sum(len(one.lines) for one in whole.values()) == len(lines) > 300
        for one in whole.values():
            assert one.components() == [line for line in lines if line.parent_id == one.id]
        chapters = [one for one in whole.values() if len(one.below) == 3]
        assert len(chapters) > 10  # each has its own first three
        for one in chapters[:20]:
            assert one.children() == await service.children(tx, [one.id], most=3)
        alone = await service.whole(tx, ids, composed=False)
        assert not any(one.lines or one.below for one in alone)
    async with db.transaction(tenants.b.caller) as tx:
        assert await service.whole(tx, ids, below=3) == []


@pytest.mark.parametrize(("word", "first"), [("CLO-PLA-001", "CLO-PLA-001"), ("clo-pla", "CLO-PLA-001")])
async def test_search_finds_by_the_beginning_of_a_code(db: Database, tenants: Tenants, word: str, first: str) -> None:
    await loaded(db, tenants)
    async with db.transaction(tenants.a.caller) as tx:
        found = await service.search(tx, q=word)
        assert first in [s.code for s in found]
        assert all(s.code.startswith(word.upper()) for s in found[:1])
        assert await service.count(tx, q=word) == len(found)


async def test_search_reads_words_without_accents(db: Database, tenants: Tenants) -> None:
    await loaded(db, tenants)
    async with db.transaction(tenants.a.caller) as tx:
        assert [s.code for s in await service.search(tx, q="platre")] == [
            s.code for s in await service.search(tx, q="plâtre")
        ]
        assert await service.search(tx, q="platre")
        assert await service.search(tx, q='"((') == []


async def test_another_organisation_sees_nothing(db: Database, tenants: Tenants) -> None:
    await loaded(db, tenants)
    async with db.transaction(tenants.a.caller) as tx:
        wall = await service.by_code(tx, "CLO-PLA-001")
    async with db.transaction(tenants.b.caller) as tx:
        assert await service.search(tx) == []
        assert await service.components(tx, [wall.id]) == []
        assert await service.breakdown(tx, wall.id) == []
        with pytest.raises(NoSuchOuvrage):
            await service.ouvrage(tx, wall.id)
        assert await service.quote(tx, "CLO-PLA-001", Decimal(1)) is None
