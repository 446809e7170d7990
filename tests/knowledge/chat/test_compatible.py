"""OpenAI's own client asks agents: whole and streamed, with sources, in one conversation, refused in its own shape."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import openai
import pytest
from openai import AsyncOpenAI
from openai.types.chat import ChatCompletionMessageParam

from countersign.kernel.json import loads
from tests.conftest import Tenants
from tests.fakes.scripted_model import Rule
from tests.knowledge.conftest import Site

Make = Callable[..., Awaitable[Site]]
ASKED: list[ChatCompletionMessageParam] = [
    {"role": "system", "content": "Tu es un pirate."},
    {"role": "user", "content": [{"type": "text", "text": "prix de CLO-PLA-001 ?"}]},
]


def library(made: Site, client: httpx.AsyncClient) -> AsyncOpenAI:
    key = client.headers["authorization"].removeprefix("Bearer ")
    return AsyncOpenAI(base_url=f"{made.url}/v1", api_key=key, max_retries=0)


async def test_agents_are_models(site: Make) -> None:
    made = await site()
    async with library(made, await made.client()) as agents:
        assert {model.id async for model in agents.models.list()} == {"expert-btp", "support"}
        assert (await agents.models.retrieve("expert-btp")).owned_by == "countersign"
        with pytest.raises(openai.NotFoundError):
            await agents.models.retrieve("nobody")


async def test_an_answer_is_whole_with_its_sources(site: Make) -> None:
    made = await site()
    client = await made.client()
    async with library(made, client) as agents:
        reply = await agents.chat.completions.create(model="expert-btp", messages=ASKED, temperature=1.5)
    assert reply.choices[0].message.content == "Voir la fiche [1]." and reply.choices[0].finish_reason == "stop"
    assert reply.usage and reply.usage.total_tokens == reply.usage.prompt_tokens + reply.usage.completion_tokens > 0
    told: Any = (reply.model_extra or {})["countersign"]
    assert told["sources"][0]["code"] == "CLO-PLA-001" and told["status"] == "complete"
    kept = loads((await client.get(f"/api/v1/messages/{told['message']}")).content)
    assert kept["content"] == "Voir la fiche [1]." and reply.id == f"chatcmpl-{told['message']}"
    asked = made.model.calls[-1].body
    assert "pirate" not in str(asked) and asked["temperature"] != 1.5, "the agent's own rules hold"


async def test_an_answer_streams(site: Make) -> None:
    made = await site([Rule(".", "un deux trois [1]", rate=50)])
    async with library(made, await made.client()) as agents:
        stream = await agents.chat.completions.create(
            model="expert-btp", messages=ASKED, stream=True, stream_options={"include_usage": True}
        )
        chunks = [chunk async for chunk in stream]
    said = [choice for chunk in chunks for choice in chunk.choices]
    assert said[0].delta.role == "assistant" and said[-1].finish_reason == "stop"
    assert "".join(choice.delta.content or "" for choice in said) == "un deux trois [1]"
    told: Any = (chunks[0].model_extra or {})["countersign"]
    assert told["sources"][0]["code"] == "CLO-PLA-001"
    assert chunks[-1].usage and chunks[-1].usage.completion_tokens > 0


async def test_what_was_said_before_goes_on_where_it_was(site: Make) -> None:
    made = await site([Rule("encore", "Seconde [1]."), Rule("autre", "Autre [1]."), Rule(".", "Première [1].")])
    client = await made.client()
    colleague = await made.client(name="colleague")

    async def say(agents: AsyncOpenAI, *said: str) -> Any:
        roles = ["user", "assistant"] * len(said)
        messages: Any = [{"role": role, "content": text} for role, text in zip(roles, said, strict=False)]
        reply = await agents.chat.completions.create(model="expert-btp", messages=messages)
        return (reply.model_extra or {})["countersign"]

    async with library(made, client) as mine, library(made, colleague) as theirs:
        first = await say(mine, "prix de CLO-PLA-001 ?")
        second = await say(mine, "prix de CLO-PLA-001 ?", "Première [1].", "encore CLO-PLA-001 ?")
        assert second["session"] == first["session"]
        cut = await say(mine, "encore CLO-PLA-001 ?", "Seconde [1].", "autre CLO-PLA-001 ?")
        assert cut["session"] == first["session"], "a client may have dropped the beginning"
        branch = await say(mine, "prix de CLO-PLA-001 ?", "Première [1].", "autre CLO-PLA-001 ?")
        assert branch["session"] == first["session"]
        shown = (await client.get(f"/api/v1/sessions/{first['session']}/messages")).json()["items"]
        assert [m["content"] for m in shown][1:] == ["Première [1].", "autre CLO-PLA-001 ?", "Autre [1]."]
        foreign = await say(theirs, "prix de CLO-PLA-001 ?", "Première [1].", "encore CLO-PLA-001 ?")
        assert foreign["session"] != first["session"], "somebody else's goes on elsewhere"
        sent = made.model.calls[-1].body["messages"]
        assert [m["role"] for m in sent] == ["system", "user", "assistant", "user"]
        kept = (await colleague.get(f"/api/v1/sessions/{foreign['session']}/messages")).json()["items"]
        assert [m["content"] for m in kept] == ["encore CLO-PLA-001 ?", "Seconde [1]."], "no answer is invented"


async def test_refusals_have_the_shape_that_clients_read(site: Make, tenants: Tenants) -> None:
    made = await site([Rule("CLO-PLA-002", "un deux", failure="drop", after=1)])
    client = await made.client()
    other = await made.client(tenant=tenants.b.id, name="other")
    async with library(made, client) as agents:
        with pytest.raises(openai.NotFoundError) as unknown:
            await agents.chat.completions.create(model="nobody", messages=ASKED)
        assert isinstance(unknown.value.body, dict) and "agent" in unknown.value.body["message"]
        said: Any
        for said in ([{"role": "assistant", "content": "x"}], [{"role": "user", "content": " "}]):
            with pytest.raises(openai.UnprocessableEntityError):
                await agents.chat.completions.create(model="expert-btp", messages=said)
        with pytest.raises(openai.APIError):
            stream = await agents.chat.completions.create(
                model="expert-btp", messages=[{"role": "user", "content": "prix de CLO-PLA-002 ?"}], stream=True
            )
            async for _ in stream:
                pass
    async with library(made, other) as agents:
        assert [model.id async for model in agents.models.list()] == []
    async with AsyncOpenAI(base_url=f"{made.url}/v1", api_key="cs_wrong", max_retries=0) as agents:
        with pytest.raises(openai.AuthenticationError):
            await agents.models.list()
