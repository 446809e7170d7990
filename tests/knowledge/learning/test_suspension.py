"""A learned answer never outlives a fact that it rests on, whoever changes the fact and however."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from countersign.kernel.access import Caller
from countersign.kernel.app import App
from countersign.knowledge.agents import service as agents
from countersign.knowledge.documents import service as documents
from countersign.knowledge.documents.models import NewDocument
from countersign.knowledge.learning import service
from countersign.knowledge.retrieval.models import Source
from countersign.knowledge.tables import rows
from countersign.knowledge.tables import service as tables
from tests.conftest import Tenants
from tests.knowledge.conftest import work_off
from tests.knowledge.imports.bringing import bring
from tests.knowledge.learning.conftest import Answer, learn, read

ASKED = "Quel est le prix de la cloison CLO-PLA-001 ?"
SAID = "La cloison coûte 45,50 €/m² [1]."
RAIL = "(SELECT id FROM ouvrages WHERE code = 'CLO-FOU-001')"
WALL = "(SELECT id FROM ouvrages WHERE code = 'CLO-PLA-001')"


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("UPDATE ouvrages SET unit_price = unit_price + 1 WHERE code = 'CLO-PLA-001'", "CLO-PLA-001 (unit_price)"),
        ("UPDATE ouvrages SET unit_price = unit_price + 1 WHERE code = 'CLO-FOU-001'", "CLO-FOU-001 (unit_price)"),
        ("UPDATE ouvrages SET unit_price = unit_price + 1", "CLO-PLA-001 (unit_price)"),
        ("UPDATE ouvrages SET name = 'Autre' WHERE code = 'CLO-PLA-001'", "CLO-PLA-001 (name)"),
        ("UPDATE ouvrages SET deleted_at = now() WHERE code = 'CLO-PLA-001'", "CLO-PLA-001 (gone)"),
        ("UPDATE ouvrages SET technical_specs = '{\"dB\": 1}' WHERE code = 'CLO-PLA-001'", "CLO-PLA-001 (technical_specs)"),
        (f"UPDATE ouvrage_components SET quantity = 9 WHERE parent_id = {WALL} AND component_id = {RAIL}", "CLO-PLA-001 (composition)"),
        (f"DELETE FROM ouvrage_components WHERE parent_id = {WALL} AND component_id = {RAIL}", "CLO-PLA-001 (composition)"),
        (
            f"INSERT INTO ouvrage_components (tenant_id, parent_id, component_id, quantity) SELECT 1, {WALL}, id, 1 FROM ouvrages "
            f"WHERE type = 'fourniture' AND id NOT IN (SELECT component_id FROM ouvrage_components WHERE parent_id = {WALL}) LIMIT 1",
            "CLO-PLA-001 (composition)",
        ),
    ],
)  # fmt: skip
async def test_a_fact_that_changes_suspends_in_the_same_transaction(
    house: App, signer: Caller, answer: Answer, owner: Any, statement: str, reason: str
) -> None:
    one = await learn(house, signer, await answer(ASKED, SAID, ouvrages=("CLO-PLA-001",)))
    await owner.execute("BEGIN")
    await owner.execute(statement)
    held = "SELECT status, status_reason, suspended_at IS NOT NULL FROM learned_responses"
    inside = await (await owner.execute(held)).fetchone()
    await owner.execute("ROLLBACK")
    assert inside[0] == "suspended" and reason in inside[1] and inside[2]
    assert await (await owner.execute(held)).fetchone() == ("active", None, False)
    await owner.execute(statement)
    assert (await read(house, signer, one.id)).status == "suspended"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ouvrages SET is_indexed = NOT is_indexed, indexed_at = now(), import_id = 'x'",
        "UPDATE ouvrages SET unit_price = unit_price, name = name",
        "UPDATE ouvrages SET unit_price = unit_price + 1 WHERE code = 'CLO-PLA-002'",
        f"UPDATE ouvrage_components SET quantity = 9 WHERE parent_id <> {WALL}",
    ],
)
async def test_what_it_does_not_rest_on_may_change(
    house: App, signer: Caller, answer: Answer, owner: Any, statement: str
) -> None:
    one = await learn(house, signer, await answer(ASKED, SAID, ouvrages=("CLO-PLA-001",)))
    await owner.execute(statement)
    assert (await read(house, signer, one.id)).status == "active"


async def test_a_suspension_is_told_and_kept_with_both_sides(
    house: App, signer: Caller, answer: Answer, owner: Any
) -> None:
    message = await answer(ASKED, SAID, ouvrages=("CLO-PLA-001",))
    one = await learn(house, signer, message)
    await work_off(house)
    await owner.execute("UPDATE ouvrages SET unit_price = 47, description = 'x' WHERE code = 'CLO-PLA-001'")
    await owner.execute("UPDATE ouvrages SET deleted_at = now() WHERE code = 'CLO-FOU-001'")
    async with house.db.transaction(signer) as tx:
        diff = {(c.label, c.column): c for c in await service.changes(tx, one.id)}
        past = await service.history(tx, one.id)
    assert (diff["CLO-PLA-001", "unit_price"].before, diff["CLO-PLA-001", "unit_price"].after) == ("45.5000", "47.0000")
    gone = diff["CLO-FOU-001", "unit_price"]
    assert gone.gone and gone.before is not None and gone.after is None
    assert [p.to_status for p in past] == ["suspended", "active"]
    await work_off(house)
    told = await (await owner.execute("SELECT data FROM events WHERE name = 'learned.suspended'")).fetchall()
    assert [(d["learned"], d["message"], d["agent"]) for (d,) in told] == [(one.id, str(message), "expert-btp")]
    assert "CLO-PLA-001" in told[0][0]["reason"]
    left = await (
        await owner.execute(
            "SELECT count(*) FROM index_entries WHERE source_table = 'learned_responses' AND deleted_at IS NULL"
        )
    ).fetchone()
    assert left == (0,)


async def test_a_child_that_comes_or_costs_otherwise_counts_where_children_were_shown(
    house: App, signer: Caller, answer: Answer, owner: Any
) -> None:
    async with house.db.transaction(signer) as tx:
        agent = await agents.agent(tx, "expert-btp")
        config = {**(agent.hydration_config or {}), "relations": ["children"]}
        await agents.update(tx, "expert-btp", {"hydration_config": config})
    parent = await (
        await owner.execute("SELECT p.id, p.code, c.id FROM ouvrages p JOIN ouvrages c ON c.parent_id = p.id LIMIT 1")
    ).fetchone()
    for statement in (
        "UPDATE ouvrages SET unit_price = coalesce(unit_price, 0) + 1 WHERE id = %(child)s",
        "INSERT INTO ouvrages (tenant_id, parent_id, code, name, type, unit) VALUES (1, %(parent)s, 'NEU-1', 'x', 'simple', 'u')",
        "UPDATE ouvrages SET parent_id = NULL WHERE id = %(child)s",
    ):
        one = await learn(house, signer, await answer("Que contient-il ?", "Ceci.", ouvrages=(parent[1],)))
        await owner.execute(statement, {"parent": parent[0], "child": parent[2]})
        assert (await read(house, signer, one.id)).status == "suspended", statement


async def test_an_import_suspends_what_it_changes_and_nothing_else(
    house: App, signer: Caller, answer: Answer, tmp_path: Any, owner: Any
) -> None:
    one = await learn(house, signer, await answer(ASKED, SAID, ouvrages=("CLO-PLA-001",)))
    other = await learn(house, signer, await answer("Et l'autre ?", "40 €.", ouvrages=("CLO-PLA-002",)))
    (file := tmp_path / "prix.csv").write_bytes(
        b"code;name;type;unit;unit_price\nCLO-PLA-001;Cloison;compose;m2;48,20\n"
    )
    await bring(house, file, "csv")
    assert (await read(house, signer, one.id)).status == "suspended"
    assert (await read(house, signer, other.id)).status == "active"


async def test_thousands_of_rows_ask_once(house: App, signer: Caller, answer: Answer, owner: Any) -> None:
    """However many rows a statement changes, the comparison is one statement for all of them."""
    for code in ("CLO-PLA-001", "CLO-PLA-002", "CLO-FOU-001"):
        await learn(house, signer, await answer(f"Prix de {code} ?", "x", ouvrages=(code,)))
    await owner.execute("SET track_functions = 'pl'")
    await owner.execute("UPDATE ouvrages SET unit_price = unit_price + 1")
    async with house.db.transaction(signer) as tx:
        states = await tx.all(dict, "SELECT status, count(*) AS times FROM learned_responses GROUP BY status")
        jobs = await tx.all(dict, "SELECT args FROM jobs WHERE name = 'learning.suspended'")
    assert states == [{"status": "suspended", "times": 3}] and len(jobs) == 1 and len(jobs[0]["args"]["learned"]) == 3


async def test_a_passage_that_leaves_suspends_and_one_that_comes_again_does_not(
    house: App, signer: Caller, answer: Answer, owner: Any
) -> None:
    new = NewDocument("aide", "Notice", "notice.md", "# Pose\n\nPoser le rail à 60 cm.\n")
    async with house.db.transaction(signer) as tx:
        first = await documents.add(tx, new)
    chunk = await (
        await owner.execute("SELECT id, content FROM document_chunks WHERE document_id = %s", (first,))
    ).fetchone()
    source = Source(1, "x", "document", "Notice", chunk[1], table="document_chunks", row_id=chunk[0])
    one = await learn(house, signer, await answer("Entraxe ?", "60 cm [1].", sources=(source,)))
    async with house.db.transaction(signer) as tx:
        second = await documents.add(tx, replace(new, content=new.content + "\n# Ailleurs\n\nAutre chapitre.\n"))
        await documents.retire(tx, [first])
        assert (await service.learned(tx, one.id)).status == "active"
        third = await documents.add(tx, replace(new, content="# Pose\n\nPoser le rail à 40 cm.\n"))
        assert third
        await documents.retire(tx, [second])
        assert (await service.learned(tx, one.id)).status == "suspended"


async def test_rows_and_columns_of_a_users_table_count(
    house: App, tenants: Tenants, signer: Caller, answer: Answer, owner: Any
) -> None:
    definition = {
        "columns": [
            {"name": "code", "type": "string"},
            {"name": "price", "type": "decimal", "precision": 10, "scale": 2},
        ]
    }
    async with house.db.transaction(signer) as tx:
        table = await tables.create(tx, "products", definition)
        made = [await rows.add(tx, table, {"code": code, "price": "12.50"}) for code in ("A", "B", "C", "D")]
    learned = []
    for row in made:
        source = Source(
            1,
            f"r{row['id']}",
            "products",
            row["code"],
            "",
            table=table.table_name,
            row_id=row["id"],
            row={"id": row["id"], "price": "12.50"},
        )
        learned.append(
            await learn(house, signer, await answer(f"Prix de {row['code']} ?", "12,50 € [1].", sources=(source,)))
        )

    async def states() -> list[str]:
        return [(await read(house, signer, one.id)).status[0] for one in learned]

    async with house.db.transaction(signer) as tx:
        await rows.update(tx, table, made[0]["id"], {"code": "AA"})
    assert await states() == list("aaaa")  # the code was not shown
    async with house.db.transaction(signer) as tx:
        await rows.update(tx, table, made[0]["id"], {"price": "13"})
    await owner.execute(f"UPDATE dynamic.{table.table_name} SET price = 14 WHERE code = 'B'")
    async with house.db.transaction(signer) as tx:
        await rows.delete(tx, table, made[2]["id"])
    assert await states() == list("sssa")
    async with house.db.transaction(signer) as tx:
        await tables.drop_column(tx, "products", "price", confirm="price")
    assert await states() == list("ssss")


async def test_a_table_that_is_dropped_takes_what_was_learned_out_of_use(
    house: App, signer: Caller, answer: Answer
) -> None:
    async with house.db.transaction(signer) as tx:
        table = await tables.create(tx, "products", {"columns": [{"name": "price", "type": "integer"}]})
        row = await rows.add(tx, table, {"price": 12})
    source = Source(1, "r", "products", "x", "", table=table.table_name, row_id=row["id"])
    one = await learn(house, signer, await answer("Prix ?", "12 € [1].", sources=(source,)))
    async with house.db.transaction(signer) as tx:
        await tables.drop(tx, "products", confirm="products")
    assert (await read(house, signer, one.id)).status == "suspended"


async def test_the_same_row_number_of_another_organisation_does_not_matter(
    house: App, tenants: Tenants, signer: Caller, answer: Answer, owner: Any
) -> None:
    one = await learn(house, signer, await answer(ASKED, SAID, ouvrages=("CLO-PLA-001",)))
    async with house.db.transaction(tenants.b.caller) as tx:
        made = await tx.value(
            "INSERT INTO ouvrages (code, name, type, unit, unit_price) VALUES ('CLO-PLA-001', 'x', 'simple', 'u', 1) RETURNING id"
        )
        await tx.run("UPDATE ouvrages SET unit_price = 2 WHERE id = %(id)s", id=made)
        await tx.run("UPDATE ouvrages SET unit_price = 3")
    assert (await read(house, signer, one.id)).status == "active"
