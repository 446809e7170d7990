"""Signing in and out on the page, with real accounts."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI

from countersign.accounts import service
from countersign.kernel.access import system
from countersign.kernel.app import App

EMAIL, PASSWORD = "claire@tenant.example", "correct horse battery"


@pytest.fixture
async def client(site: FastAPI, house: App) -> AsyncIterator[httpx.AsyncClient]:
    """A browser; one user exists."""
    async with house.db.transaction(system()) as tx:
        await service.create_user(tx, EMAIL, "Claire", PASSWORD, ["user"])
    transport = httpx.ASGITransport(app=site, raise_app_exceptions=False)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://site.test", headers={"Accept": "text/html"}
    ) as it:
        yield it


def token(text: str) -> str:
    return text.split('name="csrf-token" content="')[1].split('"')[0]


async def test_in_and_out(client: httpx.AsyncClient) -> None:
    sent = await client.get("/agents")
    assert sent.headers["location"] == "/sign-in?next=/agents"
    opened = await client.post("/sign-in", data={"email": EMAIL, "password": PASSWORD, "next": "/agents"})
    assert (opened.status_code, opened.headers["location"]) == (303, "/agents")
    cookie = opened.headers["set-cookie"].lower()
    assert "httponly" in cookie and "samesite=lax" in cookie and "domain" not in cookie
    page = await client.get("/agents")
    assert page.status_code == 200 and "Claire" in page.text
    assert (await client.get("/sign-in?next=/agents")).headers["location"] == "/agents"
    assert (await client.post("/sign-out")).status_code == 403
    out = await client.post("/sign-out", data={"csrf": token(page.text)})
    assert out.headers["location"] == "/sign-in"
    assert (await client.get("/agents")).status_code == 303


async def test_wrong_address_and_wrong_password_look_the_same(client: httpx.AsyncClient) -> None:
    answers = []
    for email, password in ((EMAIL, "wrong"), ("nobody@tenant.example", PASSWORD), ("", "")):
        answer = await client.post("/sign-in", data={"email": email, "password": password})
        assert answer.status_code == 401 and "set-cookie" not in answer.headers
        shown = answer.text.replace(email, "") if email else answer.text
        answers.append(shown.replace(answer.headers["x-request-id"], ""))
    assert len(set(answers)) == 1
    assert "L’adresse ou le mot de passe est faux." in answers[0]
    assert PASSWORD not in answers[0]


async def test_guessing_is_slowed_down(client: httpx.AsyncClient) -> None:
    for _ in range(10):
        await client.post("/sign-in", data={"email": EMAIL, "password": "wrong"})
    refused = await client.post("/sign-in", data={"email": EMAIL, "password": PASSWORD})
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) > 0
    assert "Attendez un quart d’heure" in refused.text


@pytest.mark.parametrize("data", [{}, {"email": "a\x00b", "password": "x"}, {"email": "x" * 10_000, "password": "y"}])
async def test_odd_input_is_refused_politely(client: httpx.AsyncClient, data: dict[str, str]) -> None:
    assert (await client.post("/sign-in", data=data)).status_code == 401
