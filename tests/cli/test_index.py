"""``countersign index`` and its alias, as a program calls them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from countersign.kernel.access import system
from countersign.kernel.database import Database
from countersign.providers import embedders
from countersign.providers.errors import EmbedderUnreachable
from tests.cli.conftest import Flat
from tests.cluster import Clone

ADD = """
INSERT INTO agents (name, slug, qdrant_collection, system_prompt) VALUES ('Support', 'support', 'agent_support_docs', 'Aide.')
"""


async def add_agent(database: Clone) -> None:
    async with Database(database.url) as db, db.transaction(system()) as tx:
        await tx.run(ADD)


@pytest.fixture
def agent(database: Clone) -> None:
    import asyncio

    asyncio.run(add_agent(database))


@pytest.mark.parametrize("group", ["index", "qdrant"])
def test_init_makes_the_agents_collections(cli: Any, agent: None, group: str) -> None:
    assert json.loads(cli(group, "stats", "--json").stdout) == []
    done = cli(group, "init", "--json")
    assert done.exit_code == 0, done.output
    made, learned = json.loads(done.stdout)
    assert learned["name"] == "learned_responses"
    assert (made["name"], made["state"], made["embedder"], made["dimensions"]) == (
        "agent_support_docs",
        "active",
        "fake:flat",
        8,
    )
    assert json.loads(cli(group, "init", "--json").stdout)[0]["id"] == made["id"]
    shown, _ = json.loads(cli(group, "stats", "--json").stdout)
    assert (shown["collection"], shown["entries"], shown["points"], shown["backend"]) == (
        "agent_support_docs",
        0,
        0,
        "pgvector",
    )
    assert "agent_support_docs" in cli(group, "stats").stdout


def test_init_without_agents_says_what_to_do(cli: Any) -> None:
    done = cli("index", "init")
    assert done.exit_code == 0
    assert "No agent names a collection yet" in done.stderr


def test_what_failed_is_told_with_its_reason_and_tried_again(cli: Any, database: Clone) -> None:
    import psycopg

    with psycopg.connect(database.owner_url, autocommit=True) as owner:
        owner.execute("SELECT set_config('countersign.tenant_id', '1', false)")
        owner.execute(
            "INSERT INTO index_entries (collection, kind, source_table, source_id, title, error, attempts)"
            " VALUES ('docs', 'document', 'document_chunks', 7, 'Guide', 'It cannot be read.', 8)"
        )
    [shown] = json.loads(cli("index", "stats", "--json").stdout)
    assert (shown["failed"], shown["failures"][0]["error"]) == (1, "It cannot be read.")
    assert "docs: Guide: It cannot be read. (tries: 8)" in cli("index", "stats").stderr
    assert json.loads(cli("index", "retry", "docs", "--json").stdout) == {"docs": 1}
    assert "Nothing failed" in cli("index", "retry").stderr
    assert cli("index", "retry", "nowhere").exit_code == 1


def test_reindex_makes_a_new_generation(cli: Any) -> None:
    assert cli("index", "init", "docs").exit_code == 0
    done = cli("index", "reindex", "docs", "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["generation"] == 2


def test_failures_are_one_line_and_not_zero(cli: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    bad = cli("index", "init", "not a name")
    assert (bad.exit_code, bad.stderr.count("\n")) == (1, 1)
    assert "letters, digits" in bad.stderr

    async def down(_: Any) -> Flat:
        raise EmbedderUnreachable("The embedder sleeps.")

    monkeypatch.setattr(embedders, "embedder", down)
    refused = cli("index", "init", "docs")
    assert (refused.exit_code, refused.stderr) == (1, "Error: The embedder sleeps.\n")
