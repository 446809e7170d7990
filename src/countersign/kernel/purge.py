"""Taking away what is old and proves nothing: deliveries, logs, ended jobs. Audit, events and decisions stay."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import psycopg

from . import sql
from .access import Caller
from .audit import audit
from .database import Database
from .errors import Unavailable

Progress = Callable[[int, int | None, str | None], Awaitable[None]]
queries = sql.load(__package__ or "")

BY_MONTH = ("webhook_logs", "application_logs")
BATCH = 1_000


class LogsBusy(Unavailable):
    """A table of logs is in use for longer than five seconds. Try again; what was removed already stays removed."""


async def purge(db: Database, caller: Caller, days: int, progress: Progress, *, dry: bool = False) -> dict[str, int]:
    """Removes what is older than *days*, of all organisations; returns the number of rows by table.

    Logs leave by whole months, each table in a transaction of its own, jobs in batches. *dry* only counts.
    """
    gone: dict[str, int] = {}
    for done, parent in enumerate(BY_MONTH, 1):
        try:
            async with db.transaction(None) as tx:
                gone[parent] = int(await tx.value(queries.purge_months, parent=parent, days=days, dry=dry))
        except psycopg.errors.LockNotAvailable as error:
            raise LogsBusy() from error
        await progress(done, len(BY_MONTH), "tables")
    async with db.transaction(None, read_only=True) as tx:
        total = int(await tx.value(queries.old_jobs, days=days))
    gone["jobs"] = total if dry else await _jobs(db, days, total, progress)
    if not dry and any(gone.values()):
        async with db.transaction(caller) as tx:
            await audit(tx, "purge", "logs", None, new={"days": days, **gone})
    return gone


async def _jobs(db: Database, days: int, total: int, progress: Progress) -> int:
    gone = 0
    while True:
        async with db.transaction(None) as tx:
            batch = int(await tx.value(queries.purge_jobs, days=days, most=BATCH))
        gone += batch
        if batch < BATCH:
            return gone
        await progress(gone, max(total, gone), "jobs")
