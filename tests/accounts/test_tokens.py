"""API tokens: what they are worth, when they end, what is kept of them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from countersign.accounts import service
from countersign.accounts.models import BeyondOwn, UnknownPermission, User
from countersign.kernel.access import Caller, system
from countersign.kernel.app import App
from countersign.kernel.errors import Invalid
from tests.conftest import Tenants

Person = Callable[..., Awaitable[User]]
Bearer = Callable[..., Awaitable[dict[str, str]]]
Acting = Callable[[User], Awaitable[Caller]]


async def rows(owner: Any, statement: str) -> list[Any]:
    return await (await owner.execute(statement)).fetchall()


async def test_shown_once_and_kept_as_a_hash(house: App, person: Person, owner: Any) -> None:
    ada = await person("ada@x.example", "admin")
    async with house.db.transaction(system()) as tx:
        made = await service.create_token(tx, ada, "ERP")
    assert re.fullmatch(r"cs_[A-Za-z0-9]{40}", made.plain)
    [(stored,)] = await rows(owner, "SELECT token FROM api_tokens")
    assert stored == hashlib.sha256(made.plain.encode()).hexdigest()
    audited = await rows(owner, "SELECT new_values::text FROM audit_logs WHERE action = 'token.created'")
    assert made.plain not in str(audited)
    assert stored not in str(audited)
    assert made.row.abilities == ["*"]


async def test_the_callers_rights_are_the_intersection(
    client: httpx.AsyncClient, person: Person, bearer: Bearer
) -> None:
    bob = await person("bob@x.example", "api-client")
    everything = (await client.get("/probe", headers=await bearer(bob))).json()["permissions"]
    assert "agents.view" in everything and "users.manage" not in everything
    some = await client.get("/probe", headers=await bearer(bob, "agents.view"))
    assert some.json()["permissions"] == ["agents.view"]


async def test_a_role_that_is_taken_takes_effect_at_once(
    house: App, client: httpx.AsyncClient, person: Person, bearer: Bearer
) -> None:
    bob = await person("bob@x.example", "api-client", "admin")
    headers, narrow = await bearer(bob), await bearer(bob, "agents.view", "users.manage")
    assert "users.manage" in (await client.get("/probe", headers=headers)).json()["permissions"]
    async with house.db.transaction(system()) as tx:
        await service.update_user(tx, bob, roles=["api-client"])
    assert "users.manage" not in (await client.get("/probe", headers=headers)).json()["permissions"]
    assert (await client.get("/probe", headers=narrow)).json()["permissions"] == ["agents.view"]


async def test_a_token_is_for_those_who_may_use_the_api(
    house: App, client: httpx.AsyncClient, person: Person, bearer: Bearer
) -> None:
    bob = await person("bob@x.example", "api-client")
    headers = await bearer(bob, "agents.view")
    assert (await client.get("/probe", headers=headers)).status_code == 200
    async with house.db.transaction(system()) as tx:
        await service.update_user(tx, bob, roles=["user"])
    refused = await client.get("/probe", headers=headers)
    assert refused.status_code == 403 and refused.json()["permission"] == "api.access"
    async with house.db.transaction(system()) as tx:
        with pytest.raises(Invalid, match="may not use the API"):
            await service.create_token(tx, bob, "useless")


async def test_a_token_for_more_than_its_owner_may_is_refused(house: App, person: Person) -> None:
    bob = await person("bob@x.example", "api-client")
    async with house.db.transaction(system()) as tx:
        with pytest.raises(Invalid, match=r"may not users\.manage"):
            await service.create_token(tx, bob, "t", ["agents.view", "users.manage"])


async def test_an_end_beyond_the_calendar_is_refused(client: httpx.AsyncClient, person: Person, bearer: Bearer) -> None:
    headers = await bearer(await person("ada@x.example", "admin"))
    body = {"name": "t", "expires_at": "9999-12-31T23:59:59-14:00"}
    refused = await client.post("/api/v1/tokens", json=body, headers=headers)
    assert refused.status_code == 422 and "year 9999" in refused.json()["detail"]


async def test_only_a_whole_token_of_a_super_admin_is_super(
    client: httpx.AsyncClient, person: Person, bearer: Bearer
) -> None:
    ada = await person("ada@x.example", "super-admin")
    assert (await client.get("/probe", headers=await bearer(ada))).json()["super"] is True
    assert (await client.get("/probe", headers=await bearer(ada, "agents.view"))).json()["super"] is False


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer ",
        "Bearer cs_",
        "Bearer cs_" + "x" * 40,
        "Bearer " + "x" * 43,
        "Basic YWRhOnB3",
        "cs_" + "x" * 40,
        "Bearer cs_" + "x" * 100_00,
        "Bearer cs_\u00e9",
    ],
)
async def test_anything_else_is_unauthorized(client: httpx.AsyncClient, header: str) -> None:
    reply = await client.get("/api/v1/me", headers={"Authorization": header.encode("latin-1")})
    assert reply.status_code == 401
    assert reply.headers["www-authenticate"] == "Bearer"
    assert reply.headers["content-type"] == "application/problem+json"


async def test_a_wrong_token_is_not_made_up_for_by_a_cookie(
    house: App, client: httpx.AsyncClient, person: Person
) -> None:
    from tests.accounts.conftest import PASSWORD

    await person("ada@x.example", "user")
    opened = await service.sign_in(house, "ada@x.example", PASSWORD)
    client.cookies.set(service.COOKIE, opened.cookie)
    assert (await client.get("/probe")).status_code == 200
    assert (await client.get("/probe", headers={"Authorization": "Bearer cs_wrong"})).status_code == 401


async def test_expired_revoked_and_orphaned_tokens_end_at_once(
    house: App, client: httpx.AsyncClient, person: Person, owner: Any
) -> None:
    ada, bob = await person("ada@x.example", "api-client"), await person("bob@x.example", "api-client")
    async with house.db.transaction(system()) as tx:
        end = datetime.now(UTC) + timedelta(hours=1)
        expiring = await service.create_token(tx, ada, "expiring", expires=end)
        revoked = await service.create_token(tx, ada, "revoked")
        orphan = await service.create_token(tx, bob, "orphan")

    async def status(plain: str) -> int:
        return (await client.get("/probe", headers={"Authorization": f"Bearer {plain}"})).status_code

    assert [await status(t.plain) for t in (expiring, revoked, orphan)] == [200, 200, 200]
    await owner.execute("UPDATE api_tokens SET expires_at = now() - interval '1 s' WHERE name = 'expiring'")
    async with house.db.transaction(system()) as tx:
        await service.revoke_token(tx, revoked.row)
        await service.delete_user(tx, bob)
    assert [await status(t.plain) for t in (expiring, revoked, orphan)] == [401, 401, 401]


async def test_use_is_written_at_most_once_a_minute(
    client: httpx.AsyncClient, person: Person, bearer: Bearer, owner: Any
) -> None:
    headers = await bearer(await person("ada@x.example", "api-client"))
    await client.get("/probe", headers=headers)
    [first] = await rows(owner, "SELECT last_used_at, host(last_used_ip) FROM api_tokens")
    assert first[1] == "192.0.2.7"
    await client.get("/probe", headers=headers)
    assert await rows(owner, "SELECT last_used_at, host(last_used_ip) FROM api_tokens") == [first]


async def test_a_new_address_is_audited(client: httpx.AsyncClient, person: Person, bearer: Bearer, owner: Any) -> None:
    headers = await bearer(await person("ada@x.example", "api-client"))
    statement = "SELECT user_email, host(ip_address) FROM audit_logs WHERE action = 'token.new-address'"
    for _ in range(2):
        await client.get("/probe", headers=headers)
    assert await rows(owner, statement) == [("ada@x.example", "192.0.2.7")]


@pytest.mark.parametrize("abilities", [[], ["nothing.known"], ["*", "nothing.known"]])
async def test_unknown_abilities_are_refused(house: App, person: Person, abilities: list[str]) -> None:
    ada = await person("ada@x.example", "admin")
    with pytest.raises((Invalid, UnknownPermission)):
        async with house.db.transaction(system()) as tx:
            await service.create_token(tx, ada, "t", abilities)


async def test_a_past_end_and_an_empty_name_are_refused(house: App, person: Person) -> None:
    ada = await person("ada@x.example", "admin")
    async with house.db.transaction(system()) as tx:
        with pytest.raises(Invalid, match="expired already"):
            await service.create_token(tx, ada, "t", expires=datetime.now(UTC) - timedelta(seconds=1))
        with pytest.raises(Invalid, match="name"):
            await service.create_token(tx, ada, "  ")


async def test_a_token_cannot_make_a_stronger_one(house: App, person: Person, acting: Acting) -> None:
    ada = await person("ada@x.example", "admin")
    whole = await acting(ada)
    narrow = replace(whole, permissions=frozenset({"api.access", "agents.view"}))
    async with house.db.transaction(narrow) as tx:
        assert (await service.create_token(tx, ada, "same", ["agents.view"])).row.abilities == ["agents.view"]
        for wanted in (["*"], ["users.manage"], ["agents.view", "users.manage"]):
            with pytest.raises(BeyondOwn):
                await service.create_token(tx, ada, "stronger", wanted)
    async with house.db.transaction(whole) as tx:
        await service.create_token(tx, ada, "whole")


async def test_a_token_for_somebody_stronger_is_refused(house: App, person: Person, acting: Acting) -> None:
    admin, root = await person("ada@x.example", "admin"), await person("root@x.example", "super-admin")
    caller = await acting(admin)
    async with house.db.transaction(caller) as tx:
        weaker = await person("bob@x.example", "api-client")
        await service.create_token(tx, weaker, "for bob")
    with pytest.raises(BeyondOwn):
        narrow = replace(caller, permissions=frozenset({"api.access", "users.manage"}))
        async with house.db.transaction(narrow) as tx:
            await service.create_token(tx, weaker, "for bob", ["agents.view"])
    with pytest.raises(Exception, match="do not hold"):
        async with house.db.transaction(caller) as tx:
            await service.create_token(tx, root, "for root", ["agents.view"])


async def test_the_tenant_header_is_for_super_admins(
    client: httpx.AsyncClient, person: Person, bearer: Bearer, tenants: Tenants
) -> None:
    root = await bearer(await person("root@x.example", "super-admin"))
    admin = await bearer(await person("ada@x.example", "admin"))
    for word in ("autre", str(tenants.b.id)):
        reply = await client.get("/probe", headers={**root, "X-Countersign-Tenant": word})
        assert reply.json()["tenant"] == tenants.b.id
        refused = await client.get("/probe", headers={**admin, "X-Countersign-Tenant": word})
        assert refused.status_code == 403
    assert (await client.get("/probe", headers={**root, "X-Countersign-Tenant": "nowhere"})).status_code == 404
    assert (await client.get("/probe", headers={**admin, "X-Countersign-Tenant": "default"})).status_code == 200
    assert (await client.get("/probe", headers={**admin, "X-Countersign-Tenant": "nowhere"})).status_code == 403


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, "fr"),
        ({"accept-language": "en-GB,en;q=0.9,fr;q=0.8"}, "en"),
        ({"accept-language": "de, fr;q=0.7, en;q=0.3"}, "fr"),
        ({"accept-language": "fr;q=0, en"}, "en"),
        ({"accept-language": "zz;q=oops,;;;q=,en"}, "en"),
        ({"accept-language": "en", "cookie": "locale=fr"}, "fr"),
        ({"accept-language": "en", "cookie": "locale=xx"}, "en"),
    ],
)
async def test_the_language(
    client: httpx.AsyncClient, person: Person, bearer: Bearer, headers: dict[str, str], expected: str
) -> None:
    token = await bearer(await person("ada@x.example", "api-client"))
    assert (await client.get("/probe", headers={**token, **headers})).json()["locale"] == expected
