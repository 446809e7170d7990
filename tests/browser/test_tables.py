"""A table of one's own through the screens: defined, filled, changed, read to the index, and what is refused said in place."""

from __future__ import annotations

import re
import uuid
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import Open
from tests.browser.test_accessible import examine

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

AT = "/records/tables"


async def define(page: Page, name: str, *columns: tuple[str, str, str]) -> None:
    """A new table by the form, the first column required and unique."""
    await page.goto(f"{AT}/new")
    await page.fill("#name", name)
    for number, (column, kind, size) in enumerate(columns):
        await page.fill(f"[name=c{number}-name]", column)
        await page.select_option(f"[name=c{number}-type]", kind)
        await page.fill(f"[name=c{number}-size]", size)
    await page.check("[name=c0-required]")
    await page.check("[name=c0-unique]")


async def add(page: Page, name: str, **values: str) -> None:
    """A new row by the form, reached from the grid."""
    await page.goto(f"{AT}/{name}")
    await page.click("text=Nouvelle ligne >> nth=0")
    for column, value in values.items():
        await page.fill(f"#v-{column}", value)
    await page.click("button[value=save]")


@pytest.mark.parametrize(("width", "theme"), [(1440, "light"), (360, "dark")])
async def test_from_the_definition_to_the_deletion(width: int, theme: str, open_page: Open, tmp_path: Path) -> None:
    name = f"chantiers_{uuid.uuid4().hex[:6]}"
    wrong: list[str] = []
    async with open_page(locale="fr", width=width, theme=theme, refused=True) as page:
        await define(page, "select", ("code", "string", "20"), ("budget", "decimal", "10,2"), ("debut", "date", ""))
        await page.click("button[value=create]")
        await expect(page.locator("[role=alert]")).to_contain_text("est réservé")
        await expect(page.locator("[name=c1-name]")).to_have_value("budget")
        wrong += await examine(page, "refused", tmp_path)
        await page.fill("#name", name)
        await page.fill("#text", "{{code}} : {{budget}} €")
        await page.click("button[value=create]")
        await page.wait_for_url(re.compile(rf"{AT}/{name}$"))
        await expect(page.locator("#grid")).to_contain_text("Cette table n’a pas encore de ligne")

        await add(page, name, code="CH-1", budget="beaucoup", debut="2026-02-01")
        await expect(page.locator("#v-budget")).to_have_attribute("aria-invalid", "true")
        await expect(page.locator("#e-budget")).to_contain_text("budget doit être un nombre")
        await expect(page.locator("#v-code")).to_have_value("CH-1")
        wrong += await examine(page, "row", tmp_path)
        await page.fill("#v-budget", "1 234,50")
        await page.click("button[value=save]")
        await page.wait_for_url(re.compile(rf"{AT}/{name}\?"))
        await expect(page.locator("#grid tbody tr")).to_contain_text(re.compile(r"CH-1.*1\s234,5", re.DOTALL))
        await add(page, name, code="CH-1")
        await expect(page.locator("#e-code")).to_contain_text("même valeur")
        await page.fill("#v-code", "CH-2")
        await page.fill("#v-budget", "80")
        await page.click("button[value=save]")
        await expect(page.locator("#grid tbody tr")).to_have_count(2)
        await page.click("#grid th >> text=budget")
        await expect(page.locator("#grid tbody tr").first).to_contain_text("CH-2")
        await page.fill("#words", "CH-1")
        await expect(page.locator("#grid tbody tr")).to_have_count(1)
        wrong += await examine(page, "grid", tmp_path)

        await page.goto(f"{AT}/{name}/schema")
        await page.fill("[name=c0-name]", "ville")
        await page.check("[name=c0-required]")
        await page.click("button[value=add]")
        await expect(page.locator("[role=alert]")).to_contain_text("a besoin d’une valeur par défaut")
        await page.fill("[name=c0-default]", "Lyon")
        await page.click("button[value=add]")
        await expect(page.locator("table").first).to_contain_text("ville")
        await page.select_option("form:has(button[value=rename]) select", "ville")
        await page.fill("[name=to]", "commune")
        await page.click("button[value=rename]")
        await expect(page.locator("table").first).to_contain_text("commune")
        wrong += await examine(page, "schema", tmp_path)

        await page.click("nav.tabs >> text=Texte pour l’index")
        await page.fill("#text", "Chantier {{code}} à {{commune}}")
        await page.click("button[value=preview]")
        await expect(page.locator(".prompt-text")).to_have_text("Chantier CH-1 à Lyon")
        await page.fill("#text", "{{maire}}")
        await page.click("button[value=save]")
        await expect(page.locator("[role=alert]")).to_contain_text("« maire », qui n’est pas une colonne")
        await page.fill("#text", "Chantier {{code}} à {{commune}}")
        await page.click("button[value=save]")
        await expect(page.locator("[role=status]").first).to_contain_text("Enregistré")
        wrong += await examine(page, "template", tmp_path)

        await page.goto(f"{AT}/{name}/schema")
        await page.select_option("form:has(button[value=drop]) select", "debut")
        await page.fill("form:has(button[value=drop]) [name=confirm]", "debut")
        await page.click("button[value=drop]")
        await expect(page.locator("table").first).not_to_contain_text("debut")
        await page.fill(f"form[action='{AT}/{name}/delete'] [name=confirm]", name)
        await page.click(f"form[action='{AT}/{name}/delete'] button")
        await page.wait_for_url(re.compile(rf"{AT}$"))
        await expect(page.locator("main")).not_to_contain_text(name)
    assert not wrong, "\n".join(wrong)
