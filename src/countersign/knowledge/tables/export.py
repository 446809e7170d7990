"""The rows of a table as a file that spreadsheets open."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from fastapi.responses import Response

from ...kernel.access import Caller
from ...kernel.app import App
from ...kernel.audit import audit
from ...kernel.lists import AT_ONCE, cell, spreadsheet
from . import rows
from .models import Filter, Table


def export(app: App, caller: Caller, of: Table, filters: Sequence[Filter], q: str | None) -> Response:
    """Rows in the order of their numbers, with the reader's decimal sign."""
    return spreadsheet(of.name, ["id", *(column.name for column in of.columns)], _rows(app, caller, of, filters, q))


async def _rows(
    app: App, caller: Caller, of: Table, filters: Sequence[Filter], q: str | None
) -> AsyncIterator[list[list[str]]]:
    async with app.db.transaction(caller) as tx:
        await audit(tx, "export", "dynamic_table", of.id, new={"name": of.name})
    names = ["id", *(column.name for column in of.columns)]
    after: str | None = None
    while True:
        async with app.db.transaction(caller, read_only=True) as tx:
            found = await rows.rows(tx, of, filters=filters, q=q, limit=AT_ONCE, after=after)
        yield [[cell(row[name], caller.locale) for name in names] for row in found]
        if len(found) < AT_ONCE:
            return
        after = rows.cursor_at(found[-1], "id")
