"""The rows of a table as a file that spreadsheets open."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from ...kernel.access import Caller
from ...kernel.app import App
from ...kernel.audit import audit
from ...kernel.json import dumps
from . import rows
from .models import Filter, Table

AT_ONCE = 1000


async def lines(app: App, caller: Caller, of: Table, filters: Sequence[Filter], q: str | None) -> AsyncIterator[bytes]:
    """UTF-8 with its mark, semicolons, the reader's decimal sign; a thousand rows a transaction: memory stays flat."""
    names = [column.name for column in of.columns]
    yield ("\ufeff" + _line(["id", *names])).encode()
    async with app.db.transaction(caller) as tx:
        await audit(tx, "export", "dynamic_table", of.id, new={"name": of.name})
    last = 0
    while True:
        async with app.db.transaction(caller, read_only=True) as tx:
            found = await rows.rows(tx, of, filters=[*filters, Filter("id", "gt", str(last))], q=q, limit=AT_ONCE)
        if found:
            cells = ([str(row["id"]), *(cell(row[name], caller.locale) for name in names)] for row in found)
            yield "".join(map(_line, cells)).encode()
            last = found[-1]["id"]
        if len(found) < AT_ONCE:
            return


def cell(value: Any, locale: str) -> str:
    """One value as a cell; a spreadsheet must not take a text for a formula."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Decimal):
        return format(value, "f").replace(".", ",") if locale == "fr" else format(value, "f")
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return "'" + value if value.startswith(("=", "+", "-", "@", "\t", "\r", "\n")) else value
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    return dumps(value).strip('"')


def _line(cells: Sequence[str]) -> str:
    out = io.StringIO()
    csv.writer(out, delimiter=";", lineterminator="\r\n").writerow(cells)
    return out.getvalue()
