"""The pages of webhooks: made, changed, rotated, switched, deleted; a secret is drawn once; the log narrows and pages."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any, cast

import httpx
import psycopg
import pytest

from countersign import main
from countersign.accounts import service as accounts
from countersign.kernel.access import system
from countersign.kernel.app import App
from countersign.kernel.settings import Settings
from tests.conftest import Tenants

Owner = psycopg.AsyncConnection[Any]
GIVEN = {
    "name": "ERP",
    "url": "http://127.0.0.1:9/hook",
    "events": ["ouvrage.created", "import.failed"],
    "retry_count": "2",
    "timeout_seconds": "5",
}


@pytest.fixture
async def client(settings: Settings, house: App) -> AsyncIterator[httpx.AsyncClient]:
    site = main.create(settings)
    site.state.app = house
    async with house.db.transaction(system()) as tx:
        user = await accounts.create_user(tx, "ada@x.example", "Ada", "long enough", ["admin"])
        made = await accounts.create_token(tx, user, "t")
    headers = {"Authorization": f"Bearer {made.plain}", "Accept": "text/html", "Accept-Language": "en"}
    transport = httpx.ASGITransport(app=site)
    async with httpx.AsyncClient(transport=transport, base_url="http://site.test", headers=headers) as opened:
        yield opened


async def made(client: httpx.AsyncClient) -> tuple[str, str]:
    """``(path, secret)`` of a webhook that was made by the form."""
    answer = await client.post("/webhooks/new", data=GIVEN)
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    secret, path = re.search(r"whsec_[\w+/=]+", answer.text), re.search(r"/webhooks/\d+", answer.text)
    assert secret and path
    return path[0], secret[0]


async def test_a_secret_is_shown_once_and_is_in_no_page_audit_row_or_log_line(
    client: httpx.AsyncClient, owner: Owner, caplog: pytest.LogCaptureFixture
) -> None:
    path, first = await made(client)
    rotated = await client.post(f"{path}/rotate", data={"overlap": "24"})
    second = re.search(r"whsec_[\w+/=]+", rotated.text)
    assert second and second[0] != first
    pages = [(await client.get(p)).text for p in ("/webhooks", path, f"{path}/edit", "/api/v1/webhooks")]
    audited = await (await owner.execute("SELECT json_agg(a)::text FROM audit_logs a")).fetchone()
    rest = await (await owner.execute("SELECT json_agg(w)::text FROM webhooks w")).fetchone()
    assert audited and rest
    for secret in (first, second[0]):
        assert all(secret not in text for text in (*pages, *audited, *rest, caplog.text))


async def test_the_form_keeps_what_was_typed_and_says_what_is_wrong(client: httpx.AsyncClient) -> None:
    tried: tuple[tuple[dict[str, Any], str], ...] = (
        ({"events": []}, "Choose at least one event"),
        ({"url": "ftp://x.example"}, "https://"),
        ({"timeout_seconds": "0"}, "Seconds to wait for the answer – Write 1 or more"),
    )
    for wrong, said in tried:
        answer = await client.post("/webhooks/new", data={**GIVEN, **wrong})
        assert answer.status_code == 422
        assert said in answer.text and 'value="ERP"' in answer.text
    assert "ERP" not in (await client.get("/webhooks")).text


async def test_it_is_changed_switched_and_deleted(client: httpx.AsyncClient) -> None:
    path, _ = await made(client)
    form = (await client.get(f"{path}/edit")).text
    assert re.search(r'value="import.failed" checked', form) and not re.search(
        r'value="import.completed" checked', form
    )
    assert (await client.post(f"{path}/edit", data={**GIVEN, "name": "CRM", "events": ["*"]})).status_code == 303
    assert "CRM" in (await client.get(path)).text
    assert (await client.post(f"{path}/active", data={"active": "false"})).status_code == 303
    assert "nothing is sent but tests" in (await client.get(path)).text
    await client.post(f"{path}/active", data={"active": "true"})
    assert "nothing is sent but tests" not in (await client.get(path)).text
    assert (await client.post(f"{path}/delete")).headers["location"] == "/webhooks"
    assert (await client.get(path)).status_code == 404


async def test_the_log_narrows_and_pages(client: httpx.AsyncClient, owner: Owner) -> None:
    path, _ = await made(client)
    await owner.execute(
        "INSERT INTO webhook_logs (tenant_id, webhook_id, delivery_id, event, payload, status, status_code) "
        "SELECT 1, id, 'msg_' || n, CASE WHEN n = 1 THEN 'import.failed' ELSE 'ouvrage.created' END, '{}', "
        "CASE WHEN mod(n, 2) = 0 THEN 'success' ELSE 'failed' END, 200 FROM webhooks, generate_series(1, 120) AS n"
    )

    async def deliveries(address: str) -> list[str]:
        return re.findall(r"deliveries/(msg_\d+)\"", (await client.get(address)).text)

    first = await client.get(path)
    older = re.search(r"before=\d+", first.text)
    assert older
    seen = await deliveries(path) + await deliveries(f"{path}?{older[0]}")
    assert seen == [f"msg_{n}" for n in range(120, 20, -1)]
    assert len(await deliveries(f"{path}?status=failed")) == 50
    assert await deliveries(f"{path}?event=import.failed") == ["msg_1"]
    assert await deliveries(f"{path}?event=import.failed&status=success") == []
    api = "/api/v1" + path + "/deliveries"
    page = (await client.get(api, params={"most": 100, "status": "failed"})).json()
    assert len(page["items"]) == 60 and page["next"] is None
    page = (await client.get(api, params={"most": 100})).json()
    rest = (await client.get(api, params={"most": 100, "before": page["next"]})).json()
    assert (len(rest["items"]), rest["next"]) == (20, None)
    assert "msg_7" in (await client.get(f"{path}/deliveries/msg_7")).text
    assert (await client.get(f"{path}/deliveries/msg_none")).status_code == 404


async def test_another_tenants_webhook_is_never_seen_by_any_route(
    client: httpx.AsyncClient, house: App, tenants: Tenants, owner: Owner
) -> None:
    found = await owner.execute(
        "INSERT INTO webhooks (tenant_id, name, url, secret, events) "
        "VALUES (%s, 'theirs', 'https://x.example/', 'sealed', '[\"*\"]') RETURNING id",
        (tenants.b.id,),
    )
    row = await found.fetchone()
    assert row is not None
    await owner.execute(
        "INSERT INTO webhook_logs (tenant_id, webhook_id, delivery_id, event, payload, status) "
        "VALUES (%s, %s, 'msg_x', 'import.failed', '{}', 'failed')",
        (tenants.b.id, row[0]),
    )
    walked = 0
    for router in main.ROUTES:
        for route in cast(list[Any], router.routes):
            path = str(route.path)
            if "{webhook_id}" not in path:
                continue
            address = path.replace("{webhook_id}", str(row[0])).replace("{delivery_id}", "msg_x")
            for method in map(str, route.methods):
                if path.startswith("/api/"):
                    answer = await client.request(method, address, json={} if method != "GET" else None)
                else:
                    answer = await client.request(method, address, data={**GIVEN, "active": "true"})
                assert answer.status_code == 404, f"{method} {path}"
                walked += 1
    assert walked >= 14
    assert "theirs" not in (await client.get("/webhooks")).text + (await client.get("/api/v1/webhooks")).text
