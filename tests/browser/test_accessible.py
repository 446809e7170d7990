"""Every page, both themes, both languages, narrow and wide: no violation of axe, nothing sticks out, keyboard works."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page, expect

from tests.browser.conftest import Open, Site

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

PAGES = [
    "/sign-in",
    "/ask",
    "/sessions",
    "/inbox",
    "/inbox?status=decided",
    "/records/ouvrages",
    "/records/ouvrages?q=zzzz",
    "/records/ouvrages/{ouvrage}",
    "/records/documents",
    "/records/tables",
    "/records/tables/new",
    "/records/imports",
    "/webhooks",
    "/webhooks/new",
    "/agents",
    "/agents/expert-btp",
    "/agents/expert-btp/prompt",
    "/agents/expert-btp/edit",
    "/agents/expert-btp/test",
    "/agents/new",
    "/agents/expert-btp/retrieval?q=cloison",
    "/agents/support/retrieval?q=Ollama",
    "/help/models",
    "/api/docs",
]


def ouvrage(site: Site) -> str:
    return str(site.search("expert-btp", "CLO-PLA-001")[0]["url"]).rsplit("/", 1)[1]


async def examine(page: Page, name: str, shots: Path) -> list[str]:
    """What is wrong with the page that is open; its picture goes to *shots*."""
    await page.wait_for_load_state()
    await page.screenshot(path=shots / f"{name}.png", caret="initial")
    found = (await Axe().run(page)).response["violations"]
    wrong = [f"{name}: {v['id']}: {v['help']}: {v['nodes'][0]['html'][:200]}" for v in found]
    if (wide := await page.evaluate("document.documentElement.scrollWidth - innerWidth")) > 0:
        wrong.append(f"{name}: {wide} px stick out")
    return wrong


@pytest.mark.parametrize(
    ("width", "theme", "locale"),
    [(1440, "light", "fr"), (1440, "dark", "en"), (360, "light", "en"), (360, "dark", "fr")],
)
async def test_no_page_has_a_violation(
    width: int, theme: str, locale: str, open_page: Open, site: Site, tmp_path: Path
) -> None:
    wrong: list[str] = []
    async with open_page(width=width, theme=theme, locale=locale) as page:
        for path in PAGES:
            if path == "/sign-in":
                continue
            await page.goto(path.replace("{ouvrage}", ouvrage(site)))
            wrong += await examine(page, re.sub(r"\W+", "-", path).strip("-"), tmp_path)
        await page.goto("/ask/expert-btp")
        await page.fill("#question", "Quel est le délai de CLO-PLA-001 ?")
        await page.keyboard.press("Enter")
        answer = page.locator("article.answer[data-status=complete]")
        await expect(answer).to_be_visible(timeout=180_000)
        await page.wait_for_timeout(300)
        wrong += await examine(page, "answer", tmp_path)
        await answer.locator("a.cite").first.click()
        await expect(page.locator("#evidence .source.open")).to_be_visible()
        await page.wait_for_timeout(300)
        wrong += await examine(page, "evidence", tmp_path)
    async with open_page(width=width, theme=theme, locale=locale, signed_in=False) as page:
        await page.goto("/sign-in")
        wrong += await examine(page, "sign-in", tmp_path)
    assert wrong == []
    assert len(list(tmp_path.glob("*.png"))) == len(PAGES) + 2


async def test_the_keyboard_is_enough(open_page: Open) -> None:
    async with open_page() as page:
        await page.goto("/agents")
        await page.keyboard.press("Tab")
        skip = page.locator("a.skip")
        await expect(skip).to_be_focused()
        await expect(skip).to_be_in_viewport()
        await page.keyboard.press("Enter")
        assert await page.evaluate("document.activeElement.id") == "main"
        await page.focus("summary[aria-label='Mon compte']")
        await page.keyboard.press("Enter")
        await expect(page.locator(".menu .sheet")).to_be_visible()
        await page.keyboard.press("Escape")
        await expect(page.locator(".menu .sheet")).to_be_hidden()
        await expect(page.locator("summary[aria-label='Mon compte']")).to_be_focused()


async def test_theme_and_language_stay(open_page: Open) -> None:
    async with open_page() as page:
        await page.goto("/agents")
        ground = "getComputedStyle(document.documentElement).backgroundColor"
        light = await page.evaluate(ground)
        await page.click("[data-theme-switch]")
        await page.click("[data-theme-switch]")
        assert await page.evaluate("document.documentElement.dataset.theme") == "dark"
        dark = await page.evaluate(ground)
        assert dark != light
        await page.reload()
        assert await page.evaluate(ground) == dark
        await page.click("button[name=locale][value=en]")
        await expect(page.locator("h1")).to_have_text("Agents")
        await expect(page.locator("html")).to_have_attribute("lang", "en")
        await page.goto("/records/ouvrages")
        await expect(page.locator("th", has_text="Unit price")).to_be_visible()


async def test_nothing_moves_for_those_who_ask(open_page: Open) -> None:
    async with open_page() as page:
        await page.emulate_media(reduced_motion="reduce")
        await page.goto("/agents")
        assert (
            await page.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--quick').trim()")
            == "0ms"
        )


async def test_a_list_narrows_while_one_types_and_keeps_its_address(open_page: Open) -> None:
    async with open_page() as page:
        await page.goto("/records/ouvrages")
        before = await page.locator("#results tbody tr").count()
        await page.locator("#words").press_sequentially("CLO-PLA-001")
        await expect(page.locator("#results tbody tr")).to_have_count(1)
        assert before > 1
        await expect(page).to_have_url(re.compile("q=CLO-PLA-001"))
        await page.reload()
        await expect(page.locator("#results tbody tr")).to_have_count(1)
        async with page.expect_download() as waiting:
            await page.click("a[download]")
        path = await (await waiting.value).path()
        assert "CLO-PLA-001" in Path(path).read_text(encoding="utf-8-sig")
