"""Rows of a file into a temporary table by COPY, compared there, written piece by piece: memory stays flat."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from ...index import service as index
from ...kernel import sql
from ...kernel.database import Row, Tx
from ..tables.models import Table
from .mapping import values
from .models import Mapping, Report
from .records import BROKEN, Record
from .targets import Target

queries = sql.load(__package__ or "")

READ_AT_ONCE = 2_000
WRITTEN_AT_ONCE = 20_000
COLUMNS = (
    "code", "name", "description", "type", "category", "subcategory", "unit", "currency", "unit_price",
    "default_quantity",
)  # fmt: skip
ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
encoded = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode  # one encoder for a million rows
Tell = Callable[[str, int, int | None], Awaitable[None]]


async def stage(
    tx: Tx, into: Target, mapping: Mapping, rows: Iterator[Record], tell: Tell, expected: int | None = None
) -> None:
    """Every row into the temporary table, refused or with its values; says which are there already and differ.

    *tell* hears ``(phase, rows done, rows in all)``. What the reader raises ends the transaction.
    """
    await tx.run(queries.begin_staging)
    done = 0
    async with tx.copy(queries.stage if into.table is None else queries.stage_table) as copy:
        while True:
            lines, count = await asyncio.to_thread(_lines, into, mapping, rows, done)
            if not count:
                break
            await copy.write(lines)
            done += count
            await tell("reading", done, None if expected is None else max(expected, done))
    await tell("comparing", 0, done)
    await tx.run(queries.settle_staging)
    if into.table is not None:
        key, given = list(mapping.key), list(mapping.columns)
        await tx.run(
            queries.compare_table_rows, table=into.table.id, key=key, given=given, conflict=mapping.on_conflict
        )
        return
    unit = mapping.columns.get("unit")
    if unit and "unit" in unit.transforms:
        await tx.run(queries.normalise_units)
    await tx.run(queries.refuse_duplicates)
    await tx.run(queries.find_targets, given=list(mapping.columns))
    await tx.run(queries.refuse_unfit, conflict=mapping.on_conflict)


async def report(tx: Tx, mapping: Mapping) -> Report:
    """What has been staged, in numbers that add up."""
    return await tx.one(Report, queries.report, conflict=mapping.on_conflict)


async def jumps(tx: Tx, into: Target, mapping: Mapping) -> list[Row]:
    """The prices that would change most: ``id code name old new percent``."""
    asked = into.table is None and mapping.on_conflict == "update"
    return await tx.all(Row, queries.price_jumps) if asked else []


async def write_rows(tx: Tx, table: Table, mapping: Mapping, total: int, tell: Tell) -> None:
    """What has been staged becomes rows of a table of users, a piece a statement, each marked for the index."""
    await tx.run(queries.order_staging)
    piece: dict[str, Any] = {
        "table": table.id,
        "given": list(mapping.columns),
        "update": mapping.on_conflict == "update",
    }
    for after in range(0, total, WRITTEN_AT_ONCE):
        last = min(after + WRITTEN_AT_ONCE, total)
        ids = await tx.value(queries.write_table_rows, after=after, last=last, **piece)
        if ids and table.embedding_template is not None:
            await index.mark(tx, table.qdrant_collection or table.name, table.name, ids)
        await tell("writing", last, total)


async def write(tx: Tx, import_id: int, kind: str, mapping: Mapping, total: int, tell: Tell) -> None:
    """What has been staged becomes ouvrages, a piece a statement, each marked for the index with its change."""
    await tx.value(queries.name_import, id=import_id)
    await tx.run(queries.order_staging)
    collections = [row["name"] for row in await tx.all(Row, queries.collections)]
    piece: dict[str, Any] = {"kind": kind, "id": import_id, "collections": collections}
    for after in range(0, total, WRITTEN_AT_ONCE):
        last = min(after + WRITTEN_AT_ONCE, total)
        if mapping.on_conflict == "update":
            await tx.run(queries.update_ouvrages, given=list(mapping.columns), after=after, last=last, **piece)
        await tx.run(queries.insert_ouvrages, after=after, last=last, **piece)
        await tell("writing", last, total)
    # Called last: an index job that is just ending waits for whoever names its collection.
    for name in collections:
        await index.run_soon(tx, name)


def _lines(into: Target, mapping: Mapping, rows: Iterator[Record], done: int) -> tuple[bytes, int]:
    """The next rows as COPY reads them, and how many they are."""
    lines: list[str] = []
    for record in itertools.islice(rows, READ_AT_ONCE):
        done += 1
        row, error = values(mapping, record, into)
        data = encoded(record)
        if BROKEN.search(data) or "\\u0000" in data:
            # What PostgreSQL cannot hold is shown without it.
            data = encoded({BROKEN.sub("", name): BROKEN.sub("", text or "") for name, text in record.items()})
        if into.table is not None:
            cells: list[Any] = [None if error else encoded(row)]
        else:
            cells = [None] * len(COLUMNS) if error else [row.get(name) for name in COLUMNS]
        lines.append("\t".join(map(_cell, (done, error, data, *cells))))
    return ("\n".join(lines) + "\n").encode() if lines else b"", len(lines)


def _cell(value: Any) -> str:
    if value is None:
        return "\\N"
    text = value if type(value) is str else str(value)
    return text if text.isprintable() and "\\" not in text else text.translate(ESCAPES)
