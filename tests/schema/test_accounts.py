"""Roles, rights and sign-in as the database keeps them."""

from __future__ import annotations

import asyncio
import hashlib

from tests.schema.conftest import Desk, People

TABLE = {
    # permission → who has it besides super-admin, as the specification's table says
    "agents.view": "admin validator user api-client",
    "agents.create": "admin",
    "agents.update": "admin",
    "agents.delete": "admin",
    "ai-sessions.view": "admin validator user api-client",
    "ai-sessions.view-all": "admin validator",
    "ai-sessions.validate": "admin validator",
    "ai-sessions.learn": "admin validator",
    "ouvrages.view": "admin validator user api-client",
    "ouvrages.import": "admin",
    "ouvrages.index": "admin",
    "users.manage": "admin",
    "roles.manage": "admin",
    "webhooks.manage": "admin",
    "api.access": "admin api-client",
    "documents.view": "admin validator user api-client",
    "documents.manage": "admin",
    "tables.view": "admin validator user api-client",
    "tables.manage": "admin",
    "tasks.view": "admin validator",
    "tasks.run": "admin",
    "validations.view": "admin validator",
    "validations.decide": "admin validator",
    "costs.view": "admin validator",
    "audit.view": "admin",
    "webhooks.view": "admin",
    "settings.manage": "admin",
}


async def test_the_mapping_is_the_specification_s(own: Desk) -> None:
    found: dict[str, set[str]] = {}
    for role, permission in await own.rows(
        "SELECT r.slug, p.slug FROM role_permissions rp JOIN roles r ON r.id = rp.role_id JOIN permissions p ON p.id = rp.permission_id"
    ):
        found.setdefault(permission, set()).add(role)
    assert found == {permission: {"super-admin", *who.split()} for permission, who in TABLE.items()}
    assert await own.rows("SELECT id, slug, is_active FROM tenants") == [(1, "default", True)]
    assert await own.rows("SELECT slug FROM roles WHERE is_system AND tenant_id IS NULL ORDER BY id") == [
        ("super-admin",), ("admin",), ("validator",), ("user",), ("api-client",)
    ]  # fmt: skip
    assert await own.value("SELECT count(*) FROM permissions WHERE name = '' OR group_name = ''") == 0


async def test_an_address_is_one_person_whatever_its_case(own: Desk, people: People) -> None:
    await people.tenant("other")
    add = "INSERT INTO users (tenant_id, name, email, password) VALUES (%s, 'A', %s, '!')"
    await own.run(add, 1, "Jean@Exemple.fr")
    assert await own.refused(add, 1, "jean@exemple.FR") == "UniqueViolation"
    assert await own.refused(add, 2, "jean@exemple.fr") == "UniqueViolation"  # signing in names no tenant
    await own.run("UPDATE users SET deleted_at = now()")
    assert await own.refused(add, 1, "Jean@Exemple.fr") == "UniqueViolation"  # as the seed says
    await own.run(add, 1, "jean@exemple.fr")


async def test_nobody_gives_takes_or_touches_what_they_do_not_hold(app: Desk, own: Desk, people: People) -> None:
    chief, admin, plain = (
        await people.user("Chief", "super-admin"),
        await people.user("Admin", "admin"),
        await people.user("Plain", "user"),
    )
    roles = dict(await own.rows("SELECT slug, id FROM roles"))
    await app.be(1, admin)
    await app.rows("SELECT grant_role(%s, %s)", plain, roles["validator"])
    await app.rows("SELECT grant_role(%s, %s)", plain, roles["validator"])  # twice is once
    assert await app.value("SELECT count(*) FROM user_roles WHERE user_id = %s", plain) == 2
    assert await app.value("SELECT revoke_role(%s, %s)", plain, roles["validator"])
    assert not await app.value("SELECT revoke_role(%s, %s)", plain, roles["validator"])
    for query in (
        f"SELECT grant_role({plain}, {roles['super-admin']})",
        f"INSERT INTO user_roles (user_id, role_id) VALUES ({admin}, {roles['super-admin']})",
        f"SELECT revoke_role({chief}, {roles['super-admin']})",
        f"UPDATE users SET password = 'mine' WHERE id = {chief}",
        f"UPDATE users SET email = 'mine@x.example' WHERE id = {chief}",
        f"UPDATE users SET deleted_at = now() WHERE id = {chief}",
        f"INSERT INTO api_tokens (user_id, name, token) VALUES ({chief}, 't', repeat('a', 64))",
    ):
        assert await app.refused(query) == "grant-beyond-own", query
    await app.run("UPDATE users SET name = 'Still allowed' WHERE id = %s", chief)
    await app.be(1, plain)
    assert await app.refused("SELECT grant_role(%s, %s)", plain, roles["admin"]) == "grant-beyond-own"
    assert await app.refused("UPDATE users SET password = 'mine' WHERE id = %s", admin) == "grant-beyond-own"
    await app.run("UPDATE users SET password = 'own' WHERE id = %s", plain)
    await app.run("INSERT INTO api_tokens (user_id, name, token) VALUES (%s, 't', repeat('b', 64))", plain)
    await app.be(1)  # background work holds no permission and is not asked for one
    await app.rows("SELECT grant_role(%s, %s)", plain, roles["admin"])


async def test_custom_roles_hold_what_their_maker_holds_and_stay_at_home(app: Desk, own: Desk, people: People) -> None:
    other = await people.tenant("other")
    admin = await people.user("Admin", "admin")
    await own.run(
        "DELETE FROM role_permissions WHERE permission_id = (SELECT id FROM permissions WHERE slug = 'audit.view') AND role_id = 2"
    )
    await app.be(1, admin)
    role = await app.value("INSERT INTO roles (name, slug) VALUES ('Métreur', 'metreur') RETURNING id")
    put = "INSERT INTO role_permissions (role_id, permission_id) SELECT %s, id FROM permissions WHERE slug = %s"
    await app.run(put, role, "ouvrages.view")
    assert await app.refused(put, role, "audit.view") == "grant-beyond-own"
    assert (
        await app.refused("INSERT INTO role_permissions (tenant_id, role_id, permission_id) VALUES (1, 2, 1)")
        == "role-not-found"
    )
    for query in (
        "INSERT INTO roles (name, slug) VALUES ('X', 'super-admin')",
        "INSERT INTO roles (name, slug) VALUES ('admin', 'x')",
        "UPDATE roles SET slug = 'admin' WHERE slug = 'metreur'",
    ):
        assert await app.refused(query) == "role-reserved", query
    assert await app.run("DELETE FROM roles WHERE is_system") == 0
    assert await app.run("UPDATE roles SET name = 'X' WHERE is_system") == 0
    for query in ("DELETE FROM roles WHERE slug = 'user'", "DELETE FROM roles WHERE slug = 'super-admin'"):
        assert await own.refused(query) == "system-role"
    stranger = await people.user("Stranger", tenant=other)
    await app.be(other, stranger)
    assert await app.rows("SELECT id FROM roles WHERE NOT is_system") == []
    assert await app.refused("SELECT grant_role(%s, %s)", stranger, role) == "role-not-found"
    await app.run("INSERT INTO roles (name, slug) VALUES ('Métreur', 'metreur')")  # names are free elsewhere
    await app.be(1, admin)
    await app.rows("SELECT grant_role(%s, %s)", admin, role)
    await app.run("DELETE FROM roles WHERE id = %s", role)
    assert await app.rows("SELECT role_id FROM user_roles WHERE user_id = %s", admin) == [(2,)]


async def test_the_last_super_admin_stays(app: Desk, second: Desk, own: Desk, people: People) -> None:
    one, two = await people.user("One", "super-admin"), await people.user("Two", "super-admin")
    other = await people.tenant("other")
    await app.be(1, one)
    await second.be(1, two)
    async with app.connection.transaction():
        await app.rows("SELECT revoke_role(%s, 1)", two)
        waiting = asyncio.create_task(second.refused("SELECT revoke_role(%s, 1)", one))
        await asyncio.sleep(0.3)
        assert not waiting.done()  # the second waits for the first to be certain
    assert await waiting in ("last-super-admin", "grant-beyond-own")
    for query in (
        f"SELECT revoke_role({one}, 1)",
        f"DELETE FROM user_roles WHERE user_id = {one}",
        f"UPDATE users SET deleted_at = now() WHERE id = {one}",
        "UPDATE tenants SET is_active = false WHERE id = 1",
    ):
        assert await app.refused(query) == "last-super-admin", query
    assert await own.refused("DELETE FROM users WHERE id = %s", one) == "last-super-admin"
    await app.run("UPDATE tenants SET is_active = false WHERE id = %s", other)
    await app.run("UPDATE users SET deleted_at = now() WHERE id = %s", two)
    assert await own.refused("UPDATE users SET tenant_id = %s WHERE id = %s", other, one) == "user-tenant-fixed"


async def test_signing_in(app: Desk, own: Desk, people: People) -> None:
    chief = await people.user("Chief", "super-admin")
    admin = await people.user("Ann", "admin")
    other = await people.tenant("other")
    assert (await app.row("SELECT user_id, tenant_id, password FROM user_for_sign_in('ANN@tenant1.example')")) == (
        admin,
        1,
        "!",
    )
    assert await app.rows("SELECT user_id FROM user_for_sign_in('nobody@x.example')") == []
    cookie, chiefs = hashlib.sha256(b"cookie").digest(), hashlib.sha256(b"chief").digest()
    start = "SELECT open_user_session(%s, %s, %s, %s::interval, '192.0.2.1', 'Mozilla')"
    assert await app.value(start, admin, cookie, b"csrf", "1 hour") is not None
    await app.rows(start, chief, chiefs, b"csrf", "1 hour")
    seen = await app.row(
        "SELECT user_id, tenant_id, email, is_super, csrf_secret, 'agents.create' = ANY (permissions) FROM caller_for_session(%s)",
        cookie,
    )
    assert seen == (admin, 1, "ann@tenant1.example", False, b"csrf", True)
    assert (await app.row("SELECT is_super, cardinality(permissions) FROM caller_for_session(%s)", chiefs)) == (
        True,
        len(TABLE),
    )
    assert not await app.value("SELECT switch_session_tenant(%s, %s)", cookie, other)
    assert await app.value("SELECT switch_session_tenant(%s, %s)", chiefs, other)
    assert await app.value("SELECT tenant_id FROM caller_for_session(%s)", chiefs) == other
    for change in (
        "UPDATE users SET deleted_at = now() WHERE name = 'Ann'",
        "UPDATE users SET deleted_at = NULL; UPDATE tenants SET is_active = false WHERE slug = 'other'",
    ):
        for statement in change.split(";"):
            await own.run(statement)
        gone = cookie if "Ann" in change else chiefs
        assert await app.rows("SELECT 1 FROM caller_for_session(%s)", gone) == []
    assert await app.value("SELECT close_user_session(%s)", cookie)
    assert not await app.value("SELECT close_user_session(%s)", cookie)
    await app.rows(start, admin, cookie, b"csrf", "-1 second")
    assert await app.rows("SELECT 1 FROM caller_for_session(%s)", cookie) == []


async def test_tokens_are_an_intersection_and_write_once_a_minute(app: Desk, own: Desk, people: People) -> None:
    user = await people.user("Ann", "api-client")
    everything, little, late = (hashlib.sha256(word).hexdigest() for word in (b"1", b"2", b"3"))
    add = "INSERT INTO api_tokens (tenant_id, user_id, name, token, abilities, expires_at) VALUES (1, %s, 'n', %s, %s::jsonb, now() + %s::interval)"
    await own.run(add, user, everything, '["*"]', "1 day")
    await own.run(add, user, little, '["agents.view", "users.manage"]', "1 day")
    await own.run(add, user, late, '["*"]', "-1 second")
    who = "SELECT user_id, permissions, is_super, new_address FROM caller_for_token(%s, %s)"
    assert await app.row(who, little, "192.0.2.1") == (user, ["agents.view"], False, True)
    first = await own.value("SELECT last_used_at FROM api_tokens WHERE token = %s", little)
    assert await app.row(who, little, "192.0.2.2") == (user, ["agents.view"], False, False)
    assert await own.value("SELECT last_used_at FROM api_tokens WHERE token = %s", little) == first
    await own.run("UPDATE api_tokens SET last_used_at = now() - interval '2 minutes' WHERE token = %s", little)
    assert (await app.row(who, little, "192.0.2.2"))[3] is True
    assert await own.value("SELECT last_used_at > %s FROM api_tokens WHERE token = %s", first, little)
    assert len((await app.row(who, everything, "192.0.2.1"))[1]) == len(
        [1 for w in TABLE.values() if "api-client" in w.split()]
    )
    for token in (late, "0" * 64):
        assert await app.rows(who, token, "192.0.2.1") == []
    await own.run("DELETE FROM user_roles WHERE user_id = %s", user)
    assert await app.row(who, little, "192.0.2.2") == (user, None, False, False)  # who may not use the API at all
    await own.run("UPDATE tenants SET is_active = false")
    assert await app.rows(who, everything, "192.0.2.1") == []
    for bad in ("not a hash", "A" * 64):
        assert await own.refused(add, user, bad, '["*"]', "1 day") == "CheckViolation"


async def test_failed_attempts_are_counted_by_account_and_by_address(app: Desk, own: Desk) -> None:
    async def attempt(email: str, ip: str, succeeded: bool) -> None:
        await app.rows("SELECT record_sign_in_attempt(%s, %s, %s)", email, ip, succeeded)

    for email, ip in (("a@x.fr", "192.0.2.1"), ("A@X.fr", "192.0.2.2"), ("b@x.fr", "192.0.2.1")):
        await attempt(email, ip, False)
    recent = "SELECT by_email, by_ip FROM sign_in_attempts_recent(%s, %s)"
    assert await app.row(recent, "a@x.fr", "192.0.2.1") == (2, 2)
    await attempt("a@x.fr", "192.0.2.1", True)
    assert await app.row(recent, "a@x.fr", "192.0.2.1") == (0, 2)
    assert await app.row(recent, "a@x.fr", "192.0.2.2") == (2, 1)  # a success elsewhere forgives nothing here
    await own.run("UPDATE sign_in_attempts SET at = at - interval '2 days'")
    await attempt("c@x.fr", "192.0.2.3", False)
    assert await own.value("SELECT count(*) FROM sign_in_attempts") == 1
