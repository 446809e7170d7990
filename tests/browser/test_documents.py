"""Files through the screens: several at once, read, quoted, the quoted passage opened, replaced, deleted."""

from __future__ import annotations

import asyncio
import re
import time
import uuid
from pathlib import Path

import pytest
from playwright.async_api import FilePayload, Locator, Page, expect

from tests.browser.conftest import Open, Site
from tests.browser.test_accessible import examine
from tests.knowledge.documents.files import pdf

pytestmark = [pytest.mark.browser, pytest.mark.timeout(1800)]

AT = "/records/documents"
LONG = 600_000  # the one worker of an instance may be embedding the demonstration first


def payload(name: str, data: bytes) -> FilePayload:
    return {"name": name, "mimeType": "application/octet-stream", "buffer": data}


def guide(code: str, place: str) -> bytes:
    """A text whose second section holds one sentence on *code*."""
    calm = "On salue en entrant. " * 120
    return (
        f"# Consignes {code}\n\n{calm}\n\n## Badge\n\nLe badge {code} se retire {place}.\n\n## Fin\n\n{calm}\n".encode()
    )


def line(page: Page, name: str) -> Locator:
    """The line of a file in the list."""
    return page.locator("#results tbody tr", has=page.locator("small.muted", has_text=name))


async def found(site: Site, words: str, passage: str, there: bool = True) -> None:
    """Waits until the agent finds *passage* by *words*, or finds it no more."""
    until = time.monotonic() + LONG / 1000
    while time.monotonic() < until:
        hits = await asyncio.to_thread(site.search, "support", words)
        if any(passage in str(hit["content"]) for hit in hits) is there:
            return
        await asyncio.sleep(0.5)
    raise AssertionError(f"{passage!r} was {'not found' if there else 'still found'}")


async def cited(page: Page, code: str) -> None:
    """Asks about *code* and opens the document at the passage that the answer cites."""
    await page.goto("/ask/support")
    await page.fill("#question", f"Où se retire le badge {code} ?")
    await page.keyboard.press("Enter")
    answer = page.locator("article.answer[data-status=complete]")
    await expect(answer).to_be_visible(timeout=LONG)
    await answer.locator("a.cite").first.click()
    source = page.locator("#evidence .source.open")
    await expect(source).to_contain_text(code)
    await source.locator(".onward a").click()
    await page.wait_for_url(re.compile(rf"{AT}/[0-9a-f-]{{36}}\?passage=\d+#passage$"))


@pytest.mark.parametrize(("width", "theme"), [(1440, "light"), (360, "dark")])
async def test_from_the_files_to_the_quoted_passage(
    width: int, theme: str, open_page: Open, site: Site, tmp_path: Path
) -> None:
    one = uuid.uuid4().hex[:6].upper()
    words, paper, broken = f"consignes-{one}.md", f"plan-{one}.pdf", f"casse-{one}.pdf"
    text, drawn = f"Le badge ZT-{one} se retire au poste de garde.", f"Le badge ZP-{one} se retire au portail nord."
    wrong: list[str] = []
    async with open_page(locale="fr", width=width, theme=theme) as page:
        await page.goto(AT)
        files = [
            payload(words, guide(f"ZT-{one}", "au poste de garde")),
            payload(paper, pdf("Plan du chantier.", drawn)),
            payload(broken, b"%PDF-1.4 " + one.encode()),
        ]
        await page.select_option("form.upload select[name=agent]", "support")
        await page.set_input_files("form.upload input[name=file]", files)
        await page.click("form.upload button")
        sent = page.locator(".uploads li")
        await expect(sent).to_have_count(3)
        for number, name in enumerate((words, paper, broken)):
            await expect(sent.nth(number)).to_contain_text(name)
            await expect(sent.nth(number)).to_contain_text("reçu", timeout=60_000)
            await expect(sent.nth(number).locator("progress")).to_have_js_property("value", 1)
        for name, state in ((words, "prêt"), (paper, "prêt"), (broken, "en échec")):
            await expect(line(page, name)).to_contain_text(state, timeout=LONG)
        await expect(line(page, broken).locator("[role=alert]")).to_contain_text(broken)
        wrong += await examine(page, "list", tmp_path)

        await page.set_input_files("form.upload input[name=file]", files[:1])
        await page.click("form.upload button")
        await expect(sent.last).to_contain_text("déjà présent", timeout=60_000)

        await found(site, f"badge ZT-{one}", text)
        await cited(page, f"ZT-{one}")
        mark = page.locator("mark.passage")
        await expect(mark).to_have_text(text)
        await expect(mark).to_be_in_viewport()
        quoted = page.url
        wrong += await examine(page, "passage", tmp_path)

        await found(site, f"badge ZP-{one}", drawn)
        await cited(page, f"ZP-{one}")
        await expect(page.locator("mark.passage", has_text=drawn)).to_be_in_viewport()
        await expect(page.locator("article")).to_contain_text(re.compile(r"pages\s1\set\s2"))

        await page.goto(quoted.partition("?")[0])
        await page.set_input_files(
            "form.upload input[name=file]", payload("autre.md", guide(f"ZN-{one}", "à la base vie"))
        )
        await page.click("form.upload button")
        await page.wait_for_url(re.compile(rf"{AT}$"))
        await expect(line(page, words)).to_have_count(1, timeout=LONG)
        await expect(line(page, words)).to_contain_text(f"Consignes ZN-{one}", timeout=LONG)
        await page.goto(quoted)
        await expect(page.locator(".notice")).to_contain_text("remplacé")
        await expect(mark).to_have_text(text)
        wrong += await examine(page, "replaced", tmp_path)
        await page.click(".notice a")
        new = f"Le badge ZN-{one} se retire à la base vie."
        await expect(page.locator(".document")).to_contain_text(new)
        await found(site, f"badge ZN-{one}", new)
        await found(site, f"badge ZT-{one}", text, there=False)

        await page.click("text=Supprimer")
        await expect(page.locator(".toast")).to_be_visible()
        await page.wait_for_url(re.compile(rf"{AT}$"), timeout=60_000)
        await expect(page.locator("#results")).to_be_visible()
        await expect(line(page, words)).to_have_count(0)
        assert not any(new in str(hit["content"]) for hit in site.search("support", f"badge ZN-{one}"))
    assert not wrong, "\n".join(wrong)
