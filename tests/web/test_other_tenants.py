"""Another organisation's documents and tables: a walk through every route of the site shows none and changes none."""

from __future__ import annotations

import io
import re
from typing import Any

from fastapi.routing import APIRoute

from countersign import main
from countersign.kernel.access import system
from countersign.kernel.app import App
from countersign.knowledge.agents import service as agents
from countersign.knowledge.demo import SUPPORT
from countersign.knowledge.documents import service as documents
from countersign.knowledge.documents import uploads
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
    await work_off(house)
    async with house.db.transaction(mine.caller) as tx:
        passage = await tx.value("SELECT id FROM document_chunks")
        before = await state(tx)
    values = {"uuid": str(sent.uuid), "name": SECRET, "number": str(row["id"]), "column": "code", "slug": "support"}
    values["collection"] = SUPPORT["qdrant_collection"]
    seen: list[str] = []
    walked = 0
    async with visit(other.caller) as client:
        for router in main.ROUTES:
            for route in router.routes:
                assert isinstance(route, APIRoute)
                if "/events" in route.path or route.path.startswith(("/sign-", "/healthz", "/readyz", "/metrics")):
                    continue
                path = re.sub(r"\{(\w+)(:\w+)?\}", lambda m: values.get(m[1], str(row["id"])), route.path)
                for method in route.methods:
                    query = {"passage": str(passage), "confirm": SECRET, "q": SECRET[:3]}
                    body: dict[str, Any] = {}
                    if method in ("POST", "PUT", "PATCH"):
                        body = {"json": SENT["json"]} if path.startswith(("/api", "/v1")) else {"data": SENT["form"]}
                    answer = await client.request(method, path, params=query, **body)
                    walked += 1
                    # What was sent may come back in an error or a link; that it exists may not.
                    shown = answer.text.replace(path, "")
                    echo = re.sub(rf"/[\w/]*{SECRET}[\w/]*|[?&;]confirm={SECRET}|value=\"{SECRET}\"", "", shown)
                    if SECRET in echo:
                        seen.append(f"{method} {route.path}: {answer.status_code}")
    assert seen == []
    assert walked > 100
    async with house.db.transaction(mine.caller) as tx:
        assert await state(tx) == before
    async with house.db.transaction(system(other.id)) as tx:
        assert await documents.count(tx) == 0
        assert [t for t in await tables.tables(tx) if t.name == SECRET] == []


async def state(tx: Any) -> list[Any]:
    """All there is of it, as its owner sees it."""
    statements = (
        "SELECT to_jsonb(d) FROM document_lines d",
        "SELECT to_jsonb(c) FROM document_chunks c",
        "SELECT to_jsonb(t) FROM dynamic_tables t",
        "SELECT to_jsonb(e) - 'embedder' FROM index_entries e WHERE kind <> 'ouvrage'",
        f"SELECT to_jsonb(r) FROM dynamic.{SECRET}_t1 r",
    )
    return [await tx.all(dict, statement) for statement in statements]
