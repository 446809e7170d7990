"""The inbox's tests run on the demonstration, with answers on live rows and people who sign."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias
from uuid import UUID

import pytest

from countersign.kernel.access import Caller
from countersign.kernel.app import App
from countersign.kernel.json import dumps
from tests.cluster import Clone
from tests.conftest import Tenants
from tests.knowledge.conftest import demonstration, visit  # noqa: F401

Said: TypeAlias = Callable[..., Awaitable[UUID]]
WRONG = {"status": "unsupported", "text": "99", "start": 0, "end": 2, "value": "99"}
GOOD: dict[str, Any] = {
    "sources": [{"n": 1, "id": "x", "kind": "ouvrage", "score": 0.99, "title": "Cloison", "code": None}]
}


@pytest.fixture
def database(demonstration: Clone) -> Clone:  # noqa: F811
    """The test's database holds the demonstration."""
    return demonstration


@pytest.fixture
def signer(tenants: Tenants) -> Caller:
    """Somebody of the first organisation who may do everything."""
    return tenants.a.caller


@pytest.fixture
def said(house: App, signer: Caller) -> Said:
    """``await said("99 €", wrong=2, agent="support")``: a complete answer that waits, with so many figures not found."""

    async def make(
        content: str = "45,50 € [1].",
        question: str = "Quel prix ?",
        *,
        wrong: int = 0,
        agent: str = "expert-btp",
        status: str = "complete",
        context: dict[str, Any] | None = None,
        by: Caller | None = None,
    ) -> UUID:
        rag = {**(GOOD if context is None else context), "query": question, "checks": {"numbers": [WRONG] * wrong}}
        async with house.db.transaction(by or signer) as tx:
            session = await tx.value(
                "INSERT INTO ai_sessions (agent_id, user_id) SELECT id, current_actor() FROM agents "
                "WHERE slug = %(agent)s RETURNING id",
                agent=agent,
            )
            asked = await tx.value(
                "INSERT INTO ai_messages (session_id, role, content) VALUES (%(s)s, 'user', %(q)s) RETURNING id",
                s=session,
                q=question,
            )
            answer = await tx.value(
                "INSERT INTO ai_messages (session_id, role, content, status, reply_to) "
                "VALUES (%(s)s, 'assistant', '', 'streaming', %(q)s) RETURNING id",
                s=session,
                q=asked,
            )
            return await tx.value(
                "UPDATE ai_messages SET content = %(c)s, status = %(status)s, rag_context = %(rag)s::jsonb "
                "WHERE id = %(id)s RETURNING uuid",
                c=content,
                status=status,
                rag=dumps(rag),
                id=answer,
            )

    return make
