"""A file goes into a table of users as it goes into ouvrages: by its key, typed, and a bad row never stops the others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import psycopg
import pytest

from countersign.kernel.access import system
from countersign.kernel.app import App
from countersign.knowledge.imports.models import BadMapping, NotUndoable
from countersign.knowledge.imports.service import undo
from countersign.knowledge.tables import rows as table_rows
from countersign.knowledge.tables import service as tables
from countersign.knowledge.tables.models import NoSuchTable, Table
from tests.conftest import Tenants
from tests.knowledge.imports.bringing import bring, counts, undone

SUPPLIERS = {"columns": [{"name": "name", "type": "string(50)", "nullable": False}]}
NAMES = {"key": [], "columns": {"name": {"from": "nom"}}}
PRODUCTS = {
    "columns": [
        {"name": "ref", "type": "string(20)", "nullable": False, "unique": True},
        {"name": "label", "type": "text"},
        {"name": "price", "type": "decimal(10,2)"},
        {"name": "stock", "type": "integer", "nullable": False, "default": 0},
        {"name": "since", "type": "date"},
        {"name": "active", "type": "boolean"},
        {"name": "barcode", "type": "string(13)", "unique": True},
        {"name": "extra", "type": "json"},
        {"name": "supplier_id", "type": "integer", "references": "suppliers"},
    ]
}
FILE = """ref;label;price;stock;since;active;barcode;extra;supplier_id
A1;Vis à bois;1 234,50;12;31/01/2026;oui;300;{"pas": 1.5};1
A2;=cmd|' /C calc';0,05;;1er mars 2026;non;;;
A1;Encore;1;1;;;;;
A3;Trop précis;1,234;1;;;;;
A4;Sans fournisseur;1;1;;;;;99
A5;Même code-barres;1;1;;;300;;
A6;Pas une date;1;1;31/02/2026;;;;
;Sans référence;1;1;;;;;
"""


async def made(house: App, template: str | None = None) -> Table:
    """Two tables, one row in the first."""
    async with house.db.transaction(system()) as tx:
        suppliers = await tables.create(tx, "suppliers", SUPPLIERS)
        await table_rows.add(tx, suppliers, {"name": "Scierie"})
        return await tables.create(tx, "products", PRODUCTS, template=template)


async def stored(house: App) -> list[dict[str, Any]]:
    async with house.db.transaction(system(), read_only=True) as tx:
        return await table_rows.rows(tx, await tables.table(tx, "products"), sort="ref")


def write(tmp_path: Path, text: str = FILE) -> Path:
    (tmp_path / "products.csv").write_text(text)
    return tmp_path / "products.csv"


async def test_rows_are_typed_and_each_refusal_is_explained(
    house: App, owner: psycopg.AsyncConnection[Any], tmp_path: Path
) -> None:
    await made(house)
    assert counts(await bring(house, write(tmp_path), table="products")) == (8, 2, 0, 0, 6)
    first, second = await stored(house)
    assert (str(first["price"]), first["stock"], str(first["since"]), first["active"], first["extra"]) == (
        "1234.50",
        12,
        "2026-01-31",
        True,
        {"pas": 1.5},
    )
    assert (second["label"], second["stock"], second["active"]) == ("=cmd|' /C calc'", 0, False)
    errors = await (await owner.execute("SELECT row_number, error FROM import_errors ORDER BY 1")).fetchall()
    assert errors == [
        (3, "ref: the same stands in row 1 already"),
        (4, "price: has more than 2 decimals"),
        (5, "supplier_id: there is no row 99 in suppliers"),
        (6, "barcode: the same stands in row 1 already"),
        (7, "since: « 31/02/2026 » is not a date, such as 31/01/2026"),
        (8, "ref: is missing"),
    ]
    assert counts(await bring(house, tmp_path / "products.csv", table="products")) == (8, 0, 0, 2, 6)


async def test_a_changed_file_updates_what_changed_and_no_other_column(house: App, tmp_path: Path) -> None:
    await made(house, template="{{label}}")
    await bring(house, write(tmp_path), table="products")
    file = write(tmp_path, "ref;stock\nA1;13\nA2;0\nA9;1\n")
    told = await bring(house, file, table="products", dry_run=True)
    assert counts(told) == (3, 1, 1, 1, 0)
    assert counts(await bring(house, file, table="products")) == (3, 1, 1, 1, 0)
    found = await stored(house)
    assert [(row["ref"], row["label"], row["stock"]) for row in found] == [
        ("A1", "Vis à bois", 13), ("A2", "=cmd|' /C calc'", 0), ("A9", None, 1),
    ]  # fmt: skip
    async with house.db.transaction(system(), read_only=True) as tx:
        marked = await tx.all(dict, "SELECT source_id FROM index_entries WHERE kind = 'products' AND is_stale")
        waiting = await tx.all(dict, "SELECT id FROM jobs WHERE name = 'index.run' AND status = 'queued'")
    assert marked or waiting


@pytest.mark.parametrize(("conflict", "expected"), [("skip", (2, 1, 0, 0, 0)), ("error", (2, 1, 0, 0, 1))])
async def test_rows_that_are_there_may_be_left_or_refused(
    house: App, tmp_path: Path, conflict: str, expected: tuple[int, ...]
) -> None:
    await made(house)
    await bring(house, write(tmp_path), table="products")
    columns = {"ref": {"from": "ref"}, "stock": {"from": "stock"}}
    mapping = {"key": ["ref"], "on_conflict": conflict, "columns": columns}
    done = await bring(house, write(tmp_path, "ref;stock\nA1;99\nA7;1\n"), mapping=mapping, table="products")
    assert counts(done) == expected
    assert (await stored(house))[0]["stock"] == 12


async def test_without_a_key_every_row_is_new(house: App, tmp_path: Path) -> None:
    await made(house)
    mapping = {"key": [], "columns": {"name": {"from": "nom"}}}
    for _ in range(2):
        done = await bring(house, write(tmp_path, "nom\nScierie\nScierie\n"), mapping=mapping, table="suppliers")
        assert counts(done) == (2, 2, 0, 0, 0)


async def test_what_the_table_has_not_is_refused(house: App, tenants: Tenants, tmp_path: Path) -> None:
    await made(house)
    file = write(tmp_path)
    for name in ("id", "tenant_id", "deleted_at", 'ref" = 1; --'):
        with pytest.raises(BadMapping):
            await bring(house, file, mapping={"key": [], "columns": {name: {"from": "ref"}}}, table="products")
    for name in ("nothing", "users", "products; DROP TABLE users"):
        with pytest.raises(NoSuchTable):
            await bring(house, file, table=name)
    with pytest.raises(NoSuchTable):
        await bring(house, file, table="products", caller=tenants.b.caller)


async def test_json_keeps_its_types(house: App, tmp_path: Path) -> None:
    await made(house)
    entries = [{"ref": "J", "price": 12.5, "stock": 3, "active": True, "extra": {"a": [1, 2.5]}, "since": "2026-01-31"}]
    (tmp_path / "a.json").write_text(json.dumps(entries))
    assert counts(await bring(house, tmp_path / "a.json", "json", table="products")) == (1, 1, 0, 0, 0)
    row = (await stored(house))[0]
    assert (str(row["price"]), row["active"], row["extra"]) == ("12.50", True, {"a": [1, 2.5]})


async def test_an_import_is_taken_back_whole(house: App, tmp_path: Path, owner: psycopg.AsyncConnection[Any]) -> None:
    made_of = await made(house, template="{{label}}")
    await bring(house, write(tmp_path), table="products")
    before = [{**row, "updated_at": None} for row in await stored(house)]
    text = "ref;label;price;stock;since\nA1;Vis;9,99;13;\nA2;;1;1;01/02/2026\nA9;Neuf;1;1;\n"
    second = await bring(house, write(tmp_path, text), table="products")
    assert counts(second) == (3, 1, 2, 0, 0) and second.undoable
    taken = await undone(house, second.id)
    assert (taken.status, taken.rows_done, taken.rows_expected, taken.phase) == ("undone", 3, 3, None)
    assert [{**row, "updated_at": None} for row in await stored(house)] == before
    lost = "SELECT count(*) FROM index_entries WHERE kind = 'products' AND source_id = 3 AND deleted_at IS NULL"
    assert await (await owner.execute(lost)).fetchone() == (0,)
    async with house.db.transaction(system(), read_only=True) as tx:
        assert (await tables.table(tx, made_of.name)).row_count == 2
    assert counts(await bring(house, tmp_path / "products.csv", table="products")) == (3, 1, 2, 0, 0)


async def test_a_later_import_that_was_undone_does_not_hold_an_earlier_one(house: App, tmp_path: Path) -> None:
    await made(house)
    first = await bring(house, write(tmp_path), table="products")
    second = await bring(house, write(tmp_path, "ref;stock\nA1;99\nA7;1\n"), table="products")
    assert (await undone(house, first.id)).report["kept"] == 1  # pyright: ignore[reportOptionalSubscript]
    assert (await undone(house, second.id)).status == "undone"
    assert (await undone(house, first.id)).status == "undone"
    assert await stored(house) == []


@pytest.mark.parametrize("verb", ["edit", "delete", "refer"])
async def test_rows_that_were_edited_deleted_or_put_to_use_since_are_kept(
    house: App, tmp_path: Path, verb: str
) -> None:
    await made(house)
    done = await bring(house, write(tmp_path, "nom\nScierie\nForge\n"), table="suppliers", mapping=NAMES)
    async with house.db.transaction(system()) as tx:
        suppliers, products = await tables.table(tx, "suppliers"), await tables.table(tx, "products")
        if verb == "edit":
            await table_rows.update(tx, suppliers, 2, {"name": "Scierie du Nord"})
        elif verb == "delete":
            await table_rows.delete(tx, suppliers, 3)
        else:
            await table_rows.add(tx, products, {"ref": "A1", "supplier_id": 3})
    kept = await undone(house, done.id)
    assert kept.status == "completed" and kept.report is not None and kept.report["kept"] == 1
    async with house.db.transaction(system()) as tx:
        if verb == "edit":  # as it was: nothing holds the import any more
            await table_rows.update(tx, suppliers, 2, {"name": "Scierie"})
    assert (await undone(house, done.id)).status == ("undone" if verb == "edit" else "completed")


async def test_a_column_that_came_since_does_not_hold_an_import(house: App, tmp_path: Path) -> None:
    await made(house)
    done = await bring(house, write(tmp_path, "nom\nForge\n"), table="suppliers", mapping=NAMES)
    async with house.db.transaction(system()) as tx:
        await tables.add_column(tx, "suppliers", {"name": "city", "type": "text"})
    assert (await undone(house, done.id)).status == "undone"


async def test_rows_of_another_table_of_the_same_name_are_not_taken_back(house: App, tmp_path: Path) -> None:
    async with house.db.transaction(system()) as tx:
        await tables.create(tx, "suppliers", SUPPLIERS)
    done = await bring(house, write(tmp_path, "nom\nForge\n"), table="suppliers", mapping=NAMES)
    async with house.db.transaction(system()) as tx:
        await tables.drop(tx, "suppliers", confirm="suppliers")
    async with house.db.transaction(system()) as tx:
        with pytest.raises(NoSuchTable):
            await undo(tx, done.id)
    async with house.db.transaction(system()) as tx:
        await table_rows.add(tx, await tables.create(tx, "suppliers", SUPPLIERS), {"name": "Forge"})
        with pytest.raises(NotUndoable, match="not known any more"):
            await undo(tx, done.id)
