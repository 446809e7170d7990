"""A site of the accounts alone: the real gate, errors and routes, over HTTP in this process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import httpx
import pytest
from fastapi import FastAPI

from countersign.accounts import api, service, users
from countersign.accounts.models import User
from countersign.kernel.access import Caller, system
from countersign.kernel.app import App
from countersign.kernel.gate import Gate
from countersign.kernel.web import SIGNED_IN, Router, Who, install_errors

PASSWORD = "correct horse battery"

probe = Router()


@probe.on("GET /probe", permission=SIGNED_IN)
async def read_probe(caller: Who) -> dict[str, object]:
    """What the request's caller became."""
    return {
        "email": caller.email,
        "tenant": caller.tenant_id,
        "permissions": sorted(caller.permissions),
        "super": caller.is_super,
        "ip": caller.ip,
        "agent": caller.user_agent,
        "request_id": caller.request_id,
        "locale": caller.locale,
    }


@probe.on("POST /probe", permission="agents.view")
async def change_probe() -> dict[str, bool]:
    """A changing request."""
    return {"changed": True}


@pytest.fixture
async def client(house: App) -> AsyncIterator[httpx.AsyncClient]:
    """An HTTP client of the site; every request comes from 192.0.2.7."""
    site = FastAPI()
    site.state.app = house
    site.state.authenticate = service.authenticate
    install_errors(site)
    site.include_router(api.routes)
    site.include_router(probe)
    site.add_middleware(Gate, max_body=100_000)
    transport = httpx.ASGITransport(app=site, client=("192.0.2.7", 1234), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://site.test") as opened:
        yield opened


@pytest.fixture
def person(house: App) -> Callable[..., Awaitable[User]]:
    """``await person("ada@x.example", "admin", tenant=1)``: a user with a password and roles."""

    async def make(email: str, *roles: str, tenant: int = 1) -> User:
        async with house.db.transaction(system(tenant)) as tx:  # type: ignore[arg-type]
            return await service.create_user(tx, email, email.split("@")[0].title(), PASSWORD, roles)

    return make


@pytest.fixture
def bearer(house: App) -> Callable[..., Awaitable[dict[str, str]]]:
    """``await bearer(user, "agents.view", …)``: headers with a fresh token of that user, all abilities by default."""

    async def make(owner: User, *abilities: str, tenant: int = 1) -> dict[str, str]:
        async with house.db.transaction(system(tenant)) as tx:  # type: ignore[arg-type]
            made = await service.create_token(tx, owner, "test", abilities or ("*",))
        return {"Authorization": f"Bearer {made.plain}"}

    return make


@pytest.fixture
def acting(house: App) -> Callable[[User], Awaitable[Caller]]:
    """``await acting(user)``: the caller that this user is, with the permissions of their roles."""

    async def make(user: User) -> Caller:
        async with house.db.transaction(system()) as tx:
            held = await tx.value(users.queries.held_by, user=user.id)
        return Caller(system().tenant_id, user.id, user.email, user.name, frozenset(held), "super-admin" in user.roles)  # type: ignore[arg-type]

    return make
