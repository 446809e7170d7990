"""Every route of the whole site declares its permission, and refuses who does not hold it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute

from countersign import main
from countersign.accounts import service
from countersign.accounts.models import User
from countersign.kernel.access import system
from countersign.kernel.app import App
from countersign.kernel.settings import Settings
from countersign.kernel.web import PUBLIC, SIGNED_IN, Router

OPEN = {
    "GET /healthz",
    "GET /readyz",
    "GET /sign-in",
    "POST /sign-in",
    "POST /sign-out",
    "POST /preferences",
    "GET /api/docs",
}


def routes() -> list[tuple[str, str, str | None]]:
    """``(method, path, permission)`` of every route that the site wires."""
    found: list[tuple[str, str, str | None]] = []
    for router in main.ROUTES:
        for route in router.routes:
            assert isinstance(route, APIRoute)
            extra: dict[str, Any] = route.openapi_extra or {}
            found += [(method, route.path, extra.get("x-permission")) for method in sorted(route.methods)]
    return found


ROUTES = routes()


def filled(path: str) -> str:
    """A path with something for each of its parameters."""
    return re.sub(r"\{(\w+)(:\w+)?\}", lambda m: "1" if "id" in m[1] or m[1] == "number" else "x", path)


def test_all_routers_are_ours() -> None:
    assert all(isinstance(router, Router) for router in main.ROUTES)


@pytest.mark.parametrize(("method", "path", "permission"), ROUTES, ids=lambda value: str(value))
async def test_every_route_declares_a_permission_that_exists(method: str, path: str, permission: str | None) -> None:
    assert permission, f"{method} {path} declares none"
    if permission == PUBLIC:
        assert f"{method} {path}" in OPEN, "nothing becomes public by accident"


async def test_every_permission_exists(house: App) -> None:
    async with house.db.transaction(system()) as tx:
        known = {row["slug"] for row in await tx.all(dict, "SELECT slug FROM permissions")}
    assert {permission for _, _, permission in ROUTES} - {PUBLIC, SIGNED_IN} <= known


@pytest.fixture
async def site(settings: Settings, house: App) -> FastAPI:
    made = main.create(settings)
    made.state.app = house  # instead of the lifespan
    return made


@pytest.fixture
async def client(site: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=site, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://site.test") as opened:
        yield opened


@pytest.fixture
async def nobody(house: App) -> dict[str, str]:
    """Headers of somebody who may use the API, with a token for what they may do no longer."""
    async with house.db.transaction(system()) as tx:
        user: User = await service.create_user(tx, "nobody@x.example", "Nobody", "long enough", ["admin"])
        made = await service.create_token(tx, user, "t", ["users.manage"])
        await service.update_user(tx, user, roles=["api-client"])
    return {"Authorization": f"Bearer {made.plain}"}


async def test_every_route_refuses_strangers_and_those_without_its_permission(
    client: httpx.AsyncClient, nobody: dict[str, str]
) -> None:
    wrong: list[str] = []
    for method, path, permission in ROUTES:
        if permission == PUBLIC:
            continue
        address, accept = filled(path), {"accept": "application/json"}
        body = {"json": {}} if method in ("POST", "PUT", "PATCH") and path.startswith(("/api/", "/v1/")) else {}
        stranger = await client.request(method, address, headers=accept, **body)
        if stranger.status_code != 401:
            wrong.append(f"{method} {path}: {stranger.status_code} for a stranger")
        if permission != SIGNED_IN:
            other = await client.request(method, address, headers={**accept, **nobody}, **body)
            if other.status_code != 403 or other.json().get("permission") != permission:
                wrong.append(f"{method} {path}: {other.status_code} without {permission}")
    assert not wrong, "\n".join(wrong)


async def test_the_document_of_the_api_is_whole(site: FastAPI, client: httpx.AsyncClient) -> None:
    document = (await client.get("/api/openapi.json")).json()
    assert document["openapi"].startswith("3.1")
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            assert operation["x-permission"], (method, path)
            assert operation.get("summary") or operation.get("description"), (method, path)
