"""Lists have one shape: words, an order, a cursor, so many at a time; and one form as a file for spreadsheets."""

from __future__ import annotations

import csv
import io
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, cast

from fastapi import Query
from fastapi.responses import StreamingResponse

from .errors import Invalid
from .json import dumps, loads
from .web import Clean

PER_PAGE = 50
AT_ONCE = 1000  # rows of a file that one short transaction reads: memory stays flat however long the list is

Words = Annotated[Clean | None, Query(max_length=200)]
Choice = Annotated[Clean | None, Query(max_length=100)]
After = Annotated[Clean | None, Query(max_length=4000, description="`next` of the page before.")]
Limit = Annotated[int, Query(ge=1, le=200)]
Offset = Annotated[int, Query(ge=0, le=10_000_000)]


class BadCursor(Invalid):
    """This “after” is no cursor of this list. Pass `next` of the page before it, with the same order."""


def cursor(*place: Any) -> str:
    """The place of an item in an order, as readers pass it back."""
    return urlsafe_b64encode(dumps(place).encode()).decode().rstrip("=")


def place(after: str | None) -> tuple[Any, int] | None:
    """``(value, id)`` that ``cursor`` packed. Raises ``BadCursor``."""
    if after is None:
        return None
    try:
        found: Any = loads(urlsafe_b64decode(after.encode() + b"=" * (-len(after) % 4)))
        value, ident = cast("list[Any]", found) if isinstance(found, list) else (None, None)
    except (ValueError, RecursionError) as error:
        raise BadCursor() from error
    if type(ident) is not int or not 0 <= ident < 2**63 or isinstance(value, (list, dict, float)):
        raise BadCursor()
    if isinstance(value, str) and any(c == "\0" or "\ud800" <= c <= "\udfff" for c in value):
        raise BadCursor()
    return value, ident


def cell(value: Any, locale: str = "en") -> str:
    """One value as a cell of a file. A spreadsheet must not take a text for a formula."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Decimal):
        return format(value, "f").replace(".", ",") if locale == "fr" else format(value, "f")
    if isinstance(value, int):
        return str(value)
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    text = value if isinstance(value, str) else dumps(value).strip('"')
    return "'" + text if text.startswith(("=", "+", "-", "@", "\t", "\r", "\n")) else text


def line(cells: Sequence[str]) -> str:
    """One line of the file."""
    out = io.StringIO()
    csv.writer(out, delimiter=";", lineterminator="\r\n").writerow(cells)
    return out.getvalue()


def spreadsheet(name: str, heading: Sequence[str], rows: AsyncIterator[Sequence[Sequence[str]]]) -> StreamingResponse:
    """A download that spreadsheets open, UTF-8 with its mark and semicolons, of *rows*, many at a time.

    *name* is safe in a header.
    """

    async def lines() -> AsyncIterator[bytes]:
        yield ("\ufeff" + line(heading)).encode()
        async for some in rows:
            yield "".join(map(line, some)).encode()

    headers = {"Content-Disposition": f'attachment; filename="{name}.csv"', "Cache-Control": "no-store"}
    return StreamingResponse(lines(), media_type="text/csv; charset=utf-8", headers=headers)
