"""The schedule makes the months of growing tables before their first row, and gathers what came too early."""

from __future__ import annotations

from typing import Any

import psycopg

from countersign import worker
from countersign.kernel import jobs, partitions
from countersign.kernel.access import Caller
from countersign.kernel.app import App
from countersign.kernel.database import Row
from tests.conftest import Tenants
from tests.knowledge.conftest import work_off

NAME = jobs.KINDS["kernel.partitions"].name
KEEPERS = ("application_logs", "audit_logs", "webhook_events", "webhook_logs")


async def children(owner: psycopg.AsyncConnection[Any]) -> dict[str, int]:
    found = await owner.execute(
        "SELECT inhparent::regclass::text, count(*) FROM pg_inherits JOIN pg_class c ON c.oid = inhparent "
        "WHERE c.relkind = 'p' GROUP BY 1"
    )
    return dict(await found.fetchall())


async def test_a_scheduled_run_makes_the_months_ahead_once(
    house: App, tenants: Tenants, owner: psycopg.AsyncConnection[Any]
) -> None:
    before = await children(owner)
    assert before.keys() >= set(KEEPERS)
    me: Caller = tenants.a.caller
    async with house.db.transaction(me) as tx:
        await tx.run("INSERT INTO application_logs (level, source_component, message) VALUES ('INFO', 't', 'early')")
    for _ in range(2):
        assert await jobs.schedule(house, NAME) >= 2, "for each organisation"
        await work_off(house)
        after = await children(owner)
        assert all(after[keeper] == before[keeper] + 4 for keeper in KEEPERS), "this month and three more"
    left = await owner.execute("SELECT count(*) FROM application_logs_default")
    assert await left.fetchone() == (0,)
    async with house.db.transaction(me) as tx:
        ended = await tx.all(Row, "SELECT status, result FROM jobs WHERE name = %(name)s ORDER BY id", name=NAME)
    assert {one["status"] for one in ended} == {"done"} and ended[-1]["result"] == {"made": 0}


def test_beat_rings_every_job_that_has_a_schedule() -> None:
    rung: dict[str, Any] = worker.app.conf.beat_schedule
    assert partitions.make_months is jobs.KINDS[NAME].work
    assert rung[NAME]["schedule"] == 24 * 3600
    assert {name for name, kind in jobs.KINDS.items() if kind.every} <= rung.keys()
