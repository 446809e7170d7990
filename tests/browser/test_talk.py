"""The main job in a real browser: sign in, ask, watch the answer come, open what it rests on, stop one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import ANSWERS, EMAIL, PASSWORD, Open, sign_in
from tests.browser.test_accessible import examine

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]


async def ask(page: Page, question: str) -> None:
    """Types the question and presses Enter."""
    await page.fill("#question", question)
    await page.keyboard.press("Enter")


async def test_signing_in(open_page: Open) -> None:
    async with open_page(signed_in=False) as page:
        await page.goto("/agents/expert-btp")
        await expect(page).to_have_url(re.compile(r"/sign-in\?next=/agents/expert-btp$"))
        await page.fill("#email", EMAIL)
        await page.fill("#password", PASSWORD)
        await page.keyboard.press("Enter")
        await expect(page).to_have_url(re.compile(r"/agents/expert-btp$"))
        await page.click("summary[aria-label='Mon compte']")
        await page.click("text=Se déconnecter")
        await expect(page).to_have_url(re.compile(r"/sign-in$"))
        await page.goto("/ask")
        await expect(page).to_have_url(re.compile(r"/sign-in\?next=/ask$"))


async def test_an_answer_comes_word_by_word_and_opens_its_sources(open_page: Open) -> None:
    async with open_page() as page:
        await expect(page).to_have_url(re.compile(r"/ask$"))
        await page.click("a.agent-card[href='/ask/expert-btp']")
        await ask(page, "Quel est le prix au m² de la cloison CLO-PLA-001 ?")
        await expect(page).to_have_url(re.compile(r"/sessions/[0-9a-f-]{36}$"))
        text = page.locator("article.writing [data-text]")
        await expect(text).to_contain_text("Le prix")
        length = len(await text.inner_text())
        # The sources are there before the answer is.
        await expect(page.locator("#evidence .source").first).to_contain_text("CLO-PLA-001")
        for _ in range(2):  # the text grows while the reader watches
            while (longer := len(await text.inner_text())) <= length:
                await page.wait_for_timeout(50)
            length = longer
        assert await page.locator("[data-stop]").is_visible()

        answer = page.locator("article.answer[data-status=complete]")
        await expect(answer).to_be_visible(timeout=180_000)
        await expect(answer.locator(".seal.waiting")).to_contain_text("pas encore validé")
        assert await page.locator("#question").evaluate("e => e === document.activeElement")
        await expect(page.locator("#spoken")).to_have_text("La réponse est complète.")

        await answer.locator("a.cite").first.click()
        source = page.locator("#evidence .source.open")
        await expect(source).to_contain_text("CLO-PLA-001")
        await expect(source.locator("mark").first).to_contain_text("€")
        await expect(source.locator("tfoot")).to_contain_text("Total exact")
        await expect(answer.locator("a.cite.open").first).to_be_visible()
        assert await page.evaluate("document.documentElement.scrollTop") == 0, "only the panel scrolls"

        await answer.locator("summary", has_text="Pourquoi cette réponse").click()
        await expect(answer.locator(".why-box table")).to_contain_text("CLO-PLA-001")
        await expect(answer.locator(".why-box")).to_contain_text("scripted:steady")
        await page.reload()
        await expect(page.locator("article.answer[data-status=complete]")).to_be_visible()
        await expect(page.locator(".session-list [aria-current]")).to_contain_text("CLO-PLA-001")
        await page.locator("#evidence .source .head").first.click()
        await page.click("#evidence >> text=Ouvrir la fiche")
        await expect(page).to_have_url(re.compile(r"/records/ouvrages/\d+$"))
        await expect(page.locator(".bigprice")).to_contain_text("€")


async def test_stopping_an_answer_keeps_what_was_written(open_page: Open) -> None:
    async with open_page() as page:
        await page.goto("/ask/expert-btp")
        await ask(page, "Donne une réponse longue sur la cloison CLO-PLA-001")
        await expect(page.locator("article.writing [data-text]")).to_contain_text("mot après mot")
        await page.click("[data-stop]")
        stopped = page.locator("article.answer[data-status=stopped]")
        await expect(stopped).to_be_visible()
        await expect(stopped).to_contain_text("Arrêtée : cette réponse est incomplète.")
        assert 20 < len(await stopped.locator(".prose").inner_text()) < len(ANSWERS["réponse longue sur"]) - 100
        await expect(page.locator("[data-send]")).to_be_visible()
        # The conversation goes on.
        await ask(page, "Quel est le délai ?")
        await expect(page.locator("article.answer[data-status=complete]")).to_be_visible(timeout=180_000)


async def test_a_figure_that_is_nowhere_is_underlined_and_says_why(open_page: Open) -> None:
    async with open_page() as page:
        await page.goto("/ask/expert-btp")
        await ask(page, "Quel est le délai pour CLO-PLA-001 ?")
        doubt = page.locator("article.answer[data-status=complete] .doubt", has_text="999,99")
        await expect(doubt).to_be_visible(timeout=180_000)
        why = page.locator(f"#{await doubt.get_attribute('aria-describedby')}")
        await expect(why).to_be_hidden()
        await doubt.focus()
        await expect(why).to_be_visible()
        await expect(why).to_contain_text("n’est pas dans les sources")
        await page.keyboard.press("Escape")
        await expect(why).to_be_hidden()


@pytest.mark.parametrize(("width", "theme"), [(1440, "light"), (360, "dark")])
async def test_answers_and_questions_have_versions_and_readers_an_opinion(
    open_page: Open, tmp_path: Path, width: int, theme: str
) -> None:
    over = "[...document.querySelectorAll('.signoff *, .question > .tools > *')].filter(e => e.checkVisibility() && e.getBoundingClientRect().right > innerWidth).map(e => e.outerHTML)"
    complete = "article.answer[data-status=complete]"
    wrong: list[str] = []
    async with open_page(width=width, theme=theme) as page:
        await page.goto("/ask/expert-btp")
        await ask(page, "Quel est le délai de pose de CLO-PLA-001 ?")
        await expect(page.locator(complete)).to_be_visible()
        first = await page.locator(complete).get_attribute("id")
        await page.click("[data-regenerate] button")
        await expect(page.locator(f"{complete} .versions")).to_contain_text("2/2")
        assert await page.evaluate(over) == []
        await page.click(f"{complete} .versions a[rel=prev]")
        await expect(page.locator(complete)).to_have_attribute("id", first or "")
        await expect(page.locator(f"{complete} .versions")).to_contain_text("1/2")
        assert await page.evaluate(over) == []

        await page.click(".thumbs button[value=no]")
        await expect(page.locator(".thumbs [aria-pressed=true]")).to_have_attribute("title", "Pas utile")
        await page.check("[name=rating][value='2']")
        await page.fill("[name=comment]", "Le délai date de l’an dernier.")
        wrong += await examine(page, f"opinion-{width}", tmp_path)
        await page.click(".opinion >> text=Envoyer")
        await expect(page.locator(".opinion summary")).to_have_text("Votre note : 2 sur 5")

        await page.focus(".rewrite summary")
        await page.keyboard.press("Enter")
        await page.fill(".rewrite textarea", "Combien en tout pour 25 m² de CLO-PLA-001 ?")
        wrong += await examine(page, f"rewrite-{width}", tmp_path)
        await page.click(".rewrite >> text=Poser à nouveau")
        await expect(page.locator(".question .bubble")).to_have_text("Combien en tout pour 25 m² de CLO-PLA-001 ?")
        await expect(page.locator(complete)).to_contain_text("Pour 25 m² de CLO-PLA-001")
        await page.click(".question .versions a[rel=prev]")
        await expect(page.locator(".question .bubble")).to_have_text("Quel est le délai de pose de CLO-PLA-001 ?")
        assert await page.evaluate(over) == []
    assert wrong == []


async def test_a_page_that_is_reloaded_in_mid_answer_finds_it_again(open_page: Open) -> None:
    async with open_page() as page:
        await page.goto("/ask/expert-btp")
        await ask(page, "Une réponse longue sur la cloison CLO-PLA-001 ?")
        await expect(page.locator("article.writing [data-text]")).to_contain_text("mot après mot")
        await page.reload()
        text = page.locator("article.answer[data-status=streaming] [data-text], article.writing [data-text]").first
        await expect(text).to_contain_text("mot après mot")
        length = len(await text.inner_text())
        while len(await text.inner_text()) <= length:
            await page.wait_for_timeout(50)
        await page.click("[data-stop]")
        await expect(page.locator("article.answer[data-status=stopped]")).to_be_visible()


async def test_an_example_is_asked_with_one_click(open_page: Open) -> None:
    async with open_page() as page:
        await page.goto("/ask/expert-btp")
        await page.locator(".examples button").first.click()
        await expect(page).to_have_url(re.compile(r"/sessions/"))
        await expect(page.locator("article.answer")).to_be_visible()
        await expect(page.locator("article.answer:not(.writing)")).to_be_visible(timeout=180_000)


async def test_on_a_narrow_screen_the_evidence_slides_over_and_back(open_page: Open) -> None:
    async with open_page(width=360) as page:
        await page.goto("/ask/expert-btp")
        await ask(page, "Quel est le prix de CLO-PLA-001 ?")
        cite = page.locator("article.answer[data-status=complete] a.cite").first
        await expect(cite).to_be_visible(timeout=180_000)
        await expect(page.locator("#evidence")).to_be_hidden()
        await cite.click()
        await expect(page.locator("#evidence .source.open")).to_be_visible()
        await page.click("[data-close-evidence]")
        await expect(page.locator("#evidence")).to_be_hidden()
        assert await cite.evaluate("e => e === document.activeElement")


async def test_without_script_everything_still_works(open_page: Open) -> None:
    async with open_page(script=False) as page:
        await page.goto("/ask/expert-btp")
        await page.fill("#question", "Quel est le délai pour CLO-PLA-001 ?")
        await page.click(".composer .send")
        await expect(page.locator("article.answer[data-status=complete]")).to_be_visible(timeout=180_000)
        await page.locator("a.cite").first.click()
        await expect(page).to_have_url(re.compile(r"/messages/[0-9a-f-]+/sources/1$"))
        await expect(page.locator(".source.open")).to_be_visible()


async def test_a_conversation_is_deleted_with_ten_seconds_to_think(open_page: Open) -> None:
    async with open_page() as page:
        await page.goto("/ask/expert-btp")
        await ask(page, "Quel est le délai de CLO-PLA-001 à supprimer ?")
        await expect(page.locator("article.answer[data-status=complete]")).to_be_visible(timeout=180_000)
        address = page.url
        await page.click(".title-menu summary")
        await page.click("text=Supprimer la conversation")
        await page.click(".toast >> text=Annuler")
        await page.goto(address)
        await page.click(".title-menu summary")
        await page.click("text=Supprimer la conversation")
        await expect(page.locator(".toast")).to_contain_text("va être supprimée")
        # Leaving the page means it.
        await page.goto("/sessions")
        for _ in range(240):
            if "à supprimer" not in await page.locator("#all-sessions").inner_text():
                break
            await page.wait_for_timeout(250)
            await page.reload()
        await expect(page.locator("#all-sessions")).not_to_contain_text("à supprimer")


async def test_retrieval_can_be_tried_without_a_model(open_page: Open) -> None:
    async with open_page() as page:
        await page.goto("/agents/expert-btp/retrieval")
        await page.fill("input[name=q]", "Quel est le prix de CLO-PLA-001 ?")
        await page.keyboard.press("Enter")
        hit = page.locator(".hit").first
        await expect(hit).to_be_visible()
        await expect(hit).to_contain_text("CLO-PLA-001")
        await expect(hit).to_contain_text("score")
        await expect(hit.locator("pre")).to_contain_text("Prix unitaire")
        assert "q=Quel" in page.url
        await page.reload()
        await expect(hit).to_contain_text("CLO-PLA-001")


async def test_a_session_that_ended_leads_to_signing_in(open_page: Open) -> None:
    async with open_page() as page:
        await page.goto("/ask/expert-btp")
        await page.context.clear_cookies()
        await page.goto("/records/ouvrages")
        await expect(page).to_have_url(re.compile(r"/sign-in\?next=/records/ouvrages$"))
        await sign_in(page)
        await expect(page).not_to_have_url(re.compile("sign-in"))
