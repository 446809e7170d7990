"""How learned answers become searchable: by their question, each agent's by themselves."""

from __future__ import annotations

from dataclasses import replace

from ...index import service as index
from ...kernel import sql
from ...kernel.database import Tx
from .models import COLLECTION, TABLE, LearnedId

queries = sql.load(__package__ or "")

PREFIX = "learned:"


def kind_of(agent_id: int) -> str:
    """The kind of the entries of one agent: a search is told which agent's answers it may find."""
    return f"{PREFIX}{agent_id}"


@index.resolve_with
async def source(tx: Tx, kind: str) -> index.Source | None:
    """The source of one agent's learned answers."""
    agent = kind.removeprefix(PREFIX)
    if not kind.startswith(PREFIX) or not agent.isdecimal():
        return None
    statement = queries.read_entries
    return index.Source(kind, TABLE, replace(statement, text=statement.text.replace("%(agent)s", str(int(agent)))))


async def mark(tx: Tx, agent_id: int, learned: LearnedId) -> None:
    """It is new, says something else, or is no longer in use."""
    await index.mark(tx, COLLECTION, kind_of(agent_id), [learned])
