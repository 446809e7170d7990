"""LangChain's chat models, imported when first wanted: each costs tens of megabytes and up to a second."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, cast

import httpx

from .endpoints import Endpoint
from .models import Options, Provider

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

# A host that swallows packets should not use up the time to the first token.
CONNECT_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Client:
    """A LangChain chat model, the arguments of a call that an agent's options mean, and how to close it."""

    model: BaseChatModel
    arguments: Callable[[Options], dict[str, Any]]
    aclose: Callable[[], Awaitable[Any]]


@cache
def tls() -> ssl.SSLContext:
    """The certificates that every client trusts: reading them takes 20 ms, so it is done once."""
    return httpx.create_ssl_context()


def untraced() -> AbstractContextManager[Any]:
    """Keeps prompts in the house: LangChain would send them to LangSmith when an environment variable says so."""
    import langsmith

    return cast(Any, langsmith).tracing_context(enabled=False)


def retries(endpoint: Endpoint) -> int:
    """Kept connections to far servers may have died unseen; near ones get a fresh connection for each call."""
    return 0 if endpoint.private else 1


class Clients:
    """The clients of one process and event loop: one for each model that is in use."""

    def __init__(self) -> None:
        self._made: dict[tuple[Endpoint, int], Client] = {}

    async def get(self, endpoint: Endpoint, context: int) -> Client:
        """The client of *endpoint*, made in a thread: others go on while LangChain is imported.

        *context*: tokens, which Ollama must be told.
        """
        key = (endpoint, context if endpoint.name.provider is Provider.OLLAMA else 0)
        if key not in self._made:
            made = await asyncio.to_thread(make, endpoint, context)
            self._made.setdefault(key, made)  # a second caller may have been as fast; nothing is open yet
        return self._made[key]

    async def aclose(self) -> None:
        """Closes every connection."""
        while self._made:
            _, client = self._made.popitem()
            with suppress(Exception):
                await client.aclose()


def make(endpoint: Endpoint, context: int) -> Client:
    """A new client that speaks the provider's protocol, with nothing taken from the environment but a proxy."""
    if endpoint.name.provider is Provider.OLLAMA:
        from . import client_ollama

        return client_ollama.make(endpoint, context)
    if endpoint.name.provider is Provider.ANTHROPIC:
        from . import client_anthropic

        return client_anthropic.make(endpoint)
    from . import client_openai

    return client_openai.make(endpoint)
