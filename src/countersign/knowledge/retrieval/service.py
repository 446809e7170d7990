"""From a question to numbered sources: search both halves, keep what is good enough, hydrate with live rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

import structlog

from ...index import service as index
from ...index.models import Hit
from ...kernel.access import Caller
from ...kernel.app import App
from ...kernel.database import Tx
from ...providers import embedders
from ...providers.errors import EmbedderError
from ..agents.models import Agent
from ..ouvrages import service as ouvrages
from . import hydrate, quantities
from .check import check_numbers
from .dynamic import templated
from .models import Found, Record, Source
from .numbers import Number, read_numbers
from .present import labels, quote_text
from .units import unit_at
from .verdicts import as_json

log = structlog.get_logger("knowledge.retrieval")

MAX_QUERY = 8_000
MOST_QUOTES = 10
LEXICAL_ONLY = "embedder-unreachable"
# Spellings of units that are words, or the rest of one, where no figure stands before them.
AMBIGUOUS = " a an ans g h j k l m min mn n s sec t u v w forfait jour jours mois semaine semaines "


def tidy(question: str) -> str:
    """The question as it is searched: white space collapsed, at most 8,000 characters."""
    return " ".join(question.split())[:MAX_QUERY]


def verify(answer: str, sources: Sequence[str], question: str, language: str) -> dict[str, Any]:
    """Whether each figure of *answer* stands in a source or the question, or follows from them; as JSON.

    Computations are written as a reader of *language* writes them.
    """
    return as_json(check_numbers(answer, sources, question, language))


def says(answer: str, calculation: str) -> bool:
    """Whether *answer* says the result of *calculation*, which follows the last equals sign of its first line."""
    result = read_numbers(calculation.partition("\n")[0].rpartition(" = ")[2])
    return not result or any(result[-1].value in (n.value, *n.alternatives) for n in read_numbers(answer))


def figures(text: str) -> list[Number]:
    """Every figure of *text* with its unit, where it stands and what else it may mean."""
    return read_numbers(text)


def unit_named(word: str) -> str | None:
    """The unit that *word* by itself is a spelling of; None for a word that is more often something else."""
    found = unit_at(word, 0) if f" {word.lower()} " not in AMBIGUOUS else None
    return found[0] if found is not None and found[1] == len(word) else None


async def find(app: App, caller: Caller, agent: Agent, question: str, k: int | None = None) -> Found:
    """The agent's best *k* sources for *question*, hydrated when the agent says so, best first.

    When even the best lies below ``min_score`` there are none, unless its code was named. When the embedder does not
    answer, lexical hits alone are served and ``degraded`` says so.
    """
    query = tidy(question)
    k = k or agent.top_k
    vector, degraded, floor, name = None, None, None, None
    try:
        embedder = await embedders.embedder(app)
        floor, name = embedder.profile.min_score, embedder.id
        vector = await embedder.query(query, caller=caller)
    except EmbedderError as error:
        degraded = LEXICAL_ONLY
        log.warning("retrieval.degraded", reason=error.detail)
    searched = await index.search(app, caller, agent.qdrant_collection, query, vector, k=k, embedder=name)
    if searched.embedder is not None:
        # The embedder was changed and the new generation is still being built: the former one may be asked until then.
        try:
            former = await embedders.named(app, searched.embedder)
            vector = await former.query(query, caller=caller)
            searched = await index.search(app, caller, agent.qdrant_collection, query, vector, k=k, embedder=former.id)
            floor = former.profile.min_score
        except EmbedderError as error:
            log.warning("retrieval.former_embedder", reason=error.detail)
    floor = float(agent.min_score) if agent.min_score is not None else floor
    # The best hit decides whether there is an answer at all; what stands behind it may well be less near.
    kept = searched.hits[:k] if any(_good(hit, floor) for hit in searched.hits[:1]) else []
    sources = [_source(n, hit) for n, hit in enumerate(kept, 1)]
    if agent.retrieval_mode == "SQL_HYDRATION":
        sources = await hydrated(app, caller, agent, sources)
    return Found(query, agent.retrieval_mode, sources, degraded or searched.degraded)


async def hydrated(app: App, caller: Caller, agent: Agent, sources: list[Source]) -> list[Source]:
    """*sources* with live rows, in the same order. A hit whose row is gone is dropped and its entry forgotten."""
    config = agent.hydration_config or {}
    async with app.db.transaction(caller, read_only=True, brief=True) as tx:
        hydrator = await hydrate.hydrator_of(tx, str(config.get("table", "")))
        ids = [source.row_id for source in sources if source.table == hydrator.table and source.row_id is not None]
        fields, relations = config.get("fields", ["*"]), config.get("relations", [])
        records = await hydrator.records(tx, ids, fields, relations, agent.language)
    live = [_filled(source, records.get(source.row_id or 0), agent) for source in sources]
    gone = [source.id for source, filled in zip(sources, live, strict=True) if filled is None]
    if gone:
        async with app.db.transaction(caller) as tx:
            await index.forget_points(tx, [UUID(g) for g in gone])
        log.info("retrieval.gone", entries=gone)
    found = [source for source in live if source is not None]
    return [source if source.n == n else replace(source, n=n) for n, source in enumerate(found, 1)]


async def quotes(app: App, caller: Caller, agent: Agent, question: str, sources: Sequence[Source]) -> list[Source]:
    """Exact prices of the quantities that *question* asks for, as further sources after *sources*."""
    config = agent.hydration_config or {}
    asked = quantities.read_request(question)[:MOST_QUOTES]
    if config.get("table") != "ouvrages" or not asked:
        return []
    async with app.db.transaction(caller, read_only=True) as tx:
        return await _computed(tx, agent, asked, len(sources))


async def _computed(tx: Tx, agent: Agent, wanted: Sequence[quantities.Asked], before: int) -> list[Source]:
    """The quotes of *wanted*, numbered after the *before* sources that there are."""
    computed: list[Source] = []
    for asked in wanted:
        quote = await ouvrages.quote(tx, asked.code, asked.quantity, asked.unit)
        if quote is None:
            continue
        text = quote_text(quote, agent.language)
        computed.append(
            Source(
                n=before + len(computed) + 1,
                id=f"quote:{quote.id}:{asked.quantity}",
                kind="quote",
                title=text.split(labels(agent.language)["colon"])[0],
                content=text,
                code=quote.code,
                url=f"/records/ouvrages/{quote.id}",
                table="ouvrages",
                row_id=quote.id,
            )
        )
    return computed


def _good(hit: Hit, floor: float | None) -> bool:
    return floor is None or hit.cosine is None or hit.exact or hit.cosine >= floor


def _source(n: int, hit: Hit) -> Source:
    return Source(
        n=n,
        id=str(hit.id),
        kind=hit.kind,
        title=hit.title,
        content=hit.content,
        code=hit.code,
        url=hit.url,
        table=hit.source_table,
        row_id=hit.source_id,
        score=hit.score,
        cosine=hit.cosine,
        lexical_rank=hit.lexical_rank,
        vector_rank=hit.vector_rank,
    )


def _filled(source: Source, record: Record | None, agent: Agent) -> Source | None:
    if record is None:
        return None
    own = agent.source_template
    return replace(
        source,
        title=record.title,
        code=record.code,
        url=record.url,
        content=templated(own, record.row, agent.language) if own else record.text,
        row=record.row,
        relations=record.relations,
        row_hash=record.hash,
    )
