"""Whole tables: deleted with all that hangs on them, counted truly, paged by cursor, told of by their name."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from countersign.index.reading import read
from countersign.index.run import Run
from countersign.kernel.app import App
from countersign.kernel.database import Database
from countersign.kernel.errors import Conflict, CountersignError, NotFound
from countersign.kernel.lists import cursor
from countersign.knowledge.agents import service as agents
from countersign.knowledge.demo import EXPERT_BTP
from countersign.knowledge.tables import rows, service
from countersign.knowledge.tables.models import NoSuchTable, TableInUse, TableNotConfirmed
from tests.conftest import Tenants
from tests.knowledge.tables.test_service import PRODUCTS, SCREW


async def test_a_table_is_deleted_with_its_name_typed_and_answers_stop_at_once(house: App, tenants: Tenants) -> None:
    from countersign.index import service as index

    caller = tenants.a.caller

    async def found() -> int:
        return len((await index.search(house, caller, "products", "béton", None, k=5)).hits)

    async with house.db.transaction(caller) as tx:
        table = await service.create(tx, "products", PRODUCTS, template="{{name}}")
        await rows.add(tx, table, SCREW)
    await read(Run(house, caller, "products"))
    assert await found() == 1
    with pytest.raises(TableNotConfirmed):
        async with house.db.transaction(caller) as tx:
            await service.drop(tx, "products", confirm="product")
    async with house.db.transaction(caller) as tx:
        await service.drop(tx, "products", confirm="products")
    assert await found() == 0
    async with house.db.transaction(caller) as tx:
        assert await tx.value("SELECT to_regclass('dynamic.products_t1')") is None
        assert await service.tables(tx) == []
    await read(Run(house, caller, "products"))
    async with house.db.transaction(caller) as tx:
        table = await service.create(tx, "products", PRODUCTS, template="{{name}}")
        await rows.add(tx, table, SCREW)
    await read(Run(house, caller, "products"))
    assert await found() == 1, "the name is free again"


async def test_a_table_that_others_need_is_not_deleted(db: Database, tenants: Tenants) -> None:
    async with db.transaction(tenants.a.caller) as tx:
        await service.create(tx, "makers", {"columns": [{"name": "name", "type": "string"}]})
        refers = {"columns": [{"name": "maker_id", "type": "integer", "references": "makers"}]}
        await service.create(tx, "products", refers)
    with pytest.raises(Conflict, match="products"):
        async with db.transaction(tenants.a.caller) as tx:
            await service.drop(tx, "makers", confirm="makers")
    async with db.transaction(tenants.a.caller) as tx:
        await agents.add(
            tx, {**EXPERT_BTP, "hydration_config": {"table": "products", "fields": ["*"], "relations": []}}
        )
    with pytest.raises(TableInUse, match=str(EXPERT_BTP["name"])):
        async with db.transaction(tenants.a.caller) as tx:
            await service.drop(tx, "products", confirm="products")
    with pytest.raises(NoSuchTable):
        async with db.transaction(tenants.b.caller) as tx:
            await service.drop(tx, "products", confirm="products")
    with pytest.raises(NotFound):
        async with db.transaction(tenants.b.caller) as tx:
            await tx.value("SELECT drop_dynamic_table(2)")


async def test_counts_are_true_for_whoever_reads_the_columns(house: App, tenants: Tenants) -> None:
    counts = "SELECT row_count, indexed_count FROM dynamic_tables"
    indexed = "UPDATE index_entries SET is_stale = false, content_hash = '1', indexed_hash = %(to)s"
    entries = "INSERT INTO index_entries (collection, kind, source_table, source_id) SELECT 'products', 'products', 'products', n"
    async with house.db.transaction(tenants.a.caller) as tx:
        table = await service.create(tx, "products", PRODUCTS)
        for code in "abc":
            await rows.add(tx, table, {"code": code, "name": code})
        await rows.delete(tx, table, 1)
        await rows.update(tx, table, 2, {"stock": 7})
        await tx.run(f"{entries} FROM generate_series(2, 3) n")
    async with house.db.transaction(tenants.a.caller) as tx:
        assert await tx.one(dict[str, Any], counts) == {"row_count": 2, "indexed_count": 0}
        await tx.run(indexed, to=b"1")
    async with house.db.transaction(tenants.b.caller) as tx:
        assert await tx.all(dict[str, Any], "SELECT * FROM dynamic_tables") == []
    with pytest.raises(RuntimeError):
        async with house.db.transaction(tenants.a.caller) as tx:
            await rows.delete(tx, table, 2)
            raise RuntimeError
    async with house.db.transaction(tenants.a.caller) as tx:
        assert await tx.one(dict[str, Any], counts) == {"row_count": 2, "indexed_count": 2}
        await tx.run(f"{indexed} WHERE source_id = 2", to=None)
    async with house.db.transaction(tenants.a.caller) as tx:
        assert await tx.one(dict[str, Any], counts) == {"row_count": 2, "indexed_count": 1}
        assert await tx.value("SELECT count(*) FROM dynamic_changes") == 0


async def test_whoever_counts_waits_only_at_the_end(house: App, tenants: Tenants) -> None:
    async with house.db.transaction(tenants.a.caller) as tx:
        table = await service.create(tx, "products", PRODUCTS)
    async with house.db.transaction(tenants.a.caller) as slow:
        await rows.add(slow, table, {"code": "a", "name": "a"})
        async with house.db.transaction(tenants.a.caller) as quick:
            await rows.add(quick, table, {"code": "b", "name": "b"})
    async with house.db.transaction(tenants.a.caller, read_only=True) as tx:
        assert (await service.table(tx, "products")).row_count == 2


async def test_changes_of_rows_are_told_by_the_name_of_their_table(db: Database, tenants: Tenants) -> None:
    async with db.transaction(tenants.a.caller) as tx:
        for name in ("products", "orders", "messages"):
            table = await service.create(tx, name, PRODUCTS)
            made = await rows.add(tx, table, SCREW)
            await rows.update(tx, table, made["id"], {"stock": 4})
            await rows.delete(tx, table, made["id"])
        told = await tx.all(
            dict[str, Any], "SELECT name, data FROM events WHERE name ~ '^(product|order|row|message)' ORDER BY id"
        )
    verbs = ("created", "updated", "deleted")
    assert [row["name"] for row in told] == [f"{what}.{verb}" for what in ("product", "order", "row") for verb in verbs]
    assert told[-1]["data"] == {"table": "messages", "id": made["id"]}


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    given_rows=st.lists(st.tuples(st.none() | st.integers(-3, 3), st.none() | st.sampled_from("aàb'\" %")), max_size=9),
    sort=st.sampled_from(["price", "-price", "notes", "-notes", "id", "-id", "created_at", "-since"]),
    limit=st.integers(1, 4),
)
async def test_pages_by_cursor_are_the_whole_list_once(
    db: Database, tenants: Tenants, given_rows: list[tuple[int | None, str | None]], sort: str, limit: int
) -> None:
    async with db.transaction(tenants.a.caller) as tx:
        there = await tx.value("SELECT count(*) FROM dynamic_tables")
        table = await service.table(tx, "products") if there else await service.create(tx, "products", PRODUCTS)
        for one in await rows.rows(tx, table, limit=200):
            await rows.delete(tx, table, one["id"])
        for n, (price, notes) in enumerate(given_rows):
            await rows.add(tx, table, {"code": f"C{n}", "name": "x", "price": price, "notes": notes})
        whole = [row["id"] for row in await rows.rows(tx, table, sort=sort)]
        paged: list[int] = []
        after: str | None = None
        while found := await rows.rows(tx, table, sort=sort, limit=limit, after=after):
            paged += [row["id"] for row in found]
            after = rows.cursor_at(found[-1], sort)
    assert paged == whole
    assert len(whole) == len(given_rows)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    value=st.none() | st.text(max_size=20) | st.integers() | st.booleans(),
    sort=st.sampled_from(["id", "-price", "notes", "since", "x;--"]),
)
async def test_a_cursor_that_others_made_is_a_value_or_is_refused(
    db: Database, tenants: Tenants, value: Any, sort: str
) -> None:
    async with db.transaction(tenants.a.caller) as tx:
        there = await tx.value("SELECT count(*) FROM dynamic_tables")
        table = await service.table(tx, "products") if there else await service.create(tx, "products", PRODUCTS)
    try:
        async with db.transaction(tenants.a.caller, read_only=True) as tx:
            await rows.rows(tx, table, sort=sort, after=cursor(value, 1))
    except CountersignError as error:
        assert error.status == 422
