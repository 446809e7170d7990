"""No tenant, no rows; tenant A never sees or touches what is B's: every table and view of the catalog, automatically.

Every table that has a ``tenant_id`` gets one row of each tenant, made of plain values by type. For that the owner takes
the checks and triggers of this test's own database away; what is tested afterwards is row-level security alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest

from tests.cluster import Clone, Cluster
from tests.schema.conftest import Desk

COLUMNS = """
SELECT c.oid::regclass::text, a.attname, format_type(a.atttypid, a.atttypmod), format_type(a.atttypid, -1),
       CASE WHEN a.atttypmod > 4 AND format_type(a.atttypid, -1) IN ('character varying', 'character') THEN a.atttypmod - 4 END
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid
WHERE n.nspname IN ('public', 'dynamic') AND c.relkind IN ('r', 'p') AND NOT c.relispartition
  AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '' AND a.attidentity = '' AND a.attname <> 'tenant_id'
  AND EXISTS (SELECT FROM pg_attribute t WHERE t.attrelid = c.oid AND t.attname = 'tenant_id' AND NOT t.attisdropped)
ORDER BY 1, a.attnum"""
CHECKS = """
SELECT conrelid::regclass::text, conname FROM pg_constraint
WHERE contype = 'c' AND conislocal AND coninhcount = 0 AND connamespace IN ('public'::regnamespace, 'dynamic'::regnamespace)"""
VIEWS = """
SELECT c.oid::regclass::text FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id'
WHERE c.relkind = 'v' AND c.relnamespace = 'public'::regnamespace"""


def plain(kind: str, base: str, width: int | None, tenant: int) -> str:
    """An SQL expression of a type, different for each tenant."""
    if base.endswith("[]"):
        return f"'{{}}'::{base}"
    if base in ("character varying", "character", "text"):
        return f"left('t{tenant}', {width or 100})"
    if base in ("bigint", "integer", "smallint"):
        return f"{1000 + tenant}::{base}"  # far from the rows that every database begins with
    if base in ("numeric", "real", "double precision"):
        return f"{tenant}::{base}"
    values = {
        "boolean": "true",
        "uuid": "gen_random_uuid()",
        "jsonb": f"jsonb_build_object('tenant', {tenant})",
        "timestamp with time zone": f"now() + interval '{tenant} minutes'",
        "date": "current_date",
        "bytea": f"decode(md5('t{tenant}') || md5('u{tenant}'), 'hex')",
        "inet": "'10.0.0.1'::inet",
        "interval": "interval '1 day'",
        "ltree": f"'{tenant}'::ltree",
        "tsvector": "''::tsvector",
    }
    if base not in values:
        raise AssertionError(f"teach this test a plain value of the type {kind}")
    return values[base]


@dataclass
class Two:
    """Two tenants with one row each in every table."""

    a: int
    b: int
    tables: dict[str, list[tuple[str, str]]]  # table → columns with the expression of tenant b's row
    views: list[str]


@pytest.fixture(scope="module")
def database(cluster: Cluster) -> Iterator[Clone]:
    """One database for the whole module: what is tested here changes nothing."""
    with cluster.clone() as clone:
        yield clone


@pytest.fixture(scope="module")
def two(database: Clone) -> Two:
    with psycopg.connect(database.owner_url, autocommit=True) as own:

        def rows(query: str) -> list[tuple[Any, ...]]:
            return own.execute(query.encode()).fetchall()

        a, b = (
            rows(f"INSERT INTO tenants (name, slug) VALUES ('{s}', '{s}') RETURNING id")[0][0] for s in ("aa", "bb")
        )
        rows("SELECT ensure_partitions(1)")
        for table, name in rows(CHECKS):
            own.execute(f'ALTER TABLE {table} DROP CONSTRAINT "{name}"'.encode())
        tables: dict[str, dict[int, list[tuple[str, str]]]] = {}
        for table, column, kind, base, width in rows(COLUMNS):
            for tenant in (a, b):
                of_table = tables.setdefault(table, {a: [], b: []})
                of_table[tenant].append((column, plain(kind, base, width, tenant)))
        own.execute("SET session_replication_role = replica")
        for table, of_table in tables.items():
            own.execute(
                f"DELETE FROM {table} WHERE tenant_id IN ({a}, {b})".encode()
            )  # a new tenant has its configuration
            for tenant, values in of_table.items():
                own.execute(insertion(table, values, tenant).encode())
        assert len(tables) > 45
        return Two(a, b, {table: of_table[b] for table, of_table in tables.items()}, [view for (view,) in rows(VIEWS)])


def insertion(table: str, values: list[tuple[str, str]], tenant: int) -> str:
    names = ", ".join(['"tenant_id"', *(f'"{column}"' for column, _ in values)])
    expressions = ", ".join([str(tenant), *(value for _, value in values)])
    return f"INSERT INTO {table} ({names}) VALUES ({expressions})"


async def test_without_a_tenant_nothing_is_seen(two: Two, app: Desk) -> None:
    for relation in [*two.tables, *two.views]:
        assert await app.value(f"SELECT count(*) FROM {relation}") == 0, relation
    assert await app.value("SELECT count(*) FROM tenants") == 0


async def test_without_a_tenant_nothing_is_written(two: Two, app: Desk, own: Desk) -> None:
    for table, values in two.tables.items():
        before = await own.value(f"SELECT count(*) FROM {table}")
        with pytest.raises(psycopg.Error):
            await app.run(insertion(table, values, two.b))
        for query in (f"UPDATE {table} SET tenant_id = {two.a}", f"DELETE FROM {table}"):
            assert await app.run(query) == 0, query
        assert await own.value(f"SELECT count(*) FROM {table}") == before, table


async def test_a_sees_its_own_row_and_nothing_of_b(two: Two, app: Desk) -> None:
    await app.be(two.a)
    for table in two.tables:
        seen = {row[0] for row in await app.rows(f"SELECT DISTINCT tenant_id FROM {table}")}
        assert two.a in seen, f"{table} shows a tenant nothing of its own"
        assert seen <= {two.a, None}, f"{table} shows other tenants"
    for view in two.views:
        assert {row[0] for row in await app.rows(f"SELECT DISTINCT tenant_id FROM {view}")} <= {two.a}, view
    assert await app.rows("SELECT id FROM tenants") == [(two.a,)]


async def test_a_never_touches_what_is_b_s(two: Two, app: Desk, own: Desk) -> None:
    await app.be(two.a)
    for table, values in two.tables.items():
        before = await own.rows(f"SELECT md5(x::text) FROM {table} x WHERE tenant_id = {two.b} ORDER BY 1")
        with pytest.raises(psycopg.Error):
            await app.run(insertion(table, values, two.b))
        for query in (
            f"UPDATE {table} SET tenant_id = tenant_id WHERE tenant_id = {two.b}",
            f"UPDATE {table} SET tenant_id = {two.a} WHERE tenant_id = {two.b}",
            f"DELETE FROM {table} WHERE tenant_id = {two.b}",
        ):
            assert await app.run(query) == 0, query
        with pytest.raises(psycopg.Error):  # giving one's own row away
            await app.run(f"UPDATE {table} SET tenant_id = {two.b} WHERE tenant_id = {two.a}")
        after = await own.rows(f"SELECT md5(x::text) FROM {table} x WHERE tenant_id = {two.b} ORDER BY 1")
        assert after == before, table


async def test_partitions_named_directly_show_no_more_than_their_table(two: Two, app: Desk, own: Desk) -> None:
    partitions = [
        row[0]
        for row in await own.rows(
            "SELECT inhrelid::regclass::text FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid WHERE c.relkind = 'r' AND c.relispartition AND c.relnamespace = 'public'::regnamespace"
        )
    ]
    assert len(partitions) >= 12
    await app.be(two.a)
    for partition in partitions:
        try:
            seen = {row[0] for row in await app.rows(f"SELECT DISTINCT tenant_id FROM {partition}")}
        except psycopg.errors.InsufficientPrivilege:
            continue
        assert seen <= {two.a}, partition
