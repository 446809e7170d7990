"""Every operation of the API with thousands of odd requests made from its own document: no answer is a 500."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import hypothesis
import psycopg
import pytest
import requests
import schemathesis
import uvicorn
from schemathesis.generation import GenerationMode

from countersign import main
from countersign.accounts import service
from countersign.kernel.access import system
from countersign.kernel.app import App
from countersign.kernel.settings import Settings
from tests.cluster import Clone

DOCUMENT = main.create(Settings(database_url="postgresql:///unused")).openapi()
# /readyz says 503 here, rightly: no broker is configured.
OPERATIONS = sorted((p, m) for p, methods in DOCUMENT["paths"].items() for m in methods if p != "/readyz")
EACH = 20
TABLE = {
    "columns": [
        {"name": "code", "type": "string"},
        {"name": "price", "type": "decimal"},
        {"name": "more", "type": "json"},
        {"name": "day", "type": "datetime"},
    ]
}


@dataclass(frozen=True, slots=True)
class Site:
    """A site that serves, and what exists there."""

    url: str
    headers: dict[str, str]
    exists: dict[str, Any]


@pytest.fixture
def site(settings: Settings, database: Clone) -> Iterator[Site]:
    token = asyncio.run(_token(settings))
    with psycopg.connect(database.owner_url, autocommit=True) as connection:
        connection.execute("SELECT set_config('countersign.tenant_id', '1', false)")
        connection.execute(
            "INSERT INTO agents (name, slug, system_prompt, qdrant_collection) VALUES ('A', 'support', 'Réponds.', 'support')"
        )
    server = uvicorn.Server(uvicorn.Config(main.create(settings), port=0, log_config=None, lifespan="on"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive(), "the site did not start"
            time.sleep(0.02)
        port = server.servers[0].sockets[0].getsockname()[1]
        url, headers = f"http://127.0.0.1:{port}", {"Authorization": f"Bearer {token}"}
        opened = requests.post(f"{url}/api/v1/agents/support/sessions", json={}, headers=headers, timeout=30)
        assert opened.status_code == 201, opened.text
        table = {"name": "things", "schema_definition": TABLE, "embedding_template": "{{code}}"}
        made = requests.post(f"{url}/api/v1/dynamic-tables", json=table, headers=headers, timeout=30)
        assert made.status_code == 201, made.text
        requests.post(f"{url}/api/v1/dynamic-tables/things/rows", json={"code": "A"}, headers=headers, timeout=30)
        yield Site(
            url,
            headers,
            {"slug": "support", "uuid": opened.json()["uuid"], "number": 1, "name": "things", "column": "code"},
        )
    finally:
        server.should_exit = True
        thread.join()


async def _token(settings: Settings) -> str:
    async with App(settings) as app, app.db.transaction(system()) as tx:
        user = await service.create_user(tx, "root@x.example", "Root", "long enough", ["super-admin"])
        return (await service.create_token(tx, user, "fuzz")).plain


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_no_request_is_answered_with_500(site: Site, path: str, method: str) -> None:
    operation = schemathesis.openapi.from_dict(DOCUMENT)[path][method]
    known = {name: value for name, value in site.exists.items() if f"{{{name}}}" in path}
    strategies = [operation.as_strategy(generation_mode=mode) for mode in GenerationMode]
    if known:
        strategies.append(operation.as_strategy(path_parameters=known))

    @hypothesis.settings(
        max_examples=EACH * len(strategies),
        deadline=None,
        database=None,
        derandomize=True,
        phases=[hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(hypothesis.strategies.one_of(strategies))
    def ask(case: schemathesis.Case) -> None:
        reply = case.call(base_url=site.url, headers=site.headers, timeout=60)
        assert reply.status_code < 500, (case.as_curl_command(), reply.text)
        # A head that the server itself cannot read (an address of 64 kB) never reaches us.
        unread = reply.text == "Invalid HTTP request received."
        if reply.status_code >= 400 and path.startswith("/api/") and not unread:
            assert reply.headers["content-type"][0].startswith("application/problem+json"), case.as_curl_command()

    ask()
