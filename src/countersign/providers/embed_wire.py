"""One request to an embedder's server: OpenAI's protocol with our ``input_type``, or Ollama's."""

from __future__ import annotations

import asyncio
from base64 import b64decode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, cast

import httpx
import numpy as np
from numpy.typing import NDArray

from .clients import tls
from .endpoints import Endpoint
from .errors import EmbedderError, EmbedderRefused, EmbedderUnreachable
from .models import Provider

Vectors: TypeAlias = NDArray[np.float32]
Kind: TypeAlias = Literal["query", "passage"]

PAUSES = (0.2, 1.0)  # seconds before the second and the third try
SECONDS = {"query": 20.0, "passage": 300.0}  # a batch may wait for others, and for the model to be loaded


@dataclass(frozen=True, slots=True)
class Answer:
    """Raw vectors (n, d) as float32, and the tokens that the server has counted (0: it does not say)."""

    vectors: Vectors
    tokens: int


class Wire:
    """The connection to one embedder. A call that failed is tried again on a fresh connection."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        limits = httpx.Limits(max_keepalive_connections=0) if endpoint.private else httpx.Limits()
        headers = {"Authorization": f"Bearer {endpoint.key.get_secret_value()}"} if endpoint.key else {}
        self._http = httpx.AsyncClient(headers=headers, limits=limits, trust_env=not endpoint.private, verify=tls())

    async def embed(self, texts: Sequence[str], kind: Kind, *, tries: int = len(PAUSES) + 1) -> Answer:
        """Raises ``EmbedderUnreachable`` or ``EmbedderRefused``."""
        timeout = httpx.Timeout(SECONDS[kind], connect=5.0)
        for pause in PAUSES[: tries - 1]:
            try:
                return await self._once(texts, kind, timeout)
            except EmbedderUnreachable:
                await asyncio.sleep(pause)
        return await self._once(texts, kind, timeout)

    async def aclose(self) -> None:
        """Closes what is open."""
        await self._http.aclose()

    async def _once(self, texts: Sequence[str], kind: Kind, timeout: httpx.Timeout) -> Answer:
        name, url, shown = self.endpoint.name, self.endpoint.url, self.endpoint.address
        body: dict[str, Any] = {"model": name.model, "input": list(texts)}
        ollama = name.provider is Provider.OLLAMA
        if name.provider is Provider.LOCAL:
            body |= {"input_type": kind, "encoding_format": "base64"}
        elif not ollama:
            body |= {"encoding_format": "float"}
        path = "/api/embed" if ollama else "/embeddings"
        try:
            answer = await self._http.post(f"{url}{path}", json=body, timeout=timeout)
            if answer.status_code >= 400:
                raise _refusal(self.endpoint, answer)
            said = answer.json()
            vectors = _ollama_vectors(said) if ollama else _openai_vectors(said)
        except httpx.HTTPError as error:
            raise EmbedderUnreachable(
                f"{shown} does not answer ({name}: {type(error).__name__}). {_fix(name.provider)}"
            ) from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise EmbedderRefused(f"What {shown} sent are not embeddings. Check COUNTERSIGN_EMBEDDER_URL.") from error
        if vectors.shape[0] != len(texts) or vectors.ndim != 2:
            raise EmbedderRefused(f"{name} answered {len(texts)} texts with vectors of shape {vectors.shape}.")
        return Answer(vectors, _tokens(said))


def _refusal(endpoint: Endpoint, answer: httpx.Response) -> EmbedderError:
    name = endpoint.name
    if answer.status_code >= 500 or answer.status_code in (408, 429):
        return EmbedderUnreachable(f"{endpoint.address} fails (HTTP {answer.status_code}). {_fix(name.provider)}")
    if answer.status_code == 404 and name.provider is Provider.OLLAMA:
        return EmbedderRefused(f"Ollama does not have “{name.model}”. Pull it with `ollama pull {name.model}`.")
    said = " ".join(answer.text.split())[:200]
    return EmbedderRefused(
        f"{endpoint.address} refuses (HTTP {answer.status_code}: {said}). Check COUNTERSIGN_EMBEDDER and its key."
    )


def _fix(provider: Provider) -> str:
    if provider is Provider.LOCAL:
        return "The embedded embedder has stopped: look at `countersign doctor`."
    if provider is Provider.OLLAMA:
        return "Start it with `ollama serve`, or correct COUNTERSIGN_EMBEDDER_URL."
    return "Check COUNTERSIGN_EMBEDDER_URL and the network."


def _openai_vectors(said: Any) -> Vectors:
    rows = sorted(said["data"], key=lambda row: cast(int, row["index"]))
    return np.array([_vector(row["embedding"]) for row in rows], dtype=np.float32)


def _vector(value: Any) -> Any:
    return np.frombuffer(b64decode(value), dtype="<f4") if isinstance(value, str) else value


def _ollama_vectors(said: Any) -> Vectors:
    return np.array(said["embeddings"], dtype=np.float32)


def _tokens(said: Any) -> int:
    usage: Any = said.get("usage") or {}
    count: Any = said.get("prompt_eval_count") or usage.get("prompt_tokens")
    return count if isinstance(count, int) else 0
