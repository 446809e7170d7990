"""Users and roles: nobody gives, takes or touches what they do not hold."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from countersign.accounts import roles, service
from countersign.accounts.models import (
    BeyondOwn,
    EmailTaken,
    NoSuchRole,
    NoSuchUser,
    RoleTaken,
    SystemRole,
    UnknownPermission,
    User,
    WeakPassword,
)
from countersign.kernel.access import Caller, system
from countersign.kernel.app import App
from countersign.kernel.errors import Conflict, Forbidden, Invalid
from tests.accounts.conftest import PASSWORD
from tests.conftest import Tenants

Person = Callable[..., Awaitable[User]]
Acting = Callable[[User], Awaitable[Caller]]


async def rows(owner: Any, statement: str) -> list[Any]:
    return await (await owner.execute(statement)).fetchall()


async def test_the_first_admin_is_made_once(house: App, owner: Any) -> None:
    outcomes = await asyncio.gather(*(service.first_admin(house.db, None, None) for _ in range(4)))
    [made] = [outcome for outcome in outcomes if outcome is not None]
    assert made[0] == "admin@localhost"
    assert len(made[1]) >= 20
    assert (await service.sign_in(house, *made)).cookie
    [(held,)] = await rows(owner, "SELECT count(*) FROM user_roles")
    assert held == 1
    assert await service.first_admin(house.db, "other@x.example", PASSWORD) is None


async def test_the_first_admin_may_be_named(house: App) -> None:
    assert await service.first_admin(house.db, "root@x.example", PASSWORD) == ("root@x.example", PASSWORD)
    async with house.db.transaction(system()) as tx:
        assert (await service.user_by_email(tx, "ROOT@x.example")).roles == ["super-admin"]


async def test_a_weak_password_of_the_first_admin_is_one_line(house: App, owner: Any) -> None:
    with pytest.raises(WeakPassword, match="8 to 1,000"):
        await service.first_admin(house.db, None, "short")
    assert await rows(owner, "SELECT 1 FROM users") == []


@pytest.mark.parametrize(
    ("email", "name", "password", "error"),
    [
        ("no-address", "A", PASSWORD, Invalid),
        ("@x.example", "A", PASSWORD, Invalid),
        ("a@", "A", PASSWORD, Invalid),
        ("a b@x.example", "A", PASSWORD, Invalid),
        ("a\n@x.example", "A", PASSWORD, Invalid),
        ("a@" + "x" * 300, "A", PASSWORD, Invalid),
        ("a@x.example", "  ", PASSWORD, Invalid),
        ("a@x.example", "A" * 256, PASSWORD, Invalid),
        ("a@x.example", "A", "seven77", WeakPassword),
        ("a@x.example", "A", "x" * 1001, WeakPassword),
    ],
)
async def test_what_no_user_can_be(house: App, email: str, name: str, password: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        async with house.db.transaction(system()) as tx:
            await service.create_user(tx, email, name, password)


async def test_an_address_is_used_once_whatever_its_case_and_tenant(
    house: App, person: Person, tenants: Tenants
) -> None:
    await person("Ada@x.example")
    for tenant in tenants:
        with pytest.raises(EmailTaken):
            await person("ada@X.EXAMPLE", tenant=tenant.id)


async def test_an_unknown_role_makes_nobody(house: App, person: Person, owner: Any) -> None:
    with pytest.raises(NoSuchRole, match="no role king"):
        await person("ada@x.example", "user", "king")
    assert await rows(owner, "SELECT 1 FROM users") == []


async def test_users_are_found_by_name_and_address_in_their_tenant(
    house: App, person: Person, tenants: Tenants
) -> None:
    await person("zoe@x.example")
    await person("zoe@y.example", tenant=tenants.b.id)
    async with house.db.transaction(tenants.a.caller) as tx:
        assert [u.email for u in await service.users(tx, q="ZOE")] == ["zoe@x.example"]
        assert [u.email for u in await service.users(tx, q="%")] == []
        everybody = await service.users(tx)
        assert [u.id for u in await service.users(tx, after=everybody[0].id, limit=1)] == [everybody[1].id]
        with pytest.raises(NoSuchUser):
            await service.user_by_email(tx, "zoe@y.example")


async def test_nobody_grants_what_they_do_not_hold(house: App, person: Person, acting: Acting) -> None:
    admin = await acting(await person("ada@x.example", "admin"))
    narrow = replace(admin, permissions=frozenset({"users.manage", "agents.view"}))
    async with house.db.transaction(admin) as tx:
        await service.create_user(tx, "b@x.example", "B", PASSWORD, ["validator"])
    for who, role in ((admin, "super-admin"), (narrow, "validator"), (narrow, "user")):
        with pytest.raises(Forbidden, match="do not hold"):
            async with house.db.transaction(who) as tx:
                await service.create_user(tx, "c@x.example", "C", PASSWORD, [role])


async def test_nobody_touches_who_holds_more(house: App, person: Person, acting: Acting) -> None:
    root = await person("root@x.example", "super-admin")
    await person("root2@x.example", "super-admin")
    admin = await acting(await person("ada@x.example", "admin"))
    for touch in (
        lambda tx: service.set_password(tx, root, "another password"),
        lambda tx: service.delete_user(tx, root),
        lambda tx: service.update_user(tx, root, roles=["user"]),
    ):
        with pytest.raises(Forbidden, match="do not hold"):
            async with house.db.transaction(admin) as tx:
                await touch(tx)
    narrow = replace(admin, permissions=frozenset({"users.manage"}))
    bob = await person("bob@x.example", "user")
    with pytest.raises(BeyondOwn):
        async with house.db.transaction(narrow) as tx:
            await service.set_password(tx, bob, "another password")
    itself = replace(admin, permissions=frozenset({"users.manage"}))
    async with house.db.transaction(itself) as tx:
        me = await service.user_by_id(tx, admin.user_id or 0)
        with pytest.raises(BeyondOwn):
            await service.set_password(tx, me, "another password")


async def test_the_last_super_admin_stays(house: App, person: Person, acting: Acting) -> None:
    root = await person("root@x.example", "super-admin")
    other = await person("other@x.example", "super-admin")
    async with house.db.transaction(await acting(root)) as tx:
        await service.delete_user(tx, other)
    with pytest.raises(Conflict, match="last super-admin"):
        async with house.db.transaction(system()) as tx:
            await service.delete_user(tx, root)
    with pytest.raises(Conflict, match="last super-admin"):
        async with house.db.transaction(system()) as tx:
            await service.update_user(tx, root, roles=["admin"])
    with pytest.raises(Conflict, match="cannot delete yourself"):
        async with house.db.transaction(await acting(root)) as tx:
            await service.delete_user(tx, root)


async def test_a_new_password_ends_every_sign_in(house: App, person: Person, owner: Any) -> None:
    ada = await person("ada@x.example", "user")
    await service.sign_in(house, "ada@x.example", PASSWORD)
    async with house.db.transaction(system()) as tx:
        await service.set_password(tx, ada, "another password")
    assert await rows(owner, "SELECT 1 FROM user_sessions") == []
    assert (await service.sign_in(house, "ada@x.example", "another password")).cookie


async def test_roles_are_replaced_as_a_whole(house: App, person: Person, owner: Any) -> None:
    ada = await person("ada@x.example", "user", "validator")
    async with house.db.transaction(system()) as tx:
        changed = await service.update_user(tx, ada, name="Ada L.", locale="en", roles=["admin", "user"])
        assert (changed.name, changed.locale, changed.roles) == ("Ada L.", "en", ["admin", "user"])
    [(old, new)] = await rows(owner, "SELECT old_values, new_values FROM audit_logs WHERE action = 'user.updated'")
    assert (old["roles"], new["roles"]) == (["user", "validator"], ["admin", "user"])


async def test_a_custom_role_holds_what_its_maker_holds(house: App, person: Person, acting: Acting) -> None:
    admin = await acting(await person("ada@x.example", "admin"))
    async with house.db.transaction(admin) as tx:
        made = await roles.create_role(tx, "estimator", "Chiffreur", ["ouvrages.view", "ouvrages.import"])
        assert made.permissions == ["ouvrages.import", "ouvrages.view"]
        changed = await roles.update_role(tx, made, name="Métreur", holds=["ouvrages.view"])
        assert (changed.name, changed.permissions, changed.users) == ("Métreur", ["ouvrages.view"], 0)
        with pytest.raises(RoleTaken):
            await roles.create_role(tx, "estimator", "Autre", [])
        with pytest.raises(UnknownPermission):
            await roles.create_role(tx, "other", "Autre", ["ouvrages.burn"])
    narrow = replace(admin, permissions=frozenset({"roles.manage", "ouvrages.view"}))
    for attempt in (
        lambda tx: roles.create_role(tx, "strong", "Fort", ["users.manage"]),
        lambda tx: roles.update_role(tx, changed, holds=["users.manage"]),
    ):
        with pytest.raises(BeyondOwn):
            async with house.db.transaction(narrow) as tx:
                await attempt(tx)
    async with house.db.transaction(narrow) as tx:
        await roles.delete_role(tx, changed)
        with pytest.raises(NoSuchRole):
            await roles.role(tx, "estimator")


async def test_system_roles_stay_as_they_are(house: App, person: Person, acting: Acting) -> None:
    root = await acting(await person("root@x.example", "super-admin"))
    async with house.db.transaction(root) as tx:
        validator = await roles.role(tx, "validator")
        for attempt in (
            roles.update_role(tx, validator, name="x"),
            roles.update_role(tx, validator, holds=[]),
            roles.delete_role(tx, validator),
        ):
            with pytest.raises(SystemRole):
                await attempt
    with pytest.raises(Conflict):
        async with house.db.transaction(root) as tx:
            await roles.create_role(tx, "admin", "Admin 2", [])


async def test_roles_of_another_tenant_do_not_exist(house: App, tenants: Tenants) -> None:
    async with house.db.transaction(tenants.b.caller) as tx:
        await roles.create_role(tx, "estimator", "Chiffreur", [])
    async with house.db.transaction(tenants.a.caller) as tx:
        assert "estimator" not in [role.slug for role in await roles.roles(tx)]
        with pytest.raises(NoSuchRole):
            await service.create_user(tx, "x@x.example", "X", PASSWORD, ["estimator"])


async def test_every_change_is_audited(house: App, person: Person, owner: Any) -> None:
    ada = await person("ada@x.example", "api-client")
    async with house.db.transaction(system()) as tx:
        await service.update_user(tx, ada, name="B")
        await service.set_password(tx, ada, "another password")
        token = await service.create_token(tx, ada, "t")
        await service.revoke_token(tx, token.row)
        role = await roles.create_role(tx, "r", "R", [])
        await roles.update_role(tx, role, name="S")
        await roles.delete_role(tx, role)
        await service.delete_user(tx, ada)
    assert [row[0] for row in await rows(owner, "SELECT action FROM audit_logs ORDER BY id")] == [
        "user.created",
        "user.updated",
        "user.password-changed",
        "token.created",
        "token.revoked",
        "role.created",
        "role.updated",
        "role.deleted",
        "user.deleted",
    ]
