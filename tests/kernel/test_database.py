"""What ``Database`` and ``Tx`` promise: a caller in every transaction, rows as dataclasses, errors as ours."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from countersign.kernel.access import Caller, TenantId, system
from countersign.kernel.database import Database
from countersign.kernel.errors import Conflict, CountersignError, Forbidden, Invalid, NotFound, Unavailable
from tests.conftest import Tenants


@dataclass(frozen=True, slots=True)
class Pair:
    """A row of two columns."""

    a: int
    b: str


async def test_the_caller_is_set_inside_the_transaction_only(db: Database, tenants: Tenants) -> None:
    async with db.transaction(tenants.b.caller) as tx:
        row = await tx.one(dict, "SELECT current_tenant() AS tenant, current_actor() AS actor, current_user AS role")
        assert row == {"tenant": tenants.b.id, "actor": tenants.b.user_id, "role": "countersign_app"}
    async with db.transaction(None) as tx:
        assert await tx.one(dict, "SELECT current_tenant() AS tenant, current_actor() AS actor") == {
            "tenant": None,
            "actor": None,
        }


@pytest.mark.parametrize(
    ("value", "code"),
    [("a\0b", "unreadable-text"), (datetime(9999, 12, 31, 23, tzinfo=timezone(-timedelta(hours=14))), "out-of-range")],
)
async def test_what_the_driver_refuses_is_named(db: Database, value: Any, code: str) -> None:
    with pytest.raises(Invalid) as refused:
        async with db.transaction(None) as tx:
            await tx.value("SELECT %(value)s", value=value)
    assert refused.value.code == code


async def test_a_connection_does_not_remember_the_last_caller(db: Database, tenants: Tenants) -> None:
    for _ in range(12):  # more than the pool holds, so that each connection is used again
        with pytest.raises(RuntimeError):
            async with db.transaction(tenants.a.caller):
                raise RuntimeError
        async with db.transaction(None) as tx:
            assert await tx.value("SELECT current_setting('countersign.tenant_id', true)") in ("", None)


async def test_nobody_sees_no_tenant_row(db: Database, tenants: Tenants) -> None:
    async with db.transaction(None) as tx:
        assert await tx.value("SELECT count(*) FROM users") == 0
        assert await tx.value("SELECT count(*) FROM tenants") == 0
    async with db.transaction(tenants.a.caller) as tx:
        assert await tx.all(dict, "SELECT email FROM users") == [{"email": tenants.a.email}]


async def test_the_superuser_of_a_url_is_no_superuser_inside(owner: Any, database: Any, tenants: Tenants) -> None:
    async with Database(database.owner_url, pool_size=2) as db, db.transaction(tenants.a.caller) as tx:
        assert await tx.value("SELECT current_user::text") == "countersign_app"
        assert await tx.value("SELECT count(*) FROM users") == 1


async def test_reading_at_once_is_a_transaction_of_the_caller(db: Database, tenants: Tenants) -> None:
    assert await db.read(tenants.a.caller, dict, "SELECT email FROM users") == [{"email": tenants.a.email}]
    assert await db.read(None, dict, "SELECT email FROM users") == []
    assert await db.read(tenants.a.caller, Pair, "SELECT %(b)s::text AS b, 1 AS a", b="é") == [Pair(1, "é")]
    async with db.transaction(None) as tx:
        assert await tx.value("SELECT current_setting('countersign.tenant_id', true)") in ("", None)


@pytest.mark.parametrize(
    ("statement", "given", "error"),
    [
        ("UPDATE users SET name = 'x' RETURNING name", {}, psycopg.errors.ReadOnlySqlTransaction),
        ("SELECT 1 / %(n)s", {"n": 0}, psycopg.errors.DivisionByZero),
        ("SELECT no_such_column", {}, psycopg.errors.UndefinedColumn),
        ("SELECT %(value)s::text", {"value": "a\0b"}, Invalid),
        ("SELECT %(value)s::text", {"value": "a\ud800b"}, Invalid),
    ],
)
async def test_reading_at_once_says_what_went_wrong_and_leaves_the_connection_usable(
    db: Database, tenants: Tenants, statement: str, given: dict[str, Any], error: type[Exception]
) -> None:
    for _ in range(12):  # more than the pool holds
        with pytest.raises(error):
            await db.read(tenants.a.caller, dict, statement, **given)
    assert await db.read(tenants.a.caller, dict, "SELECT email FROM users") == [{"email": tenants.a.email}]


async def test_read_only_refuses_to_write(db: Database, tenants: Tenants) -> None:
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        async with db.transaction(tenants.a.caller, read_only=True) as tx:
            await tx.run("UPDATE users SET name = 'x'")
    async with db.transaction(tenants.a.caller) as tx:  # the next one may write
        assert await tx.run("UPDATE users SET name = 'x'") == 1


async def test_an_error_undoes_everything(db: Database, tenants: Tenants) -> None:
    with pytest.raises(Conflict):
        async with db.transaction(tenants.a.caller) as tx:
            await tx.run("UPDATE users SET name = 'undone'")
            raise Conflict
    async with db.transaction(tenants.a.caller) as tx:
        assert await tx.value("SELECT name FROM users") != "undone"


async def test_rows_are_exactly_their_dataclass(db: Database) -> None:
    async with db.transaction(None) as tx:
        assert await tx.all(Pair, "SELECT 1 AS a, 'x' AS b") == [Pair(1, "x")]
        assert await tx.one(Pair, "SELECT %(b)s::text AS b, 2 AS a", b="y") == Pair(2, "y")
        assert await tx.first(Pair, "SELECT 1 AS a, 'x' AS b WHERE false") is None
        with pytest.raises(TypeError, match="Pair wants"):
            await tx.all(Pair, "SELECT 1 AS a, 'x' AS b, 3 AS c")
        with pytest.raises(TypeError, match="Pair wants"):
            await tx.all(Pair, "SELECT 1 AS a")


async def test_one_row_must_be_there(db: Database) -> None:
    with pytest.raises(NotFound):
        async with db.transaction(None) as tx:
            await tx.one(Pair, "SELECT 1 AS a, 'x' AS b WHERE false")


async def test_values_keep_their_kind(db: Database) -> None:
    async with db.transaction(None) as tx:
        assert await tx.value("SELECT 45.50::numeric") == Decimal("45.50")
        at = await tx.value("SELECT '2026-03-29 03:30+02'::timestamptz")
        assert at == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
        assert at.utcoffset() == timedelta(0)
        assert await tx.value("""SELECT '{"a": [1, null]}'::jsonb""") == {"a": [1, None]}
        assert await tx.value("SELECT 1 WHERE false") is None


async def test_a_stream_reads_in_parts(db: Database) -> None:
    async with db.transaction(None) as tx:
        seen = [
            pair.a async for pair in tx.stream(Pair, "SELECT g AS a, '' AS b FROM generate_series(1, 2500) g", size=100)
        ]
    assert seen == list(range(1, 2501))


async def test_copy_in_and_out(db: Database) -> None:
    async with db.transaction(None) as tx:
        await tx.run("CREATE TEMPORARY TABLE staging (a integer, b text) ON COMMIT DROP")
        async with tx.copy("COPY staging FROM STDIN") as copy:
            for row in ((1, "un"), (2, None)):
                await copy.write_row(row)
        assert await tx.all(dict, "SELECT * FROM staging ORDER BY a") == [{"a": 1, "b": "un"}, {"a": 2, "b": None}]


@pytest.mark.parametrize(
    ("code", "kind"),
    [("P0409", Conflict), ("P0404", NotFound), ("P0403", Forbidden), ("P0422", Invalid), ("P0500", CountersignError)],
)
async def test_errors_of_sql_become_ours(db: Database, code: str, kind: type[CountersignError]) -> None:
    raising = (
        f"""DO $$ BEGIN RAISE EXCEPTION 'already-decided' USING ERRCODE = '{code}', DETAIL = 'Too late.'; END $$"""
    )
    with pytest.raises(kind) as caught:
        async with db.transaction(None) as tx:
            await tx.run(raising)
    assert type(caught.value) is kind
    assert caught.value.detail == "Too late."
    assert caught.value.extra["reason"] == "already-decided"


async def test_other_errors_of_sql_stay_themselves(db: Database) -> None:
    with pytest.raises(psycopg.errors.UndefinedTable):
        async with db.transaction(None) as tx:
            await tx.run("SELECT * FROM nowhere")


@pytest.mark.parametrize(
    ("statement", "value"),
    [
        ("SELECT %(value)s::text", "a\0b"),
        ("SELECT %(value)s::text", "\ud800"),
        ("SELECT %(value)s::jsonb", '{"a": "\\u0000"}'),
        ("SELECT %(value)s::bigint", 10**30),
        ("SELECT %(value)s::text::timestamptz", "99999999-01-01"),
    ],
)
async def test_what_postgresql_cannot_hold_is_the_senders_fault(db: Database, statement: str, value: object) -> None:
    with pytest.raises(Invalid):
        async with db.transaction(None) as tx:
            await tx.value(statement, value=value)


async def test_news_waits_for_the_commit(db: Database, caller: Callable[..., Caller]) -> None:
    told: list[str] = []

    async def later() -> None:
        async with db.transaction(None) as other:
            told.append(str(await other.value("SELECT 'async'")))

    async with db.transaction(caller()) as tx:
        tx.after_commit(lambda: told.append("sync"))
        tx.after_commit(later)
        assert told == []
    assert told == ["sync", "async"]


async def test_nothing_is_told_of_what_was_undone(db: Database) -> None:
    told: list[str] = []
    with pytest.raises(RuntimeError):
        async with db.transaction(None) as tx:
            tx.after_commit(lambda: told.append("never"))
            raise RuntimeError
    assert told == []


async def test_nothing_is_told_when_the_commit_itself_fails(db: Database, tenants: Tenants, owner: Any) -> None:
    await owner.execute("ALTER TABLE users ADD CONSTRAINT late UNIQUE (tenant_id, name) DEFERRABLE INITIALLY DEFERRED")
    told: list[str] = []
    insert = "INSERT INTO users (name, email, password) VALUES ('Fixture', 'twin@x.example', '!')"
    with pytest.raises(psycopg.errors.UniqueViolation):
        async with db.transaction(tenants.a.caller) as tx:
            await tx.run(insert)
            tx.after_commit(lambda: told.append("never"))
    assert told == []


async def test_no_server_is_unavailable() -> None:
    with pytest.raises(Unavailable, match="PostgreSQL does not answer"):
        db = Database("postgresql://countersign_app@/nothing?host=/nonexistent&connect_timeout=1")
        db.pool.timeout = 1
        await db.open()


async def test_a_server_that_dies_is_unavailable_and_comes_back(db: Database, owner: Any) -> None:
    with pytest.raises(Unavailable):
        async with db.transaction(None) as tx:
            pid = await tx.value("SELECT pg_backend_pid()")
            await owner.execute("SELECT pg_terminate_backend(%s)", (pid,))
            await tx.value("SELECT 1")
    async with db.transaction(None) as tx:
        assert await tx.value("SELECT 1") == 1


async def test_after_a_restart_the_first_transaction_works(db: Database, owner: Any) -> None:
    """Connections that lay in the pool meanwhile are dead, and nobody notices."""

    everybody = asyncio.Barrier(4)

    async def held() -> int:
        async with db.transaction(None) as tx:
            pid = await tx.value("SELECT pg_backend_pid()")
            await everybody.wait()
            return pid

    pids = set(await asyncio.gather(*(held() for _ in range(4))))
    assert len(pids) == 4
    for pid in pids:
        await owner.execute("SELECT pg_terminate_backend(%s, 60000)", (pid,))
    assert not set(await asyncio.gather(*(held() for _ in range(4)))) & pids


async def test_ping_says_the_version(db: Database) -> None:
    assert (await db.ping()).split(".")[0] in ("17", "18", "19")


def test_the_caller_of_background_work_holds_nothing() -> None:
    assert system(TenantId(3)).permissions == frozenset()
    with pytest.raises(Forbidden, match=r"agents\.view"):
        system().require("agents.view")


def test_only_a_super_admin_crosses_tenants() -> None:
    with pytest.raises(Forbidden):
        Caller(TenantId(1)).in_tenant(TenantId(2))
    assert Caller(TenantId(1)).in_tenant(TenantId(1)).tenant_id == 1
    assert Caller(TenantId(1), is_super=True).in_tenant(TenantId(2)).tenant_id == 2
