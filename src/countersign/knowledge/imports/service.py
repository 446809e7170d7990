"""Bringing a file into the price library: one transaction, so that an interrupted import leaves nothing."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

from ...index import service as index
from ...kernel import sql
from ...kernel.access import Caller
from ...kernel.audit import audit
from ...kernel.database import Database, Row, Tx
from ...kernel.errors import CountersignError
from ...kernel.events import publish
from ...kernel.json import dumps
from .mapping import guess, values
from .models import Mapping, Report, UnreadableFile
from .reading import Record, records

queries = sql.load(__package__ or "")
OUVRAGE = "ouvrage"
EVERY = 2_000  # rows between two signs of life
Told = Callable[[int], None]


async def dry_run(db: Database, caller: Caller, path: Path, kind: str, mapping: Mapping | None, tell: Told) -> Report:
    """What ``bring`` would do with the file; nothing is written. Raises ``UnreadableFile`` and ``BadMapping``."""
    async with db.transaction(caller) as tx:
        mapping, rows = _open(path, kind, mapping)
        report = await _stage(tx, mapping, rows, tell)
        await tx.run(queries.clear_staging)
        return report


async def bring(
    db: Database, caller: Caller, path: Path, kind: str, mapping: Mapping | None, tell: Told
) -> tuple[int, Report]:
    """Imports the file into ouvrages, whole or not at all; returns the number of the import and what it did.

    A refused row stops no other. Raises ``UnreadableFile`` and ``BadMapping``.
    """
    mapping, rows = _open(path, kind, mapping)
    async with db.transaction(caller) as tx:
        import_id = await tx.value(
            queries.begin_import, kind=kind, name=path.name[:255], mapping=dumps(asdict(mapping))
        )
    try:
        async with db.transaction(caller) as tx:
            report = await _stage(tx, mapping, rows, tell)
            await _write(tx, import_id, kind, mapping, report)
    except CountersignError as error:
        async with db.transaction(caller) as tx:
            await tx.run(queries.fail_import, id=import_id, error=error.detail)
            await publish(tx, "import.failed", id=import_id, error=error.detail)
        raise
    return import_id, report


def _open(path: Path, kind: str, mapping: Mapping | None) -> tuple[Mapping, Iterator[Record]]:
    rows = records(path, kind)
    first = next(rows, None)
    if first is None:
        raise UnreadableFile(f"{path.name} holds no rows.")
    return mapping or guess(first), itertools.chain([first], rows)


async def _stage(tx: Tx, mapping: Mapping, rows: Iterator[Record], tell: Told) -> Report:
    await tx.value(queries.one_at_a_time)
    await tx.run(queries.clear_staging)
    done = 0
    while batch := list(itertools.islice(rows, EVERY)):
        staged: list[Row] = []
        for record in batch:
            done += 1
            row, error = values(mapping, record)
            # What PostgreSQL cannot hold is shown without it.
            data = {name.replace("\0", ""): (text or "").replace("\0", "") for name, text in record.items()}
            staged.append({**({} if error else row), "row_number": done, "data": data, "error": error})
        await tx.run(queries.stage_rows, rows=dumps(staged))
        tell(done)
    unit = mapping.columns.get("unit")
    if unit and "unit" in unit.transforms:
        await tx.run(queries.normalise_units)
    await tx.run(queries.refuse_duplicates)
    await tx.run(queries.find_targets, given=list(mapping.columns))
    await tx.run(queries.refuse_unfit, conflict=mapping.on_conflict)
    return await tx.one(Report, queries.report, conflict=mapping.on_conflict)


async def _write(tx: Tx, import_id: int, kind: str, mapping: Mapping, report: Report) -> None:
    await tx.value(queries.name_import, id=import_id)
    ids: list[int] = []
    if mapping.on_conflict == "update":
        changed = await tx.all(Row, queries.update_ouvrages, given=list(mapping.columns), kind=kind, id=import_id)
        ids += [row["id"] for row in changed]
    ids += [row["id"] for row in await tx.all(Row, queries.insert_ouvrages, kind=kind, id=import_id)]
    await tx.run(queries.keep_errors, id=import_id)
    counts = {
        name: getattr(report, name) for name in ("total", "failed", "inserted", "updated", "unchanged", "skipped")
    }
    await tx.run(queries.clear_staging)
    await tx.run(queries.complete_import, id=import_id, report=dumps(asdict(report)), **counts)
    if ids:
        for each in await tx.all(Row, queries.collections):
            await index.mark(tx, each["name"], OUVRAGE, ids)
        await index.touch(tx, OUVRAGE, ids)
    await audit(tx, "import", "ouvrages", import_id, new=counts)
    await publish(tx, "import.completed", id=import_id, **counts)
