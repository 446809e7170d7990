"""Figures that do not hold are underlined and say why; what was recomputed is listed under the answer."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.browser.conftest import Open

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

REASONS = {
    "1 173,50 €": "25 × 45,50 = 1\u202f137,50",
    "9 semaines": "n’est pas dans les sources",
    "45,50 €/m²": "qui n’est pas celle dont parle cette phrase",
}


async def test_a_wrong_figure_says_why(open_page: Open, tmp_path: Path) -> None:
    async with open_page() as page:
        await page.goto("/ask/expert-btp")
        await page.fill("#question", "combien en tout pour 25 m² de CLO-PLA-001, TVA 20 %, et CLO-PLA-002 ?")
        await page.keyboard.press("Enter")
        answer = page.locator("article.answer[data-status=complete]")
        await expect(answer).to_be_visible(timeout=120_000)
        address = page.url
        for figure, reason in REASONS.items():
            doubt = answer.locator(".doubt", has_text=figure).first
            await doubt.focus()
            why = page.locator(f"#{await doubt.get_attribute('aria-describedby')}")
            await expect(why).to_be_visible()
            await expect(why).to_contain_text(reason)
        await answer.locator("summary", has_text="Pourquoi cette réponse").click()
        await expect(answer.locator(".computed")).to_contain_text("227,50")
    for width, theme, locale in (
        (360, "dark", "fr"),
        (360, "light", "en"),
        (1440, "dark", "en"),
        (1440, "light", "fr"),
    ):
        async with open_page(width=width, theme=theme, locale=locale) as page:
            await page.goto(address)
            await page.locator(".why-box summary").first.click()
            await page.locator(".doubt").first.focus()
            await expect(page.locator(".why").first).to_have_css("opacity", "1")
            await page.screenshot(path=tmp_path / f"{width}-{theme}-{locale}.png", full_page=True)
            assert await page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
