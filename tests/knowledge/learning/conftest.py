"""The learning room's tests run on the demonstration, with a person who signs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias
from uuid import UUID

import pytest

from countersign.kernel import jobs
from countersign.kernel.access import Caller, system
from countersign.kernel.app import App
from countersign.knowledge.learning import service
from countersign.knowledge.learning.models import Learned
from tests.cluster import Clone
from tests.conftest import Tenants
from tests.providers.conftest import e5  # noqa: F401  # pyright: ignore[reportUnusedImport]  a fixture

Answer: TypeAlias = Callable[..., Awaitable[UUID]]


@pytest.fixture
def database(demonstration: Clone) -> Clone:
    """The test's database holds the demonstration."""
    return demonstration


@pytest.fixture
def signer(tenants: Tenants) -> Caller:
    """Somebody of the first organisation who may do everything."""
    return tenants.a.caller


@pytest.fixture
def answer(house: App, signer: Caller, owner: Any) -> Answer:
    """``await answer("Quel prix ?", "45,50 €/m² [1].", ouvrages=["CLO-PLA-001"])``: a stored answer on live rows."""
    from countersign.kernel.json import dumps
    from countersign.knowledge.agents import service as agents
    from countersign.knowledge.retrieval import service as retrieval
    from countersign.knowledge.retrieval.models import Source

    async def make(
        question: str,
        content: str,
        *,
        ouvrages: tuple[str, ...] = (),
        sources: tuple[Source, ...] = (),
        agent: str = "expert-btp",
    ) -> UUID:
        async with house.db.transaction(signer) as tx:
            of = await agents.agent(tx, agent)
            found = await tx.all(
                dict, "SELECT id, code, name FROM ouvrages WHERE code = ANY (%(codes)s)", codes=list(ouvrages)
            )
        made = [
            Source(
                n,
                f"00000000-0000-0000-0000-{row['id']:012}",
                "ouvrage",
                row["name"],
                "",
                row["code"],
                None,
                "ouvrages",
                row["id"],
            )
            for n, row in enumerate(found, 1)
        ]
        live = [*(await retrieval.hydrated(house, signer, of, made) if made else []), *sources]
        context = {
            "sources": [s.as_json() for s in live],
            "hydrated_data": {s.id: {"row": s.row, "relations": s.relations} for s in live if s.row is not None},
            "query": question,
        }
        async with house.db.transaction(signer) as tx:
            session = await tx.value(
                "INSERT INTO ai_sessions (agent_id, user_id) VALUES (%(agent)s, current_actor()) RETURNING id",
                agent=of.id,
            )
            asked = await tx.value(
                "INSERT INTO ai_messages (session_id, role, content) VALUES (%(s)s, 'user', %(q)s) RETURNING id",
                s=session,
                q=question,
            )
            return await tx.value(
                "INSERT INTO ai_messages (session_id, role, content, reply_to, rag_context, prompt_version, model_used)"
                " VALUES (%(s)s, 'assistant', %(c)s, %(q)s, %(r)s::jsonb, 1, 'words') RETURNING uuid",
                s=session,
                c=content,
                q=asked,
                r=dumps(context),
            )

    return make


async def embed(app: App) -> None:
    """Indexes what was learned, and not the demonstration, which the embedder would be busy with for long."""
    async with app.db.transaction(system()) as tx:
        due = await tx.all(
            dict,
            "SELECT id FROM jobs WHERE status = 'queued'"
            " AND (args ->> 'collection' = 'learned_responses' OR name = 'learning.replace') ORDER BY id",
        )
    for job in due:
        await jobs.work(app, job["id"])


async def learn(house: App, signer: Caller, message: UUID, question: str | None = None) -> Learned:
    """Learns it in a transaction of its own."""
    async with house.db.transaction(signer) as tx:
        return await service.learn(tx, message, question)


async def read(house: App, signer: Caller, number: int) -> Learned:
    """As it is now."""
    async with house.db.transaction(signer, read_only=True) as tx:
        return await service.learned(tx, number)
