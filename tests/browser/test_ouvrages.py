"""An estimator's morning: make an ouvrage, compose it, change a price below it, see what follows, delete it, think again."""

from __future__ import annotations

import re
import uuid
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import Open
from tests.browser.test_accessible import examine

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

AT = "/records/ouvrages"


async def make(page: Page, code: str, name: str, type: str, unit: str, price: str = "") -> str:
    """A new ouvrage by the form; the address of its page."""
    await page.goto(f"{AT}/new")
    await page.fill("#code", code)
    await page.select_option("#type", type)
    await page.fill("#name", name)
    await page.fill("#unit", unit)
    await page.fill("#unit_price", price)
    await page.click("text=Enregistrer")
    await expect(page.locator("h1")).to_be_visible()
    await page.wait_for_url(re.compile(rf"{AT}/\d+(/composition)?$"))
    found = re.search(rf"{AT}/\d+", page.url)
    assert found
    return found[0]


async def add(page: Page, code: str, quantity: str, place: int) -> None:
    """Adds a component, chosen among what the field proposes."""
    await page.fill("#add", code)
    await expect(page.locator(f"#picks option[value='{code}']")).to_have_count(1)
    await page.press("#add", "Enter")
    await page.fill(f"#c{place}-quantity", quantity)


async def test_from_a_new_ouvrage_to_its_deletion(open_page: Open, tmp_path: Path) -> None:
    one = uuid.uuid4().hex[:6].upper()
    wrong: list[str] = []
    async with open_page(locale="fr") as page:
        plate = await make(page, f"ZF-{one}", f"Plaque {one}", "fourniture", "m2", "12,25")
        await make(page, f"ZM-{one}", f"Pose {one}", "main_oeuvre", "heures", "42")
        wrong += await examine(page, "simple", tmp_path)
        wall = await make(page, f"ZC-{one}", f"Mur {one}", "compose", "m2")
        await add(page, f"ZM-{one}", "0,5", 0)
        await add(page, f"ZF-{one}", "2", 1)
        await page.click(f"[aria-label='Monter ZF-{one}']")
        await expect(page.locator("#c0-quantity")).to_have_value("2")
        wrong += await examine(page, "composition", tmp_path)
        await page.click("text=Enregistrer la composition")

        await expect(page.locator("table.tree tfoot")).to_contain_text("45,50")
        await expect(page.locator("table.tree tbody tr").first).to_contain_text(f"Plaque {one}")
        await page.click("text=Reprendre ce prix")
        await expect(page.locator(".bigprice")).to_contain_text("45,50")
        await expect(page.locator("svg.split")).to_be_visible()

        await page.goto(f"{plate}/edit")
        await page.fill("#unit_price", "13,25")
        wrong += await examine(page, "edit", tmp_path)
        await page.click("text=Enregistrer")
        await expect(page.locator(".bigprice")).to_contain_text("13,25")
        await expect(page.locator("#prices")).to_contain_text("à la main")
        await page.goto(wall)
        await expect(page.locator(".notice")).to_contain_text("47,50")
        await page.click("text=Reprendre ce prix")
        await expect(page.locator(".bigprice")).to_contain_text("47,50")
        await expect(page.locator("#prices tbody tr")).to_have_count(2)
        await expect(page.locator("#prices tbody tr").first).to_contain_text("+4,4")
        wrong += await examine(page, "composed", tmp_path)

        await page.click("text=Supprimer")
        await page.click(".toast button")
        await page.reload()
        await expect(page.locator("h1")).to_contain_text(f"Mur {one}")
        await page.click("text=Supprimer")
        await page.wait_for_url(re.compile(rf"{AT}$"))
        await page.goto(f"{AT}?q=ZC-{one}")
        await expect(page.locator("#results")).to_contain_text("Aucun résultat")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(("width", "theme"), [(1440, "light"), (360, "dark")])
async def test_the_tree_opens_by_keyboard(open_page: Open, tmp_path: Path, width: int, theme: str) -> None:
    async with open_page(width=width, theme=theme, locale="fr") as page:
        await page.goto(f"{AT}/tree")
        trade = page.locator("summary:has(.code:text-is('CLO'))")
        await trade.focus()
        await page.keyboard.press("Enter")
        chapter = page.locator("summary:has(.code:text-is('CLO-PLA'))")
        await chapter.focus()
        await page.keyboard.press("Enter")
        await expect(page.locator("p.leaf", has_text="CLO-PLA-001")).to_be_visible()
        assert await examine(page, f"tree-{width}", tmp_path) == []


async def test_a_branch_opened_in_the_instant_it_comes_loads(open_page: Open) -> None:
    async with open_page(locale="fr") as page:
        await page.goto(f"{AT}/tree")
        await page.evaluate(
            """() => new MutationObserver(() => {
                for (const code of document.querySelectorAll("summary .code"))
                    if (code.textContent === "CLO-PLA") code.closest("details").open = true;
            }).observe(document.body, { childList: true, subtree: true })"""
        )
        await page.locator("summary:has(.code:text-is('CLO'))").click()
        await expect(page.locator("p.leaf", has_text="CLO-PLA-001")).to_be_visible()


async def test_the_tree_is_read_without_script(open_page: Open) -> None:
    async with open_page(locale="fr", script=False) as page:
        await page.goto(f"{AT}/tree")
        await page.locator("summary:has(.code:text-is('CLO'))").click()
        await page.locator("details[open] >> text=Afficher cette branche").click()
        await expect(page.locator("h1")).to_contain_text("Cloisons")
        await expect(page.locator(".branches > li").first).to_be_visible()
