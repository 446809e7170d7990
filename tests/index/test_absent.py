"""Qdrant is away for a while: questions are answered by words and say so, indexing goes on afterwards by itself."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from countersign.index.jobs import RUN
from countersign.kernel import jobs
from tests.fakes.qdrant import FakeQdrant
from tests.index.conftest import Shop


@pytest.fixture
def backend() -> str:
    """Qdrant's server is this file's own."""
    return "none"


async def due(shop: Shop) -> list[tuple[int, str | None]]:
    rows = await shop.owner.execute(
        "SELECT id, error FROM jobs WHERE name = %s AND status = 'queued' ORDER BY id", (RUN,)
    )
    return [(row[0], row[1]) for row in await rows.fetchall()]


async def test_away_and_back(shop: Shop) -> None:
    fake = FakeQdrant()
    async with fake.rest() as url:
        shop.app.settings.qdrant_url = url
        await shop.add("Cloison en plâtre")
        [(first, _)] = await due(shop)
        assert await jobs.work(shop.app, first)
        assert (await shop.find("cloison")).degraded is None

    things = await shop.add("Chape de béton", "Cloison en brique")
    [(job, _)] = await due(shop)
    for attempt in range(1, 4):  # the pauses between them are those of the queue
        await shop.owner.execute("UPDATE jobs SET run_at = now() WHERE id = %s", (job,))
        assert await jobs.work(shop.app, job)
        [(again, error)] = await due(shop)
        assert again == job
        assert error is not None and error.startswith("Qdrant does not answer")
        found = await shop.find("cloison")
        assert found.degraded == "vectors-unavailable"
        assert {hit.title for hit in found.hits} == {"Cloison en plâtre", "Cloison en brique"}
        assert await shop.count("jobs", f"id = {job} AND attempts = {attempt} AND run_at > now()") == 1
    await shop.delete(things[1])
    assert await shop.titles("cloison") == ["Cloison en plâtre"]  # gone at once, though nothing can be removed now

    async with fake.rest(urlsplit(url).port or 0):
        await shop.owner.execute("UPDATE jobs SET run_at = now() WHERE id = %s", (job,))
        assert await jobs.work(shop.app, job)
        assert (await shop.find("chape")).degraded is None
        assert (await shop.find("chape")).hits[0].vector_rank == 1
        assert (await fake.engine.count("things")).count == 2
        assert sorted(shop.embedder.given) == ["Chape de béton\n", "Cloison en plâtre\n"]
        assert await due(shop) == []
