"""Pages of the price library: a list that searches and filters, one ouvrage with its composition, an export."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Annotated

from fastapi import Query, Request
from fastapi.responses import Response, StreamingResponse

from ...kernel.access import Caller
from ...kernel.app import App
from ...kernel.pages import page
from ...kernel.web import Clean, House, Router, Who
from . import service
from .models import TYPES, Summary
from .tree import composition, sum_of

routes = Router(include_in_schema=False)

PER_PAGE = 50
AT_ONCE = 1000
Words = Annotated[Clean | None, Query(max_length=200)]
Type = Annotated[Clean | None, Query(max_length=50)]
Category = Annotated[Clean | None, Query(max_length=100)]


@routes.on("GET /records/ouvrages", permission="ouvrages.view")
async def list_ouvrages(
    request: Request,
    app: House,
    caller: Who,
    q: Words = None,
    type: Type = None,
    category: Category = None,
    offset: Annotated[int, Query(ge=0, le=10_000_000)] = 0,
) -> Response:
    """The list; words, type and trade narrow it."""
    async with app.db.transaction(caller, read_only=True) as tx:
        found = await service.search(tx, q=q, type=type, category=category, limit=PER_PAGE, offset=offset)
        total = await service.count(tx, q=q, type=type, category=category)
        categories = await service.categories(tx)
    return page(
        request,
        "ouvrages/list.html",
        found=found,
        total=total,
        offset=offset,
        limit=PER_PAGE,
        categories=categories,
        types=TYPES,
        q=q or "",
        type=type or "",
        category=category or "",
    )


@routes.on("GET /records/ouvrages.csv", permission="ouvrages.view")
async def export(app: House, caller: Who, q: Words = None, type: Type = None, category: Category = None) -> Response:
    """The same list as a file that spreadsheets open: UTF-8 with its mark, semicolons, the reader's decimal sign."""
    lines = _lines(app, caller, q, type, category)
    headers = {"Content-Disposition": 'attachment; filename="ouvrages.csv"', "Cache-Control": "no-store"}
    return StreamingResponse(lines, media_type="text/csv; charset=utf-8", headers=headers)


@routes.on("GET /records/ouvrages/{ouvrage_id}", permission="ouvrages.view")
async def read_ouvrage(request: Request, app: House, caller: Who, ouvrage_id: int) -> Response:
    """One ouvrage: what it is, what it costs, what it is made of, where it is used."""
    async with app.db.transaction(caller, read_only=True) as tx:
        one = await service.ouvrage(tx, ouvrage_id)
        branches = await composition(tx, one)
        quote = await service.quote(tx, one.code, Decimal(1)) if branches else None
        below = await service.children(tx, [one.id])
        used = await service.used_in(tx, one.id)
    return page(
        request,
        "ouvrages/one.html",
        one=one,
        branches=branches,
        total=sum_of(branches),
        supplies=quote.supplies if quote else None,
        labour=quote.labour if quote else None,
        below=below,
        used=used,
    )


async def _lines(
    app: App, caller: Caller, q: str | None, type: str | None, category: str | None
) -> AsyncIterator[bytes]:
    """A thousand rows a transaction: memory stays flat and nothing is held while the reader is slow."""
    yield ("\ufeff" + _row(["code", "name", "type", "category", "unit", "unit_price", "currency"])).encode()
    offset = 0
    while True:
        async with app.db.transaction(caller, read_only=True) as tx:
            found = await service.search(tx, q=q, type=type, category=category, limit=AT_ONCE, offset=offset)
        if found:
            yield "".join(_row(_cells(one, caller.locale)) for one in found).encode()
        if len(found) < AT_ONCE:
            return
        offset += AT_ONCE


def _cells(one: Summary, locale: str) -> list[str]:
    price = "" if one.unit_price is None else format(one.unit_price, "f")
    price = price.replace(".", ",") if locale == "fr" else price
    texts = [one.code, one.name, one.type, one.category or "", one.unit]
    return [*map(_harmless, texts), price, one.currency]


def _harmless(text: str) -> str:
    """A spreadsheet must not take a name for a formula."""
    return "'" + text if text.startswith(("=", "+", "-", "@", "\t")) else text


def _row(cells: list[str]) -> str:
    out = io.StringIO()
    csv.writer(out, delimiter=";", lineterminator="\r\n").writerow(cells)
    return out.getvalue()
