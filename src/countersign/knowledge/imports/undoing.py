"""An import taken back in the background: rows that it added go, rows that it changed are as they were before."""

from __future__ import annotations

from ...index import service as index
from ...kernel.audit import audit
from ...kernel.database import Row, Tx
from ...kernel.jobs import JobContext, job
from ..tables.models import Table
from .jobs import Clock
from .service import UNDO, queries, target
from .staging import WRITTEN_AT_ONCE, Tell


@job(UNDO, attempts=4)
async def undo(ctx: JobContext, import_id: int) -> dict[str, int]:
    """Undoes an import, or tells how many of its rows changed since. Begun again if its worker is killed."""
    async with ctx.app.db.transaction(ctx.caller) as tx:
        await tx.value(queries.one_at_a_time)
        begun = await tx.first(Row, queries.begin_undo, id=import_id)
        if begun is None:
            return {}
        into = (await target(tx, begun["target_table"])).table
        if into is None:
            left = await tx.one(Row, queries.undoable, id=import_id)
        else:
            left = await tx.one(Row, queries.undoable_table_rows, id=import_id, table=into.id)
        kept = begun["rows"] - left["inserted"] - left["updated"]
        if kept:
            await ctx.hold(tx)
            await tx.run(queries.refuse_undo, id=import_id, kept=kept)
            return {"kept": kept}
        tell = Clock(ctx, import_id).tell
        if into is None:
            await _take_back(tx, import_id, begun["rows"], tell)
        else:
            await _take_rows_back(tx, into, import_id, begun["rows"], tell)
        await ctx.hold(tx)
        await tx.run(queries.end_undo, id=import_id)
        for row in await tx.all(Row, queries.collections) if into is None else []:
            await index.run_soon(tx, row["name"])
        await audit(tx, "undo", "import", import_id, new=left)
    return {"inserted": left["inserted"], "updated": left["updated"]}


async def _take_back(tx: Tx, import_id: int, rows: int, tell: Tell) -> None:
    done = 0
    added = await tx.one(Row, queries.ends_of_added, id=import_id)
    changed = await tx.one(Row, queries.ends_of_changed, id=import_id)
    await tx.value(queries.name_import, id=import_id)  # what the history then holds of this import cancels out
    await tell("undoing", 0, rows)
    for statement, found in ((queries.take_back, added), (queries.put_back, changed)):
        if found["first"] is None:
            continue
        for first in range(found["first"], found["last"] + 1, WRITTEN_AT_ONCE):
            done += await tx.value(statement, id=import_id, first=first, last=first + WRITTEN_AT_ONCE - 1)
            await tell("undoing", min(done, rows), rows)


async def _take_rows_back(tx: Tx, table: Table, import_id: int, rows: int, tell: Tell) -> None:
    done = 0
    await tell("undoing", 0, rows)
    ends = await tx.one(Row, queries.ends_of_changes, id=import_id, table=table.id)
    for first in range(ends["first"], ends["last"] + 1, WRITTEN_AT_ONCE):
        piece = {"first": first, "last": first + WRITTEN_AT_ONCE - 1}
        found = await tx.one(Row, queries.take_back_table_rows, table=table.id, id=import_id, **piece)
        await index.forget(tx, table.name, found["gone"])
        await index.touch(tx, table.name, found["restored"])
        done += len(found["gone"]) + len(found["restored"])
        await tell("undoing", min(done, rows), rows)
