"""From a question to what was learned about it: an answer that may be served as it is, and examples for the model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from functools import lru_cache
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
from ..agents.models import Agent
from ..retrieval import service as retrieval
from ..retrieval.models import Source
from . import sameness
from .indexing import kind_of
from .models import COLLECTION, LearnedId

log = structlog.get_logger("knowledge.learning")
queries = sql.load(__package__ or "")

LOOKED_AT = 20  # one question of ten collective agreements has ten learned answers
MOST_COMPARED = 6
MOST_EXAMPLES = 3
UNMEASURED_DIRECT = 0.97  # of an embedder that nobody has measured: the comparison of words decides in any case
# An example about other figures, another record or another name would lend the model what is wrong here.
MISLEADING = ("figures", "codes", "units", "negation", "name", "incomplete")


@dataclass(frozen=True, slots=True)
class Recalled:
    """A learned answer near the question. ``difference``: why it is not the same question, None when it is."""

    id: LearnedId
    question: str
    answer: str
    validated_by: int
    validated_by_name: str
    validated_at: datetime
    similarity: float
    difference: str | None
    sources: list[Source]

    def as_json(self, *, direct: bool) -> dict[str, Any]:
        """The shape stored in ``rag_context.learned``."""
        return {
            "id": self.id,
            "question": self.question,
            "validated_by": self.validated_by_name,
            "validated_at": self.validated_at,
            "similarity": round(self.similarity, 4),
            "direct": direct,
        }


@dataclass(frozen=True, slots=True)
class Recall:
    """What was learned: *direct* is the answer itself, *examples* help the model."""

    direct: Recalled | None = None
    examples: list[Recalled] = field(default_factory=list[Recalled])


@dataclass(frozen=True, slots=True)
class Bounds:
    """Least cosines of two questions: for an example, for an answer as it is."""

    example: float | None
    direct: float


def bounds(agent: Agent, embedder: Embedder) -> Bounds:
    """The agent's own bound where it has one, else what was measured of the embedder."""
    own = float(agent.learned_min_score) if agent.learned_min_score is not None else None
    measured = embedder.profile
    return Bounds(
        own if own is not None else measured.learned_min_score, measured.direct_threshold or UNMEASURED_DIRECT
    )


async def recall(app: App, caller: Caller, agent: Agent, question: str) -> Recall:
    """What the agent has learned that helps with *question*; nothing when the embedder does not answer."""
    query = retrieval.tidy(question)
    try:
        embedder = await embedders.embedder(app)
        found = await near(app, caller, agent, query, embedder)
    except EmbedderError as error:
        log.warning("learning.not_recalled", reason=error.detail)
        return Recall()
    least = bounds(agent, embedder)
    same = [one for one in found if one.difference is None and one.similarity >= least.direct]
    enough = least.example if least.example is not None else least.direct
    examples = [one for one in found if one.similarity >= enough]
    return Recall(same[0] if same and agent.direct_answer else None, examples[:MOST_EXAMPLES])


async def near(app: App, caller: Caller, agent: Agent, query: str, embedder: Embedder) -> list[Recalled]:
    """Learned answers that may help with *query*, those to the same question first.

    Similarities are those of two questions: the index holds them as passages, which it searches among. Raises
    ``EmbedderError``.
    """
    vector = await embedder.query(query, caller=caller)
    searched = await index.search(
        app, caller, COLLECTION, query, vector, k=LOOKED_AT, kinds=[kind_of(agent.id)], embedder=embedder.id
    )
    if not searched.hits:
        return []
    places = {hit.source_id: place for place, hit in enumerate(searched.hits)}
    async with app.db.transaction(caller, read_only=True, brief=True) as tx:
        rows = await tx.all(Row, queries.candidates, ids=list(places), agent=agent.id)
    asked = sameness.read(query, agent.language)
    compared = [(row, sameness.difference(_read(row["question"], agent.language), asked)) for row in rows]
    told = [(row, differs) for row, differs in compared if differs is None or not differs.startswith(MISLEADING)]
    # The newest of those that say the same, then what the search found nearest; each costs an embedding once.
    told.sort(key=lambda one: (one[1] is not None, 0 if one[1] is None else places[one[0]["id"]]))
    return [
        Recalled(
            id=row["id"],
            question=row["question"],
            answer=row["answer"],
            validated_by=row["validated_by"],
            validated_by_name=row["validated_by_name"],
            validated_at=row["validated_at"],
            similarity=float(await embedder.query(row["question"], caller=caller) @ vector),
            difference=differs,
            sources=_sources(row["sources"] or [], row["hydrated"] or {}),
        )
        for row, differs in told[:MOST_COMPARED]
    ]


@lru_cache(maxsize=1024)
def _read(question: str, language: str) -> sameness.Reading:
    """A learned question, which is compared again and again; twenty of them would take 6 ms each time."""
    return sameness.read(question, language)


def _sources(told: Sequence[dict[str, Any]], hydrated: dict[str, dict[str, Any]]) -> list[Source]:
    """What the answer was learned with, to which its citations point; it still says so, else it were suspended."""
    names = {one.name for one in fields(Source)} - {"row", "relations"}
    return [
        Source(
            **{name: value for name, value in one.items() if name in names},
            row=hydrated.get(str(one["id"]), {}).get("row"),
            relations=hydrated.get(str(one["id"]), {}).get("relations") or {},
        )
        for one in told
    ]
