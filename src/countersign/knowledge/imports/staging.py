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
from .models import Mapping, Report
from .records import BROKEN, Record
from .rows import Read, reader
from .targets import Target

queries = sql.load(__package__ or "")

READ_AT_ONCE = 2_000
WRITTEN_AT_ONCE = 20_000
LARGE = 10_000  # rows after which tables and their indexes are put in order
COLUMNS = (
    "code", "name", "description", "type", "category", "subcategory", "unit", "currency", "unit_price",
    "default_quantity",
)  # fmt: skip
ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
encoded = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode  # one encoder for a million rows
Tell = Callable[[str, int, int | None], Awaitable[None]]
Rows = Callable[[], Iterator[Record]]
_NOTHING = {True: ["\\N"] * len(COLUMNS), False: ["\\N"]}


async def stage(tx: Tx, into: Target, mapping: Mapping, rows: Rows, tell: Tell, expected: int | None = None) -> None:
    """Every row into the temporary table, refused or with its values; says which are there already and differ.

    *rows* reads the file from its beginning. *tell* hears ``(phase, rows done, rows in all)``. What the reader raises
    ends the transaction.
    """
    await tx.run(queries.begin_staging)
    done, records, read = 0, rows(), reader(mapping, into)
    async with tx.copy(queries.stage if into.table is None else queries.stage_table) as copy:
        while True:
            lines, count = await asyncio.to_thread(_lines, into, read, records, done)
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
    else:
        unit = mapping.columns.get("unit")
        if unit and "unit" in unit.transforms:
            await tx.run(queries.normalise_units)
        await tx.run(queries.refuse_duplicates)
        await tx.run(queries.find_targets, given=list(mapping.columns))
        await tx.run(queries.refuse_unfit, conflict=mapping.on_conflict)
    await _describe(tx, rows, tell)


async def _describe(tx: Tx, rows: Rows, tell: Tell) -> None:
    """Good rows are staged without what the file says of them; of those refused since, it is read once more."""
    numbers: list[int] = await tx.value(queries.undescribed)
    if not numbers:
        return
    done, records = 0, _those(rows(), numbers)
    async with tx.copy(queries.describe) as copy:
        while lines := await asyncio.to_thread(_described, records):
            await copy.write("".join(lines).encode())
            done += len(lines)
            await tell("comparing", done, len(numbers))
    await tx.run(queries.end_describing)


async def report(tx: Tx, mapping: Mapping) -> Report:
    """What has been staged, in numbers that add up."""
    return await tx.one(Report, queries.report, conflict=mapping.on_conflict)


async def jumps(tx: Tx, into: Target, mapping: Mapping) -> list[Row]:
    """The prices that would change most: ``id code name old new percent``."""
    asked = into.table is None and mapping.on_conflict == "update"
    return await tx.all(Row, queries.price_jumps) if asked else []


async def write_rows(tx: Tx, table: Table, import_id: int, mapping: Mapping, total: int, tell: Tell) -> None:
    """What has been staged becomes rows of a table of users, a piece a statement, each marked for the index."""
    await tx.run(queries.order_staging)
    piece: dict[str, Any] = {
        "table": table.id,
        "import_id": import_id,
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
    if total > LARGE:
        await tx.value(queries.gather_words)
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


def _lines(into: Target, read: Read, rows: Iterator[Record], done: int) -> tuple[bytes, int]:
    """The next rows as COPY reads them, and how many they are."""
    lines: list[str] = []
    for record in itertools.islice(rows, READ_AT_ONCE):
        done += 1
        row, error = read(record)
        if error is not None:
            cells = [f"{done}\t{_cell(error)}\t{_cell(_data(record))}", *_NOTHING[into.table is None]]
        elif into.table is not None:
            cells = [f"{done}\t\\N\t\\N", _cell(encoded(row))]
        else:
            cells = [f"{done}\t\\N\t\\N", *(_cell(row[name]) if name in row else "\\N" for name in COLUMNS)]
        lines.append("\t".join(cells))
    return ("\n".join(lines) + "\n").encode() if lines else b"", len(lines)


def _those(rows: Iterator[Record], numbers: list[int]) -> Iterator[tuple[int, Record]]:
    """The records of these numbers, which are in order."""
    wanted = iter(numbers)
    next_one = next(wanted, None)
    for number, record in enumerate(rows, 1):
        if number == next_one:
            yield number, record
            next_one = next(wanted, None)
            if next_one is None:
                return


def _described(records: Iterator[tuple[int, Record]]) -> list[str]:
    return [f"{number}\t{_cell(_data(record))}\n" for number, record in itertools.islice(records, READ_AT_ONCE)]


def _data(record: Record) -> str:
    """What the file says, as JSON; what PostgreSQL cannot hold is left out."""
    data = encoded(record)
    if BROKEN.search(data) or "\\u0000" in data:
        data = encoded({BROKEN.sub("", name): BROKEN.sub("", text or "") for name, text in record.items()})
    return data


def _cell(value: Any) -> str:
    if value is None:
        return "\\N"
    text = value if type(value) is str else str(value)
    return text if text.isprintable() and "\\" not in text else text.translate(ESCAPES)
