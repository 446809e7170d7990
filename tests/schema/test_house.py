"""Rules that hold for every table, view and function of ours, read from the catalog: a new one is covered at once."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from countersign import index
from tests.cluster import Clone, Cluster
from tests.schema.conftest import Desk

OURS = "n.nspname IN ('public', 'dynamic', 'vectors') AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.objid = {oid} AND e.deptype = 'e')"
TABLES = f"""
SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND c.relname <> 'schema_migrations' AND {OURS.format(oid="c.oid")}"""

# Functions that run as somebody else and may be called by the application, each with the reason. All of them were read.
DEFINERS = {
    "claim_job": "a worker learns the tenant from the job",
    "hold_job": "checked by the fencing token",
    "renew_job": "checked by the fencing token",
    "job_progress": "checked by the fencing token",
    "finish_job": "checked by the fencing token",
    "fail_job": "checked by the fencing token",
    "due_jobs": "the sweeper serves every tenant; returns numbers only",
    "live_tenants": "schedules serve every tenant; returns numbers only",
    "ensure_partitions": "partitions are shared; needs the owner",
    "detach_partitions": "partitions are shared; needs the owner",
    "drop_archived_partitions": "partitions are shared; needs the owner",
    "actor_is_super": "answers about the caller alone",
    "actor_holds": "answers about the caller alone",
    "actor_name": "answers about the caller alone",
    "guard_user_role": "trigger",
    "keep_a_super_admin": "trigger",
    "guard_role": "trigger",
    "guard_role_permission": "trigger",
    "guard_user": "trigger",
    "guard_api_token": "trigger",
    "user_for_sign_in": "nobody has a tenant before signing in",
    "caller_for_token": "nobody has a tenant before the token is known",
    "caller_for_session": "nobody has a tenant before the session is known",
    "open_user_session": "nobody has a tenant before signing in",
    "switch_session_tenant": "checked to be a super-admin's",
    "close_user_session": "needs the secret of the session",
    "record_sign_in_attempt": "nobody has a tenant before signing in",
    "sign_in_attempts_recent": "returns two numbers",
    "mark_expired_validations": "serves every tenant where none is set",
    "cleanup_old_data": "partitions are shared; follows fixed retention",
    "purge_months": "partitions are shared; needs the owner",
    "purge_jobs": "the operator purges for every tenant; within one where it is set",
    "old_jobs": "returns a number",
    "configure_tenant": "trigger",
    "refresh_statistics": "statistics are shared; needs the owner",
    "build_dynamic_table": "creates a table of the caller's tenant; needs the owner",
    "drop_dynamic_table": "removes a table of the caller's tenant; needs the owner",
    "fail_document": "trigger",
    "alter_dynamic_table": "changes a table of the caller's tenant; needs the owner",
    "watch_learned_table": "a trigger on a table of the caller's tenant; needs the owner",
}
# The index is derived from the records by SQL alone, and its collections are shared: index/ tests it.
INDEX = "(index_|vector_)"
OF_INDEX = set(re.findall(r"FUNCTION (\w+)\(", (Path(index.__file__).parent / "objects.sql").read_text()))


@pytest.fixture(scope="module")
def database(cluster: Cluster) -> Iterator[Clone]:
    """One database for the whole module, which only reads its catalog."""
    with cluster.clone() as clone:
        yield clone


async def names(own: Desk, query: str) -> list[str]:
    return sorted(row[0] for row in await own.rows(query))


async def test_every_table_says_what_it_is(own: Desk) -> None:
    silent = await names(own, f"{TABLES} AND obj_description(c.oid) IS NULL")
    assert silent == []


async def test_every_tenant_table_is_behind_forced_row_security(own: Desk) -> None:
    open_tables = await names(
        own,
        f"""{TABLES} AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped)
        AND NOT (c.relrowsecurity AND c.relforcerowsecurity
                 AND EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND p.polname = 'tenant_only'))""",
    )
    assert open_tables == []


async def test_tables_without_a_tenant_are_few_and_known(own: Desk) -> None:
    shared = await names(
        own,
        f"""{TABLES} AND c.relname !~ '^{INDEX}' AND NOT EXISTS (
            SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped)""",
    )
    # import_staging is a shape that each import copies; it holds no row.
    assert shared == ["import_staging", "permissions", "sign_in_attempts", "status_transitions", "tenants"]


async def test_tenant_ids_are_required_and_filled(own: Desk) -> None:
    loose = await names(
        own,
        f"""SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped
        LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
        WHERE c.relkind IN ('r', 'p') AND n.nspname = 'public' AND c.relname !~ '^{INDEX}' AND NOT c.relispartition
          AND (NOT a.attnotnull OR pg_get_expr(d.adbin, d.adrelid) IS DISTINCT FROM 'current_tenant()')""",
    )
    assert loose == ["role_permissions", "roles"]  # NULL there is a system role


async def test_every_child_is_tied_to_a_parent_of_its_own_tenant(own: Desk) -> None:
    loose = await names(
        own,
        f"""SELECT format('%s (%s) -> %s', c.conrelid::regclass, pg_get_constraintdef(c.oid), c.confrelid::regclass)
        FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid
        WHERE c.contype = 'f' AND c.conparentid = 0 AND t.relname !~ '^{INDEX}'
          AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.confrelid AND a.attname = 'tenant_id')
          -- people cross tenants, system roles and jobs have their own guards; a reply stays in its own session
          AND c.confrelid::regclass::text NOT IN ('users', 'roles', 'jobs')
          AND NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.conrelid AND a.attnum = ANY (c.conkey) AND a.attname = 'tenant_id')
          AND pg_get_constraintdef(c.oid) !~ '^FOREIGN KEY \\((session_id|human_validation_id), '""",
    )
    assert loose == []


async def test_times_have_zones_and_money_is_exact(own: Desk) -> None:
    wrong = await names(
        own,
        """SELECT format('%s.%s %s', c.relname, a.attname, format_type(a.atttypid, a.atttypmod))
        FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p', 'v') AND a.attnum > 0 AND NOT a.attisdropped
          AND (format_type(a.atttypid, -1) = 'timestamp without time zone'
               OR a.atttypid IN ('real'::regtype, 'double precision'::regtype) AND a.attname ~ 'price|cost|usd|quantity|total|amount')""",
    )
    assert wrong == []


async def test_views_see_with_the_eyes_of_the_reader(own: Desk) -> None:
    views = await own.rows(
        "SELECT c.relname, coalesce('security_invoker=true' = ANY (c.reloptions), false), "
        "has_table_privilege('countersign_app', c.oid, 'SELECT') FROM pg_class c "
        "WHERE c.relkind IN ('v', 'm') AND c.relnamespace = 'public'::regnamespace "
        "AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.objid = c.oid AND e.deptype = 'e')"
    )
    assert {
        "fournitures",
        "main_oeuvres",
        "validation_dashboard",
        "validation_history",
        "workflow_metrics_summary",
    } <= {v[0] for v in views}
    assert [v for v in views if not (v[1] and v[2])] == []


async def test_every_function_fixes_its_search_path(own: Desk) -> None:
    loose = await names(
        own,
        f"""SELECT p.oid::regprocedure::text FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
        WHERE {OURS.format(oid="p.oid")} AND p.prosqlbody IS NULL
          AND NOT coalesce(array_to_string(p.proconfig, ','), '') ~ 'search_path='""",
    )
    assert loose == []


async def test_functions_that_run_as_somebody_else_are_few_and_known(own: Desk) -> None:
    found = await own.rows(
        f"""SELECT p.proname, r.rolname, 'search_path=public, pg_temp' = ANY (p.proconfig)
        FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace JOIN pg_roles r ON r.oid = p.proowner
        WHERE p.prosecdef AND {OURS.format(oid="p.oid")} AND p.proname <> ALL (%s)
          AND has_function_privilege('countersign_app', p.oid, 'EXECUTE')""",
        list(OF_INDEX),
    )
    assert sorted(f[0] for f in found) == sorted(DEFINERS)
    assert [f for f in found if not f[2]] == []
    as_owner = {f[0] for f in found if f[1] != "countersign_system"}
    assert as_owner == {
        "ensure_partitions",
        "detach_partitions",
        "drop_archived_partitions",
        "purge_months",
        "refresh_statistics",
        "build_dynamic_table",
        "alter_dynamic_table",
        "drop_dynamic_table",
        "watch_learned_table",
    }


async def test_the_application_cannot_step_out(own: Desk, app: Desk) -> None:
    assert await own.row(
        "SELECT rolsuper, rolbypassrls, rolcreaterole, rolcreatedb FROM pg_roles WHERE rolname = 'countersign_app'"
    ) == (False, False, False, False)
    assert not await own.value("SELECT pg_has_role('countersign_app', 'countersign_system', 'MEMBER')")
    assert not await own.value("SELECT has_schema_privilege('countersign_app', 'archive', 'USAGE')")
    assert not await own.value("SELECT has_schema_privilege('countersign_app', 'public', 'CREATE')")
    truncatable = await names(own, f"{TABLES} AND has_table_privilege('countersign_app', c.oid, 'TRUNCATE')")
    assert truncatable == []
    for query in (
        "SELECT held_permissions(1)",
        "SELECT is_super_admin(1)",
        "SELECT * FROM sign_in_attempts",
        "INSERT INTO status_transitions VALUES ('validation', 'expired', 'approved')",
        "INSERT INTO permissions (name, slug, group_name) VALUES ('x', 'x', 'x')",
        "SET ROLE countersign_system",
        "SET session_replication_role = replica",
        "ALTER TABLE human_validations DISABLE TRIGGER ALL",
    ):
        assert await app.refused(query) == "InsufficientPrivilege", query


async def test_objects_apply_again_without_a_change(own: Desk) -> None:
    from countersign.kernel.migrate import objects

    before = await own.rows(
        "SELECT oid::regprocedure::text, md5(pg_get_functiondef(oid)) FROM pg_proc WHERE prokind = 'f' AND pronamespace = 'public'::regnamespace ORDER BY 1"
    )
    async with own.connection.transaction():
        for _, text in objects():
            await own.connection.execute(text.encode())
        await own.connection.execute("CALL apply_tenant_policies()")
    after = await own.rows(
        "SELECT oid::regprocedure::text, md5(pg_get_functiondef(oid)) FROM pg_proc WHERE prokind = 'f' AND pronamespace = 'public'::regnamespace ORDER BY 1"
    )
    assert after == before
