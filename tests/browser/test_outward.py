"""Markdown is drawn while it comes and loads nothing, code is copied, a link shows a colleague the conversation."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.async_api import Request, expect

from tests.browser.conftest import Open
from tests.browser.test_accessible import examine
from tests.browser.test_talk import ask

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser"), pytest.mark.timeout(600)]
LOADED = "img, iframe, script, [src], [style], a[href*='outside']"


@pytest.mark.parametrize(("width", "theme"), [(1440, "dark"), (360, "light")])
async def test_markdown_while_it_comes_and_what_leaves(open_page: Open, tmp_path: Path, width: int, theme: str) -> None:
    wrong: list[str] = []
    outside: list[str] = []

    def hear(request: Request) -> None:
        if "outside" in request.url:
            outside.append(request.url)

    async with open_page(width=width, theme=theme) as page:
        page.on("request", hear)
        await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        await page.goto("/ask/expert-btp")
        await ask(page, "Montre le tableau de CLO-PLA-001")
        writing = page.locator("article.writing [data-text]")
        await expect(writing.locator("table td").first).to_have_text("Rail")
        await expect(writing.locator("pre code")).to_contain_text("prix * 25 # <b>")
        await expect(writing).to_contain_text("Fin de la réponse.")
        assert await writing.locator(LOADED).count() == 0, "a link is its words until the answer is whole"
        await expect(writing.locator(".cite")).to_have_count(1)

        prose = page.locator("article.answer[data-status=complete] .prose")
        await expect(prose.locator("li")).to_have_text(["tracer", "poser"])
        assert await prose.locator("img, iframe, script, [src], [style]").count() == 0
        await expect(prose.locator("a.away", has_text="la notice")).to_have_attribute("data-host", "outside.example")
        await expect(prose.locator("a.cite")).to_have_count(1)
        await prose.locator("..").locator(".copy-code").click()
        assert await page.evaluate("navigator.clipboard.readText()") == "prix * 25 # <b>"

        await page.click(".title-menu summary")
        async with page.expect_download() as coming:
            await page.click("text=Exporter en PDF")
        assert Path(await (await coming.value).path()).read_bytes().startswith(b"%PDF")
        await page.click("text=Partager par un lien")
        link = await page.locator("#share-link").input_value()
        wrong += await examine(page, f"shared-menu-{width}", tmp_path)

        await page.goto(link)
        await expect(page.locator("h1")).to_have_text(re.compile("CLO-PLA-001"))
        await expect(page.locator(".shared .copy-code")).to_be_visible()
        await expect(page.locator("textarea, [data-regenerate], .thumbs")).to_have_count(0)
        wrong += await examine(page, f"shared-{width}", tmp_path)
        await page.locator("a.cite").first.click()
        await expect(page.locator(".source.open")).to_contain_text("CLO-PLA-001")
    assert outside == []
    assert not wrong, "\n".join(wrong)
