"""Embedders: the real embedded one, Ollama's protocol, OpenAI's, and what happens when they fail."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from countersign.kernel.access import Caller
from countersign.providers.embedders import BATCH_CHARACTERS, BATCH_TEXTS, Embedders, batches, embedder
from countersign.providers.errors import EmbedderChanged, EmbedderRefused, EmbedderUnreachable
from countersign.providers.models import BadModelName
from countersign.providers.profiles import profile_of
from countersign.stack.embedder import Embedder as EmbedderServer
from tests.fakes.ollama import Ollama, vector
from tests.fakes.serving import serving

TEXTS = [
    "Cloison de distribution en plaques de plâtre BA13 sur ossature métallique de 48 mm.",
    "Peinture acrylique mate en deux couches sur murs intérieurs.",
    "Le congé de paternité dure vingt-cinq jours calendaires.",
]


class OpenAIEmbeddings:
    """OpenAI's ``/v1/embeddings``, which may fail a number of times first."""

    def __init__(self, dimensions: int = 12, *, fail: list[int] | None = None, answer: Any = None) -> None:
        self.dimensions = dimensions
        self.fail = fail or []
        self.answer = answer
        self.bodies: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.app = Starlette(routes=[Route("/v1/embeddings", self._embed, methods=["POST"])])

    async def _embed(self, request: Request) -> Response:
        body = await request.json()
        self.bodies.append(body)
        self.keys.append(request.headers.get("authorization"))
        if self.fail:
            return JSONResponse({"error": {"message": "not now"}}, self.fail.pop(0))
        if self.answer is not None:
            return self.answer
        rows = [
            {"object": "embedding", "index": i, "embedding": vector(t, self.dimensions)}
            for i, t in enumerate(body["input"])
        ]
        usage = {"prompt_tokens": 5, "total_tokens": 5}
        return JSONResponse({"object": "list", "data": rows[::-1], "model": body["model"], "usage": usage})


def is_normalised(vectors: Any) -> bool:
    return vectors.dtype == np.float32 and bool(np.allclose(np.linalg.norm(vectors, axis=-1), 1, atol=1e-5))


async def test_the_embedded_embedder_finds_the_right_text(application: Callable[..., Any], e5: EmbedderServer) -> None:
    app = await application(local_embedder_url=e5.url)
    found = await embedder(app)
    assert (found.id, found.dimensions) == ("local:multilingual-e5-small-q4", 384)
    passages = await found.passages(TEXTS)
    question = await found.query("Combien de jours dure le congé du père ?")
    assert passages.shape == (3, 384)
    assert question.shape == (384,)
    assert is_normalised(passages)
    assert is_normalised(question)
    scores = passages @ question
    assert int(np.argmax(scores)) == 2
    assert found.profile.min_score is not None
    assert scores[2] >= found.profile.min_score


async def test_questions_and_passages_are_embedded_differently(
    application: Callable[..., Any], e5: EmbedderServer
) -> None:
    found = await embedder(await application(local_embedder_url=e5.url))
    as_passage = (await found.passages([TEXTS[0]]))[0]
    as_query = await found.query(TEXTS[0])
    assert 0.8 < float(as_passage @ as_query) < 0.9999


async def test_the_same_question_is_embedded_once(application: Callable[..., Any]) -> None:
    ollama = Ollama(dimensions=768)
    async with ollama.serve() as url:
        found = await embedder(await application(embedder="ollama:embeddinggemma", embedder_url=url))
        first = await found.query("prix ?")
        again = await found.query("prix ?")
        await found.query("autre ?")
    assert len(ollama.embeds) == 2
    assert np.array_equal(first, again)
    with pytest.raises(ValueError, match="read-only"):
        first[0] = 1


async def test_ollama_is_asked_as_the_model_wants(application: Callable[..., Any]) -> None:
    ollama = Ollama(dimensions=768)
    async with ollama.serve() as url:
        found = await embedder(await application(embedder="ollama:embeddinggemma", embedder_url=url))
        vectors = await found.passages(["a", "b", ""])
        await found.query("q")
    assert (found.id, found.dimensions, vectors.shape) == ("ollama:embeddinggemma", 768, (3, 768))
    assert is_normalised(vectors)
    assert ollama.embeds[0].input == [f"title: none | text: {text}" for text in ("a", "b", " ")]
    assert ollama.embeds[1].input == ["task: search result | query: q"]
    assert ollama.refused == []


async def test_an_openai_server_of_unknown_size(application: Callable[..., Any]) -> None:
    server = OpenAIEmbeddings()
    async with serving(server.app) as url:
        app = await application(embedder="openai:mine", embedder_url=url, embedder_api_key=SecretStr("sk-e"))
        found = await embedder(app)
        assert found.dimensions == 12
        assert found.profile.min_score is None
        vectors = await found.passages(["x", "y"])
        assert await embedder(app) is found
    expected = np.array([vector("x", 12), vector("y", 12)])
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    assert np.allclose(vectors, expected, atol=1e-6), "in the order of the texts, whatever the order of the answer"
    assert set(server.keys) == {"Bearer sk-e"}
    assert "input_type" not in server.bodies[-1]


async def test_many_texts_go_in_bounded_batches(application: Callable[..., Any]) -> None:
    server = OpenAIEmbeddings()
    texts = [f"texte {n}" for n in range(BATCH_TEXTS * 2 + 1)]
    async with serving(server.app) as url:
        found = await embedder(await application(embedder="openai:mine", embedder_url=url))
        server.bodies.clear()
        vectors = await found.passages(texts)
        assert (await found.passages([])).shape == (0, 12)
    assert [len(body["input"]) for body in server.bodies] == [BATCH_TEXTS, BATCH_TEXTS, 1]
    assert vectors.shape == (len(texts), 12)
    long = ["x" * (BATCH_CHARACTERS - 1), "yy", "z" * (3 * BATCH_CHARACTERS), "w"]
    assert [[len(t) for t in batch] for batch in batches(long)] == [[len(long[0])], [2], [len(long[2])], [1]]


async def test_a_server_that_stumbles_is_asked_again(application: Callable[..., Any]) -> None:
    server = OpenAIEmbeddings()
    async with serving(server.app) as url:
        found = await embedder(await application(embedder="openai:mine", embedder_url=url))
        server.bodies.clear()
        server.fail = [503, 429]
        assert (await found.query("x")).shape == (12,)
        assert len(server.bodies) == 3
        server.fail = [500] * 9
        with pytest.raises(EmbedderUnreachable, match="HTTP 500") as error:
            await found.query("y")
    assert error.value.status == 503
    assert len(server.bodies) == 6


async def test_what_a_broken_setting_says(application: Callable[..., Any]) -> None:
    with pytest.raises(EmbedderUnreachable, match="countersign up"):
        await embedder(await application())
    with pytest.raises(EmbedderRefused, match="no embedders"):
        await embedder(await application(embedder="anthropic:claude"))
    with pytest.raises(BadModelName):
        await embedder(await application(embedder="openai:"))
    with pytest.raises(EmbedderUnreachable, match="COUNTERSIGN_EMBEDDER_URL"):
        await embedder(await application(embedder="openai:mine", embedder_url="http://127.0.0.1:9/v1"))
    async with Ollama().serve() as url:
        with pytest.raises(EmbedderRefused, match="ollama pull bge-m4"):
            await embedder(await application(embedder="bge-m4", embedder_url=url))


@pytest.mark.parametrize(
    "answer",
    [
        Response("<html>", media_type="text/html"),
        JSONResponse({"data": []}),
        JSONResponse({"data": [{"index": 0, "embedding": [0.0, 0.0]}]}),
        JSONResponse({"data": [{"index": 0, "embedding": ["a"]}]}),
        JSONResponse([1]),
        JSONResponse({"error": "bad key"}, 401),
    ],
)
async def test_nonsense_is_refused(application: Callable[..., Any], answer: Response) -> None:
    async with serving(OpenAIEmbeddings(answer=answer).app) as url:
        found = await embedder(await application(embedder="openai:text-embedding-3-small", embedder_url=url))
        with pytest.raises((EmbedderRefused, EmbedderChanged)):
            await found.query("x")


async def test_a_change_of_size_is_noticed(application: Callable[..., Any]) -> None:
    server = OpenAIEmbeddings()
    async with serving(server.app) as url:
        found = await embedder(await application(embedder="openai:mine", embedder_url=url))
        server.dimensions = 16
        with pytest.raises(EmbedderChanged, match="16 numbers instead of 12"):
            await found.passages(["x"])


async def test_a_bought_vector_is_billed(
    application: Callable[..., Any], caller: Callable[..., Caller], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = OpenAIEmbeddings(dimensions=1536)
    async with serving(server.app) as url:
        app = await application(embedder="openai:text-embedding-3-small", embedder_url=url)
        found = await app.once(Embedders).current()
        me = caller("*")
        count = "SELECT count(*) FROM ai_interactions WHERE operation LIKE 'embed.%%'"
        await found.passages(["x"], caller=me)
        async with app.db.transaction(me) as tx:
            assert await tx.value(count) == 0, "nobody bills for a server of our own"
        monkeypatch.setattr("countersign.providers.embedders.is_billed", lambda *_: True)
        await asyncio.gather(found.passages(["x"], caller=me), found.query("x", caller=me))
        async with app.db.transaction(me) as tx:
            assert await tx.value(count) == 2


@pytest.mark.parametrize(
    ("model", "query", "passage"),
    [
        ("intfloat/multilingual-e5-large", "query: ", "passage: "),
        ("nomic-embed-text:v1.5", "search_query: ", "search_document: "),
        ("embeddinggemma:300m", "task: search result | query: ", "title: none | text: "),
        ("text-embedding-3-large", "", ""),
        ("something-new", "", ""),
    ],
)
def test_prefixes_are_those_of_the_models_cards(model: str, query: str, passage: str) -> None:
    profile = profile_of(model)
    assert (profile.query_prefix, profile.passage_prefix, profile.min_score) == (query, passage, None)
