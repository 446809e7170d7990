"""Months are made ahead, filled from the DEFAULT partition, and purged by detaching."""

from __future__ import annotations

import asyncio

from tests.schema.conftest import Desk

PARENTS = ("webhook_events", "webhook_logs", "audit_logs", "application_logs")


async def log(app: Desk, age: str) -> None:
    await app.run(
        "INSERT INTO application_logs (level, source_component, message, created_at) VALUES ('INFO', 't', %s, now() - %s::interval)",
        age,
        age,
    )
    await app.run(
        "INSERT INTO audit_logs (action, auditable_type, created_at) VALUES ('create', %s, now() - %s::interval)",
        age,
        age,
    )
    await app.run(
        "INSERT INTO webhook_events (source, delivery_key, payload, received_at) VALUES ('github', %s, '{}', now() - %s::interval)",
        age,
        age,
    )


async def test_every_row_finds_a_place_before_any_month_exists(app: Desk, own: Desk) -> None:
    await app.be(1)
    for age in ("0", "40 days", "400 days"):
        await log(app, age)
    assert await own.rows("SELECT DISTINCT tableoid::regclass::text FROM application_logs") == [
        ("application_logs_default",)
    ]
    made = await app.value("SELECT ensure_partitions(3)")
    assert made == 4 * 4 + 3 * 2  # this month and three ahead of each, and two months that rows already lay in
    for parent in PARENTS:
        assert await own.value(f"SELECT count(*) FROM {parent}_default") == 0
    assert await own.value("SELECT count(DISTINCT tableoid) FROM application_logs") == 3
    assert await app.value("SELECT count(*) FROM audit_logs") == 3
    assert await app.value("SELECT ensure_partitions(3)") == 0
    month = await own.value("SELECT to_char(now() AT TIME ZONE 'UTC', '_YYYY_MM')")
    await log(app, "0")
    assert await own.value(f"SELECT count(*) FROM application_logs{month}") == 2
    # What is history stays history in a new month, and keys still work.
    assert await app.refused("UPDATE audit_logs SET action = 'x'") == "insert-only"
    assert await app.refused("DELETE FROM application_logs") == "insert-only"
    assert await own.refused(f"UPDATE audit_logs{month} SET action = 'x'") == "insert-only"
    assert (
        await app.refused(
            "INSERT INTO webhook_events (source, delivery_key, payload, related_task_id) VALUES ('github', 'k', '{}', 99)"
        )
        == "ForeignKeyViolation"
    )
    assert await app.refused("SELECT ensure_partitions(1000)") == "partitions-too-many"


async def test_many_months_pass_without_running_out(app: Desk, own: Desk) -> None:
    await app.rows("SELECT ensure_partitions(24)")
    for ahead in range(25):
        await own.run(
            "INSERT INTO webhook_events (tenant_id, source, delivery_key, payload, received_at) VALUES (1, 'github', %s, '{}', now() + make_interval(months => %s))",
            str(ahead),
            ahead,
        )
    assert await own.value("SELECT count(*) FROM webhook_events_default") == 0
    assert await own.value("SELECT count(DISTINCT tableoid) FROM webhook_events") == 25


async def test_two_schedulers_at_once(app: Desk, second: Desk) -> None:
    await app.be(1)
    await log(app, "40 days")
    made = await asyncio.gather(app.value("SELECT ensure_partitions(2)"), second.value("SELECT ensure_partitions(2)"))
    assert sorted(made)[0] == 0
    assert sum(made) == 4 * 3 + 3


async def test_old_months_leave_by_detaching(app: Desk, own: Desk) -> None:
    await app.be(1)
    for age in ("0", "70 days", "200 days"):
        await log(app, age)
    await app.rows("SELECT ensure_partitions(1)")
    gone = await app.rows("SELECT detach_partitions('application_logs', interval '90 days')")
    assert len(gone) == 1
    assert await app.value("SELECT count(*) FROM application_logs") == 2
    assert await own.value(f"SELECT count(*) FROM archive.{gone[0][0]}") == 1
    assert await app.refused(f"SELECT * FROM archive.{gone[0][0]}") == "InsufficientPrivilege"
    assert await app.rows("SELECT detach_partitions('application_logs', interval '90 days')") == []
    assert await app.value("SELECT count(*) FROM audit_logs") == 3  # each table has its own retention
    # A late row makes the month anew; it can be detached beside the first.
    await log(app, "200 days")
    await app.rows("SELECT ensure_partitions(1)")
    assert await app.rows("SELECT detach_partitions('application_logs', interval '90 days')") == [(gone[0][0] + "_2",)]
    # The month in which the limit falls is kept whole. The difference of two moments has no months of any length in it.
    assert (
        await app.rows(
            "SELECT detach_partitions('application_logs', now() - (date_trunc('month', now() - interval '70 days') + interval '1 month') + interval '1 second')"
        )
        == []
    )
    assert sorted(await app.rows("SELECT drop_archived_partitions()")) == [gone[0], (gone[0][0] + "_2",)]
    assert await app.refused("SELECT detach_partitions('users', interval '1 day')") == "not-partitioned"
    assert await app.refused("SELECT detach_partitions('audit_logs', interval '-1 day')") == "retention-invalid"


async def test_parents_have_the_indexes_that_partitions_inherit(own: Desk) -> None:
    await own.rows("SELECT ensure_partitions(0)")
    for parent in PARENTS:
        wanted = await own.value("SELECT count(*) FROM pg_index WHERE indrelid = %s::regclass", parent)
        for (child,) in await own.rows(
            "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = %s::regclass", parent
        ):
            assert (
                await own.value("SELECT count(*) FROM pg_index WHERE indrelid = %s::regclass AND indisvalid", child)
                == wanted
            ), child
