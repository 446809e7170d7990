"""Background work. The job is a row, written in the caller's transaction; the message is only a doorbell.

A worker claims the row with a lease and a fencing token, so a doubled delivery does the work once, and a worker that
was killed is replaced when its lease ends. The sweeper re-rings what nobody heard.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NewType

import structlog

from . import events, sql
from .access import Caller, TenantId, UserId, system
from .app import App
from .database import Row, Tx
from .errors import Conflict, CountersignError, NotFound
from .json import dumps

JobId = NewType("JobId", int)
log = structlog.get_logger("kernel.jobs")
queries = sql.load(__package__ or "")


class LeaseLost(Conflict):
    """Another worker has taken this job over, or it was cancelled."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A job in the hands of this worker. ``lease_token`` grows with every claim and fences off the former holder."""

    id: int
    tenant_id: int
    name: str
    args: dict[str, Any]
    attempts: int
    max_attempts: int
    lease_token: int
    actor_id: int | None
    lane: str | None


@dataclass(frozen=True, slots=True)
class Status:
    """A job as its page shows it."""

    id: int
    name: str
    status: str
    attempts: int
    progress_done: int | None
    progress_total: int | None
    progress_note: str | None
    result: Any
    error: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class JobContext:
    """What a job's function is given beside its arguments."""

    app: App
    caller: Caller
    job: Claim

    async def progress(self, done: int, total: int | None = None, note: str | None = None) -> None:
        """Shows how far the work is. Raises ``LeaseLost`` when the job was cancelled or taken over."""
        async with self.app.db.transaction(self.caller) as tx:
            await _guarded(
                tx, queries.job_progress, id=self.job.id, token=self.job.lease_token, done=done, total=total, note=note
            )
            await events.whisper(tx, "job.progress", id=self.job.id, done=done, total=total, note=note)

    async def hold(self, tx: Tx) -> None:
        """Until *tx* ends nobody cancels the job or takes it over. Raises ``LeaseLost``."""
        await _guarded(tx, queries.hold_job, id=self.job.id, token=self.job.lease_token)


Work = Callable[..., Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Kind:
    """A job that exists: its function, and how often it may be tried. *aside*: it waits for others' servers."""

    name: str
    work: Work
    attempts: int
    every: float | None = None
    aside: bool = False
    schedule: dict[str, Any] = field(default_factory=dict[str, Any])


KINDS: dict[str, Kind] = {}


def job(name: str, *, attempts: int = 5, every: float | None = None, aside: bool = False) -> Callable[[Work], Work]:
    """Registers ``async def f(ctx, **args)`` under *name*. *every* (seconds) runs it for each tenant on schedule.

    *aside* is for what waits for servers of others: many at once, beside the one job that a worker does.
    """

    def register(work: Work) -> Work:
        if name in KINDS and KINDS[name].work is not work:
            raise ValueError(f"two jobs are named {name}")
        KINDS[name] = Kind(name, work, attempts, every, aside)
        return work

    return register


async def enqueue(
    tx: Tx,
    name: str,
    /,
    *,
    key: str | None = None,
    lane: str | None = None,
    delay: float = 0,
    priority: int = 0,
    **args: Any,
) -> JobId:
    """Stores a job in *tx*, rings after the commit. *key* folds into a live job of that key; *delay* in seconds.

    Jobs of one *lane* are done one after the other.
    """
    if name not in KINDS:
        raise ValueError(f"no job is named {name}")
    job_id = JobId(
        await tx.value(
            queries.add_job,
            name=name,
            args=dumps(args),
            key=key,
            lane=lane,
            delay=delay,
            priority=priority,
            max_attempts=KINDS[name].attempts,
        )
    )
    if delay == 0 and tx.bell is not None:
        bell = tx.bell
        tx.after_commit(lambda: bell.ring(job_id))
    return job_id


async def status(tx: Tx, job_id: JobId) -> Status:
    """The job as its page shows it. Raises ``NotFound``."""
    return await tx.one(Status, queries.job_status, id=job_id)


async def cancel(tx: Tx, job_id: JobId, reason: str = "cancelled") -> None:
    """Cancels a job that has not ended. Raises ``NotFound``."""
    if await tx.value(queries.cancel_job, id=job_id, reason=reason) is None:
        raise NotFound("This job has already ended, or does not exist.")
    await events.whisper(tx, "job.ended", id=job_id, status="cancelled")


async def work(app: App, job_id: int, *, owner: str | None = None) -> bool:
    """Claims and does one job; returns whether there was something to do. Never raises for the job's own failure."""
    taken = await claim(app, job_id, owner=owner)
    if taken is not None:
        await perform(app, taken)
    return taken is not None


async def claim(app: App, job_id: int, *, owner: str | None = None) -> Claim | None:
    """Takes the job for this worker, who then must ``perform`` it; None when it is not to be done now."""
    owner = owner or f"{socket.gethostname()}:{os.getpid()}"
    async with app.db.transaction(None) as tx:
        return await tx.first(Claim, queries.claim_job, id=job_id, owner=owner, lease=app.settings.job_lease_seconds)


async def perform(app: App, claim: Claim) -> None:
    """Does what was claimed. Never raises for the job's own failure."""
    caller = system(TenantId(claim.tenant_id), UserId(claim.actor_id) if claim.actor_id else None)
    with structlog.contextvars.bound_contextvars(job=claim.id, job_name=claim.name, tenant=claim.tenant_id):
        await _perform(JobContext(app, caller, claim), app.settings.job_lease_seconds)


async def _perform(ctx: JobContext, lease: float) -> None:
    claim = ctx.job
    kind = KINDS.get(claim.name)
    doing = asyncio.create_task(_call(kind, ctx), name=claim.name)
    holding = asyncio.create_task(_hold(ctx, lease, doing))
    try:
        result = await doing
        await _end(ctx, queries.finish_job, result=dumps(result))
        log.info("job.done", attempt=claim.attempts)
    except (LeaseLost, asyncio.CancelledError) as error:
        if isinstance(error, asyncio.CancelledError) and not doing.cancelled():
            raise
        log.warning("job.lost", attempt=claim.attempts)
    except Exception as error:
        final = (isinstance(error, CountersignError) and error.status < 500) or claim.attempts >= claim.max_attempts
        retry = None if final else min(2.0 ** (claim.attempts - 1) * 5, 3600)
        log.error("job.failed", attempt=claim.attempts, retry_in=retry, exc_info=error)
        text = error.detail if isinstance(error, CountersignError) else f"{type(error).__name__}: {error}"
        with suppress(CountersignError):
            await _end(ctx, queries.fail_job, error=text, retry=retry)
    finally:
        holding.cancel()
        with suppress(asyncio.CancelledError):
            await holding


async def _call(kind: Kind | None, ctx: JobContext) -> Any:
    if kind is None:
        raise NotFound(f"This worker knows no job named {ctx.job.name}; it may be older than the one that asked.")
    return await kind.work(ctx, **ctx.job.args)


async def _hold(ctx: JobContext, lease: float, doing: asyncio.Task[Any]) -> None:
    """Renews the lease three times per term; a lost lease stops the work."""
    while True:
        await asyncio.sleep(lease / 3)
        try:
            async with ctx.app.db.transaction(ctx.caller) as tx:
                await _guarded(tx, queries.renew_job, id=ctx.job.id, token=ctx.job.lease_token, lease=lease)
        except LeaseLost:
            doing.cancel()
            return
        except Exception as error:
            log.warning("job.renewal_failed", error=str(error))


async def _end(ctx: JobContext, statement: sql.Statement, **values: Any) -> None:
    async with ctx.app.db.transaction(ctx.caller) as tx:
        await _guarded(tx, statement, id=ctx.job.id, token=ctx.job.lease_token, **values)
        await events.whisper(tx, "job.ended", id=ctx.job.id, status=statement.name)
        if ctx.job.lane is None or tx.bell is None:
            return
        bell, waiting = tx.bell, await tx.value(queries.next_in_lane, lane=ctx.job.lane)
        if waiting is not None:
            tx.after_commit(lambda: bell.ring(waiting))


async def _guarded(tx: Tx, statement: sql.Statement, **values: Any) -> None:
    try:
        await tx.run(statement, **values)
    except Exception as error:
        if getattr(error, "sqlstate", None) == "P0409":
            raise LeaseLost() from error
        raise


async def sweep(app: App, most: int = 1000) -> int:
    """Rings again for every job that is due and unheard, and for those whose worker went silent; returns how many."""
    async with app.db.transaction(None) as tx:
        due = [row["id"] for row in await tx.all(Row, queries.due_jobs, most=most)]
    for job_id in due:
        await app.bell.ring(job_id)
    return len(due)


async def schedule(app: App, name: str) -> int:
    """Enqueues the scheduled job *name* for every live tenant, once while one is still waiting."""
    async with app.db.transaction(None) as tx:
        tenants = [row["id"] for row in await tx.all(Row, queries.live_tenants)]
    for tenant in tenants:
        async with app.db.transaction(system(TenantId(tenant))) as tx:
            await enqueue(tx, name, key="schedule")
    return len(tenants)
