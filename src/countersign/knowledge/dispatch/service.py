"""Choosing the agent of a question by what the agents say of themselves and by what was validated with them."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import structlog

from ...index import service as index
from ...kernel import sql
from ...kernel.access import Caller
from ...kernel.app import App
from ...kernel.database import Row
from ...providers import embedders
from ...providers.embedders import Embedder
from ...providers.errors import EmbedderError
from ..agents import service as agents
from ..agents.models import Agent
from .models import Candidate, Choice

log = structlog.get_logger("knowledge.dispatch")
queries = sql.load(__package__ or "")

MOST_QUESTIONS = 20  # validated questions that are compared for each agent
# Two agents that differ by less are as near. Of twenty questions about the two agents of the demonstration, eighteen
# were nearer to the right one, three of them by 0.005 or less.
MARGIN = 0.005
WORDS_LEAST = 0.1  # share of the question's words, when they alone decide
WORDS_MARGIN = 0.02
REMEMBERED = 5000


class Descriptions:
    """Vectors of descriptions and validated questions, kept by their text: they change seldom."""

    def __init__(self, app: App) -> None:
        self._kept: OrderedDict[tuple[str, str], Any] = OrderedDict()

    async def vectors(self, embedder: Embedder, texts: Sequence[str], caller: Caller) -> dict[str, Any]:
        """The vector of each of *texts*. Raises ``EmbedderError``."""
        missing = [text for text in dict.fromkeys(texts) if (embedder.id, text) not in self._kept]
        if missing:
            made = await embedder.passages(missing, caller=caller)
            self._kept |= {(embedder.id, text): vector for text, vector in zip(missing, made, strict=True)}
        found = {text: self._kept[embedder.id, text] for text in texts}
        while len(self._kept) > REMEMBERED:
            self._kept.popitem(last=False)
        return found


async def choose(app: App, caller: Caller, question: str) -> Choice:
    """The agent of the caller's tenant that *question* is for, or none and why not; never raises for the embedder."""
    async with app.db.transaction(caller, read_only=True) as tx:
        found = await agents.agents(tx)
        asked = await tx.all(Row, queries.validated, most=MOST_QUESTIONS)
    candidates = [Candidate(agent.slug, agent.name) for agent in found]
    if len(found) < 2:
        return Choice(found[0].slug if found else None, "only" if found else "no-agent", candidates)
    query = " ".join(question.split())
    if (named := await _named(app, caller, found, query)) is not None:
        return Choice(named, "code", candidates)
    try:
        return await _nearest(app, caller, found, asked, query)
    except EmbedderError as error:
        log.warning("dispatch.degraded", reason=error.detail)
        return await _by_words(app, caller, found, asked, query)


async def _named(app: App, caller: Caller, found: Sequence[Agent], query: str) -> str | None:
    """The one agent whose records hold a code that the question names."""
    searches = [index.search(app, caller, agent.qdrant_collection, query, k=1) for agent in found]
    best = await asyncio.gather(*searches)
    holders = [agent.slug for agent, it in zip(found, best, strict=True) if it.hits and it.hits[0].exact]
    return holders[0] if len(holders) == 1 else None


async def _by_words(app: App, caller: Caller, found: Sequence[Agent], asked: Sequence[Row], query: str) -> Choice:
    """By the words that the question shares with what was said of each agent; a person decides where that is close."""
    said = {agent.slug: [agent.name, agent.description or ""] for agent in found}
    for row in asked:
        said[row["slug"]].append(row["question"])
    texts = ["\n".join(parts) for parts in said.values()]
    async with app.db.transaction(caller, read_only=True) as tx:
        rows = await tx.all(Row, queries.shared_words, question=query, slugs=list(said), texts=texts)
    shares: dict[str, float] = {row["slug"]: row["share"] for row in rows}
    ranking = sorted((Candidate(a.slug, a.name) for a in found), key=lambda one: -shares.get(one.slug, 0))
    first, second = (shares.get(one.slug, 0) for one in ranking[:2])
    if first < WORDS_LEAST or first - second < WORDS_MARGIN:
        return Choice(None, "embedder-unreachable", ranking)
    return Choice(ranking[0].slug, "words", ranking)


async def _nearest(app: App, caller: Caller, found: Sequence[Agent], asked: Sequence[Row], query: str) -> Choice:
    embedder = await embedders.embedder(app)
    said = {agent.slug: ". ".join(filter(None, (agent.name, agent.description))) for agent in found}
    texts = [*said.values(), *(row["question"] for row in asked)]
    vectors = await app.once(Descriptions).vectors(embedder, texts, caller)
    wanted = await embedder.query(query, caller=caller)
    near = {text: float(wanted @ vector) for text, vector in vectors.items()}
    best = {a.slug: Candidate(a.slug, a.name, near[said[a.slug]]) for a in found}
    for row in asked:
        before, score = best[row["slug"]], near[row["question"]]
        if score > (before.score or -1):
            best[row["slug"]] = replace(before, score=score, validated=True)
    ranking = sorted(best.values(), key=lambda one: -(one.score or -1))
    first, second = (one.score or -1 for one in ranking[:2])
    floor = embedder.profile.agent_min_score
    if floor is not None and first < floor:
        return Choice(None, "far", ranking)
    if first - second < MARGIN:
        return Choice(None, "close", ranking)
    return Choice(ranking[0].slug, "validated" if ranking[0].validated else "description", ranking)
