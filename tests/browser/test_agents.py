"""An agent by screen: made, tried, told otherwise, compared, told again as before, deleted."""

from __future__ import annotations

import asyncio
import re
import uuid
from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.browser.conftest import Open, Site
from tests.browser.test_accessible import examine

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]

LONG = 180_000


@pytest.mark.parametrize(("width", "theme"), [(1440, "light"), (360, "dark")])
async def test_from_the_form_to_its_first_prompt_again(
    open_page: Open, site: Site, tmp_path: Path, width: int, theme: str
) -> None:
    slug = f"metreur-{uuid.uuid4().hex[:6]}"
    wrong: list[str] = []
    async with open_page(locale="fr", width=width, theme=theme, refused=True) as page:
        await page.goto("/agents/new")
        await page.fill("#name", f"Métreur {slug[-6:]}")
        await page.fill("#slug", slug)
        await page.fill("#system_prompt", "Tu es métreur.\nTu réponds en une phrase.")
        await page.check("input[value='SQL_HYDRATION']")
        await page.check("#every-no")
        await page.check("#r-components")
        await expect(page.locator("#records pre")).to_contain_text("components")
        await page.fill("#min_score", "beaucoup")
        wrong += await examine(page, "new", tmp_path)
        await page.click("text=Créer l’agent")
        await expect(page.locator("[role=alert]")).to_contain_text("Écrivez un nombre")
        await expect(page.locator("#r-components")).to_be_checked()
        wrong += await examine(page, "refused", tmp_path)
        await page.fill("#min_score", "")
        await page.click("text=Créer l’agent")
        await page.wait_for_url(re.compile(rf"/agents/{slug}$"))
        wrong += await examine(page, "overview", tmp_path)

        # Until the worker has read the records into the new agent's collection there is nothing to answer from.
        while not await asyncio.to_thread(site.search, slug, "CLO-PLA-001"):
            await asyncio.sleep(0.5)
        await page.goto(f"/agents/{slug}/test")
        await page.fill("input[name=content]", "Quel est le prix de CLO-PLA-001 ?")
        await page.press("input[name=content]", "Enter")
        await expect(page.locator("#trial .prose")).to_contain_text("CLO-PLA-001", timeout=LONG)
        await expect(page.locator("#trial .hit").first).to_contain_text("CLO-PLA-001")
        wrong += await examine(page, "tried", tmp_path)

        await page.goto(f"/agents/{slug}/edit")
        await page.fill("#system_prompt", "Tu es métreur.\nTu réponds en deux phrases.")
        await page.fill("#change_note", "plus long")
        await page.click("button[value=save]")
        await page.wait_for_url(re.compile(rf"/agents/{slug}$"))
        await page.goto(f"/agents/{slug}/prompt")
        await expect(page.locator("#v2")).to_contain_text("plus long")
        await page.locator("#v1 a").click()
        await expect(page.locator(".diff .gone mark")).to_have_text(["une", "phrase"])
        await expect(page.locator(".diff .new mark")).to_have_text(["deux", "phrases"])
        wrong += await examine(page, "compared", tmp_path)
        await page.locator("#v1 form button").click()
        await expect(page.locator("#v3 .tag")).to_be_visible()
        await expect(page.locator("#v3 .prompt-text")).to_contain_text("en une phrase")
        wrong += await examine(page, "restored", tmp_path)

        await page.goto(f"/agents/{slug}")
        await page.locator("form[action$='/delete'] button").click()
        await page.wait_for_url(re.compile(r"/agents$"), timeout=30_000)
        assert (await page.request.get(f"/agents/{slug}")).status == 404
    assert wrong == []
