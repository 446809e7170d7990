"""What doctor learns about models and embedders."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic import SecretStr

from countersign.providers.health import reachable
from countersign.stack.embedder import Embedder as EmbedderServer
from countersign.stack.models import ModelServer
from tests.fakes.ollama import Ollama


async def test_the_embedded_models(application: Callable[..., Any], llama: ModelServer, e5: EmbedderServer) -> None:
    app = await application(local_model_url=llama.url, local_model_key=SecretStr(llama.key), local_embedder_url=e5.url)
    found = await reachable(app)
    assert list(found) == ["model", "embedder"]
    assert found["model"].ok
    assert found["model"].demonstration
    assert "Ollama" in found["model"].detail
    assert found["embedder"].ok
    assert found["embedder"].detail == "384 dimensions"


async def test_ollama(application: Callable[..., Any]) -> None:
    async with Ollama().serve() as url:
        app = await application(
            model="mistral", model_url=url, fallback_model="llama3", embedder="embeddinggemma", embedder_url=url
        )
        found = await reachable(app)
    assert found["model"].ok
    assert "32,768" in found["model"].detail
    assert not found["model"].demonstration
    assert not found["fallback"].ok
    assert "ollama pull llama3" in found["fallback"].detail
    assert found["embedder"].ok


async def test_nothing_answers_and_each_line_says_what_to_do(application: Callable[..., Any]) -> None:
    found = await reachable(await application(model="mistral", model_url="http://127.0.0.1:9"))
    assert not found["model"].ok
    assert "127.0.0.1:9" in found["model"].detail
    assert not found["embedder"].ok
    assert "countersign up" in found["embedder"].detail
    nothing = await reachable(await application())
    assert "countersign up" in nothing["model"].detail
    half = await reachable(await application(model_url="http://127.0.0.1:9", local_model_url="http://127.0.0.1:9/v1"))
    assert "COUNTERSIGN_MODEL is not" in half["model"].detail
    wrong = await reachable(await application(model="openai:"))
    assert "provider:model" in wrong["model"].detail


async def test_a_wrong_key_shows(application: Callable[..., Any], llama: ModelServer) -> None:
    for protocol, url in (("openai", llama.url), ("anthropic", llama.root)):
        app = await application(model=f"{protocol}:smollm2", model_url=url, model_api_key=SecretStr(llama.key))
        assert (await reachable(app))["model"].ok
