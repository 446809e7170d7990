"""From answers to figures: where the right sources stand, which figures are true, what it took."""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from ...kernel.access import Caller
from ...kernel.app import App
from ...kernel.errors import CountersignError
from ...providers.models import Provider
from ...providers.prices import price
from ..agents.models import Agent
from ..chat import service as chat
from ..retrieval import service as retrieval
from .models import Pair

DEPTH = 10


async def one_side(app: App, caller: Caller, agent: Agent, pair: Pair) -> dict[str, Any]:
    """What *agent* answers to one validated question, as JSON: text, ranks, figures, time, tokens, cost."""
    found = await retrieval.find(app, caller, agent, pair.question, DEPTH)
    ranks = [n for n, source in enumerate(found.sources[:DEPTH], 1) if source.id in pair.wanted]
    side: dict[str, Any] = {
        "sources": [{"title": s.title, "url": s.url} for s in found.sources[: agent.top_k]],
        "wanted": len(pair.wanted),
        "rank": ranks[0] if ranks else None,
        "ndcg": _ndcg(ranks, len(pair.wanted)),
    }
    try:
        told = await chat.attempt(app, caller, agent, pair.question)
    except CountersignError as error:
        return {**side, "error": error.detail}
    figures = told.checks.get("numbers", [])
    kept = retrieval.verify(pair.signed, [told.content], pair.question, agent.language).get("numbers", [])
    cost = Decimal(0)
    if told.usage is not None and told.provider and told.model:
        cost = price(Provider(told.provider), told.server, told.model, told.usage).cost_usd
    return {
        **side,
        "text": told.content,
        "notice": told.notice,
        "direct": told.notice == "learned",
        "model": told.model,
        "figures": len(figures),
        "verified": sum(one["status"] != "unsupported" for one in figures),
        "doubtful": [one["text"] for one in figures if one["status"] == "unsupported"],
        "signed_figures": len(kept),
        "kept_figures": sum(one["status"] != "unsupported" for one in kept),
        "missing": [one["text"] for one in kept if one["status"] == "unsupported"],
        "ms": told.generation_time_ms,
        "tokens": told.usage.input + told.usage.output if told.usage else 0,
        "cost_usd": None if cost is None else str(cost),
    }


def summary(sides: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """What all answers of one side come to; a share is None where there is nothing to share."""
    ranked = [side for side in sides if side["wanted"]]
    said = [side for side in sides if "error" not in side]
    times = sorted(side["ms"] for side in said)
    costs = [side["cost_usd"] for side in said]
    return {
        "questions": len(sides),
        "ranked": len(ranked),
        "r1": _share(sum(side["rank"] == 1 for side in ranked), len(ranked)),
        "r5": _share(sum(side["rank"] is not None and side["rank"] <= 5 for side in ranked), len(ranked)),
        "ndcg10": _share(sum(side["ndcg"] for side in ranked), len(ranked)),
        "figures": _share(sum(side["verified"] for side in said), sum(side["figures"] for side in said)),
        "signed_figures": _share(sum(s["kept_figures"] for s in said), sum(s["signed_figures"] for s in said)),
        "direct": _share(sum(side["direct"] for side in said), len(said)),
        "failed": len(sides) - len(said),
        "ms_median": times[len(times) // 2] if times else None,
        "ms_p95": times[min(len(times) - 1, math.ceil(len(times) * 0.95) - 1)] if times else None,
        "tokens": sum(side["tokens"] for side in said),
        "cost_usd": None if None in costs else str(sum(map(Decimal, costs), Decimal(0))),
    }


def _ndcg(ranks: Sequence[int], wanted: int) -> float:
    """Normalised discounted cumulative gain of the first ten, each wanted entry worth the same."""
    ideal = sum(1 / math.log2(n + 1) for n in range(1, min(wanted, DEPTH) + 1))
    return sum(1 / math.log2(n + 1) for n in ranks) / ideal if ideal else 0.0


def _share(part: float, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None
