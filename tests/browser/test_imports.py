"""A price file through the screens: its columns as guessed, a dry run, the import, and once more without any change."""

from __future__ import annotations

import csv
import re
import uuid
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import Open
from tests.browser.test_accessible import examine

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser"), pytest.mark.timeout(900)]

AT = "/records/imports"
LONG = 180_000  # the one worker of an instance may be embedding the demonstration first
REAL = Path(__file__).parents[3] / "shared" / "data" / "prices-fr-paris.csv"


def rows_of(file: Path) -> int:
    with file.open(encoding="utf-8-sig", newline="") as lines:
        return sum(1 for _ in csv.DictReader(lines))


async def send(page: Page, file: Path) -> None:
    """Chooses the file, which leads to its columns."""
    await page.goto(AT)
    await page.set_input_files("input[name=file]", file)
    await page.click("form.upload button")
    await page.wait_for_url(re.compile(rf"{AT}/files/"))


async def ended(page: Page) -> dict[str, int]:
    """Waits until the import that is shown has ended well; its counts."""
    await expect(page.locator("[data-status=completed]")).to_be_visible(timeout=LONG)
    cells = await page.locator("[data-count]").all()
    return {
        str(await cell.get_attribute("data-count")): int(re.sub(r"\D", "", await cell.inner_text())) for cell in cells
    }


async def imported(page: Page, file: Path) -> dict[str, int]:
    """The whole way with the mapping as it is guessed."""
    await send(page, file)
    await page.click("button[value=import]")
    return await ended(page)


@pytest.mark.parametrize(("width", "theme"), [(1440, "light"), (360, "dark")])
async def test_from_the_file_to_the_undoing(width: int, theme: str, open_page: Open, tmp_path: Path) -> None:
    one = uuid.uuid4().hex[:6].upper()
    file = tmp_path / f"prix-{one}.csv"
    lines = [f"ZI-{one}-{n};Article {n};m2;{n},50;ligne {n}" for n in range(1, 40)]
    head = f"réf;libellé;unité;prix;note {one}"
    file.write_text("\n".join([head, *lines, f"ZI-{one}-X;Faux;m2;abc;", ""]), "cp1252")
    wrong: list[str] = []
    async with open_page(locale="fr", width=width, theme=theme) as page:
        await page.goto(AT)
        wrong += await examine(page, "list", tmp_path)
        await send(page, file)
        await expect(page.locator("#to-0")).to_have_value("code")
        await expect(page.locator("#to-3")).to_have_value("unit_price")
        await expect(page.locator("#to-4")).to_have_value("")
        await page.focus("#to-4")
        await page.keyboard.type("Desc")
        await expect(page.locator("#preview th", has_text="Description")).to_be_visible()
        await expect(page.locator("#preview")).to_contain_text("ligne 1")
        wrong += await examine(page, "columns", tmp_path)
        await page.click("button[value=try]")
        assert await ended(page) == {"total": 40, "inserted": 39, "updated": 0, "unchanged": 0, "failed": 1}
        await expect(page.locator("#import")).to_contain_text("n’est pas un nombre")
        wrong += await examine(page, "dry", tmp_path)
        await page.click("text=Importer")
        assert (await ended(page))["inserted"] == 39
        assert await imported(page, file) == {"total": 40, "inserted": 0, "updated": 0, "unchanged": 39, "failed": 1}

        file.write_text("\n".join([head, *(line.replace(",50;", ",75;") for line in lines), ""]), "cp1252")
        assert (await imported(page, file))["updated"] == 39
        await expect(page.locator("#import")).to_contain_text("Mouvement des prix")
        wrong += await examine(page, "done", tmp_path)
        await page.click("text=Annuler cet import")
        await expect(page.locator("[data-status=undone]")).to_be_visible()
        await page.goto(AT)
        wrong += await examine(page, "list-after", tmp_path)
    assert wrong == []


@pytest.mark.skipif(not REAL.exists(), reason="the real prices are not beside this checkout")
async def test_real_prices_come_in_by_the_guessed_mapping_and_a_second_time_change_nothing(open_page: Open) -> None:
    rows = rows_of(REAL)
    async with open_page() as page:
        first = await imported(page, REAL)
        assert first["total"] == rows and first["inserted"] > 0
        assert first["inserted"] + first["failed"] == rows
        second = await imported(page, REAL)
        assert (second["unchanged"], second["inserted"], second["updated"]) == (first["inserted"], 0, 0)
        # The other tests of this instance find the library as it was.
        await page.goto(AT)
        await page.locator("tbody tr a").nth(1).click()
        await page.click("text=Annuler cet import")
        await expect(page.locator("[data-status=undone]")).to_be_visible(timeout=60_000)
