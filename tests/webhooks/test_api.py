"""The JSON routes of webhooks, from creation to deletion."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI

from countersign import main
from countersign.accounts import service as accounts
from countersign.kernel.access import system
from countersign.kernel.app import App
from countersign.kernel.settings import Settings
from tests.webhooks.receiver import receiving

HOOKS = "/api/v1/webhooks"


@pytest.fixture
async def client(settings: Settings, house: App) -> AsyncIterator[httpx.AsyncClient]:
    site: FastAPI = main.create(settings)
    site.state.app = house
    async with house.db.transaction(system()) as tx:
        user = await accounts.create_user(tx, "ada@x.example", "Ada", "long enough", ["admin"])
        made = await accounts.create_token(tx, user, "t")
    headers = {"Authorization": f"Bearer {made.plain}"}
    transport = httpx.ASGITransport(app=site)
    async with httpx.AsyncClient(transport=transport, base_url="http://site.test", headers=headers) as opened:
        yield opened


async def test_a_webhook_from_first_to_last(client: httpx.AsyncClient) -> None:
    async with receiving() as receiver:
        given = {"name": "ERP", "url": receiver.url, "events": ["message.created"]}
        made = await client.post(HOOKS, json=given)
    assert made.status_code == 201, made.text
    secret, hook = made.json()["secret"], f"{HOOKS}/{made.json()['webhook']['id']}"
    assert secret not in (await client.get(hook)).text + (await client.get(HOOKS)).text
    changed = await client.patch(hook, json={"name": "CRM"})
    assert (changed.json()["name"], changed.json()["url"]) == ("CRM", given["url"])
    assert (await client.post(f"{hook}/rotate", json={"overlap_hours": 1})).json()["secret"] != secret
    told = await client.post(f"{hook}/test")
    assert (told.status_code, told.json()["delivery_id"][:4]) == (202, "msg_")
    assert (await client.get(f"{hook}/deliveries")).json() == {"items": [], "next": None}
    assert (await client.post(f"{hook}/deliveries/msg_none/redeliver")).status_code == 404
    assert (await client.delete(hook)).status_code == 204
    assert (await client.get(hook)).status_code == 404


async def test_an_unknown_event_names_the_known_ones(client: httpx.AsyncClient) -> None:
    answer = await client.post(HOOKS, json={"name": "x", "url": "http://127.0.0.1:9/", "events": ["none"]})
    assert answer.status_code == 422
    assert "message.created" in answer.json()["known"]


async def test_the_pages_show_the_webhook_and_send_from_there(client: httpx.AsyncClient) -> None:
    assert "/webhooks/new" in (await client.get("/webhooks")).text
    async with receiving() as receiver:
        given = {"name": "<ERP>", "url": receiver.url, "events": ["*"]}
        number = (await client.post(HOOKS, json=given)).json()["webhook"]["id"]
    assert "&lt;ERP&gt;" in (await client.get("/webhooks")).text
    assert "&lt;ERP&gt;" in (await client.get(f"/webhooks/{number}")).text
    assert (await client.post(f"/webhooks/{number}/test")).status_code == 303
    assert (await client.post(f"/webhooks/{number}/deliveries/none/redeliver")).status_code == 404
