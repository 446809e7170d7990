"""Measurements: begun, followed, listed; a trial of changes is published or dropped."""

from __future__ import annotations

from typing import Any

from ...kernel import jobs, sql
from ...kernel.audit import audit
from ...kernel.database import Row, Tx
from ...kernel.jobs import JobId
from ...kernel.json import dumps
from ..agents import service as agents
from ..agents.models import Agent
from .models import NoSuchRun, NotDecidable, NothingChanges, NothingSigned, Pair, Result, Run

queries = sql.load(__package__ or "")

RUN = "evaluation.run"
MOST_QUESTIONS = 200
SHOWN = 50


async def begin(
    tx: Tx,
    slug: str,
    changes: dict[str, Any] | None = None,
    *,
    note: str | None = None,
    tags: tuple[str, ...] = (),
) -> int:
    """A job will ask the agent all that people signed, with *changes* also as it would be; returns the run's number.

    Raises ``NoSuchAgent``, ``NothingSigned``, ``NothingChanges``, and as ``agents.drafted``.
    """
    live = await agents.agent(tx, slug, inactive=True)
    tried: dict[str, Any] | None = None
    if changes is not None:
        draft = await agents.drafted(tx, slug, changes)
        tried = {name: value for name, value in draft.values.items() if value != live.values[name]}
        if not tried:
            raise NothingChanges()
    pairs = await validated(tx, live)
    if not pairs:
        raise NothingSigned()
    run_id = await tx.value(
        queries.add_run,
        agent=live.id,
        changes=None if tried is None else dumps(tried),
        note=note,
        seen=live.etag,
        version=live.prompt_version,
        model=live.model,
        questions=len(pairs),
    )
    job = await jobs.enqueue(tx, RUN, run_id=run_id, agent_id=live.id)
    await tx.run(queries.await_job, id=run_id, job=job)
    await audit(tx, "create", "evaluation", run_id, new={"agent": slug, "changes": sorted(tried or {})}, tags=tags)
    return run_id


async def validated(tx: Tx, agent: Agent) -> list[Pair]:
    """The newest validated questions to *agent*."""
    return await tx.all(Pair, queries.pairs, agent=agent.id, most=MOST_QUESTIONS)


async def runs(tx: Tx, agent: Agent, *, before: int | None = None, most: int = SHOWN) -> list[Run]:
    """Measurements of *agent*, newest first; those that are older than the one numbered *before*."""
    return await tx.all(Run, queries.runs, agent=agent.id, id=None, before=before, most=most)


async def run(tx: Tx, agent: Agent, number: int) -> Run:
    """One measurement of *agent*. Raises ``NoSuchRun``."""
    found = await tx.first(Run, queries.runs, agent=agent.id, id=number, before=None, most=1)
    if found is None:
        raise NoSuchRun()
    return found


async def results(tx: Tx, number: int) -> list[Result]:
    """What was answered in a measurement."""
    return await tx.all(Result, queries.results, run=number)


async def cancel(tx: Tx, agent: Agent, number: int) -> None:
    """Ends a measurement that is going on. Raises ``NoSuchRun``, ``NotFound``."""
    found = await run(tx, agent, number)
    await jobs.cancel(tx, JobId(found.job_id or 0))
    await audit(tx, "cancel", "evaluation", number)


async def publish(tx: Tx, agent: Agent, number: int) -> Agent:
    """The changes of a trial go live; the trial is kept with the version that they make.

    Raises ``NoSuchRun``, ``NotDecidable``, ``AgentChanged`` when the agent is no longer what the trial compared with.
    """
    found = await _undecided(tx, agent, number)
    now = await agents.update(tx, agent.slug, found.changes or {}, note=found.note, seen=found.seen)
    await _decide(tx, number, "publish", "published", now.prompt_version)
    return now


async def drop(tx: Tx, agent: Agent, number: int) -> None:
    """The changes of a trial do not go live. Raises ``NoSuchRun``, ``NotDecidable``."""
    await _undecided(tx, agent, number)
    await _decide(tx, number, "drop", "dropped", None)


async def _undecided(tx: Tx, agent: Agent, number: int) -> Run:
    await tx.first(Row, queries.lock_run, id=number)
    found = await run(tx, agent, number)
    if found.status != "completed" or found.changes is None or found.decision is not None:
        raise NotDecidable()
    return found


async def _decide(tx: Tx, number: int, verb: str, decision: str, version: int | None) -> None:
    if await tx.value(queries.decide, id=number, decision=decision, version=version) is None:
        raise NotDecidable()
    await audit(tx, verb, "evaluation", number)
