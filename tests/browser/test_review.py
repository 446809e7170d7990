"""The inbox by keys, in two browsers of two reviewers: no hand leaves the keyboard, and no answer is seen by both."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import PASSWORD, Open, Site, sign_in
from tests.browser.test_accessible import examine

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

MARC = "marc.petit@tenant.example"
QUESTIONS = [f"Quel est le délai numéro {n} pour CLO-PLA-001 ?" for n in range(6)]


def waiting(site: Site, name: str) -> str:
    """The slug of an agent of its own, six of whose answers wait; a second reviewer is there."""
    headers = {"Authorization": f"Bearer {site.token}"}
    with httpx.Client(base_url=f"{site.url}/api/v1", headers=headers, timeout=300) as api:
        api.post("/users", json={"email": MARC, "name": "Marc Petit", "password": PASSWORD, "roles": ["validator"]})
        copied = api.post("/agents/expert-btp/duplicate", json={"name": name, "slug": name})
        assert copied.status_code == 201, copied.text
        api.post(f"/agents/{name}/activate").raise_for_status()
        for question in QUESTIONS:
            session = api.post(f"/agents/{name}/sessions").json()["uuid"]
            api.post(f"/sessions/{session}/messages", json={"content": question}).raise_for_status()
    return name


def decide(site: Site, slug: str, question: str) -> None:
    """Somebody else validates the answer to *question* over the API."""
    headers = {"Authorization": f"Bearer {site.token}"}
    with httpx.Client(base_url=f"{site.url}/api/v1", headers=headers, timeout=60) as api:
        for session in api.get(f"/agents/{slug}/sessions").json()["items"]:
            messages: list[dict[str, Any]] = api.get(f"/sessions/{session['uuid']}/messages").json()["items"]
            if messages[0]["content"] == question:
                api.post(f"/messages/{messages[1]['uuid']}/validate").raise_for_status()


async def shown(page: Page) -> str:
    """The question of what is open."""
    return await page.locator("#pane .bubble").inner_text()


@pytest.mark.parametrize(("width", "theme"), [(1440, "light"), (360, "dark")])
async def test_an_inbox_is_worked_by_keys(open_page: Open, site: Site, tmp_path: Path, width: int, theme: str) -> None:
    slug = waiting(site, f"inbox-{width}")
    wrong: list[str] = []
    async with (
        open_page(width=width, theme=theme, refused=True) as page,
        open_page(signed_in=False, refused=True) as other,
    ):
        await sign_in(other, email=MARC)
        await page.goto(f"/inbox?agent={slug}")
        await expect(page.locator("#queue [data-item]")).to_have_count(6)
        await expect(page.locator(".rail .count")).to_contain_text(re.compile(r"\d"))
        wrong += await examine(page, f"inbox-{width}", tmp_path)

        async with page.expect_response(lambda answer: "ahead=true" in answer.url) as ahead:
            await page.keyboard.press("j")
        await expect(page.locator("#pane .doubt", has_text="999,99")).to_be_visible()
        await expect(page).to_have_url(re.compile(rf"/inbox/\d+\?agent={slug}$"))
        await (await ahead.value).finished()
        wrong += await examine(page, f"inbox-one-{width}", tmp_path)
        mine = await shown(page)

        # The other reviewer gets another one, and sees that the first is taken.
        await other.goto(f"/inbox?agent={slug}")
        await expect(other.locator("#queue li[data-held]")).to_have_count(1)
        await expect(other.locator("#queue li[data-held]")).to_contain_text(mine)
        await other.keyboard.press("j")
        await expect(other.locator("#pane .bubble")).to_be_visible()
        theirs = await shown(other)
        assert theirs != mine

        # The one that was loaded ahead is in other hands by now: another one shows.
        await page.keyboard.press("v")
        await expect(page.locator("#toasts")).to_contain_text("Validée.")
        await expect(page.locator("#pane .bubble")).not_to_have_text(mine)
        second = await shown(page)
        assert second not in (mine, theirs)
        await expect(page.locator("#queue [data-item]")).to_have_count(5)
        await expect(page.locator("#queue li[data-held]")).to_have_count(1)

        # A correction shows what it changes while it is typed.
        await page.keyboard.press("e")
        field = page.locator("[name=text]:focus")
        await expect(field).to_have_value(re.compile("999,99"))
        await field.fill("Comptez 4 jours.")
        await expect(page.locator("#pane .correction .diff .new mark").first).to_be_visible()
        wrong += await examine(page, f"inbox-correct-{width}", tmp_path)
        await page.keyboard.press("Escape")
        await expect(page.locator("#pane [data-act=correct]")).not_to_have_attribute("open", "")
        await page.keyboard.press("e")
        await page.keyboard.press("Control+Enter")
        await expect(page.locator("#toasts")).to_contain_text("Corrigée.")
        await expect(page.locator("#pane .bubble")).not_to_have_text(second)
        third = await shown(page)
        assert third != theirs

        # Who wants no single keys switches them off.
        if width > 720:
            await page.uncheck("[data-keys]")
            await page.keyboard.press("v")
            await page.keyboard.press("x")
            await expect(page.locator("#pane [data-act=reject]")).not_to_have_attribute("open", "")
            await page.check("[data-keys]")

        # Back and forth; what others have in hand is passed over.
        await page.keyboard.press("j")
        await expect(page.locator("#pane .bubble")).not_to_have_text(third)
        assert await shown(page) != theirs
        await page.keyboard.press("k")
        await expect(page.locator("#pane .bubble")).to_have_text(third)

        # Somebody was faster: it is said who and when, and nothing is lost.
        decide(site, slug, theirs)
        await other.keyboard.press("v")
        await expect(other.locator("#toasts")).to_contain_text("avant vous")
        await expect(other.locator("#pane .decided")).to_contain_text("Déjà décidé")
        wrong += await examine(other, f"inbox-late-{width}", tmp_path)

        await page.keyboard.press("x")
        await expect(page.locator("[data-act=reject] textarea")).to_be_focused()
        await page.keyboard.type("Le délai date de l’an dernier.")
        wrong += await examine(page, f"inbox-reject-{width}", tmp_path)
        await page.keyboard.press("Control+Enter")
        await expect(page.locator("#toasts")).to_contain_text("Rejetée.")
        await expect(page.locator("#pane .bubble")).not_to_have_text(third)
        await page.keyboard.press("l")
        await page.keyboard.press("Control+Enter")
        await expect(page.locator("#toasts")).to_contain_text("Apprise.")
        await expect(page.locator("#queue [data-item]")).to_have_count(1)
        await page.keyboard.press("v")
        await expect(page.locator(".overview")).to_contain_text("Aujourd’hui")
        await expect(page.locator(".overview")).to_contain_text("corrigée")
        wrong += await examine(page, f"inbox-done-{width}", tmp_path)
    assert wrong == []


async def test_several_are_decided_at_once_without_a_script_too(open_page: Open, site: Site) -> None:
    slug = waiting(site, "inbox-many")
    async with open_page() as page:
        await page.goto(f"/inbox?agent={slug}")
        await expect(page.locator(".several")).to_be_hidden()
        await page.check("#queue [name=item] >> nth=0")
        await page.check("[data-all]")
        await page.uncheck("#queue [name=item] >> nth=1")
        await page.click(".several [value=validate]")
        await expect(page.locator(".overview .notice")).to_contain_text("5 réponses décidées.")
        await expect(page.locator("#queue [data-item]")).to_have_count(1)
    async with open_page(script=False) as page:
        await page.goto(f"/inbox?agent={slug}")
        await page.click(".begin button")
        await expect(page.locator("#pane .bubble")).to_be_visible()
        await page.click("[data-act=reject] > summary")
        await page.fill("[data-act=reject] textarea", "Faux.")
        await page.click("[data-act=reject] .row button")
        await expect(page).to_have_url(re.compile(rf"/inbox\?agent={slug}$"))
        await expect(page.locator("#queue")).to_contain_text("Rien de tel.")
