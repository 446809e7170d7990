"""Agents: finding them and the history of what they were told."""

from __future__ import annotations

from typing import Any

from ...kernel import sql
from ...kernel.audit import audit
from ...kernel.database import Tx
from ...kernel.json import dumps
from .models import Agent, NoSuchAgent, PromptVersion

queries = sql.load(__package__ or "")


async def agents(tx: Tx, *, q: str | None = None) -> list[Agent]:
    """Live and active agents of the caller's tenant, by name."""
    return await tx.all(Agent, queries.agents, q=q or None, slug=None)


async def agent(tx: Tx, slug: str) -> Agent:
    """One live, active agent. Raises ``NoSuchAgent``."""
    found = await tx.first(Agent, queries.agents, q=None, slug=slug)
    if found is None:
        raise NoSuchAgent()
    return found


async def prompt_versions(tx: Tx, slug: str) -> list[PromptVersion]:
    """Every version of the agent's prompt, newest first. Raises ``NoSuchAgent``."""
    found = await agent(tx, slug)
    return await tx.all(PromptVersion, queries.prompt_versions, agent=found.id)


async def add(tx: Tx, values: dict[str, Any]) -> Agent | None:
    """Creates the agent unless its slug is taken; None then. *values* are columns of ``agents``."""
    added = await tx.value(queries.add_agent, values=dumps(values))
    if added is None:
        return None
    await audit(tx, "create", "agent", added, new=values)
    return await agent(tx, values["slug"])
