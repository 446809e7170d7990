"""A job is done once: claims, leases, fencing tokens, the sweeper."""

from __future__ import annotations

import asyncio

from tests.schema.conftest import Desk

CLAIM = "SELECT id, lease_token, attempts FROM claim_job(%s, %s, %s::interval)"


async def add(app: Desk, **values: object) -> int:
    await app.be(1)
    columns = {"name": "x", **values}
    job = await app.value(
        f"INSERT INTO jobs ({', '.join(columns)}) VALUES ({', '.join(['%s'] * len(columns))}) RETURNING id",
        *columns.values(),
    )
    await app.be(None)
    return job


async def test_two_workers_claim_and_one_gets_it(app: Desk, second: Desk) -> None:
    job = await add(app)
    both = await asyncio.gather(app.rows(CLAIM, job, "a", "1 minute"), second.rows(CLAIM, job, "b", "1 minute"))
    assert sorted(len(rows) for rows in both) == [0, 1]
    assert [(job, 1, 1)] in both


async def test_a_lease_that_ran_out_is_taken_over_and_the_former_holder_is_fenced_off(app: Desk, own: Desk) -> None:
    job = await add(app)
    await app.rows(CLAIM, job, "a", "1 minute")
    assert await app.rows(CLAIM, job, "b", "1 minute") == []
    assert await app.value("SELECT renew_job(%s, 1, '1 hour') > now() + interval '59 minutes'", job)
    await own.run("UPDATE jobs SET lease_until = now() - interval '1 second'")
    assert await app.rows(CLAIM, job, "b", "1 minute") == [(job, 2, 2)]
    for stale in (
        "SELECT renew_job(%s, 1, '1 minute')",
        "SELECT job_progress(%s, 1, 1, 2, 'n')",
        "SELECT finish_job(%s, 1, '{}')",
        "SELECT fail_job(%s, 1, 'e', NULL)",
    ):
        assert await app.refused(stale, job) == "job-lease-lost", stale
    await app.rows("SELECT job_progress(%s, 2, 1, 2, 'half')", job)
    await app.rows("SELECT finish_job(%s, 2, '{\"n\": 1}')", job)
    assert await own.row("SELECT status, progress_done, progress_note, result, lease_until FROM jobs") == (
        "done",
        1,
        "half",
        {"n": 1},
        None,
    )
    assert await app.refused("SELECT finish_job(%s, 2, NULL)", job) == "job-lease-lost"
    assert await app.rows(CLAIM, job, "c", "1 minute") == []


async def test_a_failure_is_retried_while_attempts_remain(app: Desk, own: Desk) -> None:
    job = await add(app, max_attempts=2)
    await app.rows(CLAIM, job, "a", "1 minute")
    assert await app.value("SELECT fail_job(%s, 1, 'boom', '1 hour')", job) == "queued"
    assert await app.rows(CLAIM, job, "a", "1 minute") == []  # not due yet
    await own.run("UPDATE jobs SET run_at = now()")
    await app.rows(CLAIM, job, "a", "1 minute")
    assert await app.value("SELECT fail_job(%s, 2, 'boom', '1 hour')", job) == "failed"
    assert await own.row("SELECT status, error, finished_at IS NOT NULL FROM jobs") == ("failed", "boom", True)
    other = await add(app)
    await app.rows(CLAIM, other, "a", "1 minute")
    assert await app.value("SELECT fail_job(%s, 1, 'no', NULL)", other) == "failed"


async def test_a_cancelled_job_stops_its_worker(app: Desk) -> None:
    job = await add(app)
    await app.rows(CLAIM, job, "a", "1 minute")
    await app.be(1)
    await app.run("UPDATE jobs SET status = 'cancelled' WHERE id = %s", job)
    assert await app.refused("SELECT renew_job(%s, 1, '1 minute')", job) == "job-lease-lost"
    assert await app.refused("UPDATE jobs SET status = 'done' WHERE id = %s", job) == "transition-refused"


async def test_the_sweeper_rings_what_is_due_and_unheard(app: Desk, own: Desk) -> None:
    heard, later, silent, poison = await add(app), await add(app), await add(app), await add(app, max_attempts=1)
    urgent = await add(app, priority=9)
    await own.run("UPDATE jobs SET run_at = now() + interval '1 hour' WHERE id = %s", later)
    for job in (silent, poison):
        await app.rows(CLAIM, job, "dead", "1 minute")
    await own.run("UPDATE jobs SET lease_until = now() - interval '1 second' WHERE id = ANY (%s)", [silent, poison])
    assert sorted(r[0] for r in await app.rows("SELECT due_jobs(10)")) == sorted([heard, silent, urgent])
    assert await own.row("SELECT status, error FROM jobs WHERE id = %s", poison) == (
        "failed", "The worker fell silent 1 times; the job was given up."
    )  # fmt: skip
    assert await app.rows("SELECT due_jobs(10)") == []  # rung a moment ago
    await own.run("UPDATE jobs SET rung_at = now() - interval '31 seconds'")
    assert await app.rows("SELECT due_jobs(1)") == [(urgent,)]


async def test_one_live_job_a_key(app: Desk) -> None:
    await app.be(1)
    add_keyed = "INSERT INTO jobs (name, dedup_key) VALUES ('index', 'c')"
    await app.run(add_keyed)
    assert await app.refused(add_keyed) == "UniqueViolation"
    await app.rows(CLAIM, 1, "a", "1 minute")
    assert await app.refused(add_keyed) == "UniqueViolation"
    await app.rows("SELECT finish_job(1, 1, NULL)")
    await app.run(add_keyed)
    await app.run("INSERT INTO jobs (name) VALUES ('index'), ('index')")
