"""An import in the background: one transaction, so that a worker that is killed leaves nothing half done."""

from __future__ import annotations

import asyncio
import time
from dataclasses import asdict
from functools import partial
from typing import Any

from ...kernel.audit import audit
from ...kernel.database import Row
from ...kernel.errors import CountersignError
from ...kernel.events import publish
from ...kernel.jobs import JobContext, LeaseLost, job
from ...kernel.json import dumps
from . import files, staging
from .mapping import parse
from .models import Report
from .reading import inspect, records
from .service import RUN, one, queries, target

TOLD_EVERY = 0.5  # seconds


@job(RUN, attempts=4)
async def run(ctx: JobContext, import_id: int) -> dict[str, Any]:
    """Imports a file, or only says what would happen. Begun again from the start if its worker is killed."""
    async with ctx.app.db.transaction(ctx.caller) as tx:
        begun = await tx.first(Row, queries.begin_import, id=import_id)
    if begun is None:
        return {"import": None}
    try:
        return await _bring(ctx, begun)
    except LeaseLost:
        raise
    except Exception as error:
        ours = isinstance(error, CountersignError)
        if (ours and error.status < 500) or ctx.job.attempts >= ctx.job.max_attempts:
            reason = error.detail if ours else f"{type(error).__name__}. Try again."
            async with ctx.app.db.transaction(ctx.caller) as tx:
                if await tx.value(queries.fail_import, id=import_id, error=reason) and not begun["dry_run"]:
                    await publish(tx, "import.failed", id=import_id, error=reason)
        raise


async def _bring(ctx: JobContext, begun: Row) -> dict[str, Any]:
    import_id, dry = begun["id"], begun["dry_run"]
    async with ctx.app.db.transaction(ctx.caller) as tx:
        file = await files.by_id(tx, begun["file_id"])
        into = await target(tx, begun["target_table"])
    mapping = parse(begun["mapping"], into)
    clock = Clock(ctx, import_id)
    most = ctx.app.settings.max_import_bytes
    async with files.opened(ctx.app, ctx.caller, file) as path:
        rows = partial(records, path, file.kind, mapping.read, most_bytes=most)
        names = (await asyncio.to_thread(inspect, path, file.kind, mapping.read, most_bytes=most)).names
        expected = await asyncio.to_thread(files.rows_expected, path, file.kind)
        async with ctx.app.db.transaction(ctx.caller) as tx:
            await tx.value(queries.one_at_a_time)
            await staging.stage(tx, into, mapping, rows, clock.tell, expected)
            report = await staging.report(tx, mapping)
            jumps = await staging.jumps(tx, into, mapping)
            if not dry and into.table is not None:
                await staging.write_rows(tx, into.table, import_id, mapping, report.total, clock.tell)
            elif not dry:
                await staging.write(tx, import_id, file.kind, mapping, report.total, clock.tell)
            # From here on nobody cancels: the job's row is locked before the import's, as whoever cancels does.
            await ctx.hold(tx)
            await tx.run(queries.keep_errors, id=import_id)
            counts = _counts(report)
            told = {**asdict(report), "jumps": jumps, "names": names}
            await tx.run(queries.complete_import, id=import_id, report=dumps(told), **counts)
            if not dry:
                await audit(tx, "import", begun["target_table"], import_id, new=counts)
                await publish(tx, "import.completed", id=import_id, **counts)
    if not dry and report.total > staging.LARGE and report.inserted + report.updated:
        async with ctx.app.db.transaction(ctx.caller) as tx:
            if into.table is not None:
                await tx.value(queries.refresh_table_statistics, table=into.table.id)
            else:
                await tx.run(queries.refresh_statistics)
    return {"import": import_id, **counts}


def _counts(report: Report) -> dict[str, int]:
    names = ("total", "failed", "inserted", "updated", "unchanged", "skipped")
    return {name: getattr(report, name) for name in names}


class Clock:
    """Shows now and then how far an import is: rows, rows a second, seconds left. Learns that it was cancelled."""

    def __init__(self, ctx: JobContext, import_id: int) -> None:
        self._ctx = ctx
        self._import = import_id
        self._phase = ""
        self._since = self._told = 0.0

    async def tell(self, phase: str, done: int, total: int | None) -> None:
        """Raises ``LeaseLost`` when the import was cancelled or taken over."""
        now = time.monotonic()
        if phase != self._phase:
            self._phase, self._since = phase, now
        elif now - self._told < TOLD_EVERY and done != total:
            return
        self._told = now
        rate = int(done / (now - self._since)) if now > self._since and done else None
        left = round((total - done) / rate) if rate and total is not None else None
        await self._ctx.progress(done, total, phase)
        async with self._ctx.app.db.transaction(self._ctx.caller) as tx:
            await tx.run(
                queries.import_progress, id=self._import, phase=phase, done=done, expected=total, rate=rate, left=left
            )


@job("imports.failed")
async def failed(ctx: JobContext, import_id: int) -> None:
    """Tells that an import was given up: its workers fell silent, so that none of them could."""
    async with ctx.app.db.transaction(ctx.caller) as tx:
        found = await one(tx, import_id)
        if found.status == "failed":
            await publish(tx, "import.failed", id=import_id, error=found.first_error)


@job("imports.tidy", every=24 * 3600)
async def tidy(ctx: JobContext) -> dict[str, int]:
    """Bytes of old files go."""
    async with ctx.app.db.transaction(ctx.caller) as tx:
        return {"pieces": await tx.run(queries.empty_files, days=files.KEPT_DAYS)}
