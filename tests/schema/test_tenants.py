"""Two tenants with real rows: what one has does not exist for the other, and only a super-admin crosses."""

from __future__ import annotations

from tests.cluster import Clone
from tests.schema.conftest import Desk, People, desk


async def test_views_and_functions_over_real_rows(people: People, database: Clone) -> None:
    """What B has is invisible to A through each function that reads, and A's calls change nothing of B's."""
    a, b = await people.tenant("aa"), await people.tenant("bb")
    async with desk(database.url) as of_a, desk(database.url) as of_b:
        await of_b.be(b, await people.user("Bea", "admin", tenant=b))
        await of_a.be(a, await people.user("Ada", "admin", tenant=a))
        item = await of_b.value(
            "INSERT INTO ouvrages (code, name, type, unit, unit_price) VALUES ('F', 'f', 'fourniture', 'U', 2) RETURNING id"
        )
        task = await of_b.value("INSERT INTO tasks (source, title) VALUES ('manual', 't') RETURNING tasks_id")
        run = await of_b.value("INSERT INTO task_runs (task_id) VALUES (%s) RETURNING tasks_runs_id", task)
        validation = await of_b.value(
            "INSERT INTO human_validations (task_id, task_run_id, original_request, expires_at) "
            "VALUES (%s, %s, 'r', now() + interval '30 minutes') RETURNING validation_id",
            task,
            run,
        )
        job = await of_b.value("INSERT INTO jobs (name) VALUES ('x') RETURNING id")

        assert await of_b.value("SELECT ouvrage_cost(%s)", item) == 2
        assert await of_a.value("SELECT ouvrage_cost(%s)", item) is None
        assert await of_a.rows("SELECT * FROM ouvrage_costs(ARRAY[%s]::bigint[])", item) == []
        assert await of_a.rows("SELECT * FROM ouvrage_breakdown(%s)", item) == []
        for view in ("fournitures", "validation_dashboard", "validation_history", "workflow_metrics_summary"):
            assert len(await of_b.rows(f"SELECT * FROM {view}")) == 1, view
            assert await of_a.rows(f"SELECT * FROM {view}") == [], view
        assert (await of_b.row("SELECT * FROM get_validation_stats()"))[0] == 1
        assert (await of_a.row("SELECT * FROM get_validation_stats()"))[0] == 0
        assert (
            await of_a.refused("SELECT decide_validation(%s, 'approved', true)", validation) == "validation-not-found"
        )
        assert await of_a.rows("SELECT id FROM claim_job(%s, 'w', '1 minute')", job) == []
        assert await of_a.rows("SELECT due_jobs(10)") == []
        assert await of_a.refused("SELECT finish_job(%s, 0, NULL)", job) == "job-lease-lost"
        assert await of_a.rows("SELECT live_tenants()") == [(a,)]
        assert await of_a.rows("SELECT users_holding('agents.view')") != await of_b.rows(
            "SELECT users_holding('agents.view')"
        )
        assert await of_a.value("SELECT mark_expired_validations()") == 0
        # A parent, component, session or step of another tenant does not exist.
        await of_a.run("INSERT INTO ouvrages (code, name, type, unit) VALUES ('P', 'p', 'compose', 'U')")
        assert (
            await of_a.refused(
                "INSERT INTO ouvrages (code, name, type, unit, parent_id) VALUES ('Q', 'q', 'simple', 'U', %s)", item
            )
            == "ouvrage-parent-missing"
        )
        assert (
            await of_a.refused(
                "INSERT INTO ouvrage_components (parent_id, component_id) SELECT id, %s FROM ouvrages", item
            )
            == "ForeignKeyViolation"
        )
        assert await of_a.refused("INSERT INTO task_runs (task_id) VALUES (%s)", task) == "task-not-found"
        assert (
            await of_a.refused("INSERT INTO run_steps (task_run_id, node_name, step_order) VALUES (%s, 'n', 1)", run)
            == "ForeignKeyViolation"
        )
        assert (
            await of_a.refused(
                "SELECT record_ai_call(provider => 'local', model => 'm', operation => 'o', token_usage => '{}', success => true, task_run_id => %s)",
                run,
            )
            == "ForeignKeyViolation"
        )


async def test_a_super_admin_crosses_tenants_and_nobody_else(people: People, app: Desk) -> None:
    b = await people.tenant("bb")
    chief = await people.user("Chief", "super-admin")
    plain_admin = await people.user("Admin", "admin")
    assert len(await (await app.be(1, chief)).rows("SELECT id FROM tenants")) == 2
    assert await (await app.be(1, plain_admin)).rows("SELECT id FROM tenants") == [(1,)]
    assert await app.refused("INSERT INTO tenants (name, slug) VALUES ('x', 'x')") == "InsufficientPrivilege"
    assert await app.run("UPDATE tenants SET name = 'x' WHERE id = %s", b) == 0
    await app.be(1, chief)
    new = await app.value("INSERT INTO tenants (name, slug) VALUES ('x', 'x') RETURNING id")
    await app.be(new, chief)
    assert await app.value("SELECT config_value('workflow.max_debug_attempts')") == 2
    assert await app.value("SELECT count(*) FROM system_config") >= 11
