"""Alive, ready, figures."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest

from countersign.kernel.access import Caller
from countersign.kernel.app import App
from tests.cluster import Clone
from tests.web.conftest import Visit


async def test_alive_needs_nothing(visit: Visit, house: App) -> None:
    await house.db.close()
    async with visit(None) as client:
        answer = await client.get("/healthz")
    assert answer.status_code == 200 and answer.json()["status"] == "alive"


async def test_without_a_broker_it_is_not_ready_and_says_so(visit: Visit) -> None:
    async with visit(None) as client:
        answer = await client.get("/readyz")
    assert answer.status_code == 503
    body = answer.json()
    assert body["missing"] == ["redis"] and body["checks"]["postgres"]["status"] == "ok"


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> None:
    """A broker that answers."""

    async def fine(_: App) -> None:
        return None

    monkeypatch.setattr("countersign.web.health._broker", fine)


@pytest.mark.usefixtures("heard")
async def test_ready(visit: Visit) -> None:
    async with visit(None) as client:
        answer = await client.get("/readyz")
    assert answer.status_code == 200 and answer.json()["status"] == "ready"


@pytest.mark.usefixtures("heard")
async def test_an_old_schema_is_not_ready(visit: Visit, database: Clone) -> None:
    with psycopg.connect(database.owner_url, autocommit=True) as connection:
        connection.execute("DELETE FROM schema_migrations WHERE version = (SELECT max(version) FROM schema_migrations)")
    async with visit(None) as client:
        answer = await client.get("/readyz")
    assert answer.status_code == 503
    assert "countersign migrate" in answer.json()["checks"]["postgres"]["status"]


@pytest.mark.usefixtures("heard")
async def test_a_silent_model_degrades_but_does_not_unready(visit: Visit, house: App) -> None:
    house.settings.model_url = "http://127.0.0.1:9"
    async with visit(None) as client:
        answer = await client.get("/readyz")
    assert answer.status_code == 200, answer.text
    assert answer.json()["degraded"] == ["models"]


async def test_figures_are_for_who_may_see_them(visit: Visit, caller: Callable[..., Caller]) -> None:
    async with visit(None) as client:
        assert (await client.get("/metrics", headers={"Accept": "application/json"})).status_code == 401
    async with visit(caller("agents.view")) as client:
        assert (await client.get("/metrics")).status_code == 403
    async with visit(caller("settings.manage")) as client:
        assert "countersign_requests_total" in (await client.get("/metrics")).text
