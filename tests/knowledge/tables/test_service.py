"""Tables of users: built safely, kept apart, changed later, found by words, followed by hydration."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from countersign.index.reading import read
from countersign.index.run import Run
from countersign.kernel.app import App
from countersign.kernel.database import Database
from countersign.kernel.errors import Conflict, CountersignError, Invalid, NotFound, PreconditionFailed
from countersign.knowledge.retrieval import hydrate
from countersign.knowledge.tables import indexing, rows, service
from countersign.knowledge.tables.models import (
    BadDefinition,
    BadValues,
    Filter,
    NotConfirmed,
    TableExists,
)
from tests.conftest import Tenants

assert indexing  # its kinds register themselves

PRODUCTS: dict[str, Any] = {
    "columns": [
        {"name": "code", "type": "string(30)", "nullable": False, "unique": True},
        {"name": "name", "type": "string", "nullable": False, "indexed": True},
        {"name": "price", "type": "decimal", "precision": 10, "scale": 2},
        {"name": "stock", "type": "integer", "default": 0},
        {"name": "active", "type": "boolean", "default": True},
        {"name": "since", "type": "date"},
        {"name": "seen", "type": "datetime"},
        {"name": "specs", "type": "json"},
        {"name": "notes", "type": "text"},
    ],
    "primary_key": "id",
    "indexes": [["code", "name"]],
}
SCREW = {"code": "VIS-1", "name": "Vis à béton", "price": "1 234,50", "since": "31/01/2026", "specs": {"l": 40}}


async def test_a_row_comes_back_as_exactly_what_was_written(db: Database, tenants: Tenants) -> None:
    async with db.transaction(tenants.a.caller) as tx:
        table = await service.create(tx, "products", PRODUCTS)
        made = await rows.add(tx, table, SCREW)
        assert (made["price"], made["stock"], made["active"]) == (Decimal("1234.50"), 0, True)
        assert (made["since"].isoformat(), made["specs"], made["notes"]) == ("2026-01-31", {"l": 40}, None)
        changed = await rows.update(tx, table, made["id"], {"price": 2, "notes": "x"}, seen=rows.etag(made))
        assert (changed["price"], changed["notes"], changed["name"]) == (Decimal("2.00"), "x", "Vis à béton")
        await rows.delete(tx, table, made["id"])
        assert await rows.rows(tx, table) == []
        with pytest.raises(NotFound):
            await rows.row(tx, table, made["id"])
        again = await rows.add(tx, table, SCREW)  # a deleted row does not hold its code
        assert again["id"] != made["id"]
    async with db.transaction(tenants.a.caller, read_only=True) as tx:
        assert (await service.table(tx, "products")).row_count == 1


async def test_every_fault_of_a_row_is_named(db: Database, tenants: Tenants) -> None:
    async with db.transaction(tenants.a.caller) as tx:
        table = await service.create(tx, "products", PRODUCTS)
        bad = {
            "name": "n" * 256,
            "price": "12.345",
            "stock": "many",
            "since": "2026-02-30",
            "active": "perhaps",
            "x": 1,
        }
        with pytest.raises(BadValues) as refused:
            await rows.add(tx, table, bad)
    assert {e["field"] for e in refused.value.extra["errors"]} == {
        "code",
        "name",
        "price",
        "stock",
        "since",
        "active",
        "x",
    }


async def test_the_database_refuses_doubles_and_dead_references_in_words(db: Database, tenants: Tenants) -> None:
    async with db.transaction(tenants.a.caller) as tx:
        products = await service.create(tx, "products", PRODUCTS)
        lines = await service.create(
            tx, "lines", {"columns": [{"name": "product_id", "type": "integer", "references": "products"}]}
        )
        one = await rows.add(tx, products, SCREW)
        await rows.add(tx, lines, {"product_id": one["id"]})
    with pytest.raises(Conflict, match="code"):
        async with db.transaction(tenants.a.caller) as tx:
            await rows.add(tx, products, SCREW)
    with pytest.raises(Invalid, match="product_id"):
        async with db.transaction(tenants.a.caller) as tx:
            await rows.add(tx, lines, {"product_id": 10**9})


async def test_two_organisations_have_tables_of_one_name_and_see_their_own(
    db: Database, tenants: Tenants, owner: psycopg.AsyncConnection[Any]
) -> None:
    for tenant in tenants:
        async with db.transaction(tenant.caller) as tx:
            table = await service.create(tx, "products", PRODUCTS)
            await rows.add(tx, table, {"code": tenant.slug, "name": "n"})
    async with db.transaction(tenants.b.caller) as tx:
        own = await service.table(tx, "products")
        assert [row["code"] for row in await rows.rows(tx, own)] == ["autre"]
        assert [t.name for t in await service.tables(tx)] == ["products"]
    with pytest.raises(NotFound):
        async with db.transaction(tenants.a.caller) as tx:
            await rows.rows(tx, own)  # the number of the other's table leads nowhere
    async with db.transaction(tenants.a.caller) as tx:
        assert await tx.value(f"SELECT count(*) FROM dynamic.{own.table_name}") == 0
    guarded = await (
        await owner.execute(
            "SELECT bool_and(relrowsecurity AND relforcerowsecurity), count(*) FROM pg_class"
            " WHERE relnamespace = 'dynamic'::regnamespace AND relkind = 'r'"
        )
    ).fetchone()
    assert guarded == (True, 2)


@pytest.mark.parametrize(
    ("name", "definition"),
    [
        ("select", PRODUCTS),
        ("ouvrages", PRODUCTS),
        ("Produits", PRODUCTS),
        ('x"; DROP TABLE users; --', PRODUCTS),
        ("a" * 64, PRODUCTS),
        ("t", {"columns": [{"name": "tenant_id", "type": "integer"}]}),
        ("t", {"columns": [{"name": "order", "type": "integer"}]}),
        ("t", {"columns": [{"name": "a", "type": "serial"}]}),
        ("t", {"columns": [{"name": "a", "type": "integer); DROP TABLE users; --"}]}),
        ("t", {"columns": [{"name": "a", "type": "text"}, {"name": "a", "type": "text"}]}),
        ("t", {"columns": [{"name": "a", "type": "integer", "default": "1; DROP TABLE users"}]}),
        ("t", {"columns": [{"name": "a", "type": "integer", "references": "nothing"}]}),
        ("t", {"columns": [{"name": "a", "type": "text"}], "indexes": [["b"]]}),
        ("t", {"columns": [{"name": "a", "type": "text"}], "primary_key": "a"}),
        ("t", {"columns": []}),
        ("t", []),
    ],
)
async def test_impossible_tables_are_refused(db: Database, tenants: Tenants, name: str, definition: Any) -> None:
    with pytest.raises(Invalid):
        async with db.transaction(tenants.a.caller) as tx:
            await service.create(tx, name, definition)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(max_size=80), column=st.sampled_from(["code", "price", "since", "id"]), data=st.data())
async def test_no_text_becomes_sql(db: Database, tenants: Tenants, text: str, column: str, data: st.DataObject) -> None:
    """Whatever is sent as filter, sort, words, template, name or value is a value or is refused."""
    quoted = data.draw(
        st.sampled_from([text, f"'; DROP TABLE users; --{text}", f'"{text}', f"{{{{{text}}}}}", f"%I{text}\\"])
    )
    async with db.transaction(tenants.a.caller) as tx:
        made = await tx.value("SELECT count(*) FROM dynamic_tables")
        table = await service.table(tx, "products") if made else await service.create(tx, "products", PRODUCTS)
    for attempt in (
        lambda tx: rows.rows(tx, table, filters=[Filter(column, "eq", quoted)]),
        lambda tx: rows.rows(tx, table, filters=[Filter(column, "contains", quoted)]),
        lambda tx: rows.rows(tx, table, filters=[Filter(quoted, "eq", "1")]),
        lambda tx: rows.rows(tx, table, filters=[Filter(column, quoted, "1")]),
        lambda tx: rows.rows(tx, table, sort=quoted),
        lambda tx: rows.rows(tx, table, q=quoted),
        lambda tx: rows.add(tx, table, {"code": quoted[:30], "name": quoted}),
        lambda tx: rows.add(tx, table, {quoted: "x"}),
        lambda tx: service.describe(tx, "products", description=quoted, template="{{code}} " + quoted),
        lambda tx: service.rename_column(tx, "products", quoted, "other"),
        lambda tx: service.rename_column(tx, "products", "notes", quoted),
        lambda tx: service.add_column(tx, "products", {"name": quoted, "type": "text"}),
        lambda tx: service.create(tx, quoted, PRODUCTS),
    ):
        try:
            async with db.transaction(tenants.a.caller) as tx:
                await attempt(tx)
        except CountersignError as error:
            assert error.status in (404, 409, 422)
    async with db.transaction(tenants.a.caller) as tx:
        assert await tx.value("SELECT count(*) FROM users") >= 1


async def test_columns_are_added_renamed_and_dropped_later(db: Database, tenants: Tenants) -> None:
    async with db.transaction(tenants.a.caller) as tx:
        table = await service.create(tx, "products", PRODUCTS, template="{{name}} ({{code}})")
        await rows.add(tx, table, SCREW)
        table = await service.add_column(
            tx, "products", {"name": "colour", "type": "string(9)", "default": "grey", "nullable": False}
        )
        table = await service.rename_column(tx, "products", "name", "label")
        assert table.embedding_template == "{{label}} ({{code}})"
        assert table.indexes == [["code", "label"]]
        found = (await rows.rows(tx, table))[0]
        assert (found["colour"], found["label"]) == ("grey", "Vis à béton")
        with pytest.raises(NotConfirmed):
            await service.drop_column(tx, "products", "notes", confirm="")
        with pytest.raises(BadDefinition, match="template"):
            await service.drop_column(tx, "products", "label", confirm="label")
        table = await service.drop_column(tx, "products", "notes", confirm="notes")
        assert "notes" not in (await rows.rows(tx, table))[0]
        with pytest.raises(TableExists):
            await service.create(tx, "products", PRODUCTS)
    with pytest.raises(Invalid, match="default"):
        async with db.transaction(tenants.a.caller) as tx:
            await service.add_column(tx, "products", {"name": "must", "type": "integer", "nullable": False})
    for name in ("id", "tenant_id", "deleted_at"):
        with pytest.raises(Invalid):
            async with db.transaction(tenants.a.caller) as tx:
                await service.drop_column(tx, "products", name, confirm=name)


async def test_a_template_names_real_columns_and_shows_a_real_row(db: Database, tenants: Tenants) -> None:
    async with db.transaction(tenants.a.caller) as tx:
        table = await service.create(tx, "products", PRODUCTS)
        await rows.add(tx, table, {**SCREW, "notes": "{{code}}"})
        shown = await service.preview(tx, "products", "{{name}} : {{ price }} € {{notes}}")
        assert shown == "Vis à béton : 1234.50 € {{code}}"
        for template in ("{{nothing}}", "{{tenant_id}}", "no column"):
            with pytest.raises(BadDefinition):
                await service.preview(tx, "products", template)


async def test_rows_are_filtered_sorted_and_paged(db: Database, tenants: Tenants) -> None:
    async with db.transaction(tenants.a.caller) as tx:
        table = await service.create(tx, "products", PRODUCTS)
        for n in range(5):
            await rows.add(tx, table, {"code": f"C-{n}", "name": f"Élément {n}", "price": n * 10 or None})

        async def codes(*filters: Filter, **options: Any) -> list[str]:
            return [row["code"] for row in await rows.rows(tx, table, filters=filters, **options)]

        assert await codes(Filter("price", "ge", "20"), sort="-price") == ["C-4", "C-3", "C-2"]
        assert await codes(Filter("price", "empty")) == ["C-0"]
        assert await codes(Filter("code", "contains", "c-3")) == ["C-3"]
        assert await codes(q="element 1") == ["C-1"]
        assert await codes(q="100%") == []
        assert await codes(limit=2, offset=1, sort="-code") == ["C-3", "C-2"]
        assert await rows.count(tx, table, filters=[Filter("price", "filled")]) == 4


async def test_rows_are_found_by_words_at_once_and_no_more_once_deleted(house: App, tenants: Tenants) -> None:
    from countersign.index import service as index

    caller = tenants.a.caller

    async def found(words: str) -> list[str]:
        searched = await index.search(house, caller, "products", words, None, k=5)
        return [hit.title for hit in searched.hits]

    async with house.db.transaction(caller) as tx:
        table = await service.create(tx, "products", PRODUCTS, template="{{name}} {{code}}")
        one = await rows.add(tx, table, SCREW)
    await read(Run(house, caller, "products"))
    assert await found("béton") == ["Vis à béton"]
    async with house.db.transaction(caller) as tx:
        await rows.update(tx, table, one["id"], {"name": "Cheville nylon"})
    await read(Run(house, caller, "products"))
    assert await found("cheville") == ["Cheville nylon"]
    async with house.db.transaction(caller) as tx:
        await rows.delete(tx, table, one["id"])
    assert await found("cheville") == []


async def test_hydration_follows_declared_keys_with_one_statement_each(db: Database, tenants: Tenants) -> None:
    async with db.transaction(tenants.a.caller) as tx:
        makers = await service.create(tx, "makers", {"columns": [{"name": "name", "type": "string"}]})
        product = {"columns": [*PRODUCTS["columns"], {"name": "maker_id", "type": "integer", "references": "makers"}]}
        products = await service.create(tx, "products", product)
        maker = await rows.add(tx, makers, {"name": "Würth"})
        ids = [
            (await rows.add(tx, products, {"code": f"C{n}", "name": "Vis", "price": "9.90", "maker_id": maker["id"]}))[
                "id"
            ]
            for n in range(5)
        ]
    async with db.transaction(tenants.a.caller, read_only=True) as tx:
        hydrator = await hydrate.hydrator_of(tx, "products")
        assert hydrator.relations == {"maker"}
        before = tx.statements
        found = await hydrator.records(tx, [*ids, 10**9], ["*"], ["maker"], "fr")
        assert tx.statements - before == 3
        assert set(found) == set(ids)
        one = found[ids[0]]
        assert one.relations["maker"][0]["name"] == "Würth"
        assert "9,90" in one.text and "Würth" in one.text
        assert not {"tenant_id", "deleted_at", "created_at"} & set(one.row)
        backward = await hydrate.hydrator_of(tx, "makers")
        made = (await backward.records(tx, [maker["id"]], ["name"], ["products"], "en"))[maker["id"]]
        assert len(made.relations["products"]) == 5
        assert set(await hydrate.hydratable(tx)) == {"ouvrages", "makers", "products"}
    async with db.transaction(tenants.b.caller, read_only=True) as tx:
        with pytest.raises(Invalid, match="ouvrages"):
            await hydrate.hydrator_of(tx, "products")


async def test_counts_are_true_and_a_later_template_brings_every_row_in(house: App, tenants: Tenants) -> None:
    caller = tenants.a.caller

    async def counts() -> tuple[int, int]:
        async with house.db.transaction(caller, read_only=True) as tx:
            table = await service.table(tx, "products")
        return table.row_count, table.indexed_count

    async with house.db.transaction(caller) as tx:
        table = await service.create(tx, "products", PRODUCTS)
        one = await rows.add(tx, table, SCREW)
        await rows.add(tx, table, {"code": "B", "name": "b"})
    assert await counts() == (2, 0)
    async with house.db.transaction(caller) as tx:
        table = await service.describe(tx, "products", description=None, template="{{name}}")
    await read(Run(house, caller, "products"))
    async with house.db.transaction(caller) as tx:
        await tx.run("UPDATE index_entries SET indexed_hash = content_hash")  # as if an embedder had been here
    assert await counts() == (2, 2)
    async with house.db.transaction(caller) as tx:
        await rows.update(tx, table, one["id"], {"name": "other"})
    assert await counts() == (2, 1)
    async with house.db.transaction(caller) as tx:
        await rows.delete(tx, table, one["id"])
    assert await counts() == (1, 1)
    async with house.db.transaction(caller) as tx:
        await service.describe(tx, "products", description=None, template="")
    assert await counts() == (1, 0)


async def test_two_changes_of_one_row_at_once_do_not_overwrite_each_other(db: Database, tenants: Tenants) -> None:
    async with db.transaction(tenants.a.caller) as tx:
        table = await service.create(tx, "products", PRODUCTS)
        one = await rows.add(tx, table, SCREW)

    async def change(stock: int) -> str:
        try:
            async with db.transaction(tenants.a.caller) as tx:
                await rows.update(tx, table, one["id"], {"stock": stock}, seen=rows.etag(one))
                return "done"
        except PreconditionFailed:
            return "refused"

    assert sorted(await asyncio.gather(*map(change, range(4)))) == ["done", "refused", "refused", "refused"]
