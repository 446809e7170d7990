"""Pages of the price library: a list that searches and filters, the tree, one ouvrage, an export."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Annotated, Any

from fastapi import Query, Request
from fastapi.responses import Response

from ...kernel.access import Caller
from ...kernel.app import App
from ...kernel.lists import AT_ONCE, PER_PAGE, Choice, Offset, Words, cell, spreadsheet
from ...kernel.pages import page
from ...kernel.web import Clean, House, Router, Who
from . import service
from .forms import entered
from .models import TYPES, PriceChange
from .tree import composition, sum_of

routes = Router(include_in_schema=False)

Type = Annotated[Clean | None, Query(max_length=50)]
Price = Annotated[Clean | None, Query(max_length=30)]
Code = Annotated[Clean | None, Query(max_length=50)]
BRANCHES = 200
COLUMNS = ("code", "name", "type", "category", "unit", "unit_price", "currency")


@routes.on("GET /records/ouvrages", permission="ouvrages.view")
async def list_ouvrages(
    request: Request,
    app: House,
    caller: Who,
    q: Words = None,
    type: Type = None,
    category: Choice = None,
    price_min: Price = None,
    price_max: Price = None,
    offset: Offset = 0,
) -> Response:
    """The list; words, type, trade and price narrow it."""
    chosen = _chosen(caller, q, type, category, price_min, price_max)
    async with app.db.transaction(caller, read_only=True) as tx:
        found = await service.search(tx, **chosen, limit=PER_PAGE, offset=offset)
        total = await service.count(tx, **chosen)
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
        price_min=price_min or "",
        price_max=price_max or "",
    )


@routes.on("GET /records/ouvrages.csv", permission="ouvrages.view")
async def export(
    app: House,
    caller: Who,
    q: Words = None,
    type: Type = None,
    category: Choice = None,
    price_min: Price = None,
    price_max: Price = None,
) -> Response:
    """The same list as a file that spreadsheets open: UTF-8 with its mark, semicolons, the reader's decimal sign."""
    chosen = _chosen(caller, q, type, category, price_min, price_max)
    return spreadsheet("ouvrages", COLUMNS, _lines(app, caller, chosen))


@routes.on("GET /records/ouvrages/tree", permission="ouvrages.view")
async def read_tree(
    request: Request,
    app: House,
    caller: Who,
    below: Annotated[int | None, Query(ge=1, le=2**63 - 1)] = None,
    after: Code = None,
) -> Response:
    """The tree from its top or from *below* one ouvrage; htmx asks for one branch at a time."""
    async with app.db.transaction(caller, read_only=True) as tx:
        above = await service.ouvrage(tx, below) if below is not None else None
        found = await service.branches(tx, below, after=after, most=BRANCHES + 1)
    return page(
        request, "ouvrages/tree.html", above=above, branches=found[:BRANCHES], more=len(found) > BRANCHES, after=after
    )


@routes.on("GET /records/ouvrages/{ouvrage_id}", permission="ouvrages.view")
async def read_ouvrage(request: Request, app: House, caller: Who, ouvrage_id: int) -> Response:
    """One ouvrage: what it is, what it costs, what it is made of, where it is used."""
    async with app.db.transaction(caller, read_only=True) as tx:
        one = await service.ouvrage(tx, ouvrage_id)
        branches = await composition(tx, one)
        quote = await service.quote(tx, one.code, Decimal(1)) if branches else None
        below = await service.children(tx, [one.id])
        used = await service.used_in(tx, one.id)
        prices = await service.prices(tx, one.id)
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
        prices=prices,
        course=_course(prices),
    )


def _chosen(
    caller: Caller, q: str | None, type: str | None, category: str | None, low: str | None, high: str | None
) -> dict[str, Any]:
    """What narrows the list; a price that is no number narrows nothing."""
    prices = {
        "price_min": entered(low or "", caller.locale),
        "price_max": entered(high or "", caller.locale),
    }
    return {"q": q, "type": type, "category": category, **prices}


def _course(prices: list[PriceChange]) -> list[Decimal]:
    """Every known price from the first to the present one."""
    if not prices:
        return []
    course = [prices[-1].old_unit_price, *(change.new_unit_price for change in reversed(prices))]
    return [price for price in course if price is not None]


async def _lines(app: App, caller: Caller, chosen: dict[str, Any]) -> AsyncIterator[list[list[str]]]:
    offset = 0
    while True:
        async with app.db.transaction(caller, read_only=True) as tx:
            found = await service.search(tx, **chosen, limit=AT_ONCE, offset=offset)
        yield [[cell(getattr(one, name), caller.locale) for name in COLUMNS] for one in found]
        if len(found) < AT_ONCE:
            return
        offset += AT_ONCE
