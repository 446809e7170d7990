"""Anthropic's protocol: Anthropic itself, or llama.cpp's endpoint of that kind."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import anthropic
import httpx2
from langchain_anthropic import ChatAnthropic
from pydantic import SecretStr

from .clients import CONNECT_SECONDS, Client, retries, tls
from .endpoints import Endpoint
from .models import Options

MAX_TOKENS = 4096  # the protocol wants a number


class Claude(ChatAnthropic):
    """LangChain shares one connection pool between all event loops of a process; this one has its own."""

    near: bool = False

    @cached_property
    def _async_client(self) -> anthropic.AsyncAnthropic:
        http = anthropic.DefaultAsyncHttpxClient(
            timeout=httpx2.Timeout(None, connect=CONNECT_SECONDS),
            limits=httpx2.Limits(max_keepalive_connections=0) if self.near else httpx2.Limits(),
            trust_env=not self.near,
            verify=tls(),
        )
        params: dict[str, Any] = {**self._client_params, "timeout": http.timeout, "http_client": http}
        return anthropic.AsyncAnthropic(**params)

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._async_client.close()


def make(endpoint: Endpoint) -> Client:
    """A client of *endpoint*. Without a key a word stands in for it: none is looked for."""
    model = Claude(
        model_name=endpoint.name.model,
        base_url=endpoint.url,
        api_key=endpoint.key or SecretStr("none"),
        max_retries=retries(endpoint),
        stream_usage=True,
        near=endpoint.private,
        timeout=None,
        stop=None,
    )

    def arguments(options: Options) -> dict[str, Any]:
        given: dict[str, Any] = {"max_tokens": options.max_tokens or MAX_TOKENS}
        if options.temperature is not None:
            given["temperature"] = float(options.temperature)
        if options.stop:
            given["stop"] = list(options.stop)
        return given

    return Client(model, arguments, model.aclose)
