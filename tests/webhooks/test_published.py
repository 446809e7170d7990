"""Each event of the registry is published by something that people do, in the transaction of what they did."""

from __future__ import annotations

import io
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest

from countersign.kernel.access import Caller
from countersign.kernel.app import App
from countersign.kernel.database import Row
from countersign.knowledge.agents import service as agents
from countersign.knowledge.demo import SUPPORT
from countersign.knowledge.documents import service as documents
from countersign.knowledge.documents import uploads
from countersign.knowledge.imports.bring import NotBrought
from countersign.knowledge.ouvrages import write
from countersign.knowledge.tables import rows
from countersign.knowledge.tables import service as tables
from countersign.webhooks.registry import KNOWN
from tests.conftest import Tenants
from tests.knowledge.conftest import work_off
from tests.knowledge.imports.bringing import bring
from tests.webhooks.conftest import Listening

# An answer needs an agent that is asked: tests of the chat, of the review and of the learning have these.
ELSEWHERE = {
    "message.created",
    "message.validated",
    "message.rejected",
    "message.learned",
    "learned.suspended",
}
# The reason of a failed file is told by a job that the database stores with the failure.
BY_A_JOB = {"document.failed"}
SUBJECTS = {"product": "products", "order": "commandes", "row": "chantiers"}

Told = Callable[[str], Awaitable[None]]


async def ouvrage(house: App, me: Caller, told: Told) -> None:
    async with house.db.transaction(me) as tx:
        one = await write.create(tx, {"code": "A-1", "name": "Mur", "unit": "U", "unit_price": Decimal("12.50")})
    await told("ouvrages")
    async with house.db.transaction(me) as tx:
        await write.update(tx, one.id, {"unit_price": Decimal("13")})
    await told("ouvrages")
    async with house.db.transaction(me) as tx:
        await write.delete(tx, one.id)
    await told("ouvrages")


async def table_of_ones_own(house: App, me: Caller, told: Told) -> None:
    for name in SUBJECTS.values():
        async with house.db.transaction(me) as tx:
            table = await tables.create(tx, name, {"columns": [{"name": "code", "type": "string"}]})
            row = await rows.add(tx, table, {"code": "a"})
        where = f"dynamic.{name}_t{me.tenant_id}"
        await told(where)
        async with house.db.transaction(me) as tx:
            await rows.update(tx, table, row["id"], {"code": "b"})
        await told(where)
        async with house.db.transaction(me) as tx:
            await rows.delete(tx, table, row["id"])
        await told(where)


async def document(house: App, me: Caller, told: Told) -> None:
    async with house.db.transaction(me) as tx:
        await agents.add(tx, SUPPORT)
    collection = SUPPORT["qdrant_collection"]
    for name, content in (
        ("note.md", b"# Pose\n\nPoser deux rails."),
        ("note.md", b"# Pose\n\nPoser trois rails."),
        ("note.pdf", b"%PDF-nothing"),
    ):
        async with house.db.transaction(me) as tx:
            await uploads.take(tx, collection, name, io.BytesIO(content))
        await work_off(house)
        if name.endswith(".md"):
            await told("documents")
    async with house.db.transaction(me) as tx:
        (readable,) = await documents.search(tx, status="ready")
        await documents.delete(tx, readable.uuid)
    await told("documents")


async def file_of_prices(house: App, me: Caller, told: Told, folder: Path) -> None:
    file = folder / "prices.csv"
    file.write_text("code;name;unit;unit_price\nB-1;Mur;U;1,50\n")
    await bring(house, file, caller=me)
    await told("import_logs")
    cut = folder / "cut.json"
    cut.write_text("[" + '{"code": "B-2", "name": "Mur", "unit": "U"},\n' * 20_000)
    with pytest.raises(NotBrought):
        await bring(house, cut, "json", caller=me)
    await told("import_logs")


async def test_every_event_is_told_of_something_that_was_done(
    house: App, tenants: Tenants, listening: Listening, owner: psycopg.AsyncConnection[Any], tmp_path: Path
) -> None:
    me, apart = tenants.a.caller, list[str]()
    seen = 0

    async def told(table: str) -> None:
        """The news since the last time bear the transaction of the row that they are about, or its very time."""
        nonlocal seen
        statement = (
            "SELECT e.id, e.name, e.xmin::text = r.xmin::text OR EXISTS (SELECT 1 FROM jsonb_each(to_jsonb(r)) AS of_row "
            "WHERE of_row.value = to_jsonb(e.created_at)) FROM events e "
            f"LEFT JOIN {table} r ON r.id = (e.data->>'id')::bigint WHERE e.id > %s ORDER BY e.id"
        )
        found = await owner.execute(statement.encode(), (seen,))
        news = await found.fetchall()
        assert news
        seen = news[-1][0]
        apart.extend(name for _, name, together in news if not together and name not in BY_A_JOB)

    await ouvrage(house, me, told)
    await table_of_ones_own(house, me, told)
    await document(house, me, told)
    await file_of_prices(house, me, told, tmp_path)
    assert apart == []
    heard = {news["type"] for news in await listening.hear()}
    async with house.db.transaction(me, read_only=True) as tx:
        sent = {row["event"] for row in await tx.all(Row, "SELECT event FROM webhook_logs WHERE status = 'success'")}
    assert heard | sent == {event.name for event in KNOWN if event.shape} - ELSEWHERE


async def test_what_is_undone_is_told_to_nobody(house: App, tenants: Tenants, listening: Listening) -> None:
    with pytest.raises(ZeroDivisionError):
        async with house.db.transaction(tenants.a.caller) as tx:
            await write.create(tx, {"code": "A-1", "name": "Mur", "unit": "U"})
            raise ZeroDivisionError
    assert await listening.hear() == []
