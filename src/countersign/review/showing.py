"""What the pages of the inbox show: which list was asked for, and one thing of it with all that a reviewer needs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import urlencode

from ..kernel.access import Caller
from ..kernel.app import App
from ..kernel.database import Tx
from ..kernel.lists import AT_ONCE, cell, cursor
from ..knowledge.agents import service as agents
from ..knowledge.chat import evidence
from ..knowledge.chat import service as chat
from ..knowledge.chat.evidence import Evidence
from ..knowledge.chat.models import Message
from ..knowledge.learning import service as learning
from ..knowledge.learning.models import Change, Learned
from . import service
from .models import Entry, Filter, Item, Opinion

REASONS = ("unsupported", "weak", "negative", "no-source", "uncited", "degraded", "suspended")
OUTCOMES = ("validated", "corrected", "rejected", "learned", "renewed", "revoked", "replaced")
AGES = (1, 7, 30)
PER_PAGE = 50
COLUMNS = ("id", "kind", "agent_slug", "reasons", "waiting_since", "question", "outcome", "closed_at", "closed_by_name")


@dataclass(frozen=True, slots=True)
class Asked:
    """Which list a page's address asks for; what it does not know, it leaves out."""

    which: Filter
    status: str = "waiting"

    @classmethod
    def of(cls, given: Mapping[str, str]) -> Asked:
        """From the query of an address."""
        days, reason, status = given.get("days", ""), given.get("reason"), given.get("status")
        return cls(
            Filter(
                agent=given.get("agent", "")[:100].replace("\0", "") or None,
                reason=reason if reason in REASONS else None,
                days=int(days) if days in map(str, AGES) else None,
            ),
            status=status if status in ("decided", *OUTCOMES) else "waiting",
        )

    @property
    def waiting(self) -> bool:
        """Whether it is the queue, and not what was decided."""
        return self.status == "waiting"

    @property
    def query(self) -> str:
        """The same as the query of an address."""
        values = {"agent": self.which.agent, "reason": self.which.reason, "days": self.which.days}
        given = {name: value for name, value in values.items() if value is not None}
        return urlencode(given if self.waiting else {**given, "status": self.status})


@dataclass(frozen=True, slots=True)
class Opened:
    """One thing of the inbox, whole: an answer with its evidence and its readers' opinions, or a suspended learned
    answer with what changed below it. *following*: the one that comes after."""

    item: Item
    message: Message | None
    evidence: Evidence | None
    opinions: list[Opinion]
    learned: Learned | None
    changes: list[Change]
    following: int | None

    @property
    def corrected(self) -> list[Any]:
        """The difference that a correction made, line by line."""
        if self.message is None or self.message.corrected_content is None:
            return []
        return agents.difference(self.message.content, self.message.corrected_content)

    @property
    def compared(self) -> list[tuple[Change, list[Any]]]:
        """What changed below a learned answer; of texts the difference too, line by line."""
        found: list[tuple[Change, list[Any]]] = []
        for one in self.changes:
            texts = isinstance(one.before, str) and isinstance(one.after, str) and one.column != "unit_price"
            found.append((one, agents.difference(one.before, one.after) if texts else []))
        return found


async def opened(tx: Tx, asked: Asked, item: Item) -> Opened:
    """*item* with all that belongs to it. Raises ``NoSuchMessage`` when its conversation was deleted."""
    after = await service.following(tx, asked.which, item.id) if asked.waiting and item.outcome is None else None
    if item.message is None:
        number = cast(int, item.learned)
        learned = await learning.learned(tx, number)
        return Opened(item, None, None, [], learned, await learning.changes(tx, number), after)
    message = await chat.message(tx, item.message, anybodys=True)
    found = await evidence.of(tx, message)
    return Opened(item, message, found, await service.opinions(tx, item.message), None, [], after)


async def text_of(tx: Tx, item: Item) -> str:
    """What a correction of *item* begins with."""
    if item.message is None:
        return (await learning.learned(tx, cast(int, item.learned))).answer
    return (await chat.message(tx, item.message, anybodys=True)).content


async def listed(
    tx: Tx, asked: Asked, after: tuple[Any, int] | None, at: Item | None
) -> tuple[list[Entry], str | None]:
    """One page of the list and the cursor of the next: from the top or *after* a place, or where *at* stands."""
    found = await _page(tx, asked, after)
    if at is not None and at.id not in {one.id for one in found[:PER_PAGE]}:
        moment = at.rank_at if asked.waiting else at.closed_at
        if (at.outcome is None) == asked.waiting and moment is not None:
            found = await _page(tx, asked, (moment, at.id - 1 if asked.waiting else at.id + 1))
    if len(found) <= PER_PAGE:
        return found, None
    last = found[PER_PAGE - 1]
    return found[:PER_PAGE], cursor(last.rank_at if asked.waiting else last.closed_at, last.id)


async def everything(app: App, caller: Caller, asked: Asked) -> AsyncIterator[list[list[str]]]:
    """The whole list as lines of a file, many at a time."""
    after: tuple[Any, int] | None = None
    while True:
        async with app.db.transaction(caller, read_only=True) as tx:
            found = await _page(tx, asked, after, AT_ONCE)
        yield [[cell(getattr(one, name), caller.locale) for name in COLUMNS] for one in found]
        if len(found) < AT_ONCE:
            return
        after = (found[-1].rank_at if asked.waiting else found[-1].closed_at, found[-1].id)


async def _page(tx: Tx, asked: Asked, after: tuple[Any, int] | None, limit: int = PER_PAGE + 1) -> list[Entry]:
    if asked.waiting:
        return await service.waiting(tx, asked.which, after=after, limit=limit)
    outcome = None if asked.status == "decided" else asked.status
    return await service.decided(tx, asked.which, outcome=outcome, after=after, limit=limit)
