"""The embedded model itself, over its real server: words come, and the page says what to think of them."""

from __future__ import annotations

import asyncio
import re
import time

import psycopg
import pytest
from playwright.async_api import expect

from tests.browser.conftest import Open, Site

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]


async def test_the_demonstration_model_answers_and_is_named(open_page: Open, site: Site) -> None:
    with psycopg.connect(site.owner_url, autocommit=True) as connection:
        connection.execute("UPDATE agents SET model = 'local:smollm2', max_tokens = 60 WHERE slug = 'support'")
    until = time.monotonic() + 300
    while not site.search("support", "Comment connecter Ollama ?"):
        assert time.monotonic() < until, "the documentation was not indexed"
        await asyncio.sleep(1)
    async with open_page() as page:
        await page.goto("/ask/support")
        await page.locator(".examples button").first.click()
        answer = page.locator("article.answer[data-status=complete]")
        await expect(answer).to_be_visible(timeout=400_000)
        await expect(answer.locator(".prose")).to_contain_text(re.compile(r"\w{3}"))
        await expect(answer.locator(".notice.demonstration")).to_contain_text("COUNTERSIGN_MODEL=ollama:mistral")
        await expect(answer.locator(".why-box")).to_contain_text("local:smollm2")
        await answer.locator(".notice.demonstration a").click()
        await expect(page.locator("h1")).to_have_text("Connecter un modèle")
