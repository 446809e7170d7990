"""A webhook by hand: made, its secret copied once, tried, read in the log, sent again, switched off and on, deleted."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.async_api import expect
from standardwebhooks import Webhook as Verifier

from tests.browser.conftest import Open
from tests.browser.test_accessible import examine
from tests.webhooks.receiver import receiving

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser"), pytest.mark.timeout(600)]


@pytest.mark.parametrize(("width", "theme"), [(1440, "dark"), (360, "light")])
async def test_a_webhook_from_first_to_last(width: int, theme: str, open_page: Open, tmp_path: Path) -> None:
    name, wrong = f"ERP {width}", list[str]()
    async with receiving() as receiver, open_page(width=width, theme=theme) as page:
        await page.goto("/webhooks")
        await page.click("a[href='/webhooks/new']")
        wrong += await examine(page, "form", tmp_path)
        await page.fill("#name", name)
        await page.fill("#url", receiver.url)
        await page.click("form[action='/webhooks/new'] button.primary")
        await expect(page.locator("main [role=alert]")).to_contain_text("Choose at least one event")
        await expect(page.locator("#name")).to_have_value(name)
        await page.check("input[value='import.failed']")
        await page.click("form[action='/webhooks/new'] button.primary")
        secret = await page.locator("code.secret").inner_text()
        wrong += await examine(page, "secret", tmp_path)
        await page.click("main a.primary")
        await expect(page.locator("h1")).to_have_text(name)
        assert secret not in await page.content()
        await page.click("form[action$='/test'] button")
        line = page.locator("#log tbody tr")
        await expect(line).to_have_count(1, timeout=180_000)  # the demonstration may still be indexed
        await expect(line).to_contain_text("accepté (200)")
        wrong += await examine(page, "log", tmp_path)
        await line.locator("a").first.click()
        await expect(page.locator("pre").first).to_contain_text("webhook.test")
        wrong += await examine(page, "delivery", tmp_path)
        await page.click("form[action$='/redeliver'] button")
        await expect(line).to_have_count(2, timeout=180_000)
        ids = {headers["webhook-id"] for headers, _ in receiver.received}
        assert len(receiver.received) == 2 and len(ids) == 1
        for headers, body in receiver.received:
            Verifier(secret).verify(body, headers)
        await page.select_option("select[name=status]", "failed")
        await expect(page.locator("#log tbody tr")).to_have_count(0)
        await page.goto(re.sub(r"\?.*", "", page.url))
        await page.click("form[action$='/active'] button")
        await expect(page.locator("main .notice")).to_be_visible()
        await page.click("form[action$='/active'] button")
        await expect(page.locator("main .notice")).to_have_count(0)
        await page.click("form[action$='/rotate'] button")
        assert await page.locator("code.secret").inner_text() != secret
        await page.click("main a.primary")
        await page.click("form[action$='/delete'] button")
        await expect(page).to_have_url(re.compile(r"/webhooks$"), timeout=20_000)
        await expect(page.locator("main")).not_to_contain_text(name)
    assert wrong == []
