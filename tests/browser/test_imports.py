"""A price file through the screens: its columns as guessed, a dry run, the import, and once more without any change."""

from __future__ import annotations

import csv
import re
import uuid
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import Open, Site
from tests.browser.test_accessible import examine

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]

AT = "/records/imports"
LONG = 300_000  # the one worker of an instance may be embedding the demonstration first
REAL = Path(__file__).parents[3] / "shared" / "data" / "prices-fr-paris.csv"


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
        await page.select_option("#separator", ",")
        await expect(page.locator("#columns label[for=to-0]")).to_contain_text("réf;libellé")
        await page.select_option("#separator", "")
        await expect(page.locator("#to-4")).to_have_value("")
        if width > 719:
            await page.drag_and_drop("[data-field=description]", "label[for=to-4]")
            await expect(page.locator("#to-4")).to_have_value("description")
            await expect(page.locator("#preview")).to_contain_text("ligne 1")
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
        await expect(page.locator("[data-status=undone]")).to_be_visible(timeout=LONG)
        await page.goto(AT)
        wrong += await examine(page, "list-after", tmp_path)
    assert wrong == []


def expected() -> tuple[int, int]:
    """How many rows of the real file are good, and how many are not, counted without the product."""
    codes: set[str] = set()
    refused = 0
    with REAL.open(encoding="utf-8-sig", newline="") as lines:
        for row in csv.DictReader(lines):
            if len(row["name"]) > 255 or not row["unit"] or row["resource_code"] in codes:
                refused += 1
            else:
                codes.add(row["resource_code"])
    return len(codes), refused


def edited(file: Path) -> int:
    """A copy of the real file with ten other prices; how many those are."""
    with REAL.open(encoding="utf-8-sig", newline="") as lines:
        rows = list(csv.DictReader(lines))
    codes = [row["resource_code"] for row in rows]
    once = [row for row in rows if codes.count(row["resource_code"]) == 1 and row["unit"] and len(row["name"]) <= 255]
    for row in once[:10]:
        row["price_avg"] = str(Decimal(row["price_avg"]) + 1000)
    with file.open("w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return len(once[:10])


@pytest.fixture
def real_prices(site: Site) -> Iterator[Path]:
    """The file; what it brought goes afterwards, so that nobody waits until all of it is embedded."""
    yield REAL
    with psycopg.connect(site.owner_url, autocommit=True) as connection:
        connection.execute("SET countersign.tenant_id = '1'")
        gone = connection.execute(
            "UPDATE ouvrages SET deleted_at = now() WHERE deleted_at IS NULL AND import_id IN ("
            " SELECT id::text FROM import_logs WHERE source_name = %s) RETURNING id",
            (REAL.name,),
        ).fetchall()
        connection.execute("SELECT forget_entries('ouvrage', %s)", ([row[0] for row in gone],))


@pytest.mark.skipif(not REAL.exists(), reason="the real prices are not beside this checkout")
async def test_real_prices_come_in_by_the_guessed_mapping_and_a_second_time_change_nothing(
    open_page: Open, real_prices: Path, tmp_path: Path
) -> None:
    good, refused = expected()
    async with open_page() as page:
        first = await imported(page, real_prices)
        assert first == {"total": good + refused, "inserted": good, "updated": 0, "unchanged": 0, "failed": refused}
        await expect(page.locator("#import")).to_contain_text(
            re.compile("figure déjà à la ligne|plus de 255|rien n’y figure")
        )
        second = await imported(page, real_prices)
        assert (second["unchanged"], second["inserted"], second["updated"]) == (good, 0, 0)
        copy = tmp_path / "edited.csv"
        changed = edited(copy)
        third = await imported(page, copy)
        assert (third["updated"], third["unchanged"], third["inserted"]) == (changed, good - changed, 0)
        await page.click("text=Annuler cet import")
        await expect(page.locator("[data-status=undone]")).to_be_visible(timeout=LONG)
        await page.goto(AT)
        await page.locator("tbody tr a").nth(2).click()
        await page.click("text=Annuler cet import")
        await expect(page.locator("[data-status=undone]")).to_be_visible(timeout=LONG)
