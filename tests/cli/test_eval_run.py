"""``countersign eval run``: an agent measured from a terminal, for people and for programs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import psycopg
import pytest

from tests.cluster import Clone
from tests.knowledge.conftest import (
    Site,
    demonstration,  # noqa: F401  # pyright: ignore[reportUnusedImport]  a fixture
    site,  # noqa: F401  # pyright: ignore[reportUnusedImport]  a fixture
)
from tests.knowledge.evaluation.conftest import signed  # noqa: F401  # pyright: ignore[reportUnusedImport]  a fixture
from tests.knowledge.evaluation.test_service import RULES


@pytest.fixture
def database(demonstration: Clone) -> Clone:  # noqa: F811
    return demonstration


async def test_an_agent_is_measured_for_people_and_for_programs(
    site: Callable[..., Awaitable[Site]],  # noqa: F811
    signed: Any,  # noqa: F811
    cli: Any,
    owner: psycopg.AsyncConnection[Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    here = await site(RULES)
    monkeypatch.setenv("COUNTERSIGN_MODEL", "scripted:words")
    monkeypatch.setenv("COUNTERSIGN_MODEL_URL", here.app.settings.model_url)

    async def run(*words: str) -> Any:
        return await asyncio.to_thread(cli, "eval", "run", *words)

    nothing = await run("--agent", "expert-btp")
    assert nothing.exit_code == 1 and "Nobody has validated an answer" in nothing.output
    assert (await run("--agent", "nobody")).exit_code == 1
    assert (await run()).exit_code == 2
    await signed(here)

    told = await run("--agent", "expert-btp")
    assert told.exit_code == 0, told.output
    assert "3 validated questions, 0 without an answer" in told.output
    assert "right source first 100.0%" in told.output and "direct answers 0.0%" in told.output

    spoken = await run("--agent", "expert-btp", "--json")
    assert spoken.exit_code == 0, spoken.output
    measured = json.loads(spoken.stdout)
    assert (measured["agent"], measured["status"], measured["prompt_version"]) == ("expert-btp", "completed", 1)
    assert (measured["questions"], measured["r1"], measured["failed"], measured["cost_usd"]) == (3, 1, 0, "0")

    cursor = await owner.execute("SELECT id, status, questions FROM evaluation_runs ORDER BY id DESC LIMIT 1")
    assert await cursor.fetchone() == (measured["id"], "completed", 3), "it is kept, and drawn on the agent's page"
