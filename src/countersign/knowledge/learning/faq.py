"""Learned answers as a list: searched, counted, taken out as a file and brought in by one."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict, dataclass
from datetime import date

from ...kernel import sql
from ...kernel.access import Caller
from ...kernel.app import App
from ...kernel.audit import audit
from ...kernel.database import Tx
from ...kernel.lists import AT_ONCE, cell
from . import service
from .models import Learned, NoQuestion, NotReadable

queries = sql.load(__package__ or "")

STATES = ("active", "suspended", "revoked", "replaced")
COLUMNS = ("id", "agent", "question", "answer", "status", "validated_by", "validated_at", "served", "last_served_at")
MOST_ROWS = 5_000
DAYS = 30


@dataclass(frozen=True, slots=True)
class Which:
    """What narrows the list: *q* holds words of question or answer."""

    q: str | None = None
    agent: str | None = None
    status: str | None = None


@dataclass(frozen=True, slots=True)
class Day:
    """One day, and how often a learned answer spared a model's on it."""

    day: date
    times: int


async def listed(
    tx: Tx, which: Which, *, used: bool = False, before: int | None = None, limit: int = 50, offset: int = 0
) -> list[Learned]:
    """The newest first, or *used*: those that served most; older than the number *before*."""
    return await service.listed(tx, **asdict(which), used=used, before=before, limit=limit, offset=offset)


async def count(tx: Tx, which: Which) -> int:
    """How many there are."""
    return await tx.value(
        queries.count_learned, q=which.q or None, agent=which.agent or None, status=which.status or None
    )


async def saved(tx: Tx) -> list[Day]:
    """Answers that no model had to give, day by day."""
    return await tx.all(Day, queries.saved, days=DAYS)


async def rows(app: App, caller: Caller, which: Which) -> AsyncIterator[Sequence[Sequence[str]]]:
    """Everything of the list as cells of a file."""
    async with app.db.transaction(caller) as tx:
        await audit(tx, "export", "learned-response", None, new={"agent": which.agent, "status": which.status})
    before: int | None = None
    while True:
        async with app.db.transaction(caller, read_only=True) as tx:
            found = await listed(tx, which, before=before, limit=AT_ONCE)
        yield [
            [
                cell(value, caller.locale)
                for value in (
                    *(one.id, one.agent_slug, one.question, one.answer, one.status),
                    *(one.validated_by_name, one.validated_at, one.served_count, one.last_served_at),
                )
            ]
            for one in found
        ]
        if len(found) < AT_ONCE:
            return
        before = found[-1].id


def read(data: bytes) -> list[tuple[str, str, str | None]]:
    """``(question, answer, agent)`` of each row of a file with these columns. Raises ``NotReadable``."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("cp1252", errors="replace")
    heading = text.split("\n", 1)[0]
    try:
        lines = list(csv.DictReader(io.StringIO(text, newline=""), delimiter=";" if ";" in heading else ","))
    except csv.Error as error:
        raise NotReadable() from error
    if not lines or not {"question", "answer"} <= lines[0].keys() or len(lines) > MOST_ROWS:
        raise NotReadable()
    return [(_plain(row["question"]), _plain(row["answer"]), row.get("agent") or None) for row in lines]


async def bring(tx: Tx, agent: str, data: bytes) -> tuple[int, int]:
    """Adds what a file holds, signed by the caller: how many were added, and how many were there already or are empty.

    Rows that name another agent go to that one. Raises ``NotReadable``, ``NoSuchAgent``.
    """
    there = {(one.agent_slug, one.question, one.answer) for one in await service.listed(tx, status="active")}
    added: list[int] = []
    passed = 0
    for question, answer, named in read(data):
        place = (named or agent, " ".join(question.split()), answer.strip())
        try:
            if place in there:
                raise NoQuestion()
            added.append(await service.write(tx, *place))
        except NoQuestion:
            passed += 1
        else:
            there.add(place)
    if added:
        await service.take_place(tx, added)
    return len(added), passed


def _plain(value: str | None) -> str:
    """A cell without the mark that keeps a spreadsheet from taking it for a formula."""
    text = value or ""
    return text[1:] if text[:1] == "'" and text[1:2] in ("=", "+", "-", "@", "\t", "\r", "\n") else text
