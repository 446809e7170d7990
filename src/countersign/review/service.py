"""The inbox: what waits, worst first, in whose hands it is, and how it went."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, time, timedelta, tzinfo
from typing import Any
from uuid import UUID

from ..kernel import sql
from ..kernel.database import Row, Tx
from ..kernel.lists import BadCursor
from .models import HOLD_SECONDS, LOOK_AHEAD, MOST_COUNTED, Day, Entry, Filter, Item, NoSuchItem, Opinion

queries = sql.load(__package__ or "")


async def waiting(
    tx: Tx, which: Filter, *, after: tuple[datetime | str, int] | None = None, limit: int = 50
) -> list[Entry]:
    """What waits, worst first, after the place *after*: ``(rank_at, id)``."""
    rank, number = after or (None, None)
    return await tx.all(Entry, queries.waiting, **asdict(which), after_rank=_moment(rank), after_id=number, limit=limit)


async def decided(
    tx: Tx,
    which: Filter,
    *,
    outcome: str | None = None,
    after: tuple[datetime | str, int] | None = None,
    limit: int = 50,
) -> list[Entry]:
    """What was decided, newest first, after the place *after*: ``(closed_at, id)``."""
    moment, number = after or (None, None)
    return await tx.all(
        Entry,
        queries.decided,
        **asdict(which),
        outcome=outcome,
        after_at=_moment(moment),
        after_id=number,
        limit=limit,
    )


async def item(tx: Tx, number: int) -> Item:
    """One thing of the inbox, waiting or decided. Raises ``NoSuchItem``."""
    found = await tx.first(Item, queries.item, id=number)
    if found is None:
        raise NoSuchItem()
    return found


async def take(tx: Tx, number: int) -> Item:
    """Puts one thing into the caller's hands, unless others have it or it is decided: its ``held_by`` says."""
    await tx.value(queries.take, id=number, seconds=HOLD_SECONDS)
    return await item(tx, number)


async def take_next(tx: Tx, which: Filter, after: int | None = None) -> Item | None:
    """The next one goes into the caller's hands: the worst that nobody has, below *after* first, then from the top."""
    values: dict[str, Any] = {**asdict(which), "after": after, "seconds": HOLD_SECONDS}
    found = await tx.first(Row, queries.take_next, below=True, **values) if after is not None else None
    found = found or await tx.first(Row, queries.take_next, below=False, **values)
    return await item(tx, found["id"]) if found else None


async def let_go(tx: Tx, *, except_: Sequence[int] = ()) -> None:
    """Whatever the caller has in hand is free again, *except_* these."""
    await tx.run(queries.let_go, **{"except": list(except_)})


async def opinions(tx: Tx, message: UUID) -> list[Opinion]:
    """What readers thought of an answer, newest first."""
    return await tx.all(Opinion, queries.feedbacks, message=message)


async def count(tx: Tx) -> int:
    """How many wait; ``MOST_COUNTED`` when it is that or more."""
    return await tx.value(queries.count_waiting, most=MOST_COUNTED)


async def done_since(tx: Tx, since: datetime) -> dict[str, int]:
    """How many were decided since then, by outcome, the most first."""
    return {row["outcome"]: row["many"] for row in await tx.all(Row, queries.done_today, since=since)}


async def course(tx: Tx, days: int, zone: tzinfo) -> list[Day]:
    """The last *days* days in the time zone *zone*: how many waited, were decided, and how long it took."""
    today = datetime.now(zone).date()
    begins = [datetime.combine(today - timedelta(days=ago), time.min, zone) for ago in range(days - 1, -1, -1)]
    return await tx.all(Day, queries.course, begins=begins)


async def following(tx: Tx, which: Filter, after: int) -> int | None:
    """Which one ``take_next`` would take after *after*, as long as nobody else does."""
    here = await item(tx, after)
    for place in ((here.rank_at, here.id), None):
        for one in await waiting(tx, which, after=place, limit=LOOK_AHEAD):
            if one.held_by is None and one.id != after:
                return one.id
    return None


def _moment(value: datetime | str | None) -> datetime | None:
    """A moment as a cursor carries it."""
    if value is None or isinstance(value, datetime):
        return value
    try:
        return datetime.fromisoformat(value)
    except ValueError as error:
        raise BadCursor() from error
