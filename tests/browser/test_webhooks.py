"""A receiver is connected by screen: its secret, a test that it takes, one that it does not, again, and off."""

from __future__ import annotations

import re
import uuid
from pathlib import Path

import pytest
from playwright.async_api import Page, expect
from standardwebhooks import Webhook as Verifier

from tests.browser.conftest import Open
from tests.browser.test_accessible import examine
from tests.webhooks.receiver import receiving

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]

LONG = 180_000  # the worker of the instance may be embedding the demonstration first


async def press(page: Page, action: str) -> None:
    """Sends the first form of the page that leads to *action*."""
    await page.locator(f"form[action$='/{action}'] button").first.click()


async def logged(page: Page, number: int, text: str) -> None:
    """Waits until the log shows its *number*-th line, whose answer is *text*; it renews itself."""
    await expect(page.locator("#log tbody tr")).to_have_count(number, timeout=LONG)
    await expect(page.locator("#log tbody tr").first).to_contain_text(text)


@pytest.mark.parametrize(("width", "theme"), [(1440, "light"), (360, "dark")])
async def test_from_the_form_to_switching_it_off(open_page: Open, tmp_path: Path, width: int, theme: str) -> None:
    name = f"ERP {uuid.uuid4().hex[:6]}"
    wrong: list[str] = []
    async with receiving() as receiver, open_page(locale="fr", width=width, theme=theme, refused=True) as page:
        await page.goto("/webhooks/new")
        await page.fill("#name", name)
        await page.fill("#url", "https://someone:secret@erp.example/hook")
        await page.check("input[value='ouvrage.updated']")
        await page.locator("form.record button.primary").click()
        await expect(page.locator("[role=alert]")).to_contain_text("sans nom ni mot de passe")
        await expect(page.locator("#name")).to_have_value(name)
        wrong += await examine(page, "refused", tmp_path)
        await page.fill("#url", receiver.url)
        await page.locator("form.record button.primary").click()
        secret = await page.locator("code.secret").inner_text()
        assert secret.startswith("whsec_")
        wrong += await examine(page, "secret", tmp_path)
        await page.click("text=Je l’ai copié")
        await page.wait_for_url(re.compile(r"/webhooks/\d+$"))

        await press(page, "test")
        await logged(page, 1, "accepté (200)")
        headers, body = receiver.received[0]
        assert Verifier(secret).verify(body, headers)["type"] == "webhook.test"
        wrong += await examine(page, "log", tmp_path)
        receiver.answer = b"HTTP/1.1 500 No\r\ncontent-length: 5\r\n\r\nsorry"
        await press(page, "redeliver")
        await logged(page, 2, "Le destinataire a répondu 500.")
        assert receiver.received[1][0]["webhook-id"] == headers["webhook-id"]

        await page.locator("#log tbody a").first.click()
        await expect(page.locator("pre", has_text="sorry")).to_be_visible()
        await expect(page.locator("h2", has_text="Tentative")).to_have_count(2)
        wrong += await examine(page, "delivery", tmp_path)
        await page.locator(".where a, nav a, header a", has_text=name).first.click()
        await press(page, "active")
        await expect(page.locator(".notice")).to_contain_text("Ce webhook est arrêté")
        wrong += await examine(page, "off", tmp_path)
        await press(page, "delete")
        await page.wait_for_url(re.compile(r"/webhooks$"), timeout=30_000)
        await expect(page.locator("main")).not_to_contain_text(name)
    assert wrong == []
