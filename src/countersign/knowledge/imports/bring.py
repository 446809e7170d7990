"""An import that the asking process does itself, by the very job that a worker would do: the commands."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from ...kernel import jobs
from ...kernel.access import Caller
from ...kernel.app import App
from ...kernel.errors import Invalid
from . import files, service
from .mapping import parse
from .models import Import, UnreadableFile
from .reading import AS_IT_IS

LOOK_EVERY = 0.5  # seconds
Tell = Callable[[int, int | None, str | None], Awaitable[None]]


class NotBrought(Invalid):
    """The import did not end well."""


async def bring(
    app: App,
    caller: Caller,
    path: Path,
    kind: str,
    mapping: Any = None,
    *,
    table: str = service.OUVRAGES,
    dry_run: bool = False,
    tell: Tell | None = None,
) -> Import:
    """Imports a file by *mapping* as people write it and returns what it did.

    *tell* hears ``(rows done, rows in all, phase)``.
    Should this process be killed, a worker takes the job over when its lease has run out. Raises ``UnreadableFile``,
    ``BadMapping``, ``NotBrought``.
    """
    async with app.db.transaction(caller, read_only=True) as tx:
        into = await service.target(tx, table)
    plan = None if mapping is None else parse(mapping, into)
    try:
        with path.open("rb") as content:
            file = await files.keep(app, caller, path.name, content, kind, plan.read if plan else AS_IT_IS)
    except OSError as error:
        raise UnreadableFile(f"{path.name} cannot be opened: {error.strerror}.") from error
    found = await files.first_rows(app, caller, file, plan.read if plan else AS_IT_IS)
    async with app.db.transaction(caller) as tx:
        tx.bell = None  # done here, not by a worker
        plan = plan or await service.proposed(tx, found, table)
        import_id = await service.begin(tx, file, plan, table=table, dry_run=dry_run)
    done = await _follow(app, caller, import_id, tell)
    if done.status != "completed":
        raise NotBrought(done.first_error or f"Import {done.id} was {done.status}.")
    return done


async def _follow(app: App, caller: Caller, import_id: int, tell: Tell | None) -> Import:
    """Does the import here, unless a worker was faster; looks at it until it has ended."""
    doing: asyncio.Task[bool] | None = None
    while True:
        async with app.db.transaction(caller, read_only=True) as tx:
            found = await service.one(tx, import_id)
        if not found.going or found.job_id is None:
            if doing is not None:
                await doing
            return found
        if doing is None or doing.done():
            doing = asyncio.create_task(jobs.work(app, found.job_id))
        if tell is not None:
            await tell(found.rows_done, found.rows_expected, found.phase or "waiting")
        await asyncio.wait({doing}, timeout=LOOK_EVERY)
        if doing.done() and not doing.result():
            await asyncio.sleep(LOOK_EVERY)  # in the hands of a worker
