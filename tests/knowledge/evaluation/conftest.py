"""The demonstration with questions whose answers a person has signed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import psycopg
import pytest

from tests.cluster import Clone
from tests.knowledge.conftest import Site, ask

Signed: TypeAlias = Callable[..., Awaitable[None]]
QUESTIONS = (
    "Quel est le prix de CLO-PLA-001 ?",
    "Quel est le prix de CLO-PLA-002 ?",
    "Quel est le prix de CLO-PLA-003 ?",
)


@pytest.fixture
def database(demonstration: Clone) -> Clone:
    """The test's database holds the demonstration."""
    return demonstration


@pytest.fixture
def signed(owner: psycopg.AsyncConnection[Any]) -> Signed:
    """``await signed(site)``: the agent is asked, and each of its answers is validated."""

    async def make(site: Site, questions: tuple[str, ...] = QUESTIONS) -> None:
        client = await site.client("admin", name="signer")
        for question in questions:
            await ask(client, question)
        await owner.execute(
            "UPDATE ai_messages SET validation_status = 'validated', validated_at = now(),"
            " validated_by = (SELECT min(id) FROM users) WHERE role = 'assistant'"
        )

    return make
