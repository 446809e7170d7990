"""Ouvrages: reading them, what they are made of, and what a quantity of them costs."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from ...kernel import sql
from ...kernel.database import Row, Tx
from .models import Branch, Component, Line, NoSuchOuvrage, Ouvrage, PriceChange, Quote, Summary, Whole

queries = sql.load(__package__ or "")


async def ouvrage(tx: Tx, ouvrage_id: int) -> Ouvrage:
    """One live ouvrage with its cost by composition. Raises ``NoSuchOuvrage``."""
    found = await tx.first(Ouvrage, queries.ouvrage, id=ouvrage_id, code=None)
    if found is None:
        raise NoSuchOuvrage()
    return found


async def live(tx: Tx, ids: Sequence[int]) -> list[Ouvrage]:
    """Those of *ids* that still live, in no order: one statement for all of them."""
    return await tx.all(Ouvrage, queries.live, ids=list(ids))


async def by_code(tx: Tx, code: str) -> Ouvrage:
    """One live ouvrage by its code, in any case. Raises ``NoSuchOuvrage``."""
    found = await tx.first(Ouvrage, queries.ouvrage, id=None, code=code)
    if found is None:
        raise NoSuchOuvrage(f"No ouvrage has the code {code}.")
    return found


async def components(tx: Tx, parents: Sequence[int]) -> list[Component]:
    """What each of *parents* is made of, in their order: one statement for all of them."""
    return await tx.all(Component, queries.components, parents=list(parents))


async def whole(tx: Tx, ids: Sequence[int], *, composed: bool = True, below: int = 0) -> list[Whole]:
    """Those of *ids* that still live, with their compositions and *below* of what stands under each: one statement."""
    return await tx.all(Whole, queries.whole, ids=list(ids), components=composed, most=below)


async def breakdown(tx: Tx, ouvrage_id: int) -> list[Line]:
    """The whole composition, root first, quantities multiplied through; the leaves add up to the root exactly."""
    return await tx.all(Line, queries.breakdown, id=ouvrage_id)


async def children(tx: Tx, parents: Sequence[int], most: int = 50) -> list[Summary]:
    """Live ouvrages directly below *parents* in the tree, by code."""
    return await tx.all(Summary, queries.children, parents=list(parents), most=most)


async def branches(tx: Tx, parent: int | None, *, after: str | None = None, most: int = 200) -> list[Branch]:
    """What stands directly below *parent*, or at the top, by code, *after* a code."""
    return await tx.all(Branch, queries.branches, parent=parent, after=after, most=most)


async def used_in(tx: Tx, ouvrage_id: int, most: int = 50) -> list[Summary]:
    """Composed ouvrages that contain this one, by code."""
    return await tx.all(Summary, queries.used_in, id=ouvrage_id, most=most)


async def prices(tx: Tx, ouvrage_id: int, most: int = 200) -> list[PriceChange]:
    """How the stored price changed, newest first."""
    return await tx.all(PriceChange, queries.prices, id=ouvrage_id, most=most)


async def search(
    tx: Tx,
    *,
    q: str | None = None,
    type: str | None = None,
    category: str | None = None,
    price_min: Decimal | None = None,
    price_max: Decimal | None = None,
    limit: int = 50,
    offset: int = 0,
) -> list[Summary]:
    """Live ouvrages by words of name and description, or by the beginning of a code; best first, else by code."""
    chosen = {"q": q or None, "type": type or None, "category": category or None}
    return await tx.all(
        Summary, queries.search, **chosen, price_min=price_min, price_max=price_max, limit=limit, offset=offset
    )


async def count(
    tx: Tx,
    *,
    q: str | None = None,
    type: str | None = None,
    category: str | None = None,
    price_min: Decimal | None = None,
    price_max: Decimal | None = None,
) -> int:
    """How many ouvrages ``search`` would find."""
    chosen = {"q": q or None, "type": type or None, "category": category or None}
    return int(await tx.value(queries.count_search, **chosen, price_min=price_min, price_max=price_max))


async def categories(tx: Tx) -> list[str]:
    """Names of the categories in use."""
    return [row["category"] for row in await tx.all(Row, queries.categories)]


async def quote(tx: Tx, code: str, quantity: Decimal, unit: str | None = None) -> Quote | None:
    """What *quantity* of the ouvrage costs now, split by supplies and labour.

    *unit* is converted into the ouvrage's own. None when no such code lives, or when it is sold by another measure.
    """
    return await tx.first(Quote, queries.quote, code=code, quantity=quantity, unit=unit)
