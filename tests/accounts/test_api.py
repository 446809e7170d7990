"""The JSON routes of accounts, over HTTP."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from countersign.accounts import service
from countersign.accounts.models import User
from countersign.kernel.access import system
from countersign.kernel.app import App
from tests.conftest import Tenants

Person = Callable[..., Awaitable[User]]
Bearer = Callable[..., Awaitable[dict[str, str]]]


@pytest.fixture
async def admin(client: httpx.AsyncClient, person: Person, bearer: Bearer) -> httpx.AsyncClient:
    """The client with the whole token of an admin."""
    client.headers.update(await bearer(await person("ada@x.example", "admin")))
    return client


async def test_me(admin: httpx.AsyncClient) -> None:
    seen = (await admin.get("/api/v1/me")).json()
    assert (seen["email"], seen["tenant"]["slug"], seen["is_super"]) == ("ada@x.example", "default", False)
    assert "users.manage" in seen["permissions"]


async def test_a_token_from_first_to_last(admin: httpx.AsyncClient) -> None:
    made = await admin.post("/api/v1/tokens", json={"name": "ERP", "abilities": ["agents.view"], "expires_in_days": 90})
    assert made.status_code == 201
    plain = made.json()["token"]
    mine = {"Authorization": f"Bearer {plain}"}
    assert (await admin.get("/api/v1/me", headers=mine)).json()["permissions"] == ["agents.view"]
    listed = (await admin.get("/api/v1/tokens")).json()["items"]
    assert [token["name"] for token in listed] == ["ERP", "test"]
    assert plain not in (await admin.get("/api/v1/tokens")).text
    assert listed[0]["expires_at"] and listed[0]["last_used_at"]
    assert (await admin.delete(f"/api/v1/tokens/{listed[0]['id']}")).status_code == 204
    assert (await admin.get("/api/v1/me", headers=mine)).status_code == 401
    assert (await admin.delete(f"/api/v1/tokens/{listed[0]['id']}")).status_code == 404


async def test_tokens_of_others_need_users_manage(
    client: httpx.AsyncClient, person: Person, bearer: Bearer, tenants: Tenants
) -> None:
    bob, ada = await person("bob@x.example", "api-client"), await person("ada@x.example", "admin")
    eve = await person("eve@y.example", "api-client", tenant=tenants.b.id)
    as_bob, as_ada = await bearer(bob), await bearer(ada)
    await bearer(eve, tenant=tenants.b.id)
    of = {t["email"]: t["id"] for t in (await client.get("/api/v1/tokens?all=true", headers=as_ada)).json()["items"]}
    assert set(of) == {"bob@x.example", "ada@x.example"}
    assert (await client.get("/api/v1/tokens?all=true", headers=as_bob)).status_code == 403
    assert (await client.delete(f"/api/v1/tokens/{of['ada@x.example']}", headers=as_bob)).status_code == 403
    wanted = {"name": "x", "user": str(ada.uuid)}
    assert (await client.post("/api/v1/tokens", json=wanted, headers=as_bob)).status_code == 403
    foreign = {"name": "x", "user": str(eve.uuid)}
    assert (await client.post("/api/v1/tokens", json=foreign, headers=as_ada)).status_code == 404
    assert (await client.delete(f"/api/v1/tokens/{of['bob@x.example']}", headers=as_ada)).status_code == 204


async def test_tokens_come_in_pages(admin: httpx.AsyncClient) -> None:
    for n in range(3):
        await admin.post("/api/v1/tokens", json={"name": f"t{n}"})
    names: list[str] = []
    cursor = ""
    while True:
        page = (await admin.get(f"/api/v1/tokens?limit=2{cursor}")).json()
        names += [token["name"] for token in page["items"]]
        if page["next"] is None:
            break
        cursor = f"&before={page['next']}"
    assert names == ["t2", "t1", "t0", "test"]


async def test_a_user_from_first_to_last(admin: httpx.AsyncClient) -> None:
    body = {"email": "b@x.example", "name": "B", "password": "long enough", "roles": ["user"], "locale": "en"}
    made = await admin.post("/api/v1/users", json=body)
    assert made.status_code == 201
    user = made.json()
    assert "password" not in made.text
    assert (await admin.post("/api/v1/users", json=body)).status_code == 409
    address = f"/api/v1/users/{user['uuid']}"
    assert (await admin.get(address)).json() == user
    changed = await admin.patch(address, json={"name": "Béa", "roles": ["validator"], "password": "even longer"})
    assert (changed.json()["name"], changed.json()["roles"]) == ("Béa", ["validator"])
    found = (await admin.get("/api/v1/users?q=béa")).json()
    assert [u["email"] for u in found["items"]] == ["b@x.example"]
    assert (await admin.delete(address)).status_code == 204
    assert (await admin.get(address)).status_code == 404
    assert (await admin.delete(address)).status_code == 404


async def test_a_role_from_first_to_last(admin: httpx.AsyncClient) -> None:
    permissions = {p["slug"] for p in (await admin.get("/api/v1/permissions")).json()["items"]}
    assert len(permissions) == 27
    body = {"slug": "estimator", "name": "Chiffreur", "permissions": ["ouvrages.view"]}
    assert (await admin.post("/api/v1/roles", json=body)).status_code == 201
    assert (await admin.post("/api/v1/roles", json=body)).status_code == 409
    changed = await admin.patch("/api/v1/roles/estimator", json={"permissions": ["ouvrages.view", "ouvrages.import"]})
    assert changed.json()["permissions"] == ["ouvrages.import", "ouvrages.view"]
    assert len((await admin.get("/api/v1/roles")).json()["items"]) == 6
    assert (await admin.delete("/api/v1/roles/admin")).status_code == 409
    assert (await admin.delete("/api/v1/roles/estimator")).status_code == 204


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/api/v1/tokens", {}, 422),
        ("POST", "/api/v1/tokens", {"name": ""}, 422),
        ("POST", "/api/v1/tokens", {"name": "a\u0000b"}, 422),
        ("POST", "/api/v1/tokens", {"name": "x" * 256}, 422),
        ("POST", "/api/v1/tokens", {"name": "x", "abilities": []}, 422),
        ("POST", "/api/v1/tokens", {"name": "x", "abilities": ["no.such"]}, 422),
        ("POST", "/api/v1/tokens", {"name": "x", "expires_at": "2020-01-01T00:00:00Z"}, 422),
        ("POST", "/api/v1/tokens", {"name": "x", "expires_at": "9999-12-31T23:59:59-14:00"}, 422),
        ("POST", "/api/v1/tokens", {"name": "x", "expires_at": "2099-01-01T00:00:00"}, 422),
        ("POST", "/api/v1/tokens", {"name": "x", "unknown": 1}, 422),
        ("POST", "/api/v1/tokens", {"name": "x", "expires_in_days": 1, "expires_at": "2099-01-01T00:00:00Z"}, 422),
        ("POST", "/api/v1/tokens", [], 422),
        ("DELETE", "/api/v1/tokens/0", None, 422),
        ("DELETE", "/api/v1/tokens/99999999999999999999999", None, 422),
        ("GET", "/api/v1/tokens?limit=0", None, 422),
        ("GET", "/api/v1/users?q=%00", None, 422),
        ("GET", "/api/v1/users/not-a-uuid", None, 422),
        ("GET", "/api/v1/users/00000000-0000-0000-0000-000000000000", None, 404),
        ("POST", "/api/v1/users", {"email": "x@x.example", "name": "X", "password": "short"}, 422),
        ("POST", "/api/v1/users", {"email": "nope", "name": "X", "password": "long enough"}, 422),
        (
            "POST",
            "/api/v1/users",
            {"email": "x@x.example", "name": "X", "password": "long enough", "roles": ["king"]},
            404,
        ),
        ("POST", "/api/v1/roles", {"slug": "Bad Slug", "name": "X", "permissions": []}, 422),
        ("POST", "/api/v1/roles", {"slug": "admin", "name": "X", "permissions": []}, 409),
        ("PATCH", "/api/v1/roles/nope", {"name": "X"}, 404),
        ("PATCH", "/api/v1/roles/a%00b", {"name": "X"}, 422),
    ],
)
async def test_bad_requests_say_what_is_wrong(
    admin: httpx.AsyncClient, method: str, path: str, body: Any, status: int
) -> None:
    reply = await admin.request(method, path, json=body)
    assert reply.status_code == status, reply.text
    problem = reply.json()
    assert problem["status"] == status
    assert problem["detail"]
    assert problem["request_id"]


async def test_each_route_refuses_without_its_permission(
    house: App, client: httpx.AsyncClient, person: Person, bearer: Bearer
) -> None:
    bob = await person("bob@x.example", "admin")
    nobody = await bearer(bob, "webhooks.manage")
    async with house.db.transaction(system()) as tx:
        await service.update_user(tx, bob, roles=["api-client"])
    nothing = "00000000-0000-0000-0000-000000000000"
    for method, path in (
        ("GET", "/tokens"),
        ("POST", "/tokens"),
        ("DELETE", "/tokens/1"),
        ("GET", "/users"),
        ("POST", "/users"),
        ("GET", f"/users/{nothing}"),
        ("PATCH", f"/users/{nothing}"),
        ("DELETE", f"/users/{nothing}"),
        ("GET", "/permissions"),
        ("GET", "/roles"),
        ("POST", "/roles"),
        ("PATCH", "/roles/x"),
        ("DELETE", "/roles/x"),
    ):
        reply = await client.request(method, f"/api/v1{path}", json={}, headers=nobody)
        assert reply.status_code == 403, (method, path)
        assert reply.json()["permission"]
        assert (await client.request(method, f"/api/v1{path}", json={})).status_code == 401
