"""The worker process: Celery hands over job numbers, one asyncio runner a process does the work.

What waits for the servers of others is done in a second thread, so that the work goes on meanwhile.

``celery -A countersign.worker worker`` works, ``celery -A countersign.worker beat`` rings the schedule.
"""

from __future__ import annotations

import asyncio
from functools import cache
from typing import Any, cast

from celery.signals import setup_logging, worker_process_shutdown, worker_shutdown

from .kernel import bell, jobs, logs
from .kernel import partitions as kernel_partitions  # noqa: F401  # pyright: ignore[reportUnusedImport]  its job registers itself
from .kernel.app import App
from .kernel.aside import Aside
from .kernel.settings import Settings
from .knowledge import jobs as knowledge_jobs  # noqa: F401  # pyright: ignore[reportUnusedImport]  likewise
from .webhooks import jobs as webhooks_jobs  # noqa: F401  # pyright: ignore[reportUnusedImport]  likewise

settings = Settings.load()
app: Any = bell.celery_app(settings.redis_url)
SWEEP = "countersign.sweep"
SCHEDULE = "countersign.schedule"

app.conf.beat_schedule = {
    "sweep": {"task": SWEEP, "schedule": min(60.0, settings.job_lease_seconds)},
    **{
        kind.name: {"task": SCHEDULE, "schedule": kind.every, "args": (kind.name,)}
        for kind in jobs.KINDS.values()
        if kind.every
    },
}


def _logs(**_: Any) -> None:
    logs.configure(settings)


@cache
def _runner() -> asyncio.Runner:
    return asyncio.Runner()


@cache
def _house() -> App:
    house = App(settings)
    _runner().run(house.__aenter__())
    return house


@cache
def _aside() -> Aside:
    return Aside(settings)


def _close(**_: Any) -> None:
    if _aside.cache_info().currsize:
        _aside().close()
    if _house.cache_info().currsize:
        _runner().run(_house().__aexit__())
    _runner().close()


cast(Any, setup_logging).connect(_logs)
for ending in (worker_process_shutdown, worker_shutdown):  # the second one where the pool does not fork
    cast(Any, ending).connect(_close)


@app.task(name=bell.TASK)
def work(job_id: int) -> None:
    """Does job *job_id* if it is still there to be done."""
    claim = _runner().run(jobs.claim(_house(), job_id))
    if claim is None:
        return
    kind = jobs.KINDS.get(claim.name)
    if kind is None or not kind.aside or not _aside().take(claim):
        _runner().run(jobs.perform(_house(), claim))


@app.task(name=SWEEP)
def sweep() -> None:
    """Rings again for what nobody heard."""
    _runner().run(jobs.sweep(_house()))


@app.task(name=SCHEDULE)
def schedule(name: str) -> None:
    """Enqueues a scheduled job for every tenant."""
    _runner().run(jobs.schedule(_house(), name))
