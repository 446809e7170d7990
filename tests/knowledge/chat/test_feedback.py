"""A reader has one opinion of an answer, and may change it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.knowledge.conftest import Site, ask

Make = Callable[..., Awaitable[Site]]


async def test_an_opinion_is_kept_changed_and_taken_back(site: Make, owner: Any) -> None:
    made = await site()
    client = await made.client()
    path = f"/api/v1/messages/{(await ask(client, 'prix de CLO-PLA-001 ?'))['message']}/feedback"
    assert (await client.get(path)).json() is None
    given = await client.put(path, json={"is_helpful": False, "rating": 2, "comment": "  le prix est faux "})
    assert given.status_code == 200 and given.json()["comment"] == "le prix est faux"
    await client.put(path, json={"rating": 5})
    now = (await client.get(path)).json()
    assert (now["rating"], now["is_helpful"], now["comment"]) == (5, None, None)
    cursor = await owner.execute("SELECT count(*) FROM ai_feedbacks")
    assert await cursor.fetchone() == (1,)
    assert (await client.delete(path)).status_code == 204
    assert (await client.get(path)).json() is None


async def test_each_reader_has_their_own(site: Make) -> None:
    made = await site()
    client, reviewer = await made.client(), await made.client(role="validator")
    other, stranger = await made.client(name="other"), "7b1f4a52-0000-4000-8000-000000000000"
    message = (await ask(client, "prix de CLO-PLA-001 ?"))["message"]
    path = f"/api/v1/messages/{message}/feedback"
    await client.put(path, json={"is_helpful": True})
    await reviewer.put(path, json={"is_helpful": False})
    assert (await client.get(path)).json()["is_helpful"] is True
    assert (await reviewer.get(path)).json()["is_helpful"] is False
    for address in (path, f"/api/v1/messages/{stranger}/feedback"):
        assert (await other.put(address, json={"is_helpful": True})).status_code == 404


@pytest.mark.parametrize("body", [{}, {"comment": "  "}, {"rating": 0}, {"rating": 6}, {"rating": "x"}, {"more": 1}])
async def test_what_says_nothing_is_refused(site: Make, body: dict[str, Any]) -> None:
    made = await site()
    client = await made.client()
    reply = await ask(client, "prix de CLO-PLA-001 ?")
    assert (await client.put(f"/api/v1/messages/{reply['message']}/feedback", json=body)).status_code == 422
    question = await client.put(f"/api/v1/messages/{reply['question']}/feedback", json={"rating": 3})
    assert (question.status_code, question.json()["code"]) == (422, "not-an-answer")
