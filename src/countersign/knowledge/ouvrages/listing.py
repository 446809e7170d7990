"""The list in a chosen order, page by page: a cursor names the ouvrage where the last page ended."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from ...kernel import sql
from ...kernel.database import Tx
from ...kernel.errors import Invalid
from ...kernel.json import dumps, loads
from .models import BadCursor, Summary

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
    tx: Tx, wanted: Wanted, *, sort: str = "code", cursor: str | None = None, limit: int = 50
) -> tuple[list[Summary], str | None]:
    """One page and the cursor of the next, None at the end. Raises ``BadSort``, ``BadCursor``."""
    if sort not in SORTS:
        raise BadSort()
    after, after_id = _read(cursor, sort) if cursor else (None, None)
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
        after=None if priced else after,
        after_price=_price(after) if priced and after is not None else None,
        after_id=after_id,
        limit=limit + 1,
    )
    if len(found) <= limit:
        return found, None
    return found[:limit], _cursor(found[limit - 1], sort)


def _cursor(last: Summary, sort: str) -> str:
    value = getattr(last, sort.removeprefix("-"))
    text = dumps([sort, str(LOWEST if value is None else value), last.id])
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _read(cursor: str, sort: str) -> tuple[str, int]:
    try:
        found = loads(base64.urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4)))
        of, value, last = found
    except (binascii.Error, UnicodeError, ValueError, TypeError, RecursionError):
        raise BadCursor() from None
    if of != sort or not isinstance(value, str) or "\0" in value or type(last) is not int or not 0 < last < 2**63:
        raise BadCursor()
    return value, last


def _price(text: str) -> Decimal:
    try:
        found = Decimal(text)
    except InvalidOperation:
        raise BadCursor() from None
    if not found.is_finite() or found.adjusted() > 20:
        raise BadCursor()
    return found
