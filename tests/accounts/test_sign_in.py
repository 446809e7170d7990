"""Coming in with a browser, staying in, going out; and what keeps others from coming in."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import httpx
import pytest
from argon2 import PasswordHasher

from countersign.accounts import passwords, service, sessions
from countersign.accounts.models import TooManySignIns, User, WrongCredentials
from countersign.accounts.who import COOKIE
from countersign.kernel.access import Caller, system
from countersign.kernel.app import App
from countersign.kernel.database import Tx
from countersign.kernel.errors import Forbidden
from tests.accounts.conftest import PASSWORD

Person = Callable[..., Awaitable[User]]
AUDIT = "SELECT action, user_email, host(ip_address), auditable_id, tenant_id FROM audit_logs WHERE action LIKE 'sign%' ORDER BY id"


async def rows(owner: Any, statement: str) -> list[Any]:
    return await (await owner.execute(statement)).fetchall()


async def test_signing_in_gives_a_cookie_that_works(
    house: App, client: httpx.AsyncClient, person: Person, owner: Any
) -> None:
    ada = await person("Ada@X.example", "admin")
    opened = await service.sign_in(house, " ada@x.example ", PASSWORD, "192.0.2.7", "Firefox")
    client.cookies.set(COOKIE, opened.cookie)
    reply = await client.get("/probe", headers={"user-agent": "Firefox", "x-request-id": "request-12345"})
    assert reply.status_code == 200
    seen = reply.json()
    assert seen.pop("permissions") and not seen.pop("super")
    assert seen == {
        "email": "Ada@X.example",
        "tenant": 1,
        "ip": "192.0.2.7",
        "agent": "Firefox",
        "request_id": "request-12345",
        "locale": "fr",
    }
    assert await rows(owner, AUDIT) == [("sign-in", "ada@x.example", "192.0.2.7", ada.id, 1)]


async def test_only_hashes_are_stored(house: App, person: Person, owner: Any) -> None:
    await person("ada@x.example")
    opened = await service.sign_in(house, "ada@x.example", PASSWORD)
    [(token, csrf)] = await rows(owner, "SELECT token_hash, csrf_secret FROM user_sessions")
    assert bytes(token) == hashlib.sha256(opened.cookie.encode()).digest()
    assert bytes(csrf).hex() == opened.csrf
    [(password,)] = await rows(owner, "SELECT password FROM users WHERE email = 'ada@x.example'")
    assert password.startswith("$argon2id$")
    assert len(opened.cookie) >= 43, "256 bits"


@pytest.mark.parametrize(
    ("email", "password"),
    [
        ("ada@x.example", "wrong"),
        ("ada@x.example", ""),
        ("ada@x.example", PASSWORD + " "),
        ("ada@x.example", "x" * 100_000),
        ("nobody@x.example", PASSWORD),
        ("", ""),
        ("a\0b@x.example", PASSWORD),
        ("\ud800@x.example", "\ud800"),
        ("x" * 100_000, PASSWORD),
    ],
)
async def test_what_is_wrong_is_said_in_one_way(
    house: App, person: Person, owner: Any, email: str, password: str
) -> None:
    await person("ada@x.example")
    with pytest.raises(WrongCredentials) as caught:
        await service.sign_in(house, email, password, "192.0.2.7")
    assert caught.value.detail == "The address or the password is wrong."
    assert [row[0] for row in await rows(owner, AUDIT)] == ["sign-in.failed"]
    assert await rows(owner, "SELECT 1 FROM user_sessions") == []


async def test_an_unknown_address_takes_as_long(house: App, person: Person) -> None:
    await person("ada@x.example")

    async def seconds(email: str) -> float:
        started = time.process_time()  # of all threads: what else the machine does is not in it
        with pytest.raises(WrongCredentials):
            await service.sign_in(house, email, "wrong")
        return time.process_time() - started

    await seconds("ada@x.example")
    pairs = [(await seconds("ada@x.example"), await seconds(f"nobody{n}@x.example")) for n in range(4)]
    known, unknown = (min(taken) for taken in zip(*pairs, strict=True))
    assert 0.4 < unknown / known < 2.5


async def test_deleted_people_and_sleeping_organisations_stay_out(house: App, person: Person, owner: Any) -> None:
    await person("ada@x.example")
    await person("bob@x.example")
    opened = await service.sign_in(house, "bob@x.example", PASSWORD)
    await owner.execute("UPDATE users SET deleted_at = now() WHERE email = 'ada@x.example'")
    with pytest.raises(WrongCredentials):
        await service.sign_in(house, "ada@x.example", PASSWORD)
    await owner.execute("UPDATE tenants SET is_active = false WHERE id = 1")
    with pytest.raises(WrongCredentials):
        await service.sign_in(house, "bob@x.example", PASSWORD)
    async with house.db.transaction(None) as tx:
        hashed = hashlib.sha256(opened.cookie.encode()).digest()
        assert await tx.value("SELECT user_id FROM caller_for_session(%(c)s)", c=hashed) is None


async def test_an_account_is_locked_after_ten_failures_and_others_are_not(house: App, person: Person) -> None:
    await person("ada@x.example")
    await person("bob@x.example")
    for n in range(sessions.FAILURES_OF_ACCOUNT):
        with pytest.raises(WrongCredentials):
            await service.sign_in(house, "ADA@x.example" if n % 2 else "ada@x.example", "wrong", f"192.0.2.{n}")
    with pytest.raises(TooManySignIns) as caught:
        await service.sign_in(house, "ada@x.example", PASSWORD, "192.0.2.99")
    assert caught.value.extra["retry_after"] == 900
    assert (await service.sign_in(house, "bob@x.example", PASSWORD, "192.0.2.99")).cookie


async def test_an_address_is_locked_after_fifty_failures(house: App, person: Person, owner: Any) -> None:
    await person("ada@x.example")
    await owner.execute(
        "INSERT INTO sign_in_attempts (email, ip, succeeded) SELECT n || '@x.example', '192.0.2.7', false "
        f"FROM generate_series(1, {sessions.FAILURES_OF_ADDRESS}) n"
    )
    with pytest.raises(TooManySignIns):
        await service.sign_in(house, "ada@x.example", PASSWORD, "192.0.2.7")
    assert (await service.sign_in(house, "ada@x.example", PASSWORD, "192.0.2.8")).cookie
    await owner.execute("UPDATE sign_in_attempts SET at = now() - interval '16 minutes'")
    assert (await service.sign_in(house, "ada@x.example", PASSWORD, "192.0.2.7")).cookie


async def test_guesses_at_once_are_counted(house: App, person: Person, owner: Any) -> None:
    """A hundred guesses in one burst do not all pass before the first is counted."""
    await person("ada@x.example")
    outcomes = await asyncio.gather(
        *(service.sign_in(house, "ada@x.example", f"wrong{n}", "192.0.2.7") for n in range(40)), return_exceptions=True
    )
    tried = sum(isinstance(outcome, WrongCredentials) for outcome in outcomes)
    assert tried < sessions.FAILURES_OF_ACCOUNT + sessions.AT_ONCE
    assert sum(isinstance(outcome, TooManySignIns) for outcome in outcomes) == 40 - tried


async def test_signing_out_ends_it_at_once(house: App, client: httpx.AsyncClient, person: Person, owner: Any) -> None:
    await person("ada@x.example")
    opened = await service.sign_in(house, "ada@x.example", PASSWORD)
    client.cookies.set(COOKIE, opened.cookie)
    assert (await client.get("/probe")).status_code == 200
    await service.sign_out(house, replace(system(), email="ada@x.example"), opened.cookie)
    await service.sign_out(house, None, opened.cookie)
    await service.sign_out(house, None, None)
    assert (await client.get("/probe")).status_code == 401
    assert [row[0] for row in await rows(owner, AUDIT)] == ["sign-in", "sign-out"]


async def test_an_idle_sign_in_ends_and_a_busy_one_goes_on(
    house: App, client: httpx.AsyncClient, person: Person, owner: Any
) -> None:
    await person("ada@x.example")
    opened = await service.sign_in(house, "ada@x.example", PASSWORD)
    client.cookies.set(COOKIE, opened.cookie)
    await owner.execute("UPDATE user_sessions SET expires_at = now() + interval '1 minute'")
    assert (await client.get("/probe")).status_code == 200
    [(left,)] = await rows(owner, "SELECT extract(epoch FROM expires_at - now()) / 3600 FROM user_sessions")
    assert 11.9 < left <= 12
    await owner.execute("UPDATE user_sessions SET expires_at = now() - interval '1 second'")
    assert (await client.get("/probe")).status_code == 401


async def test_a_form_carries_the_sessions_token(house: App, client: httpx.AsyncClient, person: Person) -> None:
    await person("ada@x.example", "user")
    opened = await service.sign_in(house, "ada@x.example", PASSWORD)
    client.cookies.set(COOKIE, opened.cookie)
    assert (await client.post("/probe")).status_code == 403
    assert (await client.post("/probe", headers={"x-csrf-token": "x" * 32})).status_code == 403
    assert (await client.post("/probe", headers={"x-csrf-token": opened.csrf})).status_code == 200
    assert (await client.post("/probe", data={"csrf": opened.csrf})).status_code == 200
    other = await service.sign_in(house, "ada@x.example", PASSWORD)
    assert (await client.post("/probe", headers={"x-csrf-token": other.csrf})).status_code == 403
    crossed = {"x-csrf-token": opened.csrf, "sec-fetch-site": "cross-site"}
    assert (await client.post("/probe", headers=crossed)).status_code == 403


async def test_a_stronger_hash_replaces_a_weak_one(house: App, person: Person, owner: Any) -> None:
    await person("ada@x.example")
    weak = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1).hash(PASSWORD)
    await owner.execute("UPDATE users SET password = %s", (weak,))
    await service.sign_in(house, "ada@x.example", PASSWORD)
    [(stored,)] = await rows(owner, "SELECT password FROM users")
    assert stored != weak and not passwords.outdated(stored)
    await service.sign_in(house, "ada@x.example", PASSWORD)


async def test_composed_and_decomposed_accents_are_one_password() -> None:
    stored = await passwords.hashed("caf\u00e9 du matin")
    assert await passwords.matches(stored, "cafe\u0301 du matin")
    assert not await passwords.matches(stored, "cafe du matin")


async def test_a_super_admin_looks_elsewhere_and_stays_there(
    house: App, client: httpx.AsyncClient, person: Person, tenants: Any, owner: Any
) -> None:
    await person("ada@x.example", "super-admin")
    await person("bob@x.example", "admin")
    for email, allowed in (("ada@x.example", True), ("bob@x.example", False)):
        opened = await service.sign_in(house, email, PASSWORD)
        async with house.db.transaction(None) as tx:
            caller = await caller_of(tx, opened.cookie)
        if not allowed:
            with pytest.raises(Forbidden):
                await service.switch_tenant(house, caller, opened.cookie, tenants.b.id)
            continue
        await service.switch_tenant(house, caller, opened.cookie, tenants.b.id)
        client.cookies.set(COOKIE, opened.cookie)
        assert (await client.get("/probe")).json()["tenant"] == tenants.b.id
    assert await rows(owner, "SELECT action, auditable_id FROM audit_logs WHERE action = 'tenant.switched'") == [
        ("tenant.switched", tenants.b.id)
    ]


async def caller_of(tx: Tx, cookie: str) -> Any:
    hashed = hashlib.sha256(cookie.encode()).digest()
    statement = "SELECT user_id, tenant_id, email, is_super FROM caller_for_session(%(c)s)"
    row: dict[str, Any] = await tx.one(dict, statement, c=hashed)
    return Caller(row["tenant_id"], row["user_id"], row["email"], is_super=row["is_super"])
