"""An answer is given again, a question put otherwise: both stay, and what was said before is what this branch says."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import httpx

from tests.fakes.scripted_model import Rule
from tests.knowledge.conftest import Site, ask, read_events

Make = Callable[..., Awaitable[Site]]
WORDS = [Rule("CLO-PLA-002", "La seconde [1]."), Rule("CLO-PLA-001", "La première [1].")]


async def listed(client: httpx.AsyncClient, session: str, **query: Any) -> list[dict[str, Any]]:
    return (await client.get(f"/api/v1/sessions/{session}/messages", params=query)).json()["items"]


async def test_both_answers_stay_and_one_goes_back_and_forth(site: Make) -> None:
    made = await site(WORDS)
    client = await made.client()
    first = await ask(client, "prix de CLO-PLA-001 ?")
    made.model.rules.insert(0, Rule("CLO-PLA-001", "Autrement dit [1]."))
    second = (await client.post(f"/api/v1/messages/{first['message']}/regenerate")).json()
    assert second["content"] == "Autrement dit [1]." and second["message"] != first["message"]
    now = await listed(client, first["session"])
    assert [m["content"] for m in now] == ["prix de CLO-PLA-001 ?", "Autrement dit [1]."]
    assert now[1]["versions"] == [first["message"], second["message"]]
    before = await listed(client, first["session"], at=first["message"])
    assert [m["content"] for m in before] == ["prix de CLO-PLA-001 ?", "La première [1]."]
    assert len(await listed(client, first["session"], every=True)) == 3


async def test_what_was_said_before_is_what_its_branch_says(site: Make) -> None:
    made = await site(WORDS)
    client = await made.client()
    first = await ask(client, "prix de CLO-PLA-001 ?")
    made.model.rules.insert(0, Rule("CLO-PLA-001", "Autrement dit [1]."))
    await client.post(f"/api/v1/messages/{first['message']}/regenerate")
    path = f"/api/v1/sessions/{first['session']}/messages"
    await client.post(path, json={"content": "et CLO-PLA-002 ?"})
    assert [m["content"] for m in made.model.calls[-1].body["messages"]][1:3] == [
        "prix de CLO-PLA-001 ?",
        "Autrement dit [1].",
    ]
    await client.post(path, json={"content": "et CLO-PLA-002 encore ?", "after": first["message"]})
    sent = [m["content"] for m in made.model.calls[-1].body["messages"]]
    assert sent[1:-1] == ["prix de CLO-PLA-001 ?", "La première [1]."]
    # Regenerating sees what was before its question, not the answer that it stands beside.
    last = (await listed(client, first["session"]))[-1]
    await client.post(f"/api/v1/messages/{last['uuid']}/regenerate")
    assert [m["content"] for m in made.model.calls[-1].body["messages"]][1:-1] == sent[1:-1]


async def test_a_question_put_otherwise_opens_a_branch(site: Make) -> None:
    made = await site(WORDS)
    client = await made.client()
    first = await ask(client, "prix de CLO-PLA-001 ?")
    path = f"/api/v1/sessions/{first['session']}/messages"
    await client.post(path, json={"content": "et encore CLO-PLA-001 ?"})
    otherwise = (
        await client.post(path, json={"content": "prix de CLO-PLA-002 ?", "instead_of": first["question"]})
    ).json()
    assert len(made.model.calls[-1].body["messages"]) == 2, "nothing was said before it"
    now = await listed(client, first["session"])
    assert [m["content"] for m in now] == ["prix de CLO-PLA-002 ?", "La seconde [1]."]
    assert now[0]["versions"] == [first["question"], otherwise["question"]]
    assert len(await listed(client, first["session"], at=first["question"])) == 4, "the other branch is whole"


async def test_only_ones_own_answers_are_asked_again(site: Make) -> None:
    made = await site(WORDS)
    client, other = await made.client(), await made.client(role="validator", name="other")
    first = await ask(client, "prix de CLO-PLA-001 ?")
    for uuid in (first["message"], "7b1f4a52-0000-4000-8000-000000000000"):
        assert (await other.post(f"/api/v1/messages/{uuid}/regenerate")).status_code == 404
    assert (await client.post(f"/api/v1/messages/{first['question']}/regenerate")).status_code == 404
    path = f"/api/v1/sessions/{first['session']}/messages"
    for field in ("after", "instead_of"):
        unknown = {"content": "x", field: "7b1f4a52-0000-4000-8000-000000000000"}
        assert (await client.post(path, json=unknown)).status_code == 404
    assert len(await listed(client, first["session"], every=True)) == 2


async def test_nothing_is_asked_again_while_an_answer_is_written(site: Make) -> None:
    made = await site([Rule("CLO-PLA-002", "mot " * 5000, rate=50), *WORDS])
    client = await made.client()
    first = await ask(client, "prix de CLO-PLA-001 ?")
    path = f"/api/v1/sessions/{first['session']}/messages"
    streaming = {"Accept": "text/event-stream"}
    async with client.stream("POST", path, json={"content": "et CLO-PLA-002 ?"}, headers=streaming) as response:
        async for name, _ in read_events(response):
            if name == "token":
                again = await client.post(f"/api/v1/messages/{first['message']}/regenerate")
                assert (again.status_code, again.json()["code"]) == (409, "answer-running")
                break


async def test_a_rejected_answer_is_said_no_more(site: Make, owner: Any) -> None:
    made = await site(WORDS)
    client = await made.client()
    first = await ask(client, "prix de CLO-PLA-001 ?")
    await owner.execute(
        "UPDATE ai_messages SET validation_status = 'rejected', validated_by = (SELECT min(id) FROM users), "
        "validated_at = now() WHERE uuid = %s",
        (first["message"],),
    )
    await client.post(f"/api/v1/sessions/{first['session']}/messages", json={"content": "et CLO-PLA-002 ?"})
    sent = made.model.calls[-1].body["messages"]
    assert "La première [1]." not in str(sent)
    assert [m["role"] for m in sent] == ["system", "user"], "nor is its question: models take turns"


async def test_archived_conversations_are_read_and_found_but_not_continued(site: Make) -> None:
    made = await site(WORDS)
    client = await made.client()
    session = (await ask(client, "prix de CLO-PLA-001 ?"))["session"]
    path = f"/api/v1/sessions/{session}"
    assert (await client.patch(path, json={"status": "archived"})).json()["status"] == "archived"
    listing = "/api/v1/agents/expert-btp/sessions"
    assert (await client.get(listing)).json()["items"] == []
    assert len((await client.get(listing, params={"status": "archived"})).json()["items"]) == 1
    assert (await client.post(f"{path}/messages", json={"content": "encore"})).status_code == 404
    assert len(await listed(client, session)) == 2
    assert (await client.patch(path, json={"status": "active"})).json()["status"] == "active"
    assert (await client.post(f"{path}/messages", json={"content": "CLO-PLA-002"})).status_code == 200


async def test_conversations_are_found_by_what_was_said_whatever_its_accents(site: Make) -> None:
    made = await site([Rule(".", "Le délai est écrit dans la fiche [1].")])
    client = await made.client()
    session = (await ask(client, "prix de CLO-PLA-001 ?"))["session"]
    for words, found in (("ecrit DELAI", [session]), ("clo-pla-001", [session]), ("délai chantier", [])):
        items = (await client.get("/api/v1/agents/expert-btp/sessions", params={"q": words})).json()["items"]
        assert [item["uuid"] for item in items] == found, words
