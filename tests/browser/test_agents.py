"""An agent in a real browser: made, tried before it is saved, its prompt changed, compared and restored."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.browser.conftest import Open
from tests.browser.test_accessible import examine

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser"), pytest.mark.timeout(600)]


async def test_an_agent_is_made_tried_changed_and_restored(open_page: Open, tmp_path: Path) -> None:
    wrong: list[str] = []
    async with open_page() as page:
        await page.goto("/agents")
        await page.click("a[href='/agents/new']")
        await page.wait_for_load_state()
        await page.fill("#name", "Métreur")
        await page.fill("#slug", "metreur")
        await page.fill("#system_prompt", "Tu es métreur.\nTu réponds en une phrase.")
        await expect(page.locator("#of-records")).to_be_hidden()
        await page.check("input[value=SQL_HYDRATION]")
        await page.select_option("#table", "ouvrages")
        await page.check("#every-no")
        await page.uncheck("#f-description")
        await expect(page.locator("#records details pre")).not_to_contain_text("description")
        await page.check("#r-components")
        await page.click("#records summary")
        await expect(page.locator("#records pre")).to_contain_text("components")
        wrong += await examine(page, "new", tmp_path)
        await page.click("button[value=save]")
        await expect(page).to_have_url(re.compile("/agents/metreur$"))
        wrong += await examine(page, "one", tmp_path)

        await page.click(".tabs a[href$='/edit']")
        await page.wait_for_load_state()
        await page.fill("#system_prompt", "Tu es métreur.\nTu réponds en deux phrases.")
        await page.fill("#change_note", "plus complet")
        await page.fill("#content", "Quel est le prix de CLO-PLA-001 ?")
        await page.click("[hx-post$='/test']")
        trial = page.locator("#trial")
        await expect(trial.locator(".prose")).to_contain_text("CLO-PLA-001", timeout=90_000)
        await expect(trial.locator(".tag")).to_have_text("pas encore enregistré")
        await expect(trial.locator("#source-1")).to_contain_text("CLO-PLA-001")
        await trial.locator("summary", has_text="Ce qui a été dit au modèle").click()
        await expect(trial.locator("pre").nth(-2)).to_contain_text("deux phrases")
        wrong += await examine(page, "trial", tmp_path)
        await page.click("button[value=save]")
        await expect(page).to_have_url(re.compile("/agents/metreur$"))

        await page.click(".tabs a[href$='/test']")
        await page.wait_for_load_state()
        await page.fill("[name=content]", "Quel est le prix de CLO-PLA-001 ?")
        await page.keyboard.press("Enter")
        await expect(trial.locator(".prose")).to_contain_text("CLO-PLA-001", timeout=90_000)
        await expect(trial.locator("h2 .tag")).to_have_count(0)
        wrong += await examine(page, "test", tmp_path)
        await page.goto("/sessions")
        await expect(page.locator("main")).not_to_contain_text("Métreur")

        await page.goto("/agents/metreur/prompt")
        await expect(page.locator("#v2")).to_contain_text("plus complet")
        await page.click("form.compare button")
        await expect(page.locator(".diff .gone mark").first).to_have_text("une")
        await expect(page.locator(".diff .new mark").first).to_have_text("deux")
        wrong += await examine(page, "diff", tmp_path)
        await page.click("#v1 form button")
        await expect(page.locator("#v3")).to_contain_text("Tu réponds en une phrase.")
        await expect(page.locator("#v3 .tag")).to_have_text("active")
    for width, theme in ((360, "dark"), (360, "light"), (1440, "dark")):
        async with open_page(width=width, theme=theme) as page:
            for name, path in (("new", "new"), ("edit", "metreur/edit"), ("diff", "metreur/prompt?old=1&new=2")):
                await page.goto(f"/agents/{path}")
                wrong += await examine(page, f"{name}-{width}-{theme}", tmp_path)
    assert wrong == []
