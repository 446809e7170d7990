"""Measurements over the API: begun once, followed to their end, decided once, and nobody else's."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from tests.conftest import Tenants
from tests.knowledge.conftest import Site, work_off
from tests.knowledge.evaluation.conftest import QUESTIONS, Signed
from tests.knowledge.evaluation.test_service import RULES

AT = "/api/v1/agents/expert-btp/evaluations"
CHANGES = {"system_prompt": "Tu réponds court."}


async def test_from_the_changed_prompt_to_the_published_version(
    site: Callable[..., Awaitable[Site]], signed: Signed, tenants: Tenants
) -> None:
    here = await site(RULES)
    client = await here.client("admin")
    nothing = await client.post(AT)
    assert nothing.status_code == 409 and nothing.json()["code"] == "nothing-signed"
    await signed(here)

    key = {"Idempotency-Key": "trial-1"}
    body = {"changes": {**CHANGES, "change_note": "Plus court"}}
    begun = await client.post(AT, json=body, headers=key)
    assert begun.status_code == 202 and begun.json()["status"] == "pending"
    number = begun.json()["id"]
    assert begun.headers["location"] == f"{AT}/{number}"
    assert (await client.post(AT, json=body, headers=key)).json()["id"] == number
    assert (await client.post(AT, json={}, headers=key)).json()["code"] == "key-reused"
    assert (await client.post(f"{AT}/{number}/publish")).json()["code"] == "not-decidable"
    await work_off(here.app)

    read = (await client.get(f"{AT}/{number}")).json()
    assert (read["status"], read["done"], read["changes"]) == ("completed", 3, CHANGES)
    assert set(read["summary"]) == {"live", "tried"} and read["summary"]["live"]["r1"] == 1
    assert {one["question"] for one in read["results"]} == set(QUESTIONS)
    assert set(read["results"][0]) == {"question", "signed", "live", "tried"}

    published = (await client.post(f"{AT}/{number}/publish")).json()
    assert (published["decision"], published["published_version"], published["decided_by"]) == ("published", 2, "admin")
    assert (await client.post(f"{AT}/{number}/drop")).status_code == 409
    versions = (await client.get("/api/v1/agents/expert-btp/prompt-versions")).json()["items"]
    assert (versions[0]["version"], versions[0]["trial"], versions[0]["change_note"]) == (2, number, "Plus court")
    assert versions[1]["trial"] is None

    measured = (await client.post(AT)).json()
    assert measured["changes"] is None and measured["id"] > number
    assert (await client.post(f"{AT}/{measured['id']}/cancel")).json()["status"] == "cancelled"
    listed = (await client.get(AT)).json()
    assert [one["id"] for one in listed["items"]] == [measured["id"], number] and listed["next"] is None
    older = (await client.get(AT, params={"before": measured["id"]})).json()["items"]
    assert [one["id"] for one in older] == [number]

    stale = (await client.post(AT, json={"changes": {"temperature": 1}})).json()["id"]
    await work_off(here.app)
    await client.patch("/api/v1/agents/expert-btp", json={"temperature": 0.5})
    refused = await client.post(f"{AT}/{stale}/publish")
    assert refused.status_code == 412 and refused.json()["code"] == "agent-changed"
    assert (await client.post(f"{AT}/{stale}/drop")).json()["decision"] == "dropped"

    assert (await client.post(AT, json={"changes": {"top_k": 0}})).status_code == 422
    assert (await client.post(AT, json={"changes": {"temperature": 0.5}})).json()["code"] == "nothing-changes"
    assert (await client.get(f"{AT}/{stale + 100}")).status_code == 404
    assert (await (await here.client("validator")).get(AT)).status_code == 403
    stranger = await here.client("admin", tenants.b.id)
    assert (await stranger.get(f"{AT}/{number}")).status_code == 404
