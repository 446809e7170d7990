"""A question without an agent goes to the one that it is for, which is said and stored, or a person is asked."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from countersign.stack.embedder import Embedder
from tests.conftest import Tenants
from tests.knowledge.conftest import Site, ask, read_events

Make = Callable[..., Awaitable[Site]]

FOOTBALL = "Qui a gagné la coupe du monde en 1998 ?"


@pytest.mark.parametrize(
    ("question", "agent"),
    [
        ("Combien coûtent 25 m³ de béton ?", "expert-btp"),
        ("Quel est le coût d'une prise électrique ?", "expert-btp"),
        ("Comment inviter un utilisateur ?", "support"),
        ("Le serveur ne démarre pas, que faire ?", "support"),
    ],
)
async def test_the_description_that_is_nearest_decides(site: Make, e5: Embedder, question: str, agent: str) -> None:
    client = await (await site(local_embedder_url=e5.url)).client()
    reply = (await client.post("/api/v1/ask", json={"content": question, "title": "À trier"})).json()
    assert reply["agent"] == agent and reply["dispatch"]["reason"] == "description" and reply["status"] == "complete"
    assert reply["dispatch"]["candidates"][0]["slug"] == agent
    stored = (await client.get(f"/api/v1/sessions/{reply['session']}")).json()
    assert stored["dispatch"] == reply["dispatch"] and stored["agent_slug"] == agent and stored["title"] == "À trier"
    assert "a été choisi" in (await client.get(f"/sessions/{reply['session']}")).text


async def test_a_code_that_is_named_decides_without_any_embedder(site: Make) -> None:
    client = await (await site()).client()
    reply = (await client.post("/api/v1/ask", json={"content": "Et CLO-PLA-001 ?"})).json()
    assert reply["agent"] == "expert-btp" and reply["dispatch"]["reason"] == "code"


async def test_a_validated_question_draws_its_like(site: Make, e5: Embedder, owner: Any) -> None:
    client = await (await site(local_embedder_url=e5.url)).client()
    question = "Où sont les journaux ?"
    answered = await ask(client, question, "support")
    await owner.execute(
        "UPDATE ai_messages SET validation_status = 'validated', validated_at = now(),"
        " validated_by = (SELECT min(id) FROM users) WHERE uuid = %s",
        (answered["message"],),
    )
    reply = (await client.post("/api/v1/ask", json={"content": "Où se trouvent les journaux ?"})).json()
    assert reply["agent"] == "support" and reply["dispatch"]["reason"] == "validated"
    assert reply["dispatch"]["candidates"][0]["validated"] and question not in str(reply["dispatch"])


async def test_what_is_far_from_every_agent_is_asked_back_and_stores_nothing(
    site: Make, e5: Embedder, owner: Any
) -> None:
    client = await (await site(local_embedder_url=e5.url)).client()
    refused = await client.post("/api/v1/ask", json={"content": FOOTBALL})
    assert refused.status_code == 409 and refused.json()["code"] == "agent-unclear"
    assert refused.json()["reason"] == "far"
    assert {one["slug"] for one in refused.json()["candidates"]} == {"expert-btp", "support"}
    asked = await client.post("/ask", data={"agent": "", "text": FOOTBALL}, headers={"accept": "text/html"})
    assert asked.status_code == 303 and asked.headers["location"].startswith("/ask?text=Qui+a+gagn")
    page = (await client.get(asked.headers["location"])).text
    assert "On ne sait pas à quel agent" in page and FOOTBALL in page and 'href="/ask/support?text=Qui' in page
    assert await (await owner.execute("SELECT count(*) FROM ai_sessions")).fetchone() == (0,)


async def test_without_an_embedder_words_decide_and_the_page_says_so(site: Make) -> None:
    client = await (await site()).client()
    reply = (await client.post("/api/v1/ask", json={"content": "Où est la documentation de l’utilisateur ?"})).json()
    assert reply["agent"] == "support" and reply["dispatch"]["reason"] == "words"
    assert "par ses mots seuls" in (await client.get(f"/sessions/{reply['session']}")).text


async def test_without_an_embedder_and_without_a_shared_word_a_person_chooses(site: Make) -> None:
    client = await (await site()).client()
    refused = await client.post("/api/v1/ask", json={"content": FOOTBALL})
    assert refused.status_code == 409 and refused.json()["reason"] == "embedder-unreachable"
    assert {one["slug"] for one in refused.json()["candidates"]} == {"expert-btp", "support"}


async def test_another_tenants_agents_are_no_candidates(site: Make, tenants: Tenants) -> None:
    stranger = await (await site()).client(tenant=tenants.b.id)
    refused = await stranger.post("/api/v1/ask", json={"content": "Et CLO-PLA-001 ?"})
    assert refused.status_code == 409 and refused.json()["reason"] == "no-agent" and not refused.json()["candidates"]


async def test_a_stream_says_first_who_answers(site: Make) -> None:
    client = await (await site()).client()
    body, headers = {"content": "Et CLO-PLA-001 ?"}, {"accept": "text/event-stream"}
    async with client.stream("POST", "/api/v1/ask", json=body, headers=headers) as response:
        events = [event async for event in read_events(response)]
    assert events[0][0] == "agent" and events[0][1]["agent"] == "expert-btp"
    assert [name for name, _ in events[1:3]] == ["start", "sources"] and events[-1][0] == "done"


async def test_an_empty_question_and_an_unknown_field_are_refused(site: Make) -> None:
    client = await (await site()).client()
    for body in ({"content": ""}, {"content": "   "}, {"content": "x", "agent": "support"}, {}):
        assert (await client.post("/api/v1/ask", json=body)).status_code == 422
