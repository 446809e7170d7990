"""Hydration: live rows in the order of the hits, a few statements however many hits, nothing that is gone or hidden."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from countersign.kernel.database import Database
from countersign.kernel.errors import Invalid
from countersign.knowledge.ouvrages import service as ouvrages
from countersign.knowledge.retrieval import hydrate
from countersign.knowledge.retrieval.service import tidy
from tests.cluster import Clone
from tests.conftest import Tenants

EVERYTHING = ["fournitures", "main_oeuvres", "components", "children"]


@pytest.fixture
def database(demonstration: Clone) -> Clone:
    """The test's database holds the demonstration."""
    return demonstration


async def test_five_hits_with_every_relation_take_one_statement(db: Database, tenants: Tenants) -> None:
    async with db.transaction(tenants.a.caller, read_only=True) as tx:
        ids = [s.id for s in await ouvrages.search(tx, type="compose", limit=5)]
        before = tx.statements
        found = await hydrate.hydrator("ouvrages").records(tx, ids, ["*"], EVERYTHING, "fr")
        assert tx.statements - before == 1
    assert list(found) != [] and set(found) == set(ids)
    for record in found.values():
        parts = record.relations["components"]
        assert record.row["unit_price"] == sum((p["total"] for p in parts), Decimal(0))
        assert {p["type"] for p in record.relations["fournitures"]} <= {"fourniture"}
        assert {p["type"] for p in record.relations["main_oeuvres"]} <= {"main_oeuvre"}


async def test_internal_columns_stay_inside_and_fields_choose(db: Database, tenants: Tenants) -> None:
    async with db.transaction(tenants.a.caller, read_only=True) as tx:
        wall = await ouvrages.by_code(tx, "CLO-PLA-001")
        whole = (await hydrate.hydrator("ouvrages").records(tx, [wall.id], ["*"], [], "fr"))[wall.id]
        some = (await hydrate.hydrator("ouvrages").records(tx, [wall.id], ["unit_price", "unit"], [], "fr"))[wall.id]
    assert not {"tenant_id", "deleted_at", "is_indexed", "qdrant_point_id", "import_id"} & set(whole.row)
    assert set(some.row) == {"id", "code", "name", "unit", "unit_price"}
    assert "Description" in whole.text and "Description" not in some.text


async def test_what_stands_below_is_read_two_levels_deep(db: Database, tenants: Tenants, owner: Any) -> None:
    add = (
        "INSERT INTO ouvrages (tenant_id, code, name, type, unit, parent_id)"
        " VALUES (1, %s, 'Niveau', 'simple', 'u', (SELECT id FROM ouvrages WHERE code = %s)) RETURNING id"
    )
    root = (await (await owner.execute(add, ["N", None])).fetchone())[0]
    for code, parent in (("N-B", "N"), ("N-A", "N"), ("N-A-2", "N-A"), ("N-A-1", "N-A"), ("N-A-1-1", "N-A-1")):
        await owner.execute(add, [code, parent])
    await owner.execute("UPDATE ouvrages SET deleted_at = now() WHERE code = 'N-A-2'")
    many = "INSERT INTO ouvrages (tenant_id, code, name, type, unit, parent_id) SELECT 1, 'N-B-' || n, 'x', 'simple', 'u', id"
    await owner.execute(many + " FROM ouvrages, generate_series(100, 160) AS n WHERE code = 'N-B'")
    async with db.transaction(tenants.a.caller, read_only=True) as tx:
        record = (await hydrate.hydrator("ouvrages").records(tx, [root], ["*"], ["children"], "fr"))[root]
    below = [row["code"] for row in record.relations["children"]]
    assert below[:4] == ["N-A", "N-A-1", "N-B", "N-B-100"] and len(below) == hydrate.MOST_RELATED
    assert "N-A Niveau (N-A-1 Niveau) ; N-B Niveau (N-B-100 x ; " in record.text


async def test_a_record_reads_in_the_language_of_its_agent(db: Database, tenants: Tenants) -> None:
    async with db.transaction(tenants.a.caller, read_only=True) as tx:
        wall = await ouvrages.by_code(tx, "CLO-PLA-001")
        french = (await hydrate.hydrator("ouvrages").records(tx, [wall.id], ["*"], ["components"], "fr"))[wall.id].text
        english = (await hydrate.hydrator("ouvrages").records(tx, [wall.id], ["*"], ["components"], "en"))[wall.id].text
    assert "Prix unitaire\u00a0: 45,50\u00a0€/m²" in french and "Total de la composition\u00a0: 45,50\u00a0€" in french
    assert "Unit price: €45.50/m²" in english


async def test_the_hash_follows_the_facts_and_only_them(db: Database, tenants: Tenants, owner: Any) -> None:
    async def fingerprint() -> str:
        async with db.transaction(tenants.a.caller, read_only=True) as tx:
            wall = await ouvrages.by_code(tx, "CLO-PLA-001")
            return (await hydrate.hydrator("ouvrages").records(tx, [wall.id], ["*"], EVERYTHING, "fr"))[wall.id].hash

    first = await fingerprint()
    await owner.execute("UPDATE ouvrages SET is_indexed = NOT is_indexed WHERE code = 'CLO-PLA-001'")
    assert await fingerprint() == first
    await owner.execute("UPDATE ouvrages SET unit_price = unit_price + 1 WHERE code = 'CLO-FOU-001'")
    assert await fingerprint() != first


async def test_rows_that_are_gone_or_hidden_are_left_out(db: Database, tenants: Tenants, owner: Any) -> None:
    async with db.transaction(tenants.a.caller, read_only=True) as tx:
        wall = await ouvrages.by_code(tx, "CLO-PLA-001")
        other = await ouvrages.by_code(tx, "CLO-PLA-002")
    await owner.execute("UPDATE ouvrages SET deleted_at = now() WHERE code = 'CLO-PLA-002'")
    async with db.transaction(tenants.a.caller, read_only=True) as tx:
        found = await hydrate.hydrator("ouvrages").records(tx, [wall.id, other.id, 10**9], ["*"], EVERYTHING, "fr")
        assert list(found) == [wall.id]
    async with db.transaction(tenants.b.caller, read_only=True) as tx:
        assert await hydrate.hydrator("ouvrages").records(tx, [wall.id], ["*"], EVERYTHING, "fr") == {}


@pytest.mark.parametrize("table", ["users", "api_tokens", "ouvrages; DROP TABLE users", "", "pg_class"])
def test_only_registered_tables_can_be_hydrated(table: str) -> None:
    with pytest.raises(Invalid, match="Known: ouvrages"):
        hydrate.hydrator(table)


def test_a_question_is_searched_without_its_line_breaks_and_at_most_8000_characters() -> None:
    assert tidy("  un\n\n deux\t trois ") == "un deux trois"
    assert len(tidy("mot " * 5000)) == 8000
