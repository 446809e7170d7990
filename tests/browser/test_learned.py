"""What was learned, by screen: added by hand, found, worded otherwise, revoked; readable by everybody."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.browser.conftest import Open
from tests.browser.test_accessible import examine

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]


@pytest.mark.parametrize(("width", "theme"), [(1440, "light"), (360, "dark")])
async def test_from_the_form_to_the_history(open_page: Open, tmp_path: Path, width: int, theme: str) -> None:
    mark = uuid.uuid4().hex[:6]
    wrong: list[str] = []
    async with open_page(width=width, theme=theme) as page:
        await page.goto("/")
        await page.click("nav a:has-text('Appris')")
        await page.click("summary:has-text('Ajouter une réponse à la main')")
        await page.fill("#new-question", f"Comment poser le rail {mark} ?")
        await page.fill("#new-answer", "À **60 cm** d'entraxe.")
        wrong += await examine(page, "form", tmp_path)
        await page.click("text=Signer et apprendre")
        await expect(page.locator(".seal.signed")).to_be_visible()
        await expect(page.locator(".prose strong")).to_have_text("60 cm")
        wrong += await examine(page, "one", tmp_path)
        await page.click("summary:has-text('Modifier')")
        await page.fill("#answer", "À 40 cm d'entraxe.")
        wrong += await examine(page, "edited", tmp_path)
        await page.click("text=Enregistrer")
        await expect(page.locator(".prose")).to_have_text("À 40 cm d'entraxe.")
        await expect(page.locator("ol > li")).to_have_count(2)

        await page.goto("/learned")
        await page.fill("#words", mark)
        await expect(page.locator("table.list tbody tr")).to_have_count(1)
        wrong += await examine(page, "list", tmp_path)
        await page.click(f"table.list a:has-text('{mark}')")
        await page.click("summary:has-text('Révoquer')")
        await page.fill("#reason", "périmé")
        await page.click("button:has-text('Révoquer')")
        await expect(page.locator("dl.facts")).to_contain_text("périmé")
        await expect(page.locator("summary:has-text('Modifier')")).to_have_count(0)
        wrong += await examine(page, "revoked", tmp_path)
    assert wrong == []
