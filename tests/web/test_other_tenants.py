"""Another organisation's records of every kind: a walk through every route of the site shows none and changes none."""

from __future__ import annotations

import io
import re
from decimal import Decimal
from typing import Any

from fastapi.routing import APIRoute

from countersign import main
from countersign.kernel.access import system
from countersign.kernel.app import App
from countersign.knowledge.agents import service as agents
from countersign.knowledge.demo import SUPPORT
from countersign.knowledge.documents import service as documents
from countersign.knowledge.documents import uploads
from countersign.knowledge.imports import files
from countersign.knowledge.imports import service as imports
from countersign.knowledge.ouvrages import service as ouvrages
from countersign.knowledge.ouvrages import write
from countersign.knowledge.tables import rows
from countersign.knowledge.tables import service as tables
from tests.conftest import Tenants
from tests.knowledge.conftest import work_off
from tests.web.conftest import CSRF, Visit

SECRET = "zyxsecret"
SENT = {
    "json": {"title": "x", "name": "x", "code": "x", "content": "x", "schema_definition": {"columns": []}},
    "form": {"csrf": CSRF, "action": "delete", "confirm": SECRET, "v-code": "x", "etag": "x", "name": "x", "text": "x"},
}


async def test_no_route_shows_or_changes_what_another_organisation_owns(
    house: App, tenants: Tenants, visit: Visit
) -> None:
    mine, other = tenants
    async with house.db.transaction(mine.caller) as tx:
        await agents.add(tx, SUPPORT)
        sent = await uploads.take(tx, SUPPORT["qdrant_collection"], f"{SECRET}.md", io.BytesIO(SECRET.encode()))
        schema = {"columns": [{"name": "code", "type": "string"}]}
        table = await tables.create(tx, SECRET, schema, template="{{code}}")
        row = await rows.add(tx, table, {"code": SECRET})
        ouvrage = await write.create(tx, {"code": SECRET, "name": SECRET, "unit": "U", "unit_price": Decimal("12.5")})
    prices = io.BytesIO(f"code;name;unit;unit_price\n{SECRET}-1;{SECRET};U;1,5\n".encode())
    file = await files.keep(house, mine.caller, f"{SECRET}.csv", prices)
    found = await files.first_rows(house, mine.caller, file)
    async with house.db.transaction(mine.caller) as tx:
        plan = await imports.proposed(tx, found)
        await imports.save_mapping(tx, SECRET, plan, file.names)
        brought = await imports.begin(tx, file, plan)
    async with house.db.transaction(system(other.id)) as tx:
        await agents.add(tx, SUPPORT)  # it searches a collection of the same name
    await work_off(house)
    async with house.db.transaction(mine.caller) as tx:
        passage = await tx.value("SELECT id FROM document_chunks")
        before = await state(tx)
    values = {"name": SECRET, "column": "code", "slug": SUPPORT["slug"], "collection": SUPPORT["qdrant_collection"]}
    values |= {"ouvrage_id": str(ouvrage.id), "import_id": str(brought)}

    def filled(path: str) -> str:
        """The address of what is not theirs, whatever kind it is."""
        of_kind = {"uuid": str(file.uuid if "/imports" in path else sent.uuid)}
        of_kind["number"] = str(ouvrage.id if "/ouvrages" in path else row["id"])
        return re.sub(r"\{(\w+)(:\w+)?\}", lambda m: (values | of_kind).get(m[1], str(row["id"])), path)

    seen: list[str] = []
    walked = 0
    async with visit(other.caller) as client:
        searched = await client.get(f"/api/v1/agents/{SUPPORT['slug']}/search", params={"q": SECRET})
        assert searched.status_code == 200 and searched.json()["items"] == []
        for router in main.ROUTES:
            for route in router.routes:
                assert isinstance(route, APIRoute)
                if "/events" in route.path or route.path.startswith(("/sign-", "/healthz", "/readyz", "/metrics")):
                    continue
                path = filled(route.path)
                for method in route.methods:
                    query = {"passage": str(passage), "confirm": SECRET, "q": SECRET}
                    body: dict[str, Any] = {}
                    if method in ("POST", "PUT", "PATCH"):
                        body = {"json": SENT["json"]} if path.startswith(("/api", "/v1")) else {"data": SENT["form"]}
                    answer = await client.request(method, path, params=query, **body)
                    walked += 1
                    # What was sent may come back in an error or a link; that it exists may not.
                    shown = answer.text.replace(path, "")
                    echo = re.sub(
                        rf"/[\w/]*{SECRET}[\w/]*|[?&;](confirm|q)={SECRET}|«.{SECRET}.»|value=\"{SECRET}\"", "", shown
                    )
                    if SECRET in echo:
                        seen.append(f"{method} {route.path}: {answer.status_code}")
    assert seen == []
    assert walked > 150
    async with house.db.transaction(mine.caller) as tx:
        assert await state(tx) == before
    async with house.db.transaction(system(other.id)) as tx:
        assert await documents.count(tx) == 0
        assert await ouvrages.count(tx) == 0
        assert [t for t in await tables.tables(tx) if t.name == SECRET] == []


async def state(tx: Any) -> list[Any]:
    """All there is of it, as its owner sees it."""
    statements = (
        "SELECT to_jsonb(d) FROM document_lines d",
        "SELECT to_jsonb(c) FROM document_chunks c",
        "SELECT to_jsonb(t) FROM dynamic_tables t",
        "SELECT to_jsonb(e) - 'embedder' FROM index_entries e ORDER BY collection, source_id, kind",
        "SELECT to_jsonb(o) FROM ouvrages o ORDER BY id",
        "SELECT to_jsonb(h) FROM ouvrage_history h ORDER BY id",
        "SELECT to_jsonb(l) FROM import_logs l",
        "SELECT to_jsonb(f) FROM import_files f",
        "SELECT to_jsonb(m) FROM import_mappings m",
        f"SELECT to_jsonb(r) FROM dynamic.{SECRET}_t1 r",
    )
    return [await tx.all(dict, statement) for statement in statements]
