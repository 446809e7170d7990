"""An import taken back in the background: rows that it added go, rows that it changed are as they were before."""

from __future__ import annotations

from ...index import service as index
from ...kernel.audit import audit
from ...kernel.database import Row, Tx
from ...kernel.jobs import JobContext, job
from .jobs import Clock
from .service import UNDO, queries
from .staging import WRITTEN_AT_ONCE, Tell


@job(UNDO, attempts=4)
async def undo(ctx: JobContext, import_id: int) -> dict[str, int]:
    """Undoes an import, or tells how many of its rows changed since. Begun again if its worker is killed."""
    async with ctx.app.db.transaction(ctx.caller) as tx:
        await tx.value(queries.one_at_a_time)
        begun = await tx.first(Row, queries.begin_undo, id=import_id)
        if begun is None:
            return {}
        left = await tx.one(Row, queries.undoable, id=import_id)
        kept = begun["rows"] - left["inserted"] - left["updated"]
        if kept:
            await ctx.hold(tx)
            await tx.run(queries.refuse_undo, id=import_id, kept=kept)
            return {"kept": kept}
        await _take_back(tx, import_id, begun["rows"], Clock(ctx, import_id).tell)
        await ctx.hold(tx)
        await tx.run(queries.end_undo, id=import_id)
        for row in await tx.all(Row, queries.collections):
            await index.run_soon(tx, row["name"])
        await audit(tx, "undo", "import", import_id, new=left)
    return {"inserted": left["inserted"], "updated": left["updated"]}


async def _take_back(tx: Tx, import_id: int, rows: int, tell: Tell) -> None:
    done = 0
    await tell("undoing", 0, rows)
    for statement, ends in ((queries.take_back, queries.ends_of_added), (queries.put_back, queries.ends_of_changed)):
        found = await tx.one(Row, ends, id=import_id)
        if found["first"] is None:
            continue
        for first in range(found["first"], found["last"] + 1, WRITTEN_AT_ONCE):
            done += await tx.value(statement, id=import_id, first=first, last=first + WRITTEN_AT_ONCE - 1)
            await tell("undoing", min(done, rows), rows)
