"""What the tests of imports share: a file is brought by the job itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from countersign.kernel import jobs
from countersign.kernel.access import Caller, system
from countersign.kernel.app import App
from countersign.knowledge.imports import service, undoing
from countersign.knowledge.imports.bring import bring as really
from countersign.knowledge.imports.models import Import

UNDO = undoing.undo  # the job registers itself


async def bring(
    house: App,
    path: Path,
    kind: str = "csv",
    mapping: Any = None,
    *,
    table: str = "ouvrages",
    dry_run: bool = False,
    caller: Caller | None = None,
) -> Import:
    """The import, ended well."""
    return await really(house, caller or system(), path, kind, mapping, table=table, dry_run=dry_run)


async def undone(house: App, import_id: int, caller: Caller | None = None) -> Import:
    """The import after a job has tried to take it back."""
    who = caller or system()
    async with house.db.transaction(who) as tx:
        await service.undo(tx, import_id)
        asked = await service.one(tx, import_id)
    assert asked.undoing and not asked.undoable and asked.job_id is not None
    await jobs.work(house, asked.job_id)
    async with house.db.transaction(who) as tx:
        return await service.one(tx, import_id)


def counts(done: Import) -> tuple[int, ...]:
    """Total, inserted, updated, unchanged, failed."""
    return done.total_rows, done.inserted_rows, done.updated_rows, done.unchanged_rows, done.failed_rows
