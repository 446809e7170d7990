"""What an answer rests on, shaped for reading: each source with its record as it was used, and as it is now."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, cast
from uuid import UUID

from ...kernel.database import Tx
from ..documents import service as documents
from ..ouvrages import service as ouvrages
from .models import Message


@dataclass(frozen=True, slots=True)
class Line:
    """One component as the answer saw it; amounts are exact."""

    code: str
    name: str
    type: str
    quantity: Decimal
    unit: str
    unit_price: Decimal | None
    total: Decimal | None


@dataclass(frozen=True, slots=True)
class Item:
    """One numbered source. *cited* are the figures of the answer that it supports; *price_now* only if it changed."""

    n: int
    kind: str
    title: str
    code: str | None
    url: str | None
    content: str
    score: float | None
    row: dict[str, Any] | None
    lines: list[Line]
    cited: list[str] = field(default_factory=list[str])
    price_now: Decimal | None = None
    gone: bool = False
    replaced: bool = False

    @property
    def total(self) -> Decimal | None:
        """Exact sum of the components; None when one has no price, or there is none."""
        totals = [line.total for line in self.lines]
        known = [total for total in totals if total is not None]
        return sum(known, Decimal(0)) if totals and len(known) == len(totals) else None


@dataclass(frozen=True, slots=True)
class Evidence:
    """All sources of one answer; *opened* is the one that is unfolded."""

    message: UUID
    items: list[Item]
    opened: int | None
    degraded: str | None


async def of(tx: Tx, message: Message, opened: int | None = None) -> Evidence:
    """The evidence of *message*, with what its records cost now: one statement for all of them."""
    context: Mapping[str, Any] = message.rag_context or {}
    sources = cast("list[dict[str, Any]]", context.get("sources") or [])
    ids = [int(s["row_id"]) for s in sources if s.get("table") == "ouvrages" and s.get("row_id") is not None]
    assert tx.caller is not None
    may = tx.caller.may
    now = {row.id: row for row in await ouvrages.live(tx, ids)} if ids else {}
    quoted = [int(s["row_id"]) for s in sources if s.get("table") == "document_chunks" and s.get("row_id") is not None]
    past = await documents.standing(tx, quoted) if quoted else {}
    items: list[Item] = []
    for source in sources:
        item = _item(source, context)
        live = now.get(source.get("row_id") or 0)
        was = _decimal(item.row.get("unit_price")) if item.row else None
        changed = live is not None and item.row is not None and live.unit_price != was
        items.append(
            replace(
                item,
                url=None if past.get(_passage(source)) == "deleted" else _address(item.url, may),
                cited=_cited(context, item.n),
                price_now=live.unit_price if live is not None and changed else None,
                gone=(source.get("table") == "ouvrages" and item.row is not None and live is None)
                or past.get(_passage(source)) == "deleted",
                replaced=past.get(_passage(source)) == "replaced",
            )
        )
    return Evidence(message.uuid, items, opened, context.get("degraded"))


def _item(source: Mapping[str, Any], context: Mapping[str, Any]) -> Item:
    every = cast("dict[str, dict[str, Any]]", context.get("hydrated_data") or {})
    hydrated = every.get(str(source.get("id")), {})
    relations = cast("dict[str, list[dict[str, Any]]]", hydrated.get("relations") or {})
    parts = relations.get("components") or [
        part for name in ("fournitures", "main_oeuvres") for part in relations.get(name, [])
    ]
    return Item(
        n=int(source["n"]),
        kind=source.get("kind") or "document",
        title=source.get("title") or "",
        code=source.get("code"),
        url=source.get("url"),
        content=source.get("content") or "",
        score=source.get("score"),
        row=hydrated.get("row"),
        lines=[_line(part) for part in parts],
    )


def _line(part: Mapping[str, Any]) -> Line:
    return Line(
        code=str(part.get("code") or ""),
        name=str(part.get("name") or ""),
        type=str(part.get("type") or ""),
        quantity=_decimal(part.get("quantity")) or Decimal(0),
        unit=str(part.get("unit") or ""),
        unit_price=_decimal(part.get("unit_price")),
        total=_decimal(part.get("total")),
    )


def _passage(source: Mapping[str, Any]) -> int:
    return int(source["row_id"] or 0) if source.get("table") == "document_chunks" else 0


def _cited(context: Mapping[str, Any], n: int) -> list[str]:
    checks = cast("dict[str, Any]", context.get("checks") or {})
    numbers = cast("list[dict[str, Any]]", checks.get("numbers") or [])
    return [str(found["text"]) for found in numbers if found.get("source") == n and found.get("status") == "source"]


def _address(url: str | None, may: Callable[[str], bool]) -> str | None:
    """Where the whole record can be read; nothing that the reader may not open, nothing that is no web address."""
    if not url or not url.startswith(("/", "https://", "http://")) or url.startswith(("//", "/\\")):
        return None
    kind = re.match(r"/records/(ouvrages|documents)\b", url)
    return url if kind is None or may(f"{kind[1]}.view") else None


def _decimal(value: Any) -> Decimal | None:
    return None if value is None else Decimal(str(value))
