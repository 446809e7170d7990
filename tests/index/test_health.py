"""How the index is, told on the page, by the API and by the command: nothing fails unseen."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from countersign import main
from countersign.accounts import service as accounts
from countersign.index import service
from countersign.index.jobs import REINDEX, RUN
from countersign.kernel import jobs
from countersign.kernel.access import TenantId, system
from countersign.kernel.app import App
from tests.index.conftest import Shop


@pytest.fixture(params=["pgvector"])
def backend(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
async def client(shop: Shop) -> AsyncIterator[httpx.AsyncClient]:
    """An administrator of tenant *a*."""
    async for opened in _client(shop.app, shop.a.id):
        yield opened


async def _client(app: App, tenant: TenantId) -> AsyncIterator[httpx.AsyncClient]:
    site = main.create(app.settings)
    site.state.app = app
    async with app.db.transaction(system(tenant)) as tx:
        person = await accounts.create_user(tx, f"admin@t{tenant}.example", "Admin", "long enough", ["admin"])
        token = await accounts.create_token(tx, person, "t")
    headers = {"Authorization": f"Bearer {token.plain}", "Accept-Language": "en"}
    transport = httpx.ASGITransport(app=site, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://site.test", headers=headers) as opened:
        yield opened


async def items(client: httpx.AsyncClient, path: str) -> list[dict[str, Any]]:
    answer = await client.get(f"/api/v1{path}", headers={"Accept": "application/json"})
    assert answer.status_code == 200, answer.text
    return answer.json()["items"]


async def do(shop: Shop, name: str = RUN) -> None:
    """The next job of this name, as a worker does it."""
    row = await (
        await shop.owner.execute(
            "SELECT id FROM jobs WHERE name = %s AND status = 'queued' ORDER BY run_at, id LIMIT 1", (name,)
        )
    ).fetchone()
    assert row is not None
    await shop.owner.execute("UPDATE jobs SET run_at = now() WHERE id = %s", row)
    assert await jobs.work(shop.app, row[0])


async def test_a_failed_entry_is_shown_with_its_reason_and_tried_again(shop: Shop, client: httpx.AsyncClient) -> None:
    things = await shop.add("Cloison", "POISON")
    await do(shop)
    [one] = await items(client, "/index")
    assert (one["collection"], one["entries"], one["points"], one["stale"]) == ("things", 2, 1, 1)
    assert (one["errors"], one["failed"], one["generation"], one["backend"]) == (1, 0, 1, "pgvector")
    [failure] = await items(client, "/index/errors?collection=things")
    assert (failure["title"], failure["source_id"], failure["attempts"]) == ("POISON", things[1], 1)
    assert failure["error"] == "ValueError: this text cannot be embedded"
    assert failure["retry_at"] is not None
    page = (await client.get("/records/index")).text
    assert "this text cannot be embedded" in page and f'href="/things/{things[1]}"' in page
    async with shop.app.db.transaction(shop.a.caller) as tx:  # the reason is mended elsewhere, and nobody marks it
        await tx.run("UPDATE things SET name = 'Potion' WHERE id = %(id)s", id=things[1])
        await tx.run("UPDATE index_entries SET is_stale = true, attempts = 8")
    assert (await items(client, "/index"))[0]["failed"] == 2
    answer = await client.post("/api/v1/index/things/retry")
    assert (answer.status_code, answer.json()) == (202, {"entries": 1})
    await shop.owner.execute("UPDATE index_entries SET attempts = 0 WHERE error IS NULL")
    await do(shop)
    assert await items(client, "/index/errors") == []
    [one] = await items(client, "/index")
    assert (one["points"], one["stale"], one["errors"], one["work"]["status"]) == (2, 0, 0, "done")
    assert await shop.count("audit_logs", "action = 'retry' AND auditable_type = 'index'") == 1


async def test_an_embedder_that_is_down_is_said_and_how_it_goes_on(shop: Shop, client: httpx.AsyncClient) -> None:
    shop.embedder.down = True
    await shop.add("Cloison")
    await do(shop)
    work = (await items(client, "/index"))[0]["work"]
    assert (work["status"], work["error"], work["rebuilds"]) == ("queued", "The embedder sleeps.", False)
    page = (await client.get("/records/index")).text
    assert "The embedder sleeps." in page and "It is tried again by itself." in page
    shop.embedder.down = False
    await do(shop)
    assert "up to date" in (await client.get("/records/index")).text


async def test_progress_is_shown_while_it_is_embedded(shop: Shop, client: httpx.AsyncClient) -> None:
    await shop.add(*(f"Cloison {n}" for n in range(70)))
    pages: list[str] = []
    passages = shop.embedder.passages

    async def watched(texts: Any, *, caller: Any = None) -> Any:
        async with asyncio.timeout(60):
            while True:  # the first batch is stored while the second is embedded
                page = (await client.get("/records/index", headers={"HX-Request": "true"})).text
                if not pages or 'value="64"' in page:
                    break
        pages.append(page)
        return await passages(texts, caller=caller)

    shop.embedder.passages = watched  # type: ignore[method-assign]
    await do(shop)
    assert '<progress max="70" value="64"' in pages[1] and "being embedded" in pages[1]
    assert 'hx-trigger="every 2s"' in pages[1] and "<html" not in pages[1]
    assert "<progress" not in (await client.get("/records/index")).text


async def test_a_collection_is_rebuilt_from_the_page(shop: Shop, client: httpx.AsyncClient) -> None:
    await shop.add("Cloison")
    await do(shop)
    answer = await client.post("/records/index/things/reindex")
    assert (answer.status_code, answer.headers["location"]) == (303, "/records/index")
    await do(shop, REINDEX)
    [one] = await items(client, "/index")
    assert (one["generation"], one["work"]["rebuilds"], one["work"]["status"]) == (2, True, "done")
    assert (await client.post("/api/v1/index/things/reindex")).json().keys() == {"job"}
    assert await shop.count("audit_logs", "action = 'reindex' AND auditable_type = 'index'") == 2


async def test_what_is_not_there_is_not_found(shop: Shop, client: httpx.AsyncClient) -> None:
    await shop.add("Secret", tenant=shop.b, collection="theirs")
    for path in ("/api/v1/index/theirs/retry", "/api/v1/index/nothing/reindex", "/records/index/theirs/reindex"):
        assert (await client.post(path)).status_code == 404
    async with shop.app.db.transaction(system()) as tx:
        assert await service.stats(tx, shop.app) == []


async def test_another_tenants_failures_are_not_seen(shop: Shop, client: httpx.AsyncClient) -> None:
    await shop.add("POISON", tenant=shop.b)
    await shop.add("Cloison")
    await shop.index(shop.b)
    await shop.index()
    assert await items(client, "/index/errors") == []
    assert "POISON" not in (await client.get("/records/index")).text
    async for other in _client(shop.app, shop.b.id):
        assert [entry["title"] for entry in await items(other, "/index/errors")] == ["POISON"]


async def test_an_empty_index_says_what_to_do(shop: Shop, client: httpx.AsyncClient) -> None:
    assert "Nothing is indexed yet" in (await client.get("/records/index")).text
