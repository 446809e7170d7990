"""The whole life of an answer, on screens alone: doubted, corrected, learned, served, suspended by a price, signed again."""

from __future__ import annotations

import time
import uuid
from pathlib import Path

import httpx
import pytest
from playwright.async_api import Locator, Page, expect

from tests.browser.conftest import PASSWORD, Open, Site, sign_in
from tests.browser.test_accessible import examine
from tests.browser.test_ouvrages import make

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]

NADIA = "nadia.benali@tenant.example"


def agent_that_repeats(site: Site) -> str:
    """The slug of a new agent that serves what it has learned as it is; a reader who is no expert is there."""
    slug = f"life-{uuid.uuid4().hex[:6]}"
    headers = {"Authorization": f"Bearer {site.token}"}
    with httpx.Client(base_url=f"{site.url}/api/v1", headers=headers, timeout=60) as api:
        api.post("/users", json={"email": NADIA, "name": "Nadia Benali", "password": PASSWORD, "roles": ["user"]})
        api.post("/agents/expert-btp/duplicate", json={"name": "Métreur", "slug": slug}).raise_for_status()
        api.post(f"/agents/{slug}/activate").raise_for_status()
        agent = api.get(f"/agents/{slug}")
        changed = api.patch(
            f"/agents/{slug}", json={"direct_answer": True}, headers={"If-Match": agent.headers.get("etag", "")}
        )
        assert changed.status_code == 200, changed.text
    return slug


def found(site: Site, slug: str, code: str) -> None:
    """Waits until the agent finds the record: its words are read within seconds."""
    until = time.monotonic() + 120
    while not any(item["code"] == code for item in site.search(slug, code)[:1]):
        assert time.monotonic() < until, f"{code} is not found"
        time.sleep(0.3)


async def ask(page: Page, slug: str, question: str) -> Locator:
    """The finished answer to *question*, in a new conversation."""
    await page.goto(f"/ask/{slug}")
    await page.fill("#question", question)
    await page.keyboard.press("Enter")
    answer = page.locator("article.answer[data-status=complete]")
    await expect(answer).to_be_visible(timeout=120_000)
    return answer


async def repeated(page: Page, slug: str, question: str, figure: str) -> Locator:
    """The answer that a person signed, once what was learned is embedded; it says *figure*."""
    for _ in range(40):
        answer = await ask(page, slug, question)
        if await answer.get_by_text("Cette réponse validée a déjà été donnée").count():
            await expect(answer.locator(".prose").first).to_contain_text(figure)
            return answer
        await page.wait_for_timeout(1500)
    raise AssertionError("what was learned is not served")


async def test_an_answer_lives_from_doubt_to_a_second_signature(open_page: Open, site: Site, tmp_path: Path) -> None:
    slug, code = agent_that_repeats(site), f"ZL-{uuid.uuid4().hex[:6].upper()}"
    question = f"Combien vaut le m² du mur coupe-feu {code} ?"
    wrong: list[str] = []
    async with open_page() as expert, open_page(signed_in=False, width=360, theme="dark") as reader:
        address = await make(expert, code, f"Mur coupe-feu {code}", "simple", "m2", "45,50")
        found(site, slug, code)
        await sign_in(reader, email=NADIA)

        answer = await ask(reader, slug, question)
        await expect(answer.locator(".doubt", has_text="54,50")).to_be_visible()

        await expert.goto(f"/inbox?agent={slug}")
        await expert.keyboard.press("j")
        await expect(expert.locator("#pane .doubt", has_text="54,50")).to_be_visible()
        await expert.keyboard.press("e")
        await expert.locator("[name=text]:focus").fill(f"Le mur {code} vaut 45,50 €/m² [1].")
        await expect(expert.locator("#pane .correction .diff .new")).to_contain_text("45,50")
        await expert.get_by_role("button", name="Signer et apprendre").click()
        await expect(expert.locator("#queue [data-item]")).to_have_count(0)

        answer = await repeated(reader, slug, question, "45,50\u00a0€/m²")
        await expect(answer).to_contain_text("validé par Administrator")
        await expect(answer.locator(".doubt")).to_have_count(0)
        wrong += await examine(reader, "life-served", tmp_path)

        await expert.goto(f"{address}/edit")
        await expert.fill("#unit_price", "46,77")
        await expert.click("text=Enregistrer")
        await expect(expert.locator(".bigprice")).to_contain_text("46,77")

        # What it rests on has changed: it is served no more, and waits with the difference.
        answer = await ask(reader, slug, question)
        await expect(answer).not_to_contain_text("Cette réponse validée")
        await expect(answer.locator(".doubt", has_text="54,50")).to_be_visible()
        await expert.goto(f"/inbox?agent={slug}")
        await expert.locator("#queue [data-item]", has_text="une fiche a changé").click()
        changes = expert.locator("#pane .changed")
        await expect(changes.locator(".gone").first).to_contain_text("45,50")
        await expect(changes.locator(".new").first).to_contain_text("46,77")
        wrong += await examine(expert, "life-suspended", tmp_path)

        await expert.keyboard.press("e")
        await expert.locator("[name=text]:focus").fill(f"Le mur {code} vaut 46,77 €/m² [1].")
        await expert.keyboard.press("Control+Enter")
        await expect(expert.locator("#toasts")).to_contain_text("Corrigée.")
        await repeated(reader, slug, question, "46,77\u00a0€/m²")
    assert not wrong, "\n".join(wrong)
