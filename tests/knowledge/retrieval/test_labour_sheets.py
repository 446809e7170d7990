"""A hundred and ten official sheets become documents of a support agent, who answers with the passage that says it."""

from __future__ import annotations

import io
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from countersign.kernel.access import system
from countersign.kernel.app import App
from countersign.knowledge import demo
from countersign.knowledge.agents import service as agents
from countersign.knowledge.documents import uploads
from countersign.knowledge.retrieval import service as retrieval
from tests.knowledge.conftest import Site, ask, work_off

SHEETS = Path(__file__).parents[4] / "shared" / "data" / "labour-sheets.json"
pytestmark = pytest.mark.skipif(not SHEETS.exists(), reason=f"{SHEETS.name} is not beside this checkout")

# Of our own: the words that the right passage must hold.
QUESTIONS: dict[str, str] = {
    each["question"]: each["words"]
    for each in json.loads((Path(__file__).parents[3] / "bench" / "sheets.json").read_text())
}


def body(sheet: dict[str, Any]) -> str:
    """The whole text of a sheet, as Markdown."""
    parts = [sheet.get("intro") or ""]
    parts += [part for section in sheet["sections"] for part in (f"## {section['title']}", section["text"])]
    return "\n\n".join(part for part in parts if part)


async def load(app: App) -> None:
    """The support agent, and the sheets as the file that an administrator sends."""
    entries = [
        {"title": s["title"], "content": body(s), "url": s["url"], "category": "travail"}
        for s in json.loads(SHEETS.read_text())
    ]
    async with app.db.transaction(system()) as tx:
        await agents.add(tx, demo.SUPPORT)
        place = demo.SUPPORT["qdrant_collection"]
        await uploads.take(tx, place, "fiches.json", io.BytesIO(json.dumps(entries).encode()))
    await work_off(app)


async def test_the_passage_that_answers_is_found(house: App) -> None:
    """Among five, by its words alone, as when the embedder does not answer; ``bench/sheets.py`` asks with it."""
    await load(house)
    async with house.db.transaction(system()) as tx:
        agent = await agents.agent(tx, "support")
    missed: dict[str, list[str]] = {}
    for question, words in QUESTIONS.items():
        found = (await retrieval.find(house, system(), agent, question)).sources
        if not any(words in source.content for source in found):
            missed[question] = [source.title for source in found]
    assert len(missed) <= 0.1 * len(QUESTIONS), missed


async def test_an_answer_quotes_the_sheet_word_for_word(site: Callable[..., Awaitable[Site]]) -> None:
    made = await site()
    await load(made.app)
    client = await made.client()
    reply = await ask(client, "Combien de fois peut-on prolonger un congé parental ?", "support")
    passage = next(source for source in reply["sources"] if "prolongé 2 fois" in source["content"])
    sheet = next(s for s in json.loads(SHEETS.read_text()) if s["title"].startswith("Le congé parental"))
    sentence = "Il peut être prolongé 2 fois, sans toutefois excéder la date du troisième anniversaire de l'enfant."
    assert sentence in passage["content"] and sentence in body(sheet)
    assert passage["title"].startswith("Le congé parental")
