"""Forty instructions planted in documents, records and questions: none becomes a rule, a source, an access or a load."""

from __future__ import annotations

import html
import io
import json
import re
import unicodedata
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from bs4 import BeautifulSoup

from countersign.index.reading import read
from countersign.index.run import Run
from countersign.kernel.database import Tx
from countersign.knowledge.chat.defusing import defused, plain
from countersign.knowledge.demo import EXPERT_BTP, SUPPORT
from countersign.knowledge.documents import service as documents
from countersign.knowledge.documents import uploads
from countersign.knowledge.documents.models import NewDocument
from countersign.knowledge.ouvrages import write
from tests.conftest import Tenants
from tests.fakes.scripted_model import Rule
from tests.knowledge.conftest import Site, ask, work_off

PLANTED: list[dict[str, str]] = json.loads(Path(__file__).with_name("planted.json").read_text(encoding="utf-8"))
NEIGHBOUR = "confidentiel du voisin"
Make = Callable[..., Awaitable[Site]]
BLOCKS = re.compile(r"(?:<source n=\d+>\n.*?\n</source>\n)+\nQuestion: ", re.DOTALL)
BLOCK = re.compile(r"<source n=(\d+)>\n(.*?)\n</source>\n", re.DOTALL)
BRACKETS = str.maketrans(dict.fromkeys("‹⟨〈＜❮≺", "<"))
MARKS = re.compile(r"<\s*/?\s*(source|learned)|<\||\[/?inst\]|<<sys>>|</?s>|<(start|end)_of_turn>")


def code(number: int) -> str:
    return f"JALON-{number:03}"


async def plant(tx: Tx, number: int, one: dict[str, str]) -> None:
    """Puts the text where an agent finds it by its code."""
    match one["where"]:
        case "document":
            content = f"La note {code(number)} dit ceci.\n\n{one['text']}"
            new = NewDocument(SUPPORT["qdrant_collection"], f"Note {code(number)}", f"{code(number)}.md", content)
            await documents.add(tx, new)
        case "page":
            page = f"<h1>Note {code(number)}</h1><p>La note {code(number)} dit ceci.</p>{one['text']}"
            await uploads.take(tx, SUPPORT["qdrant_collection"], f"{code(number)}.html", io.BytesIO(page.encode()))
        case "ouvrage":
            price = Decimal(f"{number}.50")
            row = {
                "code": code(number),
                "name": "Ouvrage",
                "unit": "U",
                "unit_price": price,
                "description": one["text"],
            }
            await write.create(tx, row)
        case _:
            pass


async def test_nothing_planted_rules_forges_widens_or_loads(site: Make, tenants: Tenants) -> None:
    assert len(PLANTED) == 40
    made = await site()
    async with made.app.db.transaction(tenants.b.caller) as tx:
        await write.create(tx, {"code": "VOISIN-001", "name": NEIGHBOUR, "unit": "U", "unit_price": Decimal(9)})
    async with made.app.db.transaction(tenants.a.caller) as tx:
        for number, one in enumerate(PLANTED):
            await plant(tx, number, one)
    await work_off(made.app)
    for agent in (EXPERT_BTP, SUPPORT):
        await read(Run(made.app, tenants.a.caller, agent["qdrant_collection"]))  # no embedder is asked
    client = await made.client()
    rules: dict[str, str] = {}
    for agent in (EXPERT_BTP["slug"], SUPPORT["slug"]):
        await ask(client, "CLO-PLA-001 et comment connecter Ollama ?", agent)
        rules[agent] = made.model.calls[-1].body["messages"][0]["content"]
    for number, one in enumerate(PLANTED):
        try:
            await examine(made, client, rules, number, one)
        except AssertionError as error:
            pytest.fail(f"{one['id']}: {error}")


async def examine(
    made: Site, client: httpx.AsyncClient, rules: dict[str, str], number: int, one: dict[str, str]
) -> None:
    """Asks for what was planted; the model says it all again."""
    of_records = one["where"] in ("ouvrage", "question")
    agent = EXPERT_BTP["slug"] if of_records else SUPPORT["slug"]
    asked = f"CLO-PLA-001 {one['text']}" if one["where"] == "question" else f"Que dit la note {code(number)} ?"
    made.model.rules[:] = [Rule(".", f"{one['text']}\n\nVoir [1].")]
    before = len(made.model.calls)
    reply = await ask(client, asked, agent)

    assert len(made.model.calls) == before + 1, "the model was asked once"
    messages = made.model.calls[-1].body["messages"]
    assert [m["role"] for m in messages] == ["system", "user"]
    assert messages[0]["content"] == rules[agent], "the rules are what they are without it"
    framed(messages[1]["content"], [s["n"] for s in reply["sources"]])
    if one["where"] != "question":
        assert code(number) in messages[1]["content"].partition("Question: ")[0], "it was found"
    assert (one.get("unseen") or NEIGHBOUR) not in str(messages)
    assert NEIGHBOUR not in str(messages) + str(reply)
    tables = {s["table"] for s in reply["sources"] if s["kind"] != "quote"}
    assert tables == {"ouvrages" if of_records else "document_chunks"}
    await drawn(client, reply)


def framed(said: str, numbers: list[int]) -> None:
    """The message is blocks with the *numbers* of the sources, then the question; nothing inside looks like a frame."""
    head = BLOCKS.match(said)
    assert head, said
    blocks = BLOCK.findall(head[0])
    assert [int(n) for n, _ in blocks] == numbers
    for text in (*(content for _, content in blocks), said[head.end() :]):
        looks = plain(html.unescape(text).translate(BRACKETS))
        assert not MARKS.search(looks), looks
        hidden = [c for c in text if unicodedata.category(c) == "Cf" and c not in "\u200c\u200d"]
        assert not hidden, hidden


async def drawn(client: httpx.AsyncClient, reply: dict[str, Any]) -> None:
    """The answer, which repeats what was planted, loads nothing and cites what there is."""
    page = await client.get(f"/messages/{reply['message']}/fragment")
    assert page.status_code == 200
    prose = BeautifulSoup(page.text, "html.parser").select_one(".prose")
    assert prose
    for element in prose.find_all(True):
        assert element.name not in ("img", "script", "iframe", "style", "form", "object", "svg", "input")
        risky = [a for a in element.attrs if a.startswith(("on", "hx-")) or a in ("src", "srcset", "style", "action")]
        assert not risky, element
    numbers = {str(s["n"]) for s in reply["sources"]}
    cited = prose.select("a[data-cite]")
    assert {a["data-cite"] for a in cited} <= numbers and cited
    assert all(a["href"] == f"/messages/{reply['message']}/sources/{a['data-cite']}" for a in cited)
    for link in prose.select("a:not([data-cite])"):
        assert link["rel"] == ["noopener", "noreferrer", "nofollow"] and link.get("data-host", "evil.example")
        assert not re.fullmatch(r"\W*\d{1,2}\W*", link.get_text()), "no citation that leads elsewhere"
    exported = (await client.get(f"/api/v1/sessions/{reply['session']}/export.md")).text
    assert "![" not in exported and not re.search(r"(?<!\\)<[a-z/!]", exported, re.IGNORECASE)


@pytest.mark.parametrize(
    "text",
    [
        "si a < b et c > d, prix <50 €",
        "« sources du Rhône », <b>gras</b>, [1], [INSTALLER], <sourd>",
        "une liste : <ul><li>un</li></ul>",
        "می‌خواهم 👩‍🔧",
    ],
)
def test_what_is_no_frame_stays_as_it_is(text: str) -> None:
    assert defused(text) == text


@pytest.mark.parametrize("one", PLANTED, ids=[one["id"] for one in PLANTED])
def test_what_was_defused_stays_so(one: dict[str, str]) -> None:
    assert defused(defused(one["text"])) == defused(one["text"])
