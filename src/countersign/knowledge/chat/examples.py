"""Questions to begin with, made from what the agent really holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from ...kernel.database import Tx
from ..agents.models import Agent
from ..documents import service as documents
from ..ouvrages import service as ouvrages

T = TypeVar("T")

MOST = 3
KINDS = ("price", "quantity", "made-of")
LOOKED_AT = 500


@dataclass(frozen=True, slots=True)
class Example:
    """``kind`` names the sentence (price, quantity, made-of, about); the rest fills it in."""

    kind: str
    name: str
    code: str = ""
    unit: str = ""


async def examples(tx: Tx, agent: Agent) -> list[Example]:
    """Up to three questions, each about another trade or document."""
    if (agent.hydration_config or {}).get("table") == "ouvrages":
        composed = await ouvrages.search(tx, type="compose", limit=LOOKED_AT)
        by_trade = {one.category: one for one in reversed(composed)}
        chosen = _spread([by_trade[trade] for trade in sorted(by_trade, key=str)])
        return [Example(kind, one.name, one.code, one.unit) for kind, one in zip(KINDS, chosen, strict=False)]
    titles = await documents.titles(tx, agent.qdrant_collection)
    return [Example("about", title) for title in _spread(titles)]


def _spread(things: list[T]) -> list[T]:
    """Three of *things*, far apart."""
    return things[:: max(1, len(things) // MOST)][:MOST]
