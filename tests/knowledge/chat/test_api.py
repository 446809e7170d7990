"""Bad input gets a clear error with the right status, nobody sees another's conversation, and nothing is stored half-way."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.knowledge.conftest import Site, ask

Make = Callable[..., Awaitable[Site]]


async def count(owner: Any, table: str) -> int:
    cursor = await owner.execute(f"SELECT count(*) FROM {table}")
    return int((await cursor.fetchone())[0])


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        ({"json": {"content": ""}}, 422, "content"),
        ({"json": {"content": "   "}}, 422, "empty"),
        ({"json": {"content": "x" * 8001}}, 422, "8000"),
        ({"json": {"content": "a\u0000b"}}, 422, "U+0000"),
        ({"json": {"content": "a\u001bb"}}, 422, "U+001B"),
        ({"json": {"content": "ok", "more": 1}}, 422, "more"),
        ({"json": {"content": 5}}, 422, "content"),
        ({"json": ["ok"]}, 422, "body"),
        ({"content": b"{not json", "headers": {"content-type": "application/json"}}, 400, "JSON"),
        ({"content": b'{"content": "\xff"}', "headers": {"content-type": "application/json"}}, 400, ""),
        ({"content": b"content=ok", "headers": {"content-type": "application/x-www-form-urlencoded"}}, 415, "json"),
        ({"content": b"{}", "headers": {"content-type": "text/plain"}}, 415, "json"),
        ({"json": {"content": "x" * 1_100_000}}, 413, "larger"),
    ],
)
async def test_a_bad_question_is_refused_and_leaves_nothing(
    site: Make, owner: Any, body: dict[str, Any], status: int, says: str
) -> None:
    made = await site()
    client = await made.client()
    session = (await client.post("/api/v1/agents/expert-btp/sessions")).json()["uuid"]
    refused = await client.post(f"/api/v1/sessions/{session}/messages", **body)
    assert refused.status_code == status, refused.text
    assert refused.headers["content-type"] == "application/problem+json"
    problem = refused.json()
    assert problem["status"] == status and problem["request_id"] and says in problem["detail"]
    assert await count(owner, "ai_messages") == 0


async def test_100_kb_are_refused_with_the_limit(site: Make) -> None:
    made = await site()
    client = await made.client()
    session = (await client.post("/api/v1/agents/expert-btp/sessions")).json()["uuid"]
    refused = await client.post(f"/api/v1/sessions/{session}/messages", json={"content": "é" * 100_000})
    assert refused.status_code == 422 and "8000" in refused.json()["detail"]


@pytest.mark.parametrize(
    "path",
    ["agents/nobody", "agents/nobody/search?q=x", "agents/nobody/sessions", "agents/%00", "agents/%00/search?q=x"],
)
async def test_an_unknown_agent_is_not_found(site: Make, path: str) -> None:
    made = await site()
    client = await made.client()
    missing = await client.get(f"/api/v1/{path}")
    assert missing.status_code == 404 and "agent" in missing.json()["detail"]


async def test_a_session_belongs_to_its_owner_and_tenant(site: Make, owner: Any, tenants: Any) -> None:
    made = await site()
    mine, other = await made.client(name="mine"), await made.client(name="other")
    stranger = await made.client(role="admin", tenant=tenants.b.id, name="stranger")
    reviewer = await made.client(role="validator", name="reviewer")
    reply = await ask(mine, "prix de CLO-PLA-001 ?")
    session, message = reply["session"], reply["message"]
    for path in (f"sessions/{session}", f"sessions/{session}/messages", f"messages/{message}"):
        assert (await mine.get(f"/api/v1/{path}")).status_code == 200
        assert (await reviewer.get(f"/api/v1/{path}")).status_code == 200
        assert (await other.get(f"/api/v1/{path}")).status_code == 404
        assert (await stranger.get(f"/api/v1/{path}")).status_code == 404
    for client in (other, stranger, reviewer):
        # Reading all is not asking in somebody's name.
        assert (await client.post(f"/api/v1/sessions/{session}/messages", json={"content": "x"})).status_code == 404
    assert "<textarea" in (await mine.get(f"/sessions/{session}")).text
    assert "<textarea" not in (await reviewer.get(f"/sessions/{session}")).text
    for client in (other, stranger):
        assert (await client.patch(f"/api/v1/sessions/{session}", json={"title": "x"})).status_code == 404
        assert (await client.delete(f"/api/v1/sessions/{session}")).status_code == 404
        assert (await client.post(f"/api/v1/messages/{message}/stop")).status_code == 404
    assert (await stranger.get("/api/v1/agents")).json()["items"] == []
    assert (await other.get("/api/v1/agents/expert-btp/sessions")).json()["items"] == []


async def test_without_a_valid_token_nothing_is_told(site: Make, owner: Any) -> None:
    made = await site()
    client = await made.client()
    token = client.headers.pop("authorization")
    assert (await client.get("/api/v1/agents")).status_code == 401
    for wrong in ("Bearer cs_" + "x" * 40, "Bearer", "Basic abc", token + "x"):
        assert (await client.get("/api/v1/agents", headers={"authorization": wrong})).status_code == 401
    await owner.execute("UPDATE api_tokens SET expires_at = now() - interval '1 second'")
    expired = await client.get("/api/v1/agents", headers={"authorization": token})
    assert expired.status_code == 401 and expired.headers["www-authenticate"] == "Bearer"
    await owner.execute("DELETE FROM api_tokens")
    assert (await client.get("/api/v1/agents", headers={"authorization": token})).status_code == 401


@pytest.mark.parametrize("uuid", ["7b1f4a52-0000-4000-8000-000000000000", "not-a-uuid", "1; DROP TABLE users"])
async def test_an_address_that_does_not_exist_is_told_so(site: Make, uuid: str) -> None:
    made = await site()
    client = await made.client()
    assert (await client.get(f"/api/v1/sessions/{uuid}")).status_code in (404, 422)


async def test_sessions_are_named_listed_searched_and_deleted(site: Make) -> None:
    made = await site()
    client = await made.client()
    opened = (
        await client.post(
            "/api/v1/agents/expert-btp/sessions",
            json={"title": "Chantier Nord", "external_session_id": "erp-42", "external_context": {"lot": 7}},
        )
    ).json()
    assert opened["external_context"] == {"lot": 7}
    path = f"/api/v1/sessions/{opened['uuid']}"
    assert (await client.patch(path, json={"title": "Chantier Sud"})).json()["title"] == "Chantier Sud"
    listed = await client.get("/api/v1/agents/expert-btp/sessions", params={"q": "sud"})
    assert [s["uuid"] for s in listed.json()["items"]] == [opened["uuid"]]
    assert (await client.delete(path)).status_code == 204
    assert (await client.get(path)).status_code == 404
    assert (await client.get("/api/v1/agents/expert-btp/sessions")).json()["items"] == []


async def test_the_right_record_is_found_first(site: Make) -> None:
    made = await site()
    client = await made.client()
    question = "Quel est le prix au m² de la cloison CLO-PLA-001 ?"
    found = (await client.get("/api/v1/agents/expert-btp/search", params={"q": question, "k": 5})).json()
    first = found["items"][0]
    assert (first["rank"], first["code"], first["kind"]) == (1, "CLO-PLA-001", "ouvrage")
    assert set(first) == {
        "rank", "score", "lexical_rank", "vector_rank", "kind", "id", "title", "code", "url", "content", "payload",
    }  # fmt: skip
    assert first["payload"]["unit_price"] == "45.5000" and "45,50" in first["content"]


async def test_the_support_agent_finds_its_documentation(site: Make) -> None:
    made = await site()
    client = await made.client()
    found = (await client.get("/api/v1/agents/support/search", params={"q": "Comment connecter Ollama ?"})).json()
    assert found["items"][0]["kind"] == "document" and "Ollama" in found["items"][0]["content"]
    assert found["items"][0]["url"].startswith("/records/documents/")
