"""The list in a chosen order, page by page: a cursor names the ouvrage where the last page ended."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from ...kernel import sql
from ...kernel.database import Tx
from ...kernel.errors import Invalid
from ...kernel.lists import BadCursor, cursor, place
from .models import Summary

queries = sql.load(__package__ or "")

SORTS = ("code", "-code", "name", "-name", "unit_price", "-unit_price")
LOWEST = Decimal(-999999999)  # where those without a price stand


class BadSort(Invalid):
    """The list cannot be sorted so. Sort by code, name or unit_price, with - before it for downwards."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What narrows the list; None narrows nothing."""

    q: str | None = None
    type: str | None = None
    category: str | None = None
    parent: int | None = None
    price_min: Decimal | None = None
    price_max: Decimal | None = None


async def page(
    tx: Tx, wanted: Wanted, *, sort: str = "code", after: str | None = None, limit: int = 50
) -> tuple[list[Summary], str | None]:
    """One page and the cursor of the next, None at the end. Raises ``BadSort``, ``BadCursor``."""
    if sort not in SORTS:
        raise BadSort()
    value, after_id = _read(after, sort)
    priced = sort.endswith("unit_price")
    found = await tx.all(
        Summary,
        queries.page,
        q=wanted.q or None,
        type=wanted.type or None,
        category=wanted.category or None,
        parent=wanted.parent,
        price_min=wanted.price_min,
        price_max=wanted.price_max,
        sort=sort,
        after=None if priced else value,
        after_price=_price(value) if priced and value is not None else None,
        after_id=after_id,
        limit=limit + 1,
    )
    if len(found) <= limit:
        return found, None
    return found[:limit], _cursor(found[limit - 1], sort)


def _cursor(last: Summary, sort: str) -> str:
    value = getattr(last, sort.removeprefix("-"))
    return cursor(f"{sort} {LOWEST if value is None else value}", last.id)


def _read(after: str | None, sort: str) -> tuple[str | None, int | None]:
    """Where the last page ended in this very order. Raises ``BadCursor``."""
    value, last = place(after) or (None, None)
    if last is None:
        return None, None
    of, _, text = value.partition(" ") if isinstance(value, str) else ("", "", "")
    if of != sort:
        raise BadCursor()
    return text, last


def _price(text: str) -> Decimal:
    try:
        found = Decimal(text)
    except InvalidOperation:
        raise BadCursor() from None
    if not found.is_finite() or found.adjusted() > 20:
        raise BadCursor()
    return found
