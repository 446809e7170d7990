"""Choosing the agent of a question by what the agents say of themselves and by what was validated with them."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import numpy as np
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
# Two agents that differ by less are as near. Measured on tests/knowledge/dispatch/questions.json, six agents: of 72
# questions 67 % are nearest to the right one, and 78 % of those that differ by more (with eight validated questions
# of each agent 85 %).
MARGIN = 0.005
# What an agent says of itself counts twice as much as the nearest question that was validated with it. The nearer of
# both, which would be simpler, is right less often (66 % against 74 % with four validated questions each), and where
# only some agents have any, those draw everything (52 % against 68 %).
DESCRIPTION = 2 / 3
WORDS_LEAST = 0.1  # share of the question's words, when they alone decide
WORDS_MARGIN = 0.02
REMEMBERED = 5000


class Descriptions:
    """Vectors of descriptions and validated questions, kept by their text: they change seldom.

    A description is embedded as a question is: it says what may be asked and answers nothing (67 % against 61 %).
    A validated question is embedded as a passage, which tells it better from those of other agents.
    """

    def __init__(self, app: App) -> None:
        self._kept: OrderedDict[tuple[str, str, str], Any] = OrderedDict()

    async def said(self, embedder: Embedder, texts: Sequence[str], caller: Caller) -> Any:
        """Vectors (n, d) of descriptions. Raises ``EmbedderError``."""
        for text in texts:
            if (embedder.id, "said", text) not in self._kept:
                self._kept[embedder.id, "said", text] = await embedder.query(text, caller=caller)
        return self._found(embedder, "said", texts)

    async def asked(self, embedder: Embedder, texts: Sequence[str], caller: Caller) -> Any:
        """Vectors (n, d) of validated questions. Raises ``EmbedderError``."""
        missing = [text for text in dict.fromkeys(texts) if (embedder.id, "asked", text) not in self._kept]
        if missing:
            made = await embedder.passages(missing, caller=caller)
            self._kept |= {(embedder.id, "asked", text): vector for text, vector in zip(missing, made, strict=True)}
        return self._found(embedder, "asked", texts)

    def _found(self, embedder: Embedder, kind: str, texts: Sequence[str]) -> Any:
        found = np.array([self._kept[embedder.id, kind, text] for text in texts])
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
    texts, kept = [". ".join(filter(None, (a.name, a.description))) for a in found], app.once(Descriptions)
    wanted = await embedder.query(query, caller=caller)
    said = await kept.said(embedder, texts, caller) @ wanted
    like: dict[str, float] = {}
    if asked:
        scores = await kept.asked(embedder, [row["question"] for row in asked], caller) @ wanted
        for row, score in zip(asked, scores, strict=True):
            like[row["slug"]] = max(like.get(row["slug"], -1), float(score))
    ranking = _ranked(found, [float(score) for score in said], like)
    profile = embedder.profile
    nearest = max(like, key=lambda slug: like[slug], default=None)
    if nearest and profile.agent_question_score is not None and like[nearest] >= profile.agent_question_score:
        ranking.sort(key=lambda one: one.slug != nearest)
        return Choice(nearest, "validated", ranking)
    first, second = (one.score or -1 for one in ranking[:2])
    if profile.agent_min_score is not None and first < profile.agent_min_score:
        return Choice(None, "far", ranking)
    if first - second < MARGIN:
        return Choice(None, "close", ranking)
    return Choice(ranking[0].slug, "validated" if ranking[0].validated else "description", ranking)


def _ranked(found: Sequence[Agent], said: Sequence[float], like: dict[str, float]) -> list[Candidate]:
    """The agents, nearest first. One without validated questions is not pushed away by those of others."""
    usual = sum(like.values()) / len(like) if like else 0
    made: list[Candidate] = []
    for agent, own in zip(found, said, strict=True):
        score = DESCRIPTION * own + (1 - DESCRIPTION) * like.get(agent.slug, usual) if like else own
        made.append(Candidate(agent.slug, agent.name, score, like.get(agent.slug, -1) > own))
    return sorted(made, key=lambda one: -(one.score or -1))
