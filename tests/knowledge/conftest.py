"""A site that answers: the real application over HTTP, the demonstration library, a scripted model, people with tokens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from fastapi import Request

from countersign.accounts import service as accounts
from countersign.kernel import jobs
from countersign.kernel.access import Caller, TenantId, system
from countersign.kernel.app import App
from countersign.kernel.json import loads
from countersign.kernel.settings import Settings
from countersign.knowledge import demo
from countersign.main import create
from tests.cluster import Clone, Cluster
from tests.fakes.scripted_model import Rule, ScriptedModel
from tests.fakes.serving import serving

PASSWORD = "correct horse battery staple"
CSRF = "a-token-of-this-test"
Visit = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]


@dataclass(slots=True)
class Site:
    """One application that serves, and the model that it asks."""

    app: App
    url: str
    model: ScriptedModel
    clients: AsyncExitStack = field(default_factory=AsyncExitStack)

    async def client(self, role: str = "user", tenant: int = 1, name: str = "") -> httpx.AsyncClient:
        """An API client of a new person with *role*, who may use the API."""
        email = f"{name or role}@tenant{tenant}.example"
        async with self.app.db.transaction(system(TenantId(tenant))) as tx:
            person = await accounts.create_user(tx, email, name or role, PASSWORD, [role, "api-client"])
            token = await accounts.create_token(tx, person, "test")
        headers = {"Authorization": f"Bearer {token.plain}"}
        return await self.clients.enter_async_context(
            httpx.AsyncClient(base_url=self.url, headers=headers, timeout=300)
        )


async def work_off(app: App) -> None:
    """Does every job that is due, as a worker would, until none is."""
    for _ in range(100):
        async with app.db.transaction(system()) as tx:
            due = await tx.all(dict, "SELECT id FROM jobs WHERE status = 'queued' AND run_at <= now() ORDER BY id")
        if not due:
            return
        for job in due:
            await jobs.work(app, job["id"])


def _fill(clone: Clone) -> None:
    async def load() -> None:
        async with App(Settings(database_url=clone.url)) as app:
            await demo.load(app)
            await work_off(app)

    asyncio.run(load())


@pytest.fixture
def demonstration(cluster: Cluster) -> Iterator[Clone]:
    """A database with the demonstration, found by its words alone (no embedder has seen it)."""
    with cluster.clone(template=cluster.template("demonstration", _fill)) as clone:
        yield clone


@pytest.fixture
async def site(settings: Settings) -> AsyncIterator[Callable[..., Awaitable[Site]]]:
    """``await site([Rule(…)])``: the site on the test's database, with a model that says what the rules say."""
    async with AsyncExitStack() as stack:

        async def make(
            rules: Sequence[Rule] = (Rule(".", "Voir la fiche [1]."),), *, demonstration: bool = True, **given: Any
        ) -> Site:
            model = ScriptedModel(rules)
            model_url = await stack.enter_async_context(model.serve())
            changed = {"model": "scripted:words", "model_url": model_url, **given}
            values = {name: getattr(settings, name) for name in settings.model_fields_set} | changed
            app = await stack.enter_async_context(App(Settings(**values)))
            served = create(app.settings)
            served.state.app = app
            made = Site(app, await stack.enter_async_context(serving(served)), model)
            return await _closed(stack, made)

        yield make


async def _closed(stack: AsyncExitStack, made: Site) -> Site:
    await stack.enter_async_context(made.clients)
    return made


async def ask(client: httpx.AsyncClient, question: str, agent: str = "expert-btp") -> dict[str, Any]:
    """Asks in a new conversation; the whole reply."""
    session = (await client.post(f"/api/v1/agents/{agent}/sessions")).json()["uuid"]
    answered = await client.post(f"/api/v1/sessions/{session}/messages", json={"content": question})
    assert answered.status_code == 200, answered.text
    return loads(answered.content)


async def read_events(response: httpx.Response) -> AsyncIterator[tuple[str, Any]]:
    """``(name, data)`` of each server-sent event as it comes."""
    name = ""
    async for line in response.aiter_lines():
        if line.startswith("event: "):
            name = line[7:]
        elif line.startswith("data: "):
            yield name, loads(line[6:])


@pytest.fixture
def visit(house: App, settings: Settings) -> Visit:
    """``async with visit(caller) as client``: a browser of *caller*."""
    site = create(settings)
    site.state.app = house

    @asynccontextmanager
    async def visiting(caller: Caller) -> AsyncIterator[httpx.AsyncClient]:
        async def authenticate(request: Request) -> Caller:
            request.state.csrf = CSRF
            return caller

        site.state.authenticate = authenticate
        transport = httpx.ASGITransport(app=site)
        headers = {"X-CSRF-Token": CSRF, "Accept-Language": "fr", "Accept": "text/html"}
        async with httpx.AsyncClient(
            transport=transport, base_url="http://site.test", headers=headers, timeout=60
        ) as client:
            yield client

    return visiting
