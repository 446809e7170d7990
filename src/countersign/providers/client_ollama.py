"""Ollama's own protocol, for its ``num_ctx``: without it Ollama silently cuts long prompts."""

from __future__ import annotations

from typing import Any

import httpx
from langchain_ollama import ChatOllama

from .clients import CONNECT_SECONDS, Client, tls
from .endpoints import Endpoint
from .models import Options


def make(endpoint: Endpoint, context: int) -> Client:
    """A client that always sends the same context size, in tokens: another one would make Ollama reload the model."""
    http: dict[str, Any] = {
        "timeout": httpx.Timeout(None, connect=CONNECT_SECONDS),
        "limits": httpx.Limits(max_keepalive_connections=0),
        "trust_env": not endpoint.private,
        "verify": tls(),
    }
    if endpoint.key:
        http["headers"] = {"authorization": f"Bearer {endpoint.key.get_secret_value()}"}
    model = ChatOllama(model=endpoint.name.model, base_url=endpoint.url, client_kwargs=http)

    def arguments(options: Options) -> dict[str, Any]:
        given: dict[str, Any] = {"num_ctx": context}
        if options.max_tokens is not None:
            given["num_predict"] = options.max_tokens
        if options.temperature is not None:
            given["temperature"] = float(options.temperature)
        if options.stop:
            given["stop"] = list(options.stop)
        return {"options": given}

    async def aclose() -> None:
        """Nothing is kept open: every call has a connection of its own."""

    return Client(model, arguments, aclose)
