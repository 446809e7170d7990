"""An agent is measured by screen; a new prompt is tried on the validated questions, published, and names its trial."""

from __future__ import annotations

import asyncio
import json
import re
import time
import urllib.request
import uuid
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import expect

from tests.browser.conftest import Open, Site
from tests.browser.test_accessible import examine

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]

LONG = 300_000
QUESTIONS = ("Quel est le prix de CLO-PLA-001 ?", "Et le prix unitaire de CLO-PLA-001 ?")


def call(site: Site, path: str, body: dict[str, Any]) -> dict[str, Any]:
    request = urllib.request.Request(f"{site.url}/api/v1{path}", json.dumps(body).encode(), method="POST")
    request.add_header("Authorization", f"Bearer {site.token}")
    request.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(request, timeout=300) as answer:
        return json.load(answer)


def an_agent_with_signed_answers(site: Site) -> str:
    slug = f"mesure-{uuid.uuid4().hex[:6]}"
    call(site, "/agents/expert-btp/duplicate", {"name": f"Mesuré {slug[-6:]}", "slug": slug, "is_active": True})
    while not site.search(slug, "CLO-PLA-001"):
        time.sleep(0.5)
    for question in QUESTIONS:
        session = call(site, f"/agents/{slug}/sessions", {})["uuid"]
        answer = call(site, f"/sessions/{session}/messages", {"content": question})
        call(site, f"/messages/{answer['message']}/validate", {})
    return slug


@pytest.mark.parametrize(("width", "theme", "locale"), [(1440, "light", "fr"), (360, "dark", "fr")])
async def test_from_the_measurement_to_the_published_prompt(
    open_page: Open, site: Site, tmp_path: Path, width: int, theme: str, locale: str
) -> None:
    slug = await asyncio.to_thread(an_agent_with_signed_answers, site)
    wrong: list[str] = []
    async with open_page(width=width, theme=theme, locale=locale) as page:
        await page.goto(f"/agents/{slug}")
        await page.click("nav a:has-text('Mesures')")
        await expect(page.locator("main")).to_contain_text("2 questions dont une personne a signé les réponses")
        wrong += await examine(page, "before", tmp_path)
        await page.click("text=Mesurer maintenant")
        await expect(page.locator("#run[data-status=completed]")).to_be_visible(timeout=LONG)
        await expect(page.locator("[data-figure=live-r1]")).to_have_text("100,0\u00a0%")
        await expect(page.locator("#run section")).to_have_count(2)
        wrong += await examine(page, "measured", tmp_path)

        await page.goto(f"/agents/{slug}/edit")
        await page.fill("#system_prompt", "Tu réponds en deux phrases.")
        await page.fill("#change_note", "Plus court")
        await page.click("text=Essayer sur les questions validées")
        await page.wait_for_url(re.compile(rf"/agents/{slug}/evaluation/\d+$"))
        trial = page.url
        await expect(page.locator("#run[data-status=completed]")).to_be_visible(timeout=LONG)
        await expect(page.locator("[data-figure=tried-r1]")).to_have_text("100,0\u00a0%")
        await expect(page.locator("#run .bare li")).to_have_count(0)
        wrong += await examine(page, "tried", tmp_path)
        await page.click("text=Publier")
        await expect(page.locator("#run [role=status]")).to_contain_text("publié comme version 2")
        await page.click("#run [role=status] a")
        await expect(page.locator("#v2")).to_contain_text("Plus court")
        await expect(page.locator("#v1 header a")).to_have_count(0)
        wrong += await examine(page, "versions", tmp_path)
        await page.click("#v2 header a")
        await page.wait_for_url(trial)
        await page.goto(f"/agents/{slug}/evaluation")
        await expect(page.locator("table.list tbody tr")).to_have_count(2)
        wrong += await examine(page, "after", tmp_path)
    assert wrong == []
