"""A link shows colleagues what was shared and no more; a file holds what was said, and nothing in it loads anything."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pypdfium2
import pytest

from countersign.knowledge.chat.export import Part, inert
from countersign.knowledge.chat.pdf import pdf
from tests.fakes.scripted_model import Rule
from tests.knowledge.conftest import Site, ask

Make = Callable[..., Awaitable[Site]]
SAID = "Le **prix** est de 45,50 € [1], à 999,99 € près.\n\n| Code | λ |\n|---|---:|\n| A | 0,032 |\n\n- un\n- deux\n\n```\ncode\n```\n\n![x](https://evil.example/p.png) <img src=x>"


async def test_a_link_shows_what_was_shared_until_it_is_revoked(site: Make, tenants: Any) -> None:
    made = await site()
    client, colleague = await made.client(), await made.client(name="colleague")
    stranger = await made.client(role="admin", tenant=tenants.b.id, name="stranger")
    first = await ask(client, "prix de CLO-PLA-001 ?")
    path = f"/api/v1/sessions/{first['session']}"
    assert (await colleague.post(f"{path}/share")).status_code == 404, "only one's own"
    link = (await client.post(f"{path}/share")).json()
    read = await colleague.get(link["address"])
    assert read.status_code == 200 and "prix de CLO-PLA-001 ?" in read.text and "<textarea" not in read.text
    sources = f"{link['address']}/messages/{first['message']}/sources/1"
    assert (await colleague.get(sources)).status_code == 200
    for address in (link["address"], sources):
        assert (await stranger.get(address)).status_code == 404
    assert (await colleague.get(path)).status_code == 404, "the link opens nothing else"
    later = (await client.post(f"{path}/messages", json={"content": "Encore CLO-PLA-002 ?"})).json()
    assert "Encore" not in (await colleague.get(link["address"])).text
    assert (await colleague.get(f"{link['address']}/messages/{later['message']}/sources")).status_code == 404
    again = (await client.post(f"{path}/share")).json()
    assert again["address"] == link["address"] and "Encore" in (await colleague.get(link["address"])).text
    assert (await client.delete(f"{path}/share")).status_code == 204
    assert (await colleague.get(link["address"])).status_code == 404
    assert (await client.post(f"{path}/share")).json()["address"] != link["address"], "never used again"


async def test_a_conversation_is_a_file(site: Make, owner: Any) -> None:
    made = await site([Rule(".", SAID)])
    client = await made.client()
    reply = await ask(client, "prix de CLO-PLA-001 ?")
    path = f"/api/v1/sessions/{reply['session']}"
    text = (await client.get(f"{path}/export.md")).text
    assert "prix de CLO-PLA-001 ?" in text and "CLO-PLA-001" in text and "999,99" in text
    assert "![" not in text.replace("!\\[", "") and "<img" not in text.replace("\\<img", "")
    file = await client.get(f"{path}/export.pdf")
    assert file.headers["content-type"] == "application/pdf" and "attachment" in file.headers["content-disposition"]
    document = pypdfium2.PdfDocument(file.content)
    written = "".join(page.get_textpage().get_text_range() for page in document)
    assert all(word in written for word in ("45,50 €", "λ", "0,032", "deux", "code", "999,99"))
    assert (await client.get(f"{path}/export.doc")).status_code == 404
    await owner.execute(
        "UPDATE ai_messages SET validation_status = 'rejected', validated_by = (SELECT min(id) FROM users), "
        "validated_at = now() WHERE role = 'assistant'"
    )
    assert "45,50" not in (await client.get(f"{path}/export.md")).text


@pytest.mark.parametrize(
    ("text", "exported"),
    [
        ("a <b>\n```\n<b> ![x]\n```\n![y]", "a \\<b>\n```\n<b> ![x]\n```\n!\\[y]"),
        ("````\n```\n````\n![y](https://evil.example)", "````\n```\n````\n!\\[y](https://evil.example)"),
        ("``` a ``` b\n![y]", "``` a ``` b\n!\\[y]"),
        ("```\r![y]\r```\r<img>", "```\n![y]\n```\n\\<img>"),
        ("> ```\n![y]", "> ```\n!\\[y]"),
        ("# Question\n###### b\n#c", "### Question\n###### b\n#c"),
    ],
)
def test_only_code_stays_as_it_is(text: str, exported: str) -> None:
    assert inert(text, deeper=2) == exported


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("### " + "mot " * 3000, id="a heading of pages"),
        pytest.param("| " + "mot " * 5000 + "|\n|---|\n| x |", id="a table's head of pages"),
        pytest.param("| a | b |\n|---|---|\n| " + "mot " * 5000 + "| x |", id="a cell of pages"),
        pytest.param("| abc " * 80 + "|\n" + "|---" * 80 + "|\n" + "| def " * 80 + "|", id="eighty columns"),
        pytest.param("".join("  " * depth + "- x\n" for depth in range(60)), id="sixty lists in each other"),
        pytest.param("```\n" + "x" * 50_000 + "\n```", id="a line of code of pages"),
    ],
)
@pytest.mark.timeout(60)
def test_whatever_a_model_writes_can_be_set(text: str) -> None:
    assert pdf("Titre", "fait", [Part("assistant", "Réponse", text, [], [])], "fr").startswith(b"%PDF")


async def test_the_exact_prompt_is_for_those_who_validate(site: Make) -> None:
    made = await site()
    client, reviewer = await made.client(), await made.client(role="validator")
    message = (await ask(client, "prix de CLO-PLA-001 ?"))["message"]
    shown = await reviewer.get(f"/messages/{message}/prompt")
    assert shown.status_code == 200 and "[system]" in shown.text and "prix de CLO-PLA-001" in shown.text
    assert (await client.get(f"/messages/{message}/prompt")).status_code == 403
